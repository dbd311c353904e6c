"""Refusals name the holder, what it does and the time that is left; once each, and harmless to a terminal."""

from __future__ import annotations

from typing import Any

from gitfleet.base import clock
from gitfleet.claims import conflicts, model, refusals
from gitfleet.claims.conflict_text import holder
from gitfleet.obstacles import Obstacle
from tests.claims.world import World, wanted


def item(**more: Any) -> Obstacle:
    base: dict[str, Any] = {
        "path": "src/", "witness": "src/a.py", "held": "src/a.py", "session": "s-1", "node": "n", "mode": "exclusive",
        "title": "fix", "reason": "why", "agent": "codex", "renewed_at": clock.now(), "ttl": 2700,
    }  # fmt: skip
    return Obstacle(**{**base, **more})


def test_holder_is_named_with_work_node_claim_and_time() -> None:
    words = holder(item())
    for part in ("src/: held by session s-1", "(fix)", "on node n", "exclusive claim on src/a.py", "left"):
        assert part in words
    assert "both match" not in words
    assert "(both match x/y)" in holder(item(witness="x/y"))
    assert "both match" not in holder(item(path="src/", held="src/", witness="src"))
    assert "(why)" in holder(item(title=""))
    assert "it has expired" in holder(item(renewed_at=1))


def test_record_that_cannot_be_read_is_named_by_its_problem() -> None:
    assert holder(item(session=None, problem="broken")) == "src/: broken"
    assert "cannot be read" in holder(item(session=None))


def test_refusal_shows_no_control_characters_of_anybody() -> None:
    world = World("n-1", "n-2")
    world.take(
        "n-1",
        "session.start",
        worktree="/n-1",
        resume=True,
        title="\x1b]0;evil\x07 \u202e title",
        agent="\x1b[31m",
    )
    world.take("n-1", "claim.acquire", **wanted("a\u202eb", reason="\x1b[2J"))
    error = world.refuse("n-2", "claim.acquire", **wanted("a\u202eb"))
    assert error.message.isprintable()


def test_overlap_that_was_not_proved_says_so() -> None:
    world = World("n-1", "n-2")
    hard = "*".join("abcdefghijklmnopqrstuvwxyz" * 4)
    world.take("n-1", "claim.acquire", **wanted(f"x/*{hard}*"))
    found = list(conflicts.find(world.view, model.parsed(f"x/{hard[::-1]}*"), "exclusive", "n-2"))
    for met in found:
        assert met.exact or "could not be ruled out" in str(refusals.refusal([met]))

"""Pools that are paused; decided without disk or clock."""

from __future__ import annotations

from typing import Any

import pytest

from gitfleet.dispatch import pools
from gitfleet.dispatch.pools import PausePool, ResumePool
from gitfleet.errors import Malformed, PolicyRefused
from gitfleet.ledger.model import NODE, Accepted
from tests.claims.world import World


class PoolWorld(World):
    """A fleet whose agents share accounts."""

    def pause(self, pool: str, until: int, **more: Any) -> Any:
        body = PausePool(pool, self.now + until if until else 0, **more)
        return self._do("pause", body.encode())

    def resume(self, pool: str) -> Any:
        return self._do("resume", ResumePool(pool).encode())

    def _do(self, kind: str, body: dict[str, Any]) -> Any:
        decision = self.ask("ann-1", f"pool.{kind}", node="ann", who=NODE, **body)
        if not isinstance(decision, Accepted):
            raise decision.error
        return decision.answer

    def paused(self, pool: str, later: int = 0) -> bool:
        return pools.paused(self.view, pool, self.now + later) is not None


@pytest.mark.parametrize(
    ("first", "second", "job", "until"),
    [
        (0, None, "", 0),
        (100, None, "j", 100),
        (100, 50, "j", 100),
        (100, 200, "j", 200),
        (0, 200, "j", 0),
        (100, 50, "", 50),
        (0, 50, "", 50),
    ],
)
def test_pause_holds_until_its_end_and_a_job_never_shortens_it(
    first: int, second: int | None, job: str, until: int
) -> None:
    world = PoolWorld()
    world.pause("p", first, reason="one", job="i" if job else "")
    if second is not None:
        world.pause("p", second, reason="two", job=job)
    assert world.paused("p", until - 1 if until else 10**9)
    assert world.paused("p", until) is (until == 0)
    assert not world.paused("q")
    assert world.resume("p").changed
    assert not world.paused("p")
    assert not world.resume("p").changed


@pytest.mark.parametrize("until", [-1, pools.LONGEST + 1])
def test_pause_that_ends_too_late_or_before_is_refused(until: int) -> None:
    world = PoolWorld()
    with pytest.raises(PolicyRefused):
        world.pause("p", until)
    with pytest.raises(Malformed):
        world.pause("../p", 5)


def test_pauses_that_are_over_are_forgotten_and_there_is_a_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "MOST", 2)
    world = PoolWorld()
    world.pause("a", 10)
    world.pause("b", 10)
    with pytest.raises(PolicyRefused):
        world.pause("c", 10)
    world.pause("a", 20)
    world.now += 100_000
    world.pause("c", 10)
    assert [one.id for one in pools.pauses(world.view)] == ["c"]

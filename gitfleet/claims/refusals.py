"""Why a claim is refused, in words: what stands in the way, by holder, and what comes next. Pure.

Only who is refused pays for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from gitfleet.base import advice
from gitfleet.base.text import display
from gitfleet.claims import model
from gitfleet.claims.conflict_text import kept_by, unit_words
from gitfleet.claims.conflicts import InTheWay
from gitfleet.claims.keepers import Keeper
from gitfleet.claims.model import SHARED, Claim, Unreadable
from gitfleet.errors import Conflict
from gitfleet.patterns.overlap import overlap
from gitfleet.sessions.session_records import Session


def refusal(found: Iterable[InTheWay]) -> Conflict:
    """The error for a claim that cannot be granted: every conflict once, by holder, and one next step."""
    conflicts = list(found)
    lines = []
    for holder, items in _by_holder(conflicts).items():
        verb = "waits for" if all(item.waiting for item in items) else _verb(items)
        lines.append(f"{holder} {verb} {', '.join(_words(item) for item in items)}")
    words = f"Not granted: {'; '.join(lines)}."
    before = {item.held.id for item in conflicts if item.waiting and isinstance(item.held, Claim)}
    place = len(before) + 1
    hint = f"Wait in line (you would be number {place}): run the same command with `--wait`. Or work on other paths."
    left = [item.held for item in conflicts if isinstance(item.held, Claim) and _is_left(item)]
    if left and len(left) == len(conflicts):
        hint = build_on({keeper for claim in left for keeper in claim.retained})
    alone = {name for item in conflicts if (name := _name_alone(item))}
    if alone:
        hint += f" Or ask for the name alone: {', '.join(_quoted(name) for name in sorted(alone))}."
    broken = [item.held.error for item in conflicts if isinstance(item.held, Unreadable)]
    if broken:  # which never ends by itself, as a claim does
        asking = f"Ask whoever looks after the fleet to run {advice.FSCK}."
        hint = f"Work on other paths. {broken[0].hint or asking}"
    return Conflict(words, hint=hint, conflicts=tuple(item.obstacle() for item in conflicts), place=place)


def build_on(kept: Collection[Keeper]) -> str:
    """What to do about claims that are left with these: wait for them, or take their work in."""
    heads = [f"{one.head[:12]} of {display(one.branch)}" for one in sorted(kept) if one.branch]
    trees = [f"{display(one.worktree)} on node {display(one.node)}" for one in sorted(kept) if not one.branch]
    if not trees:
        return f"Work on other paths until it has landed. Or build on it: merge {', '.join(heads)}, and ask again."
    merging = f", merge {', '.join(heads)}" if heads else ""
    return (
        f"Work on other paths. Or go on there: start a session in {', '.join(trees)}{merging}, and ask again."
    )


def _quoted(pattern: str) -> str:
    return f"'{display(pattern)}'"


def _name_alone(item: InTheWay) -> str:
    """How to ask for what is wanted by its name alone, where only its classes meet what is held; else nothing."""
    wanted = model.parsed(item.wanted)
    if wanted.names is None:
        return ""
    name = model.parsed("/".join(wanted.names) + "/" * item.wanted.endswith("/"))
    held = item.held.meant
    return name.text if overlap(name, held) is None else ""


def _verb(items: list[InTheWay]) -> str:
    """What a holder does with what it has: holds it, or has left it with a branch."""
    left = [item.held for item in items if isinstance(item.held, Claim) and _is_left(item)]
    kept = sorted({keeper for claim in left for keeper in claim.retained})
    return f"has left with {display(kept_by([one.as_record() for one in kept]))}:" if kept else "holds"


def _is_left(item: InTheWay) -> bool:
    """Whether a claim is retained whose session has ended: then it goes to who builds on that work."""
    return isinstance(item.held, Claim) and bool(item.held.retained) and item.session is None


def _by_holder(conflicts: list[InTheWay]) -> dict[str, list[InTheWay]]:
    by_holder: dict[str, list[InTheWay]] = {}
    for item in conflicts:
        if isinstance(item.held, Unreadable):
            name = "a record that cannot be read"
        else:
            name = _name(item.held.session, item.session)
        by_holder.setdefault(name, []).append(item)
    return by_holder


def _name(session_id: str, session: Session | None) -> str:
    if session is None:
        return f"session {session_id}"
    doing = session.title or session.agent
    return f"session {session_id}" + (f" ({display(doing[:80])})" if doing else "")


def _words(item: InTheWay) -> str:
    held = item.held.where if isinstance(item.held, Unreadable) else item.held.pattern
    text = display(held)
    if isinstance(item.held, Claim) and item.held.slots:
        return f"{text} ({unit_words(item.held.slots, item.held.capacity)})"
    if isinstance(item.held, Claim) and item.held.mode == SHARED:
        text += " (shared)"
    if item.wanted != held:
        text += f", which meets {display(item.wanted)} at {display(item.witness)}"
    if not item.exact:
        text += " (could not be ruled out, so it counts as an overlap)"
    return text

"""What came to the target, and whether the queue landed it: where its rules say `required: true`, nothing else may.

A commit counts that the ledger says an entry landed as, or that a landing moved the target to; with a rebase, what lies between
that and where the target was before belongs to it. Where the host lands (`landing: pull-request`), a commit of the very tree that
it was handed counts too: the host is faster than the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gitfleet.base import advice
from gitfleet.base.ids import is_name
from gitfleet.base.text import counted, display
from gitfleet.errors import PolicyRefused
from gitfleet.git import refs
from gitfleet.git.program import Git
from gitfleet.ledger.model import View
from gitfleet.mergequeue import model, states, target_line
from gitfleet.mergequeue.target_line import TargetCommit
from gitfleet.sessions import session_records
from gitfleet.trunk import incoming, landing, queue_policy
from gitfleet.trunk.draft import CONFIG

_TIME = 300.0
_SHOWN = 10


class Arrival(NamedTuple):
    """A change of the target from `old` to `new` (zeros: there is none any more).

    `strange` are the commits on the target's own line that no entry landed, newest first; `back`: commits would be gone from it.
    """

    target: str
    old: str
    new: str
    strange: Sequence[str] = ()
    back: bool = False

    @property
    def landed(self) -> bool:
        """Whether entries landed all of it."""
        return not self.strange and not self.back


def judged(view: View, git: Git, target: str, old: str, new: str) -> Arrival:
    """A change of the target, held against the ledger. `git` must reach what is new. Raises GitFailed, Corrupt, NewerFormat.

    A target that is not there yet may come from anywhere; one of which the old commit is not here cannot be told, and counts as strange.
    """
    if old in {refs.ZERO, new}:
        return Arrival(target, old, new)
    if new == refs.ZERO:
        return Arrival(target, old, new, back=True)
    if refs.resolve(git, f"{old}^{{commit}}") is None:
        return Arrival(target, old, new, strange=(new,))
    back = git.ask("merge-base", "--is-ancestor", old, new, timeout=_TIME).code != 0
    return Arrival(target, old, new, tuple(_strange(view, git, old, target_line.since(git, old, new))), back)


def check(view: View, git: Git, arrival: Arrival) -> None:
    """Raise PolicyRefused for a change of the target that no entry landed, unless it is a person's who ends that rule."""
    if is_allowed(view, git, arrival):
        return
    raise PolicyRefused(f"Stopped: {words(arrival)}", hint=f"Add your branch to the queue: {NEXT}")


def is_allowed(view: View, git: Git, arrival: Arrival) -> bool:
    """Whether entries landed all of a change, or it is a person's who ends that rule."""
    return arrival.landed or _ends_the_rule(view, git, arrival)


NEXT = advice.QUEUE_ADD.of("BRANCH")
"""How to enter."""


def words(arrival: Arrival) -> str:
    """What is wrong with a change, for people."""
    name = display(arrival.target)
    rule = f"{name} changes only through the merge queue (queue.required)"
    if arrival.new == refs.ZERO:
        return f"{rule}, and this would delete it."
    if not arrival.strange:
        return f"{rule}, and this would take commits away from it."
    shown = "".join(f"\n  {oid}" for oid in arrival.strange[:_SHOWN])
    more = f"\n  ... and {len(arrival.strange) - _SHOWN} more" if len(arrival.strange) > _SHOWN else ""
    return f"{rule}, and no entry has landed {counted(len(arrival.strange), 'commit')} of this.{shown}{more}"


def _strange(view: View, git: Git, old: str, line: Sequence[TargetCommit]) -> list[str]:
    places = {one.oid: number for number, one in enumerate(line)}
    tail = line[-1].parent if line else old
    notes: dict[str, str] = {note.commit: note.base for note in model.queue(view).landings}
    handed = _handed(view)
    found, at = [], 0
    while at < len(line):
        one = line[at]
        base = notes.get(one.oid) or _before(view, one) or (one.parent if one.tree in handed else "")
        if not base:
            found.append(one.oid)
            at += 1
        elif base == tail or (base not in places and landing.contains(git, old, base)):
            break
        else:
            at = max(at + 1, places.get(base, 0))
    return found


def _before(view: View, one: TargetCommit) -> str:
    """What was on the target before a commit that an entry landed as; "" where that did not land so."""
    entry = model.find(view, one.entry)
    if entry is None or entry.state != states.LANDED or (entry.landed, entry.reason) != (one.oid, "landed"):
        return ""
    return entry.before or one.parent


def _handed(view: View) -> set[str]:
    """The trees that the host was handed, and has not landed as far as the ledger knows."""
    found: set[str] = {one.evidence.tree for one in model.readable(view) if one.reason == "host"}
    return found - {""}


def _ends_the_rule(view: View, git: Git, arrival: Arrival) -> bool:
    """Whether a change does nothing but switch the rule off, and its commits name sessions of persons alone."""
    if arrival.back or refs.resolve(git, f"{arrival.new}^{{commit}}") is None:
        return False
    changed = git.ask(
        "diff", "--name-only", "--no-renames", "-z", arrival.old, arrival.new, "--", timeout=_TIME
    )
    if changed.code or changed.stdout != f"{CONFIG}\0".encode():
        return False
    rules, faults = queue_policy.at(git, arrival.new)
    new = list(incoming.commits(git, arrival.new, f"^{arrival.old}"))
    return not rules.required and not faults and all(_of_persons(view, one.sessions) for one in new)


def _of_persons(view: View, sessions: Sequence[str]) -> bool:
    found = [session_records.find(view, one) if is_name(one) else None for one in sessions]
    return bool(found) and all(one is not None and one.person for one in found)

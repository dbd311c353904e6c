"""Plans in refs of their own: written once, never changed, fetched on demand, and followed by what became of them.

`refs/fleet/plans/<fleet session>` begins with the commit that is the plan: a root commit whose tree has `plan.json`, a file for each host
that answered, and `plan.yaml`, the same for people. Its id is the plan's. Each later commit adds files about its application and
changes none that were there. No exchange brings these refs along: who asks for a plan gets that one, through a throwaway
repository, so that nothing that strangers pushed stays in this clone. Needs no lock; any number of processes may write at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import NamedTuple

from gitfleet.base import advice, clock
from gitfleet.base.ids import is_oid
from gitfleet.base.text import display
from gitfleet.errors import Blocked, Corrupt, FleetError, Unverifiable, UsageError
from gitfleet.git import fleetrefs, refs
from gitfleet.git.answers import hub_error
from gitfleet.git.objects import open_objects
from gitfleet.git.program import GitFailed
from gitfleet.git.push_answer import Push
from gitfleet.git.remote import Remote, Update
from gitfleet.git.repository import Repository
from gitfleet.git.scratch import scratch
from gitfleet.git.trees import Objects, Snapshot
from gitfleet.ledger import commits
from gitfleet.ledger.ledger import Ledger
from gitfleet.nodes import archives
from gitfleet.nodes.peers import tree_of
from gitfleet.triage.shapes import is_fleet_session

MOST_STEPS = 500
"""Commits that follow a plan."""
_TRIES = 24
_PUSHES = 4


class StoredPlan(NamedTuple):
    """The files of a plan (`files`), what was added since (`added`), the plan's commit (`oid`) and the newest one (`tip`)."""

    fleet_session: str
    oid: str
    tip: str
    files: Mapping[str, bytes]
    added: Mapping[str, bytes]


class PlanRefs:
    """The plans of a fleet, through one clone."""

    def __init__(self, repository: Repository, ledger: Ledger) -> None:
        self._git, self._ledger, self._objects = repository.git, ledger, ledger.objects
        self._hub = ledger.node.hub

    def write(self, fleet_session: str, files: Mapping[str, bytes], subject: str) -> tuple[str, list[str]]:
        """Keep a new plan; its commit, and warnings (that the hub does not have it yet, and why).

        It is in this clone when this returns. Raises Blocked for what is too large to be read back, and where there is such a plan.
        """
        ref = fleetrefs.plan(_session(fleet_session))
        oid = self._commit(self._tree(None, files), None, subject)
        if not refs.move(self._git, ref, new=oid, old=None):
            raise Blocked(
                f"There is a plan {fleet_session} already.", hint="Plan again: it gets a name of its own."
            )
        return oid, self.send(fleet_session)

    def append(self, fleet_session: str, files: Mapping[str, bytes], subject: str) -> list[str]:
        """Add files to what became of a plan; warnings back. The same again is harmless.

        Raises UsageError where there is no such plan, Blocked where another file is there under one of these names, LockHeld
        where others are always faster.
        """
        self._demand(fleet_session)
        ref = fleetrefs.plan(fleet_session)
        for _ in range(_TRIES):
            old = refs.read(self._git, ref).get(ref)
            known = archives.files_of(self._objects, old, ref) if old else {}
            if all(known.get(path) == data for path, data in files.items()):
                break
            if taken := sorted(path for path in files if path in known and known[path] != files[path]):
                raise Blocked(f"The plan {fleet_session} has another {display(taken[0])} already.")
            new = self._commit(self._tree(old, files), old, subject)
            if refs.move(self._git, ref, new=new, old=old):
                break
        else:
            raise refs.locked(self._git, ref)
        return self.send(fleet_session)

    def send(self, fleet_session: str) -> list[str]:
        """Bring to the hub what it does not have yet of a plan; warnings back. No connection where there is nothing."""
        ref, place = fleetrefs.plan(fleet_session), fleetrefs.seen_plan(self._hub, fleet_session)
        try:
            for _ in range(_PUSHES):
                found = refs.read(self._git, ref, place) if self._hub else {}
                here, there = found.get(ref), found.get(place)
                if here is None or here == there:
                    return []
                answer = self._remote().push([Update(ref, here, there)])
                if answer.outcome is Push.DONE:
                    refs.move(self._git, place, new=here, old=there)
                    return []
                self._meet(fleet_session)
            error: FleetError = hub_error(
                self._hub, "others keep adding to it", what="write to", refused=True
            )
        except FleetError as raised:
            error = raised
        return [f"the plan {fleet_session} was not sent to the hub: {error.message}"]

    def send_all(self) -> list[str]:
        """The same for all plans of this clone; one connection for each that waits, and none after the first that fails."""
        prefix = fleetrefs.seen_plan(self._hub, "")
        found = refs.read(self._git, fleetrefs.PLANS, prefix) if self._hub else {}
        for name, oid in _named(found).items():
            if found.get(prefix + name) != oid and (warnings := self.send(name)):
                return warnings
        return []

    def read(self, fleet_session: str) -> StoredPlan:
        """A plan, from this clone where it has it, else from the hub by one connection, of which nothing stays here.

        Raises UsageError where there is none, Corrupt for one that is none, and the hub's errors.
        """
        ref = fleetrefs.plan(_session(fleet_session))
        own = refs.read(self._git, ref).get(ref)
        if own is not None:
            return stored(self._objects, own, fleet_session)
        if not self._hub:
            raise _unknown(fleet_session)
        with scratch(self._git, self._hub) as place:
            try:
                place.fetch([ref], depth=MOST_STEPS + 1)
            except Unverifiable:
                raise _unknown(fleet_session) from None
            with closing(open_objects(place.git.git_dir, limit=archives.MOST_BYTES)) as objects:
                try:
                    return stored(objects, place.tip(0), fleet_session)
                except GitFailed as error:
                    raise _broken(fleet_session, "it is no commit") from error

    def renew(self, fleet_session: str) -> list[str]:
        """Have here what others have added to a plan that this clone has; warnings back. Costs one connection, and one more for news."""
        ref = fleetrefs.plan(_session(fleet_session))
        own = refs.read(self._git, ref).get(ref)
        if own is None or not self._hub:
            return []
        try:
            if self._remote().look(ref).get(ref) not in {None, own}:
                self._meet(fleet_session)
        except FleetError as error:
            return [f"what others may have added to the plan was not fetched: {error.message}"]
        return []

    def own(self) -> dict[str, str]:
        """The newest commit of each plan that this clone has, by fleet session, newest session first. No connection."""
        return _named(refs.read(self._git, fleetrefs.PLANS))

    def everywhere(self) -> dict[str, str]:
        """The same with those that the hub has. Costs one connection. Raises the hub's errors."""
        there = self._remote().look(f"{fleetrefs.PLANS}*") if self._hub else {}
        return _named({**there, **refs.read(self._git, fleetrefs.PLANS)})

    def delete(self, fleet_session: str) -> bool:
        """Take a plan away, on the hub first; whether there was one. Raises the hub's errors."""
        ref, place = fleetrefs.plan(_session(fleet_session)), fleetrefs.seen_plan(self._hub, fleet_session)
        there = self._remote().look(ref).get(ref) if self._hub else None
        if there is not None:
            answer = self._remote().push([Update(ref, None, there)])
            if answer.outcome is not Push.DONE and ref in self._remote().look(ref):
                raise hub_error(self._hub, answer.output, what="write to", refused=True)
        own = refs.read(self._git, ref, *([place] if self._hub else []))
        for name, oid in own.items():
            refs.delete(self._git, name, old=oid)
        return there is not None or ref in own

    def _demand(self, fleet_session: str) -> None:
        """Have a plan of another clone here, to add to it. Raises as `read`."""
        ref = fleetrefs.plan(_session(fleet_session))
        if ref not in refs.read(self._git, ref):
            self.read(fleet_session)  # what is no plan is not let in
            self._meet(fleet_session)

    def _meet(self, fleet_session: str) -> None:
        """Have what the hub has of a plan here, and put what was added here behind it. Raises Corrupt for another plan of that name."""
        ref, place = fleetrefs.plan(fleet_session), fleetrefs.seen_plan(self._hub, fleet_session)
        there = self._remote().look(ref).get(ref)
        found = refs.read(self._git, ref, place)
        if there is None:
            if place in found:
                refs.delete(self._git, place, old=found[place])
            return
        self._remote().fetch(ref, prune=False)  # into no ref: two that fetch into one both fail
        theirs = stored(self._objects, there, fleet_session)
        refs.move(self._git, place, new=there, old=found.get(place))
        here = found.get(ref)
        if here is None:
            refs.move(self._git, ref, new=theirs.tip, old=None)
            return
        ours = stored(self._objects, here, fleet_session)
        if ours.oid != theirs.oid:
            raise _broken(fleet_session, "the hub has another plan of that name")
        more = {path: data for path, data in ours.added.items() if path not in theirs.added}
        new = theirs.tip
        if more:
            new = self._commit(
                self._tree(theirs.tip, more), theirs.tip, f"Fleet plan {fleet_session}, further steps"
            )
        refs.move(self._git, ref, new=new, old=here)

    def _tree(self, commit: str | None, files: Mapping[str, bytes]) -> str:
        archives.check_files(files)
        tree = Snapshot(self._objects, tree_of(self._objects, commit) if commit else None)
        tree.change(files)
        return tree.write()

    def _commit(self, tree: str, parent: str | None, subject: str) -> str:
        data = commits.as_bytes(tree, parent, self._ledger.node.id, clock.now(), f"{subject}\n")
        oid = self._objects.write("commit", data)
        self._objects.flush()
        return oid

    def _remote(self) -> Remote:
        return Remote(self._git, self._hub, self._ledger.node.push)


def stored(objects: Objects, tip: str, fleet_session: str) -> StoredPlan:
    """The plan behind a commit that anybody may have made. Raises Corrupt for what `write` and `append` never make."""
    try:
        root = _root(objects, tip)
        files = archives.files_of(objects, root, fleetrefs.plan(fleet_session))
        newest = archives.files_of(objects, tip, fleetrefs.plan(fleet_session)) if tip != root else files
    except (KeyError, ValueError) as error:
        raise _broken(fleet_session, "something of it is missing, or no commit") from error
    if any(newest.get(path) != data for path, data in files.items()):
        raise _broken(fleet_session, "somebody has changed it since it was made")
    added = {path: data for path, data in newest.items() if path not in files}
    return StoredPlan(fleet_session, root, tip, files, added)


def _root(objects: Objects, oid: str) -> str:
    """The first commit. Raises KeyError, ValueError."""
    for _ in range(MOST_STEPS):
        kind, data = objects.read(oid)
        if kind != "commit":
            raise ValueError(oid)
        head = data.partition(b"\n\n")[0].decode("latin-1").split("\n")
        parents = [line.removeprefix("parent ") for line in head if line.startswith("parent ")]
        if not parents:
            return oid
        if len(parents) > 1 or not is_oid(parents[0]):
            raise ValueError(oid)
        oid = parents[0]
    raise ValueError(oid)


def _named(found: Mapping[str, str]) -> dict[str, str]:
    plans = {ref: oid for ref, oid in found.items() if ref.startswith(fleetrefs.PLANS)}
    names = {ref.removeprefix(fleetrefs.PLANS): oid for ref, oid in plans.items()}
    return {name: names[name] for name in sorted(names, reverse=True) if is_fleet_session(name)}


def _session(text: str) -> str:
    if not is_fleet_session(text):
        raise UsageError(
            f"'{display(text[:80])}' is no fleet session.",
            hint=f"It is called fleet-YYYYMMDD-HHMMSS-xxxx; {advice.FLEET_PLANS} lists them.",
        )
    return text


def _unknown(fleet_session: str) -> UsageError:
    words = f"There is no plan {fleet_session}, neither in this clone nor on its hub."
    return UsageError(words, hint=f"{advice.FLEET_PLANS} lists those that there are.")


def _broken(fleet_session: str, why: str) -> Corrupt:
    ref = fleetrefs.plan(fleet_session)
    return Corrupt(
        f"The plan {ref} cannot be used: {why}. Nothing of it was applied.", hint="Plan again.", where=ref
    )

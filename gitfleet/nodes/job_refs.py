"""What this node tells of its jobs that have ended: small records that every exchange brings along, and streams that only those fetch who ask.

`refs/fleet/jobs/<node>` has the records. Each of its commits follows the one before, so that an exchange brings what is new alone; now and
then one follows none, so that what was taken away is gone. `refs/fleet/streams/<node>` has a commit whose parents are the
archives of streams, one commit without parents for each job: what is pushed is what is new, an archive can be fetched by its id, and one
that is let go of is no parent any more. Both change by compare-and-swap, streams first, so that a record never names what is not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from gitfleet.base import clock
from gitfleet.base.ids import is_oid
from gitfleet.errors import Corrupt, FleetError
from gitfleet.git import fleetrefs, refs
from gitfleet.git.answers import words
from gitfleet.git.push_answer import Push
from gitfleet.git.remote import Remote, Update
from gitfleet.git.repository import Repository
from gitfleet.git.trees import Snapshot
from gitfleet.ledger import commits
from gitfleet.ledger.ledger import Ledger
from gitfleet.nodes.peers import tree_of

MOST_STREAMS = 4096
"""Archives of streams that a node keeps; the oldest go first."""
STEPS = 64
"""Commits of records that follow one another, at most."""
_INDEX = "index"
_FOLLOWS = "and before"
_TRIES = 24
_PUSHES = 3
_FOLDER = 9
"""Characters of a job's id that name its folder: nine hours, so that the newest are found without the others."""


class ToldJob(NamedTuple):
    """What is told of a job: its record, and the commit that has its streams ("": there are none)."""

    record: bytes
    streams: str


def path_of(job_id: str) -> str:
    """Where the record of a job is in its tree."""
    return f"{job_id[:_FOLDER]}/{job_id}.json"


class JobRefs:
    """The two refs of this node, in one clone. Any number of processes may use them at once; needs no lock."""

    def __init__(self, repository: Repository, ledger: Ledger) -> None:
        self._git, self._ledger, self._objects = repository.git, ledger, ledger.objects
        self._jobs, self._streams = fleetrefs.jobs(ledger.node.id), fleetrefs.streams(ledger.node.id)

    def store(self, job_id: str, files: Mapping[str, bytes]) -> str:
        """Make an archive of these files; its commit, which is the same for the same files. No ref has it yet."""
        tree = Snapshot(self._objects, None)
        tree.change(files)
        return self._commit(tree.write(), (), commits.ROOT_TIME, f"Streams of {job_id}\n")

    def change(self, told: Mapping[str, ToldJob], gone: Collection[str], *, anew: bool = False) -> bool:
        """Tell of these jobs, by id, and of those that are gone no more; whether that changed anything. Not yet on the hub.

        With `anew` nothing that was told before can be had any more. Twice is harmless. Raises LockHeld where others are always faster.
        """
        archives = {job_id: one.streams for job_id, one in told.items()}
        changed = self._move(self._streams, lambda old: self._kept(old, archives, gone))
        return self._move(self._jobs, lambda old: self._told(old, told, gone, anew=anew)) or changed

    def waiting(self) -> dict[str, str]:
        """Those of the two refs that the hub was not seen to have, with where they are here."""
        here, there = self._both()
        return {ref: oid for ref, oid in here.items() if there.get(ref) != oid}

    def send(self) -> list[str]:
        """Bring to the hub what it does not have yet, by one push; warnings back. No connection where there is nothing."""
        said = ""
        try:
            for _ in range(_PUSHES):
                there, waiting = self._both()[1], self.waiting()
                if not waiting:
                    return []
                updates = [Update(ref, oid, there.get(ref)) for ref, oid in waiting.items()]
                answer = self._remote().push(updates, atomic=False)
                for update in updates:
                    if answer.outcome is Push.DONE or answer.refs.get(update.ref) is Push.DONE:
                        self._note(update.ref, update.new)
                if answer.outcome is Push.DONE:
                    return []
                said = words(answer.output)
                if problem := self._look_again():
                    return [f"archives of jobs were not sent: {problem}"]
                if answer.rejected:
                    self._follow()
        except FleetError as error:
            said = error.message
        return [f"archives of jobs were not sent: {said}"]

    def _look_again(self) -> str:
        """See where the refs are on the hub; "", or what to say of another clone that writes them, too."""
        found = self._remote().look(self._jobs, self._streams)
        theirs = [oid for ref, oid in found.items() if ref == self._streams and not self._has(oid)]
        if theirs:
            return "another clone with the id of this node has written its own there; was this clone copied?"
        for ref in (self._jobs, self._streams):
            self._note(ref, found.get(ref))
        return ""

    def _follow(self) -> None:
        """Have both follow what the hub has, which lets refs only move forward."""
        here, there = self._both()
        for ref, subject in ((self._jobs, "Jobs, {step}"), (self._streams, "Streams, " + _FOLLOWS)):
            before, now = there.get(ref), here.get(ref)
            if before and now and before != now:
                others = self._archives(now).values() if ref == self._streams else ()
                parents, step = (before, *others), self._step(now)
                oid = self._commit(
                    tree_of(self._objects, now), parents, clock.now(), subject.format(step=step) + "\n"
                )
                refs.move(self._git, ref, new=oid, old=now)

    def _move(self, ref: str, change: Callable[[str | None], str | None]) -> bool:
        for _ in range(_TRIES):
            old = refs.read(self._git, ref).get(ref)
            new = change(old)
            if new is None or new == old or refs.move(self._git, ref, new=new, old=old):
                return bool(new != old)
        raise refs.locked(self._git, ref)

    def _kept(self, old: str | None, told: Mapping[str, str], gone: Collection[str]) -> str | None:
        """The commit behind which these archives are, too."""
        before = self._archives(old)
        after = {job_id: oid for job_id, oid in {**before, **told}.items() if oid and job_id not in gone}
        after = dict(sorted(after.items())[-MOST_STREAMS:])
        if after == before:
            return old
        tree = Snapshot(self._objects, None)
        if after:
            tree.put(_INDEX, "".join(f"{job_id} {oid}\n" for job_id, oid in after.items()).encode())
        follows = old is not None and _FOLLOWS in self._message(old)
        parents = (*([old] if old and follows else []), *after.values())
        message = f"Streams, {_FOLLOWS}\n" if follows else "Streams\n"
        return self._commit(tree.write(), tuple(dict.fromkeys(parents)), clock.now(), message)

    def _told(
        self, old: str | None, told: Mapping[str, ToldJob], gone: Collection[str], *, anew: bool
    ) -> str | None:
        """The commit with these records."""
        tree, before = self._tree(old)
        for job_id, one in told.items():
            if tree.get(path_of(job_id)) != one.record:
                tree.put(path_of(job_id), one.record)
        for job_id in gone:
            tree.delete(path_of(job_id))
        after = tree.write()
        if after == before or (old is None and not told):
            return old
        step = self._step(old) + 1
        kept = refs.read(self._git, self._streams).get(self._streams)
        forward = kept is not None and _FOLLOWS in self._message(kept)
        alone = not old or not before or not (forward or (step % STEPS and not anew))
        parents = () if alone or old is None else (old,)
        return self._commit(after, parents, clock.now(), f"Jobs, {step}\n")

    def _tree(self, oid: str | None) -> tuple[Snapshot, str]:
        """What is told now, and its tree; nothing where that cannot be read."""
        try:
            if oid:
                tree = tree_of(self._objects, oid)
                return Snapshot(self._objects, tree), tree
        except (Corrupt, KeyError, ValueError):
            pass
        return Snapshot(self._objects, None), ""

    def _archives(self, oid: str | None) -> dict[str, str]:
        """The archives behind our ref, by job."""
        try:
            rows = (self._tree(oid)[0].get(_INDEX) or b"").decode().splitlines()
        except (Corrupt, ValueError):
            return {}
        pairs = (row.partition(" ")[::2] for row in rows)
        return {job_id: one for job_id, one in pairs if is_oid(one) and self._has(one)}

    def _commit(self, tree: str, parents: Collection[str], at: int, message: str) -> str:
        data = commits.as_bytes(tree, None, self._ledger.node.id, at, message)
        head, end, rest = data.partition(b"\n")
        rows = "".join(f"parent {oid}\n" for oid in parents).encode()
        oid = self._objects.write("commit", head + end + rows + rest)
        self._objects.flush()
        return oid

    def _message(self, oid: str) -> str:
        try:
            return self._objects.read(oid)[1].partition(b"\n\n")[2].decode("utf-8", "replace")
        except (KeyError, ValueError):
            return ""

    def _step(self, oid: str | None) -> int:
        number = self._message(oid).strip().rpartition(" ")[2] if oid else ""
        return int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0

    def _has(self, oid: str) -> bool:
        try:
            return self._objects.read(oid)[0] == "commit"
        except (KeyError, ValueError):
            return False

    def _places(self) -> dict[str, str]:
        """Where it is kept what the hub was seen to have of each ref."""
        node = self._ledger.node
        return {
            self._jobs: fleetrefs.seen_jobs(node.hub) + node.id,
            self._streams: fleetrefs.seen_streams(node.hub, node.id),
        }

    def _both(self) -> tuple[dict[str, str], dict[str, str]]:
        """Where the two refs are here, and where the hub was seen to have them; nothing where there is no hub."""
        places = self._places() if self._ledger.node.hub else {}
        found = refs.read(self._git, *places, *places.values()) if places else {}
        here = {ref: found[ref] for ref in places if ref in found}
        return here, {ref: found[place] for ref, place in places.items() if place in found}

    def _note(self, ref: str, oid: str | None) -> None:
        place, before = self._places()[ref], self._both()[1].get(ref)
        if oid is None and before is not None:
            refs.delete(self._git, place, old=before)
        elif oid is not None and oid != before:
            refs.move(self._git, place, new=oid, old=before)

    def _remote(self) -> Remote:
        return Remote(self._git, self._ledger.node.hub, self._ledger.node.push)

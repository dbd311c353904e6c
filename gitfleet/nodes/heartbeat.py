"""The ref of this node: its heartbeat and whatever else it tells, brought to the hub and compared with what is there.

`refs/fleet/nodes/<id>` holds one commit without parents, so changes leave no history. Each is made here first, by
compare-and-swap on the whole tree, and then sent; one that was cut off goes along with the next. On a
hub where refs only move forward (`git init --shared` makes such), each follows the one before. The
hub is moved only from a value that this node has itself sent there (each is noted before it is sent). Any other value
is the work of another clone with the same node id, which copying a clone makes: that is said, and nothing is
overwritten.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from gitfleet import codec
from gitfleet.base import advice, canonical, clock, statefile
from gitfleet.base.identity import boot_id
from gitfleet.base.ids import ulid
from gitfleet.base.text import one_line
from gitfleet.codec import TEXT, Many, Struct, Table, field
from gitfleet.errors import Corrupt, FleetError, HubError
from gitfleet.git import fleetrefs, refs
from gitfleet.git.advertisement import Shown
from gitfleet.git.answers import words
from gitfleet.git.push_answer import Push, PushAnswer
from gitfleet.git.remote import Remote, Update
from gitfleet.git.repository import Repository
from gitfleet.git.trees import Snapshot
from gitfleet.ledger import commits
from gitfleet.ledger.ledger import Ledger
from gitfleet.nodes import details, records
from gitfleet.nodes.details import WantedTail
from gitfleet.nodes.kept_checkouts import NotedCheckouts
from gitfleet.nodes.observed import Pulse
from gitfleet.nodes.peers import Peers, tree_of
from gitfleet.nodes.records import Detail, Heartbeat
from gitfleet.sessions import session_records

TAIL = WantedTail(lines=50, limit=8 * 1024, seconds=5.0)
KEPT = 16
LOCK = 30.0
_TRIES = 24
_NOT_SENT = "this node's heartbeat was not sent"

Change = Callable[[Snapshot], None]


class BeatNote(Struct):
    """What this node remembers of its beats: what was last sent to each hub, and the hubs where refs only move forward."""

    sent: Mapping[str, tuple[str, ...]] = field(Table(Many(TEXT)), default={})
    forward: tuple[str, ...] = field(Many(TEXT), default=())


_LOST = {
    Push.LOST: "another clone with its id was faster, or its ref is locked there",
    Push.REFUSED: "the hub refused it",
    Push.UNKNOWN: "the hub did not answer",
    Push.BROKEN: "an object of it is gone from this clone",
}


class NodeRef:
    """The ref of this node, in one clone. `patience` (seconds) is how old this clone's own looks at the hub may be;
    `trunk` tells where the trunk stands, for how far ahead of it sessions are.
    """

    def __init__(
        self, repository: Repository, ledger: Ledger, *, patience: int, trunk: Callable[[], str | None]
    ) -> None:
        self._repository = repository
        self._ledger = ledger
        self._patience = patience
        self._trunk = trunk
        self._note = os.path.join(ledger.state, "heartbeat.json")
        self.shown: Shown | None = None
        """What the hub showed of its branches when the last beat was sent."""

    @property
    def wanted(self) -> list[str]:
        """The refspecs that bring the other nodes' refs, never over our own, for the fetch that comes before an exchange."""
        hub = self._ledger.node.hub
        if not hub:
            return []
        jobs = f"+{fleetrefs.JOBS}*:{fleetrefs.seen_jobs(hub)}*"
        return [f"+{fleetrefs.NODES}*:{fleetrefs.seen_nodes(hub)}*", jobs]

    def update(self, change: Change) -> list[str]:
        """Change what this node tells beside its heartbeat (jobs, scans), and bring it to the hub; warnings back.

        `change` gets the tree of this node's ref as it stands, and reads and changes that only: where another process of this
        clone was faster, it is called once more with what that has left. So nothing that others put there is lost. When it
        has run, the change is in this clone, and goes to the hub with the next push of any of them; a warning says when
        that was not this one. Takes one push, and one fetch more where this clone did not see what the hub has. Files above
        `peers.MAX_OBJECT` are not read by other nodes. Raises what `change` raises, with nothing changed, and LockHeld.
        """
        self._apply(change)
        with self._ledger.lock.held(LOCK):
            try:
                return self._publish()
            except HubError as error:
                return [f"{_NOT_SENT}: {error.message}"]

    def exchange(self) -> list[str]:
        """Note how the other nodes are by what was just fetched (`wanted`), and tell the hub how this node's sessions are.

        Warnings back. Costs one push, under the node's lock; without a hub only the local ref moves. Raises LockHeld. A beat
        that could not be sent is a warning: the next one makes up for it.
        """
        told = self._look()
        with self._ledger.lock.held(LOCK):
            if self._ledger.node.hub:
                self._note_pulses()
            self._apply(lambda tree: _tell(tree, told))
            return self._publish()

    def _note_pulses(self) -> None:
        """Note which of the other nodes' refs have moved."""
        with self._peers() as peers:
            Pulse(self._ledger.state, self._patience).note({name: peers.tips[name] for name in peers.nodes})

    def _publish(self, *, again: bool = False) -> list[str]:
        """Bring our ref to the hub as it stands; warnings back. Callers hold the node's lock.

        The hub's ref is moved from the value that was last seen there, and only if this node has sent that value itself.
        """
        node = self._ledger.node
        with self._peers() as peers:
            old, warning = peers.tips.get(node.id), self.duplicate(peers)
        if warning or not node.hub:
            return [warning] if warning else []
        ref, follows = fleetrefs.node(node.id), node.hub in self._load().forward
        oid = refs.read(self._repository.git, ref).get(ref)
        if oid is None or oid == old:  # another process has sent it with its own
            return []
        answer = self._send(self._following(old) if follows and old else oid, old)
        if (
            answer.outcome is Push.LOST and not answer.rejected and not again
        ):  # we have not seen what is there
            Remote(self._repository.git, node.hub).fetch(*self.wanted)
            self._note_pulses()
            return self._publish(again=True)
        if answer.rejected and old and not follows:  # perhaps since it does not follow the beat before
            following = self._send(self._following(old), old)
            if following.outcome is Push.DONE:
                answer, note = following, self._load()
                self._save(codec.replace(note, forward=tuple(sorted({*note.forward, node.hub}))))
        self.shown = answer.shown
        if answer.outcome is Push.DONE:
            return []
        return [f"{_NOT_SENT}: {_LOST[answer.outcome]}: {words(answer.output)}"]

    def _send(self, oid: str, old: str | None) -> PushAnswer:
        """Send a commit, from the value `old` on the hub. What is sent is noted before, and what arrived is what was seen last."""
        git, node, note = self._repository.git, self._ledger.node, self._load()
        before = note.sent.get(node.hub, ())
        sent = (*([old] if old in before else []), *[one for one in before if one != old][-KEPT:], oid)
        self._save(codec.replace(note, sent={**note.sent, node.hub: sent}))
        remote = Remote(git, node.hub, node.push)
        with self._ledger.news.trace() as trace:
            ref, seen = fleetrefs.node(node.id), fleetrefs.seen_nodes(node.hub) + node.id
            answer = remote.push([Update(ref, oid, old)], trace=trace, seen=f"+{ref}:{seen}")
        if answer.outcome is Push.DONE and refs.peek(git.git_dir, seen) != oid:
            with suppress(FleetError):  # the next fetch sees it
                refs.move(git, seen, new=oid, old=old)
        return answer

    def _following(self, old: str) -> str:
        """A beat that follows the commit `old`, in the place of our own last one."""
        return self._apply(lambda _: None, after=old)

    def _peers(self) -> Peers:
        """The other nodes of the fleet, as last seen. The caller closes it."""
        return Peers(self._repository, self._ledger, patience=self._patience)

    def duplicate(self, peers: Peers) -> str:
        """What to say when another clone uses this node's id, as far as was last seen; else ""."""
        node, note = self._ledger.node, self._load()
        theirs = peers.tips.get(node.id)
        if theirs is None or theirs in note.sent.get(node.hub, []):
            return ""
        other = peers.heartbeat(node.id)
        where = (
            f"host {one_line(other.host, 64)}, beat {other.beat}" if other else "its heartbeat cannot be read"
        )
        return (
            f"another clone uses the id of this node, {node.id}, too ({where}); was this clone copied? Nothing of it was "
            "overwritten, and other nodes see that clone's heartbeat. In the copy, remove the folder gitfleet in its git "
            f"directory, then {advice.INIT}: that gives it an id of its own"
        )

    def _look(self) -> Sequence[Detail]:
        """What there is to tell of this node's sessions. Before the lock is taken, since git takes its time.

        A worktree that cannot be looked at is `status`' to complain about.
        """
        own = list(session_records.readable(self._ledger.current().view, self._ledger.node.id))
        kept = NotedCheckouts(self._ledger, self._repository.common_dir)
        found, _ = details.gather(self._repository, self._ledger, own, TAIL, self._trunk, kept.look)
        return list(found.values())

    def _apply(self, change: Change, *, after: str | None = None) -> str:
        """Move our own ref to a new commit with this change and a new beat; its id. It follows `after`, if given.

        By compare-and-swap, so that it needs no lock.
        """
        git, objects = self._repository.git, self._ledger.objects
        ref = fleetrefs.node(self._ledger.node.id)
        for tries in range(_TRIES):
            if tries:
                clock.wait(int.from_bytes(os.urandom(1), "big") / 256 * min(0.2, 0.005 * 2**tries))
            old = refs.read(git, ref).get(ref)
            tree = self._tree(old)
            change(tree)
            oid = self._beat(tree, after)
            objects.flush()
            if refs.swap(git, ref, new=oid, old=old):
                return oid
        raise refs.locked(git, ref)

    def _beat(self, tree: Snapshot, after: str | None) -> str:
        """Write a commit with `tree` and one beat more than it has."""
        node, at = self._ledger.node.id, clock.now()
        beat = self._beats(tree) + 1
        heartbeat = Heartbeat(node, beat, at, boot_id(), os.uname().nodename[:256], ulid())
        tree.put(records.HEARTBEAT, canonical.dump(heartbeat))
        message = f"Heartbeat {beat} of node {node}\n"
        return self._ledger.objects.write("commit", commits.as_bytes(tree.write(), after, node, at, message))

    def _beats(self, tree: Snapshot) -> int:
        """How many beats there were."""
        try:
            return records.heartbeat(tree.get(records.HEARTBEAT) or b"", self._ledger.node.id).beat
        except FleetError:
            return 0

    def _tree(self, oid: str | None) -> Snapshot:
        """What is in our ref; where that cannot be read, what the hub last had of it, if we sent that; else nothing."""
        objects, node = self._ledger.objects, self._ledger.node
        seen = ""
        if node.hub:
            ref = fleetrefs.seen_nodes(node.hub) + node.id
            seen = refs.read(self._repository.git, ref).get(ref, "")
        sent = self._load().sent.get(node.hub, ())
        for one in [oid, *([seen] if seen in sent else [])]:
            if one is not None:
                try:
                    return Snapshot(objects, tree_of(objects, one))
                except (Corrupt, KeyError, ValueError):  # somebody put something else there, or it is broken
                    continue
        return Snapshot(objects, None)

    def _load(self) -> BeatNote:
        return statefile.load(BeatNote, self._note) or BeatNote()

    def _save(self, note: BeatNote) -> None:
        statefile.save(self._note, note)


def _tell(tree: Snapshot, told: Sequence[Detail]) -> None:
    """Put the details of the sessions in the place of those that were told before. What is as it was makes no objects."""
    new = {records.detail_path(item.id): canonical.dump(item) for item in told}
    try:
        tree.load(records.SESSIONS)
        for path in list(tree.files(records.SESSIONS)):
            if path not in new:
                tree.delete(path)
            elif tree.get(path) == new[path]:
                del new[path]
    except Corrupt:
        tree.drop(records.SESSIONS)
        new = {records.detail_path(item.id): canonical.dump(item) for item in told}
    for path, data in new.items():
        tree.put(path, data)

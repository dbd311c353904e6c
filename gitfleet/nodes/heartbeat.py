"""The ref of this node: written anew at every beat, brought to the hub, and compared with what is there.

`refs/fleet/nodes/<id>` holds one commit without parents, so beats leave no history; what else is in its tree stays. On a
hub where refs only move forward (`git init --shared` makes such), each follows the one before. The
hub is moved only from a value that this node has itself sent there (each is noted before it is sent). Any other value
is the work of another clone with the same node id, which copying a clone makes: that is said, and nothing is
overwritten.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from gitfleet.base import canonical, clock, files
from gitfleet.base.identity import boot_id
from gitfleet.base.ids import ulid
from gitfleet.base.text import one_line
from gitfleet.errors import Corrupt
from gitfleet.git import fleetrefs, refs
from gitfleet.git.advertisement import Shown
from gitfleet.git.answers import Push, PushAnswer, words
from gitfleet.git.remote import Remote, Update
from gitfleet.git.repository import Repository
from gitfleet.git.trees import Snapshot
from gitfleet.ledger import commits
from gitfleet.ledger.ledger import Ledger
from gitfleet.nodes import details, records
from gitfleet.nodes.details import Wanted
from gitfleet.nodes.observed import Pulse
from gitfleet.nodes.peers import Peers, tree_of
from gitfleet.nodes.records import Detail, Heartbeat
from gitfleet.sessions import model

TAIL = Wanted(lines=50, limit=8 * 1024, seconds=5.0)
KEPT = 16
LOCK = 30.0


class Note(NamedTuple):
    """What this node remembers of its beats: how many there were, what was last sent to each hub, and the hubs where refs
    only move forward.
    """

    beat: int
    sent: dict[str, list[str]]
    forward: tuple[str, ...] = ()


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
        self.shown: Shown | None = None
        """What the hub showed of its branches when the last beat was sent."""

    @property
    def wanted(self) -> list[str]:
        """The refspecs that bring the other nodes' refs, never over our own, for the fetch that comes before an exchange."""
        hub = self._ledger.node.hub
        return [f"+{fleetrefs.NODES}*:{fleetrefs.seen_nodes(hub)}*"] if hub else []

    def exchange(self) -> list[str]:
        """Note how the other nodes are by what was just fetched (`wanted`), and tell the hub how this node's sessions are.

        Warnings back. Costs one push, under the node's lock; without a hub only the local ref moves. Raises LockHeld. A beat
        that could not be sent is a warning: the next one makes up for it.
        """
        told = self._look()
        with self._ledger.lock.held(LOCK):
            if self._ledger.node.hub:
                self._note_pulses()
            return self._publish(told)

    def _note_pulses(self) -> None:
        """Note which of the other nodes' refs have moved."""
        with self._peers() as peers:
            Pulse(self._ledger.state, self._patience).note({name: peers.tips[name] for name in peers.nodes})

    def _publish(self, told: Sequence[Detail]) -> list[str]:
        """Write this node's heartbeat and send it; warnings back.

        The hub's ref is moved from the value that was fetched, and only if this node has sent that value itself.
        """
        node = self._ledger.node
        with self._peers() as peers:
            old, warning = peers.tips.get(node.id), self.duplicate(peers)
        note = self._load()
        if warning or not node.hub:
            self._write(told, note.beat + 1)
            self._save(note._replace(beat=note.beat + 1))
            return [warning] if warning else []
        follows = node.hub in note.forward
        answer = self._send(told, old, after=old if follows else None)
        if answer.rejected and old and not follows:  # perhaps since it does not follow the beat before
            again = self._send(told, old, after=old)
            if again.outcome is Push.DONE:
                answer = again
                self._save(self._load()._replace(forward=tuple(sorted({*note.forward, node.hub}))))
        self.shown = answer.shown
        if answer.outcome is Push.DONE:
            return []
        return [f"this node's heartbeat was not sent: {_LOST[answer.outcome]}: {words(answer.output)}"]

    def _send(self, told: Sequence[Detail], old: str | None, *, after: str | None) -> PushAnswer:
        """Write the next beat and send it, from the value `old` on the hub. What is sent is noted before."""
        node, note = self._ledger.node, self._load()
        oid = self._write(told, note.beat + 1, after=after)
        sent = [*note.sent.get(node.hub, []), oid][-KEPT:]
        self._save(note._replace(beat=note.beat + 1, sent={**note.sent, node.hub: sent}))
        remote = Remote(self._repository.git, node.hub, node.push)
        with self._ledger.news.trace() as trace:
            return remote.push([Update(fleetrefs.node(node.id), oid, old)], trace=trace)

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
            "overwritten, and other nodes see that clone's heartbeat. `gitfleet uninstall` and `gitfleet init` in the copy "
            "give it an id of its own"
        )

    def _look(self) -> Sequence[Detail]:
        """What there is to tell of this node's sessions. Before the lock is taken, since git takes its time.

        A worktree that cannot be looked at is `status`' to complain about.
        """
        own = [
            item
            for item in model.everyone(self._ledger.current().view)
            if isinstance(item, model.Session) and item.node == self._ledger.node.id
        ]
        found, _ = details.gather(self._repository, self._ledger, own, TAIL, self._trunk)
        return list(found.values())

    def _write(self, told: Sequence[Detail], beat: int, *, after: str | None = None) -> str:
        """Move our own ref to a new commit that says all this; its id. It follows `after`, if given. What else is in the tree stays."""
        node, git, objects = self._ledger.node.id, self._repository.git, self._ledger.objects
        ref = fleetrefs.node(node)
        old = refs.read(git, ref).get(ref)
        tree = self._without_sessions(old)
        for item in told:
            tree.put(records.detail_path(item.id), records.as_bytes(item))
        at = clock.now()
        heartbeat = Heartbeat(node, beat, at, boot_id(), os.uname().nodename[:256], ulid())
        tree.put(records.HEARTBEAT, records.as_bytes(heartbeat))
        message = f"Heartbeat {beat} of node {node}\n"
        oid = objects.write("commit", commits.as_bytes(tree.write(), after, node, at, message))
        objects.flush()
        refs.move(git, ref, new=oid, old=old)
        return oid

    def _without_sessions(self, oid: str | None) -> Snapshot:
        """What is in our ref beside the sessions' details."""
        objects = self._ledger.objects
        if oid is not None:
            try:
                tree = Snapshot(objects, tree_of(objects, oid))
                for path in list(tree.files(records.SESSIONS)):
                    tree.delete(path)
            except (Corrupt, KeyError, ValueError):  # somebody put something else there: the beat starts anew
                return Snapshot(objects, None)
            return tree
        return Snapshot(objects, None)

    def _load(self) -> Note:
        try:
            raw = canonical.load(files.read(self._path()) or b"{}")
            sent: Any = raw.get("sent", {})
            return Note(
                int(raw.get("beat", 0)),
                {str(hub): [str(oid) for oid in oids] for hub, oids in sent.items()},
                tuple(str(hub) for hub in raw.get("forward", ())),
            )
        except (ValueError, TypeError, AttributeError):
            return Note(0, {})

    def _save(self, note: Note) -> None:
        files.replace(self._path(), canonical.dump(note._asdict()))

    def _path(self) -> str:
        return os.path.join(self._ledger.state, "heartbeat.json")

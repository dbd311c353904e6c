"""Bulky things that a node keeps for the others (the events of a job, the output of a scan), each in a ref of its own.

`refs/fleet/bulk/<node>/<name>` holds one commit without parents and a tree of files. No exchange brings these refs along:
whoever wants an archive asks for that one, and gets it through a throwaway repository, so that nothing of what strangers
pushed stays in this clone. An archive is written once and never changed, and the same content is the same commit: what was
cut off is simply done again. Needs no lock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import NamedTuple

from gitfleet.base.ids import is_name
from gitfleet.base.text import display
from gitfleet.errors import BadName, Blocked, Corrupt, FleetError, Unverifiable
from gitfleet.git import fleetrefs, refs
from gitfleet.git.answers import hub_error
from gitfleet.git.objects import open_objects
from gitfleet.git.program import GitFailed
from gitfleet.git.push_answer import Push
from gitfleet.git.remote import Remote, Update
from gitfleet.git.repository import Repository
from gitfleet.git.scratch import scratch
from gitfleet.git.trees import FILE, Entry, Objects, Snapshot, parse
from gitfleet.ledger import commits
from gitfleet.ledger.ledger import Ledger
from gitfleet.nodes.peers import tree_of

MOST_BYTES = 64 * 1024 * 1024
MOST_FILES = 10_000
MOST_ARCHIVES = 256
MOST_DEPTH = 32
MOST_PATH = 1024


class NodeArchive(NamedTuple):
    """One archive: the node that wrote it, its name, and its commit."""

    node: str
    name: str
    oid: str


class NodeArchives:
    """The archives of all nodes, through one clone. Any number of processes may use them at once."""

    def __init__(self, repository: Repository, ledger: Ledger) -> None:
        self._ledger = ledger
        self._git = repository.git

    def write(self, name: str, files: Mapping[str, bytes]) -> list[str]:
        """Keep `files` (paths with `/`) as the archive `name` of this node, and bring it to the hub; warnings back.

        The same again is no error. It is in this clone when this returns; a warning says why the hub does not have it
        yet, and `send` brings it there. Raises BadName, and Blocked for what is too large, for one archive too many, and
        where that name has other content; then nothing was changed.
        """
        ref = self._ref(name)
        check_files(files)
        oid, known = self._stored(files, name), self._own()
        if known.get(name, oid) != oid or (name not in known and not self._begin(ref, oid, known)):
            words = f"This node has an archive '{name}' with other content. It was left alone."
            raise Blocked(words, hint="Give this one another name, or delete that one first.")
        return self.send()

    def send(self) -> list[str]:
        """Bring to the hub what it does not have yet of this node's; warnings back. No connection where there is nothing."""
        node = self._ledger.node
        waiting = self._waiting() if node.hub else {}
        if not waiting:
            return []
        updates = [Update(fleetrefs.bulk(node.id, name), oid, None) for name, oid in waiting.items()]
        try:
            answer = self._remote().push(updates, atomic=False)
            there = waiting if answer.outcome is Push.DONE else self._on_hub(node.id)
        except FleetError as error:
            return [f"archives of this node were not sent: {error.message}"]
        for name, oid in waiting.items():
            if there.get(name) == oid:
                refs.move(self._git, fleetrefs.seen_bulk(node.hub, node.id, name), new=oid, old=None)
        left = sorted(name for name, oid in waiting.items() if there.get(name) != oid)
        taken = ", ".join(name for name in left if name in there)
        why = f"the hub has other content as {taken}" if taken else "the hub did not take them"
        return [f"archives of this node were not sent ({', '.join(left)}): {why}"] if left else []

    def read(self, node: str, name: str) -> dict[str, bytes] | None:
        """The files of an archive, by path; None when there is none. Costs one connection for those of other nodes.

        Raises the hub's errors, BadName; Corrupt for one that is none, or larger than `write` makes them.
        """
        ref = fleetrefs.bulk(_name("a node", node), _name("an archive", name))
        own = self._own().get(name) if node == self._ledger.node.id else None
        if own is not None:
            return files_of(self._ledger.objects, own, ref)
        if not self._ledger.node.hub:
            return None
        with scratch(self._git, self._ledger.node.hub) as place:
            try:
                place.fetch([ref], depth=1)
            except Unverifiable:
                return None
            with closing(open_objects(place.git.git_dir, limit=MOST_BYTES)) as objects:
                try:
                    return files_of(objects, place.tip(0), ref)
                except GitFailed as error:
                    raise _broken(ref, "it is no commit") from error

    def own(self) -> list[NodeArchive]:
        """The archives of this node that are in this clone, sorted. No connection."""
        node = self._ledger.node.id
        return sorted(NodeArchive(node, name, oid) for name, oid in self._own().items())

    def list(self, node: str | None = None) -> list[NodeArchive]:
        """The archives that the hub has (without a hub: this clone), of all nodes or of one, sorted.

        Costs one connection. What has a name that no archive has is passed over.
        """
        prefix = fleetrefs.BULK if node is None else fleetrefs.bulk(_name("a node", node), "")
        hub = self._ledger.node.hub
        known = self._remote().look(f"{prefix}*") if hub else refs.read(self._git, prefix)
        found = []
        for ref, oid in known.items():
            owner, slash, name = ref.removeprefix(fleetrefs.BULK).partition("/")
            if slash and is_name(owner) and is_name(name):
                found.append(NodeArchive(owner, name, oid))
        return sorted(found)

    def delete(self, name: str) -> bool:
        """Take an archive of this node away, on the hub first; whether there was one. Raises BadName and the hub's errors."""
        ref, node = self._ref(name), self._ledger.node
        own = self._own().get(name)
        there = own if not node.hub else self._on_hub(node.id).get(name)
        if node.hub and there is not None and own in {None, there}:
            answer = self._remote().push([Update(ref, None, there)])
            if answer.outcome is not Push.DONE and self._on_hub(node.id).get(name) is not None:
                raise hub_error(node.hub, answer.output, what="write to", refused=True)
        for kept in (ref, fleetrefs.seen_bulk(node.hub, node.id, name)):
            for found, oid in refs.read(self._git, kept).items():
                refs.delete(self._git, found, old=oid)
        return own is not None or there is not None

    def _begin(self, ref: str, oid: str, known: Mapping[str, str]) -> bool:
        """Keep a new one. False when another process was faster, with other content."""
        if len(known) >= MOST_ARCHIVES:
            words = f"This node has {len(known)} archives, and may have {MOST_ARCHIVES}."
            raise Blocked(words, hint="Delete those that nobody needs any more.")
        return refs.move(self._git, ref, new=oid, old=None) or refs.read(self._git, ref).get(ref) == oid

    def _stored(self, files: Mapping[str, bytes], name: str) -> str:
        """Store the commit with these files; its id is the same whenever it is made."""
        objects, node = self._ledger.objects, self._ledger.node.id
        tree = Snapshot(objects, None)
        tree.change(files)
        message = f"Archive {name} of node {node}\n"
        oid = objects.write("commit", commits.as_bytes(tree.write(), None, node, commits.ROOT_TIME, message))
        objects.flush()
        return oid

    def _own(self) -> dict[str, str]:
        """The archives of this node in this clone, by name."""
        prefix = fleetrefs.bulk(self._ledger.node.id, "")
        return {ref.removeprefix(prefix): oid for ref, oid in refs.read(self._git, prefix).items()}

    def _waiting(self) -> dict[str, str]:
        """Those that the hub was not seen to have."""
        node = self._ledger.node
        prefix = fleetrefs.seen_bulk(node.hub, node.id, "")
        sent = {ref.removeprefix(prefix) for ref in refs.read(self._git, prefix)}
        return {name: oid for name, oid in self._own().items() if name not in sent}

    def _on_hub(self, node: str) -> dict[str, str]:
        return {archive.name: archive.oid for archive in self.list(node)}

    def _remote(self) -> Remote:
        return Remote(self._git, self._ledger.node.hub, self._ledger.node.push)

    def _ref(self, name: str) -> str:
        return fleetrefs.bulk(self._ledger.node.id, _name("an archive", name))


def _name(what: str, name: str) -> str:
    if not is_name(name):
        words = f"'{display(name[:80])}' cannot be the name of {what}."
        raise BadName(words, hint="A name has 1 to 64 of A-Z a-z 0-9 . _ -")
    return name


def check_files(files: Mapping[str, bytes]) -> None:
    """Raise Blocked for what `read` would refuse, BadName for a path that leads elsewhere."""
    size = sum(map(len, files.values()))
    if size > MOST_BYTES or len(files) > MOST_FILES:
        words = f"{len(files)} files with {size} bytes are more than one archive holds ({MOST_FILES}, {MOST_BYTES})."
        raise Blocked(words, hint="Split it, or leave something out.")
    for path in files:
        parts = path.split("/")
        if len(path) > MOST_PATH or len(parts) > MOST_DEPTH or not all(map(_is_part, parts)):
            words = f"'{display(path[:80])}' cannot be the path of a file in an archive."
            raise BadName(words, hint="Use a relative path of plain names.")


def _is_part(name: str) -> bool:
    return name not in {"", ".", ".."} and "\0" not in name and name.lower() != ".git"


def files_of(objects: Objects, oid: str, ref: str) -> dict[str, bytes]:
    """All files of a commit that anybody may have made. Reads no more than an archive may have."""
    found: dict[str, bytes] = {}
    left = MOST_BYTES
    try:
        for path, entry in _walk(objects, tree_of(objects, oid)):
            kind, data = objects.read(entry.oid)
            left -= len(data)
            if kind != "blob" or left < 0:
                raise _broken(
                    ref,
                    f"it has more than {MOST_BYTES} bytes"
                    if left < 0
                    else "one of its entries is not a file",
                )
            found[path] = data
    except (KeyError, ValueError) as error:
        raise _broken(ref, "a part of it is missing or too large") from error
    return found


def _walk(objects: Objects, tree: str) -> Iterator[tuple[str, Entry]]:
    """The files below a tree. Raises ValueError for what `write` never makes: links, odd names, too many, too deep."""
    seen, open_ = 0, [("", tree)]
    while open_:
        prefix, oid = open_.pop()
        kind, data = objects.read(oid)
        if kind != "tree" or prefix.count("/") >= MOST_DEPTH or len(data) > MOST_FILES * 300:
            raise ValueError(oid)
        for name, entry in parse(data).items():
            seen += 1
            if seen > 2 * MOST_FILES or not _is_part(name) or "/" in name:
                raise ValueError(oid)
            if entry.is_folder:
                open_.append((f"{prefix}{name}/", entry.oid))
            elif entry.mode == FILE:
                yield prefix + name, entry
            else:
                raise ValueError(oid)


def _broken(ref: str, why: str) -> Corrupt:
    return Corrupt(f"The archive {ref} cannot be read: {why}. It was passed over.", where=ref)

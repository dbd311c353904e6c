"""Archives: everything that a worktree holds, in one commit that a ref of this clone keeps.

Owns the form of that commit, making, listing, reading and comparing. Leaves what is in a worktree to `capture`, bringing
it back to `restore`, and the decision to remove anything to `cleanup`.

The commit's parents are the worktree's HEAD and the commits that only its own logs and refs lead to. Its tree has

    archive.json   whose it was, where, on which branch
    listing        kind, permissions and path of everything, also of empty folders, NUL-terminated
    worktree/      every file and link as it lay there, byte for byte, without git's filters
    index-file     the index itself: flags, conflict stages and intents to add included
    index/         what the index names, by stage, so that git keeps those objects
    settings/      the worktree's own configuration and log

The same state makes the same tree, so it is archived once however often it is asked for.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from gitfleet.base import advice, canonical, clock, files
from gitfleet.base.text import one_line
from gitfleet.codec import TEXT, Many, Maybe, One, Record, Struct, Whole, field
from gitfleet.errors import Blocked, UsageError
from gitfleet.git import fleetrefs, refs, trees
from gitfleet.git.objects import PlumbingObjects
from gitfleet.git.program import Git
from gitfleet.git.trees import Entry, Objects, serialise
from gitfleet.git.undoing import index_aside
from gitfleet.worktrees import blobs
from gitfleet.worktrees.capture import FILE, LINK, Capture, Staged

SETTINGS = ("config.worktree", "info/sparse-checkout", "logs/HEAD")
_TRIES = 1000
_EMPTY = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


class Owner(Struct):
    """Whose worktree it is: what `archive.json` says of it.

    `id` names the archive; `branch` is the full ref of what is checked out, "" when detached; `made_with` the short name of
    the branch that gitfleet made it with, "" for a worktree that gitfleet did not make; `base` the branch that it follows, "" for
    the fleet's trunk.
    """

    id: str = field(TEXT)
    path: str = field(TEXT)
    agent: str = field(TEXT, default="")
    session: str = field(TEXT, default="")
    branch: str = field(TEXT, default="")
    head: str = field(TEXT, default="")
    base: str = field(TEXT, default="")
    base_commit: str = field(TEXT, default="")
    folder: str = field(TEXT, default="")
    made_with: str = field(TEXT, default="")


class ArchiveRecord(Record):
    """What `archive.json` says: whose it was, what was left out, and the permission bits of its own folder (None: unknown)."""

    KIND = "archive"
    owner: Owner = field(One(Owner))
    left_out: tuple[str, ...] = field(Many(TEXT))
    mode: int | None = field(Maybe(Whole(0, 0o7777)), default=None, omit=True)


@dataclass(frozen=True, slots=True)
class Archive:
    """One archive: its id (the last part of the ref), commit, tree, and when it was made (seconds since 1970).

    `mode` has the permission bits of the worktree's own folder, None where they are not known.
    """

    id: str
    oid: str
    tree: str
    at: int
    owner: Owner
    files: int
    left_out: tuple[str, ...] = ()
    mode: int | None = None

    @property
    def ref(self) -> str:
        """The ref that keeps it."""
        return fleetrefs.archive(self.id)


def make(git: Git, common: Git, owner: Owner, found: Capture, keep: Sequence[str]) -> Archive:
    """Archive what `found` says lies in the worktree of `git`, and the commits in `keep`; durable when back.

    Changes nothing in the worktree. An archive of the same id with the same content is used again. Of two at once each
    gets a ref of its own. Raises Blocked for a worktree that cannot be archived (its obstacles), GitFailed when a file
    goes away meanwhile. The caller compares (`differences`) before it removes anything.
    """
    if found.obstacles:
        words = f"This worktree cannot be archived: {found.obstacles[0]}."
        raise Blocked(words, hint="See to that first.", obstacles=tuple(found.obstacles))
    with closing(PlumbingObjects(common.git_dir)) as objects:
        tree = _tree(git, objects, owner, found)
        parents = list(dict.fromkeys([*([owner.head] if owner.head else []), *keep]))
        oid, at = _same(common, owner.id, tree, parents) or _commit(objects, tree, parents, owner)
        objects.flush()
    name = _name(common, owner.id, oid)
    return Archive(name, oid, tree, at, owner, found.files, tuple(found.left_out), _mode(git, found))


def _tree(git: Git, objects: Objects, owner: Owner, found: Capture) -> str:
    entries = _contents(git, objects, found)
    staged = _staged(objects, found.staged)
    listing = b"".join(
        b"%s%04o %s\0" % (item.kind.encode(), item.mode, os.fsencode(path))
        for path, item in sorted(found.items.items())
    )
    record = ArchiveRecord(owner, tuple(found.left_out), _mode(git, found))

    def file(data: bytes) -> Entry:
        return Entry(trees.FILE, objects.write("blob", data))

    top = {"archive.json": file(canonical.dump(record)), "listing": file(listing)}
    top |= {f"worktree/{path}": entry for path, entry in entries.items()}
    top |= {f"index/{entry.stage}/{entry.path}": Entry(entry.mode.encode(), entry.oid) for entry in staged}
    raw = _index_file(git)
    if raw is not None:
        top["index-file"] = file(raw)
    for name in SETTINGS:
        data = files.read(os.path.join(git.git_dir, name))
        if data is not None:
            top[f"settings/{name}"] = file(data)
    return _plant(objects, top)


def _contents(git: Git, objects: Objects, found: Capture) -> dict[str, Entry]:
    """Mode and id of every file and link, stored."""
    stored = blobs.store(git, [path for path, item in found.items.items() if item.kind == FILE])
    entries = {
        path: Entry(b"100755" if found.items[path].mode & 0o100 else trees.FILE, oid)
        for path, oid in stored.items()
    }
    for path, item in found.items.items():
        if item.kind == LINK:
            target = os.fsencode(os.readlink(os.path.join(git.cwd, path)))
            entries[path] = Entry(b"120000", objects.write("blob", target))
    return entries


def _staged(objects: Objects, staged: Sequence[Staged]) -> list[Staged]:
    """What of the index git must keep. An intent to add names the empty blob, which need not be there."""
    if any(entry.oid == _EMPTY for entry in staged):
        objects.write("blob", b"")
    return [entry for entry in staged if entry.mode != "160000"]


def _index_file(git: Git) -> bytes | None:
    """The index as one file without what only this place understands: a shared part, caches of the file system's state."""
    data = files.read(os.path.join(git.git_dir, "index"))
    if data is None:
        return None
    with index_aside(git, data) as env:
        done = git.ask(
            "-c", "core.splitIndex=false", "-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false",
            "-c", "index.sparse=false", "update-index", "--no-split-index", "--no-fsmonitor", "--no-untracked-cache",
            "--force-write-index",
            env=env, timeout=600,
        )  # fmt: skip
        whole = files.read(env["GIT_INDEX_FILE"])
        if done.code or whole is None:
            raise Blocked("The index of this worktree cannot be read.", hint="See `git fsck`.")
        return whole


def _mode(git: Git, found: Capture) -> int | None:
    """The permission bits of the worktree's own folder; None when nothing lies there, for it may be gone."""
    return stat.S_IMODE(os.lstat(git.cwd).st_mode) if found.items else None


def _plant(objects: Objects, entries: Mapping[str, Entry]) -> str:
    """Make the trees for what is at these paths; the id of the root."""
    here: dict[str, Entry] = {}
    below: dict[str, dict[str, Entry]] = {}
    for path, entry in entries.items():
        name, inside, rest = path.partition("/")
        if inside:
            below.setdefault(name, {})[rest] = entry
        else:
            here[name] = entry
    here |= {name: Entry(trees.FOLDER, _plant(objects, inner)) for name, inner in below.items()}
    return objects.write("tree", serialise(here))


def _commit(objects: Objects, tree: str, parents: Sequence[str], owner: Owner) -> tuple[str, int]:
    at = clock.now()
    who = f"gitfleet <archive@gitfleet.invalid> {at} +0000"
    where = owner.branch.removeprefix("refs/heads/") or "a detached HEAD"
    message = f"Archive of {owner.id}: {one_line(where)} at {owner.head[:12] or 'nothing'}\n"
    head = "".join(f"parent {parent}\n" for parent in parents)
    text = f"tree {tree}\n{head}author {who}\ncommitter {who}\n\n{message}"
    return objects.write("commit", text.encode("utf-8", "backslashreplace")), at


def _same(common: Git, archive_id: str, tree: str, parents: Sequence[str]) -> tuple[str, int] | None:
    """The commit of an archive that holds exactly this."""
    out = common.run(
        "for-each-ref",
        "--format=%(refname) %(objectname) %(tree) %(committerdate:unix) %(parent)",
        fleetrefs.ARCHIVE,
    )
    for line in out.decode("ascii", "replace").splitlines():
        name, oid, its_tree, at, *its_parents = line.split(" ")
        base = name.removeprefix(fleetrefs.ARCHIVE)
        if (
            its_tree == tree
            and [one for one in its_parents if one] == list(parents)
            and _family(base, archive_id)
        ):
            return oid, int(at)
    return None


def _family(name: str, archive_id: str) -> bool:
    base, _, number = name.rpartition("-")
    return name == archive_id or (base == archive_id[:60].rstrip(".-_") and number.isdigit())


def _name(common: Git, archive_id: str, oid: str) -> str:
    """Put the commit under the first free ref: the id itself, then the id with a number. Answers the name."""
    for number in range(1, _TRIES):
        name = archive_id if number == 1 else f"{archive_id[:60].rstrip('.-_')}-{number}"
        ref = fleetrefs.archive(name)
        if refs.read(common, ref).get(ref) == oid or refs.move(common, ref, new=oid, old=None):
            return name
    words = f"There are {_TRIES} archives of {archive_id}."
    raise UsageError(words, hint=f"Drop some: {advice.DROP_ARCHIVE.of('ID')}.")

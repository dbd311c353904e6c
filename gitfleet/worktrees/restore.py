"""Bring an archived worktree back: branch, HEAD, index, and every file byte for byte.

Overwrites nothing: the place must be free, a branch that has moved on or is in use elsewhere keeps its commit (the
worktree then gets a branch of another name). Files are written from the archive's blobs as they are; git's filters
and line endings have no part in it. Until all of it is there and compared, the worktree is locked and says why; after a
crash it stays so, and the archive is as it was.
"""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass, field

from gitfleet.base import clock, files, shellwords
from gitfleet.base.text import display
from gitfleet.errors import UNCHANGED, Blocked, Corrupt, FleetError, UsageError
from gitfleet.git import git_worktrees, refs
from gitfleet.git.program import Git
from gitfleet.git.repository import Repository
from gitfleet.worktrees import archive, archive_store, blobs, capture, exclude, listing, marker
from gitfleet.worktrees.archive import Archive, Owner
from gitfleet.worktrees.archive_store import ArchiveContents
from gitfleet.worktrees.capture import FILE, FOLDER, LINK, PIPE
from gitfleet.worktrees.model import Managed

_HEADS = "refs/heads/"
_TIME = 1800.0
_CONFIG = "config.worktree"
_SPARSE = "info/sparse-checkout"


@dataclass(frozen=True, slots=True)
class Restored:
    """Where an archive was restored to.

    `branch` is the short name of what is checked out ("" when detached); `notes` say in words what is not as it was.
    """

    archive: Archive
    path: str
    branch: str
    notes: tuple[str, ...] = field(default=())


def restore(repository: Repository, archive_id: str, path: str | None = None) -> Restored:
    """Restore an archive to `path`, or to where it was. The caller holds the lock of the worktrees.

    Raises UsageError (no such archive, a path that is no place for it), Blocked (something is there), Corrupt (the archive
    is damaged, or what was written is not what it holds); then nothing that was there before is changed.
    """
    common = repository.git
    found = archive_store.find(common, archive_id)
    place = _place(repository, found.owner, path)
    contents = archive_store.contents(common, found.oid)
    if not found.owner.head or blobs.missing(common, [found.owner.head]):
        raise Corrupt(
            f"The commit of the archive {found.id} is missing.", unharmed=UNCHANGED, where=found.ref
        )
    branch, notes, made = _branch(common, found.owner)
    try:
        git = _make(common, found, place, branch)
    except FleetError:
        if made:
            refs.delete(common, _HEADS + branch, old=found.owner.head)
        raise
    begun = f"What was restored so far is at {display(place)}, which is locked, and the archive is unharmed."
    again = f"{begun} To try again: `git worktree remove --force --force {shellwords.word(place)}`."
    with files.after(again), closing(blobs.Reader(common.git_dir)) as reader:
        _fill(reader, git, contents)
        _check(common, found, place)
        notes += _settings(common, git, reader, contents)
        _index(git, reader, contents)
        notes += _mark(repository, found.owner, git, place, branch)
        if found.mode is not None:
            os.chmod(place, found.mode)
        common.run("worktree", "unlock", "--", place)
    return Restored(found, place, branch, tuple(notes))


def _place(repository: Repository, owner: Owner, path: str | None) -> str:
    """Where it goes, absolute. A place that is not named must lie where the archive's own folder is."""
    place = os.path.abspath(path) if path else owner.path
    if "\n" in place or "\0" in place or not os.path.isabs(place):
        raise UsageError("This path cannot hold a worktree.", hint="Choose another: --path P.")
    git_dir = os.path.realpath(repository.common_dir)
    if os.path.commonpath([git_dir, os.path.realpath(place)]) == git_dir:
        raise UsageError(f"{display(place)} lies in git's own folder.", hint="Choose another: --path P.")
    if os.path.lexists(place):
        raise Blocked(
            f"{display(place)} exists already; a restore overwrites nothing.",
            hint="Choose another place: --path P. (What an interrupted restore left is locked: "
            "`git worktree remove --force --force PATH`.)",
            path=place,
        )
    if not path and not os.path.isdir(os.path.dirname(owner.folder or place)):
        raise Blocked(
            f"The folder {display(os.path.dirname(owner.folder or place))}, where it was, does not exist.",
            hint="Choose another place: --path P.",
            path=place,
        )
    return place


def _branch(common: Git, owner: Owner) -> tuple[str, list[str], bool]:
    """The branch to check out: the one it had where that is free, made again if it is gone; else one of another name.

    The last of the three says whether it was made now.
    """
    if not owner.branch.startswith(_HEADS):
        return "", [], False
    name = owner.branch.removeprefix(_HEADS)
    used = {worktree.branch for worktree in git_worktrees.listed(common)}
    at = refs.read(common, owner.branch).get(owner.branch)
    if (
        at in {None, owner.head}
        and owner.branch not in used
        and (at or refs.move(common, owner.branch, new=owner.head, old=None))
    ):
        return name, [], at is None
    why = "is checked out elsewhere" if owner.branch in used else "has moved on"
    for number in range(1, 1000):
        other = f"{name}-restored" + (f"-{number}" if number > 1 else "")
        if refs.move(common, _HEADS + other, new=owner.head, old=None):
            words = f"its branch {display(name)} {why}, so it is on the new branch {display(other)}"
            return other, [words], True
    raise Blocked(f"No branch name is free for {display(name)}.", hint="Delete some branches.")


def _make(common: Git, found: Archive, place: str, branch: str) -> Git:
    """An empty worktree that is locked; git for it."""
    reason = f"gitfleet is restoring {found.id} here"
    what = ["--", place, branch] if branch else ["--detach", "--", place, found.owner.head]
    common.run(
        "worktree", "add", "--quiet", "--no-checkout", "--no-guess-remote", "--lock", "--reason", reason, *what, timeout=_TIME,
    )  # fmt: skip
    made = git_worktrees.at(place, git_worktrees.listed(common))
    assert made is not None, "git has just made it"
    return Git(made.git_dir, cwd=place)


def _fill(reader: blobs.Reader, git: Git, contents: ArchiveContents) -> None:
    """Write everything; permissions of folders last, since one may forbid writing into it."""
    folders = {path: mode for path, (kind, mode) in contents.listing.items() if kind == FOLDER}
    with files.storage(git.cwd):
        for path in sorted(folders):
            os.mkdir(os.path.join(git.cwd, path))
        for path, (kind, mode) in contents.listing.items():
            where = os.path.join(git.cwd, path)
            if kind == FILE:
                _write(reader, contents.entries[path], where, mode)
            elif kind == LINK:
                os.symlink(reader.read(contents.entries[path]), os.fsencode(where))
            elif kind == PIPE:
                os.mkfifo(where)
                os.chmod(where, mode)
        for path in sorted(folders, reverse=True):
            os.chmod(os.path.join(git.cwd, path), folders[path])


def _write(reader: blobs.Reader, oid: str, where: str, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(where, flags, 0o600), "wb") as file:
        reader.copy(oid, file.write)
        os.fchmod(file.fileno(), mode)


def _check(common: Git, found: Archive, place: str) -> None:
    wrong = archive_store.differences(common, found, place, capture.walked(place))
    if wrong:
        raise Corrupt(
            f"The files in {display(place)} differ from the archive {found.id}: {display(wrong[0])}. "
            "The archive is unharmed, and the worktree stays locked.",
            hint=f"Remove it (`git worktree remove --force --force {shellwords.word(place)}`) and try another --path.",
            where=found.ref,
        )


def _settings(common: Git, git: Git, reader: blobs.Reader, contents: ArchiveContents) -> list[str]:
    """The worktree's own configuration and the log of its HEAD; what was not restored, in words."""
    settings = {name: reader.read(oid) for name, oid in contents.settings.items() if name in archive.SETTINGS}
    log = settings.pop("logs/HEAD", b"")
    where = os.path.join(git.git_dir, "logs/HEAD")
    if log and os.path.isdir(os.path.dirname(where)):
        files.replace(where, log + (files.read(where) or b""))
    notes = []
    own = common.ask("config", "--type=bool", "--get", "extensions.worktreeConfig").stdout.strip() == b"true"
    if _CONFIG in settings and not own:
        del settings[_CONFIG]
        notes.append(
            "its own git configuration was left out: this clone no longer has extensions.worktreeConfig"
        )
    for name in {_CONFIG, _SPARSE} - settings.keys():  # git copies those of the worktree that it runs in
        files.remove(os.path.join(git.git_dir, name))
    for name, data in settings.items():
        path = os.path.join(git.git_dir, name)
        files.folder(os.path.dirname(path))
        files.replace(path, data)
    return notes


def _index(git: Git, reader: blobs.Reader, contents: ArchiveContents) -> None:
    """The index as it was, and its knowledge of the files brought up to date (which changes no entry)."""
    path = os.path.join(git.git_dir, "index")
    if contents.index_file is None:
        files.remove(path)
        return
    files.replace(path, reader.read(contents.index_file))
    git.ask("-c", "core.fsmonitor=false", "update-index", "-q", "--refresh", timeout=_TIME)


def _mark(repository: Repository, owner: Owner, git: Git, place: str, branch: str) -> list[str]:
    """Make it a managed worktree again, where that is certain to be right; else say that it is none."""
    if not owner.made_with:
        return []
    if os.path.realpath(os.path.dirname(place)) != os.path.realpath(owner.folder):
        return ["it lies outside of the folder of managed worktrees, so gitfleet leaves it to you"]
    if any(managed.id == owner.id for managed in listing.managed(repository)):
        return [f"there is a worktree of {owner.id} already, so gitfleet leaves this one to you"]
    main = git_worktrees.listed(repository.git)[0]
    inside = os.path.relpath(os.path.realpath(owner.folder), os.path.realpath(main.path))
    if not main.bare and not inside.startswith(".."):
        exclude.add(repository.common_dir, inside)
    marker.write(_managed(owner, git, place, branch))
    return []


def _managed(owner: Owner, git: Git, place: str, branch: str) -> Managed:
    """The marker of the worktree that it is now. One that had another branch than its own checked out still has."""
    its = branch if owner.branch == _HEADS + owner.made_with else owner.made_with
    return Managed(
        path=place, git_dir=git.git_dir, id=owner.id, agent=owner.agent, session=owner.session, branch=its, base=owner.base,
        base_commit=owner.base_commit, created_at=clock.now(), folder=os.path.dirname(place), trunk=not owner.base,
    )  # fmt: skip

"""Refs: reading them, and moving them only from the value that the caller saw.

The one door to refs. Every write names the value it replaces; `update-ref` without one overwrites silently.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress

from gitfleet.base import files
from gitfleet.base.ids import is_oid
from gitfleet.errors import LockHeld
from gitfleet.git.program import Git, failed

_ELSEWHERE = "/.invalid\n"  # what the file says where refs are kept in tables
_GLOB = frozenset("*?[\\")
_NO_BRANCH = frozenset(" ~^:?*[\\\x7f")
ZERO = "0" * 40
NO_OBJECT = "nonexistent object"  # git's words where a ref is to be moved to what is not there


def is_branch(text: str) -> bool:
    """Whether `text` may be the short name of a branch, by git's own rules. Costs no process."""
    return (
        text[:1] != "-"
        and text != "@"
        and not text.endswith(".")
        and ".." not in text
        and "@{" not in text
        and all(part and part[0] != "." and not part.endswith(".lock") for part in text.split("/"))
        and not any(c in _NO_BRANCH or ord(c) < 32 for c in text)
    )


def read(git: Git, *patterns: str) -> dict[str, str]:
    """Object ids by ref name, for all refs at or below the names given. One git process, where refs are not plain files."""
    found = {name: oid for name in patterns if (oid := peek(git.git_dir, name))}
    if len(found) == len(patterns) and patterns:
        return found
    listed = _listed(git.git_dir, patterns)
    if listed is not None:
        return listed
    out = git.run("for-each-ref", "--format=%(objectname) %(refname)", *patterns)
    rows = (line.split(" ", 1) for line in os.fsdecode(out).split("\n") if line)
    return {name: oid for oid, name in rows}


def loose(git_dir: str, name: str) -> str | None:
    """The object id in a ref's own file, which counts before all others; None where git has to be asked. No process."""
    try:
        with open(os.path.join(git_dir, name), "rb") as file:
            line = file.read(64)
    except OSError:
        return None
    return _oid(line[:40]) if line[40:] == b"\n" else None


def peek(git_dir: str, name: str) -> str | None:
    """The object id of a ref that has a file of its own or is packed; "" where it is not there; None where git has to be asked.

    No process.
    """
    if oid := loose(git_dir, name):
        return oid
    try:
        rows = b"\n" + (files.read(os.path.join(git_dir, "packed-refs")) or b"")
    except OSError:
        return None
    try:
        os.lstat(os.path.join(git_dir, name))
    except OSError as error:
        return _packed(git_dir, rows, name) if error.errno == errno.ENOENT else None
    return None  # it is there, and no plain one


def _packed(git_dir: str, rows: bytes, name: str) -> str | None:
    """What packed refs say of one that has no file; "" and None as for `peek`."""
    end = rows.find(f" {name}\n".encode("utf-8", "surrogateescape"))
    if end > 40:
        return _oid(rows[end - 40 : end]) if rows[end - 41 : end - 40] == b"\n" else None
    in_files = os.path.isdir(os.path.join(git_dir, "refs", "heads"))  # and not in tables
    return "" if in_files else None


def _oid(raw: bytes) -> str | None:
    oid = raw.decode("latin-1")
    return oid if is_oid(oid) else None


def tips(git: Git, *patterns: str) -> set[str] | None:
    """The object ids of all refs at or below the names given; None where git has to be asked. No process."""
    found = _listed(git.git_dir, patterns)
    return None if found is None else set(found.values())


def _listed(git_dir: str, patterns: Sequence[str]) -> dict[str, str] | None:
    """The refs at or below the names given (below those that end in a slash), sorted by name; None where git has to be asked. No process."""
    if not os.path.isdir(os.path.join(git_dir, "refs", "heads")) or any(_GLOB & set(one) for one in patterns):
        return None
    found: dict[str, str] = {}
    for pattern in patterns:  # loose ones first: git packs a ref before it takes its file away
        top = os.path.join(git_dir, pattern)
        below = [os.path.join(at, name) for at, _, names in os.walk(top) for name in names]
        for path in [top] if os.path.isfile(top) else below:
            name = os.path.relpath(path, git_dir)
            oid = "" if name.endswith(".lock") else _led_to(git_dir, name)
            if oid is None:
                return None
            if oid:
                found[name] = oid
    for row in (files.read(os.path.join(git_dir, "packed-refs")) or b"").splitlines():
        raw, _, name = os.fsdecode(row).partition(" ")
        if any(name == one or name.startswith(f"{one.rstrip('/')}/") for one in patterns):
            found.setdefault(name, raw)
    return (
        dict(sorted(found.items(), key=lambda row: os.fsencode(row[0])))
        if all(map(is_oid, found.values()))
        else None
    )


def _led_to(git_dir: str, name: str) -> str | None:
    """The object that a ref's own file names, itself or by the name of another ref; None where git has to be asked."""
    try:
        with open(os.path.join(git_dir, name), encoding="utf-8", errors="surrogateescape") as file:
            text = file.read(4096)
    except OSError:
        return None
    if text.startswith("ref: refs/") and text.endswith("\n") and len(text) < 4096:
        return peek(git_dir, text[5:-1]) or None
    return _oid(text[:40].encode("utf-8", "replace")) if text[40:] == "\n" else None


def head(git: Git) -> str:
    """The full name of the branch that a worktree is on; "" when it is on none. No process, as a rule."""
    try:
        with open(os.path.join(git.git_dir, "HEAD"), encoding="utf-8", errors="surrogateescape") as file:
            line = file.read()
    except OSError:
        line = ""
    if line.startswith("ref: refs/heads/") and not line.endswith(_ELSEWHERE):
        return line.removeprefix("ref: ").rstrip("\n")
    return git.line("symbolic-ref", "--quiet", "HEAD") or ""


def demand_open(git: Git, name: str) -> None:
    """Raise PermissionError where this user may not read the file of a ref, or a folder above it: for git, it is not there."""
    path = git.git_dir
    for part in name.split("/"):
        path = os.path.join(path, part)
        if not os.path.lexists(path):
            return
        if not os.access(path, os.R_OK | (os.X_OK if os.path.isdir(path) else 0)):
            raise PermissionError(errno.EACCES, "no permission", path)


def resolve(git: Git, name: str) -> str | None:
    """The object that a revision names, or None."""
    return git.line("rev-parse", "--verify", "--quiet", "--end-of-options", name)


def look_up(git: Git, *names: str) -> list[str | None]:
    """The object that each name means, HEAD or a ref in full, or None. One git process, unless all have files of their own."""
    found = [_at_once(git, name) for name in names]
    if None not in found:
        return found
    data = "".join(f"{name}\n" for name in names).encode()
    out = os.fsdecode(git.run("cat-file", "--batch-check=%(objectname)", data=data)).split("\n")
    return [None if line.endswith(" missing") else line for line in out[: len(names)]]


def _at_once(git: Git, name: str) -> str | None:
    """What a name means by the files of HEAD and of its branch; None where git has to be asked."""
    if name == "HEAD":
        return loose(git.git_dir, name) or loose(common(git.git_dir), head(git))
    return loose(common(git.git_dir), name)


def common(git_dir: str) -> str:
    """Where the branches of a worktree are kept, by the file that git leaves in its git directory."""
    try:
        with open(os.path.join(git_dir, "commondir"), encoding="utf-8", errors="surrogateescape") as file:
            return os.path.join(git_dir, file.read().rstrip("\n"))
    except OSError:
        return git_dir


def move(git: Git, name: str, *, new: str, old: str | None) -> bool:
    """Set `name` to `new` if it is at `old` (None: does not exist). Answers whether it did.

    Atomic; of two at once, one wins. False also while a lock of that ref is there, which git leaves behind when it is
    killed. Raises GitFailed for anything else.
    """
    done = git.ask("update-ref", "--no-deref", "-m", "gitfleet", name, new, old or ZERO)
    if done.code == 0:
        return True
    if read(git, name).get(name) != old or b"File exists" in done.stderr:
        return False
    raise failed(done)


def swap(git: Git, name: str, *, new: str, old: str | None) -> bool:
    """The same as `move`, without a process where the ref has a file of its own: for a ref of ours that moves often.

    Goes by git's own lock on the ref, so that git and whoever else moves it wait for none of its halves. `new` must be stored, for
    nobody looks whether it is; no log of the ref is kept. Raises LocalStorage, too.
    """
    path = os.path.join(git.git_dir, name)
    if old is None or loose(git.git_dir, name) != old or os.path.islink(path):
        return move(git, name, new=new, old=old)
    lock = f"{path}.lock"
    with files.storage(path):
        try:
            handle = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            return False
        ours = os.fstat(handle).st_ino
        try:
            with open(handle, "wb") as file:
                os.fchmod(handle, os.stat(path).st_mode & 0o777)
                file.write(f"{new}\n".encode("ascii"))
                file.flush()
                os.fsync(handle)
            if loose(git.git_dir, name) != old:
                return False
            os.replace(lock, path)
        finally:
            _unlock(lock, ours)
    return True


def _unlock(lock: str, ours: int) -> None:
    """Take a lock away unless it has become the ref, and another stands in its place."""
    with suppress(FileNotFoundError):
        if os.stat(lock).st_ino == ours:
            os.unlink(lock)


def move_all(git: Git, changes: Mapping[str, tuple[str, str]]) -> set[str] | None:
    """Set refs to new values (`new, old` by name; "" is none), all of them or none. None when it is done, else those not at `old`.

    Atomic. No ref is named where a lock was in the way. Raises GitFailed for anything else.
    """
    lines = [f"update {name}\0{new or ZERO}\0{old or ZERO}\0" for name, (new, old) in changes.items()]
    data = "".join(["start\0", *lines, "prepare\0", "commit\0"]).encode("utf-8", "surrogateescape")
    done = git.ask("update-ref", "--no-deref", "-m", "gitfleet", "--stdin", "-z", data=data)
    if done.code == 0:
        return None
    there = read(git, *changes)
    lost = {name for name, (_, old) in changes.items() if there.get(name, "") != old}
    if lost or b"File exists" in done.stderr:
        return lost
    raise failed(done)


def delete(git: Git, name: str, *, old: str) -> bool:
    """Delete `name` if it is at `old`. Answers whether it did."""
    done = git.ask("update-ref", "--no-deref", "-d", name, old)
    return done.code == 0


def locked(git: Git, *names: str) -> LockHeld:
    """The error for a ref that would not move although nobody else moves it: the first of these that has a lock, else the last."""
    name = next(
        (one for one in names if os.path.lexists(os.path.join(git.git_dir, f"{one}.lock"))), names[-1]
    )
    path = os.path.join(git.git_dir, f"{name}.lock")
    return LockHeld(
        f"git could not move {name} in this clone: it is locked, or something else keeps moving it.",
        hint=f"When no git process is at work here, remove {path} if it is there; then run the same command again.",
        lock=path,
        holder="",
    )

"""The hub as git sees it: fetch, compare-and-swap push, and a look at its refs.

Owns the flags that keep the user's refs, FETCH_HEAD, tags, hooks and maintenance out of it, and the reading of
what push answers. Leaves the decision what a lost race means to the ledger: a push that failed for whatever reason
is only ever *looked up*, never guessed at, since a broken connection may hide a success.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from gitfleet.base import clock
from gitfleet.base.processes import Completed
from gitfleet.errors import FleetError, HubError, HubRefused, HubUnreachable, LocalStorage
from gitfleet.git import fleetrefs
from gitfleet.git.program import Git, failed, redact

TIMEOUT = 60.0

# Reasons in a "[remote rejected]" line that say no for good. Any other is a lost race or a lock: it may work next time.
_DECLINED = (
    b"declined",
    b"prohibited",
    b"protected",
    b"hidden ref",
    b"deny updating",
    b"not allowed",
    b"not permitted",
    b"permission",
    b"denied",
    b"refusing",
    b"unpacker error",
)
# How ssh, web servers and git say no to the user before they look at any ref.
_DENIED = (
    b"Permission denied",
    b"insufficient permission",
    b"ermission to ",
    b"access denied",
    b"Access denied",
    b"Authentication failed",
    b"terminal prompts disabled",
    b"returned error: 401",
    b"returned error: 403",
    b"HTTP 401",
    b"HTTP 403",
)
# What stands in the way on this machine, in lines that do not come from the hub.
_HERE_FULL = (
    b"No space left on device",
    b"Disk quota exceeded",
    b"Read-only file system",
    b"couldn't write",
    b"unable to write",
)
_HERE_FORBIDDEN = (b"Unable to create", b"Permission denied")  # in one line
_HERE_LOCKED = (b"cannot lock ref", b"Unable to create")
_CHATTER = (
    "error: failed to push some refs",
    "Please make sure you have",
    "and the repository exists.",
    "To ",
    "Done",
)


class Push(Enum):
    """What a push answered. Only DONE is certain; the others are looked up."""

    DONE = "done"
    LOST = "lost"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Update(NamedTuple):
    """One ref to be moved on the hub from `old` (None: must not exist) to `new` (None: delete)."""

    ref: str
    new: str | None
    old: str | None


class PushAnswer(NamedTuple):
    """The outcome and git's words, secrets taken out."""

    outcome: Push
    output: str


class Remote:
    """One remote of one repository, by name. With `patience`, all that is asked of it together may take so many seconds."""

    def __init__(self, git: Git, name: str, patience: float | None = None) -> None:
        self._git = git
        self.name = name
        self._end = None if patience is None else clock.elapsed() + patience

    def fetch(self, *refspecs: str, prune: bool = True, timeout: float = TIMEOUT) -> None:
        """Bring refs into the names that the refspecs give.

        Raises HubUnreachable, HubRefused; LocalStorage or GitFailed when it is this clone that could not. Callers hold the node's lock: two fetches into one ref make both fail.
        """
        done = self._git.ask(
            "-c", "fetch.prune=false", "-c", "fetch.fsckObjects=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false",
            "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-filter",
            "--recurse-submodules=no", "--refmap=", *(["--prune"] if prune else []), "--end-of-options", self.name, *refspecs,
            timeout=self._left(timeout),
        )  # fmt: skip
        if done.code:
            raise self.error(done, "read from")

    def push(self, updates: Sequence[Update], *, atomic: bool = True, timeout: float = TIMEOUT) -> PushAnswer:
        """Move refs on the hub, each only from the value named. All or nothing with `atomic`.

        The push runs in a session of its own: it ends by itself even when we are killed.
        """
        leases = [f"--force-with-lease={u.ref}:{u.old or ''}" for u in updates]
        specs = [f"{u.new or ''}:{u.ref}" for u in updates]
        flags = ["--porcelain", "--no-verify", "--no-signed", "--no-follow-tags", "--recurse-submodules=no"]
        done = self._git.ask(
            "-c", "push.pushOption=", "-c", f"remote.{self.name}.mirror=false", "push", *flags, *(["--atomic"] if atomic else []), *leases, "--", self.name, *specs,
            timeout=self._left(timeout), own_session=True,
        )  # fmt: skip
        output = redact((done.stderr + b"\n" + done.stdout).decode("utf-8", "replace")).strip()
        return PushAnswer(_read(done), output)

    def look(self, *patterns: str, timeout: float = TIMEOUT) -> dict[str, str]:
        """Object ids by ref name on the hub, now. Raises HubUnreachable, HubRefused. Changes nothing."""
        done = self._git.ask(
            "ls-remote", "--quiet", "--refs", "--", self.name, *patterns, timeout=self._left(timeout)
        )
        if done.code:
            raise self.error(done, "read from")
        rows = (line.split("\t", 1) for line in os.fsdecode(done.stdout).split("\n") if line)
        return {name: oid for oid, name in rows}

    def _left(self, timeout: float) -> float:
        """The seconds for one more exchange; hardly any when our patience is over, which then counts as no answer."""
        return timeout if self._end is None else max(0.01, min(timeout, self._end - clock.elapsed()))

    def error(self, done: Completed, what: str) -> FleetError:
        """The error for a failed exchange, in git's own words."""
        here = b"\n".join(line for line in done.stderr.splitlines() if not line.startswith(b"remote:"))
        output = redact(done.stderr.decode("utf-8", "replace")).strip()
        forbidden = any(all(part in line for part in _HERE_FORBIDDEN) for line in here.splitlines())
        if forbidden or _any(_HERE_FULL, here):
            return LocalStorage(
                f"git could not write in {self._git.git_dir}: {_words(output)}. Nothing was changed.",
                hint="Make room or give permission there, then run the same command again.",
                path=self._git.git_dir,
            )
        if _any(_HERE_LOCKED, here):
            return failed(done)
        return hub_error(self.name, output, what=what, refused=_any(_DENIED, done.stderr))


def hub_error(hub: str, output: str, *, what: str, refused: bool) -> HubError:
    """HubRefused (it answered no) or HubUnreachable (it did not answer), with git's words."""
    words = _words(output) or "git gave no reason"
    if refused:
        return HubRefused(
            f"The hub '{hub}' refused: {words}. Nothing was changed.",
            hint=f"Give this user the right to write {fleetrefs.ROOT}* there, or choose another hub: `gitfleet init --hub REMOTE`.",
            hub=hub,
            output=output,
        )
    return HubUnreachable(
        f"Could not {what} the hub '{hub}': {words}",
        hint="Nothing is lost: run `gitfleet sync` when the hub can be reached again.",
        hub=hub,
        output=output,
    )


def _read(done: Completed) -> Push:
    rows = [row for row in (line.split(b"\t") for line in done.stdout.splitlines()) if len(row) >= 3]
    reasons = [row[2] for row in rows if row[0] == b"!"]
    if done.code == 0 and rows and not reasons:
        return Push.DONE
    if any(_any(_DECLINED, reason) for reason in reasons):
        return Push.REFUSED
    if any(b"[remote failure]" in reason for reason in reasons):
        return Push.UNKNOWN
    if reasons:
        return Push.LOST
    return Push.REFUSED if not rows and _any(_DENIED, done.stderr) else Push.UNKNOWN


def _any(phrases: Sequence[bytes], text: bytes) -> bool:
    return any(phrase in text for phrase in phrases)


def _words(output: str) -> str:
    """What git said, as one line, without what says nothing."""
    lines = [" ".join(line.replace("\\x09", " ").split()) for line in output.splitlines()]
    return "; ".join(line for line in lines if line and not line.startswith(_CHATTER))

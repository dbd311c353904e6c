"""The hub as git sees it: fetch, compare-and-swap push, and a look at its refs.

Owns the flags that keep the user's refs, FETCH_HEAD, tags, hooks and maintenance out of it, and the reading of
what push answers. Leaves the decision what a lost race means to the ledger: a push that failed for whatever reason
is only ever *looked up*, never guessed at, since a broken connection may hide a success.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from gitfleet.base.processes import Completed
from gitfleet.errors import HubError, HubRefused, HubUnreachable
from gitfleet.git.program import Git, redact

TIMEOUT = 60.0

_REFUSED = (
    b"hook declined",
    b"prohibited",
    b"denied",
    b"protected",
    b"hidden ref",
    b"deny updating",
    b"not allowed",
    b"unpacker error",
    b"insufficient permission",
    b"Permission denied",
    b"Read-only file system",
    b"No space left",
    b"unable to write",
    b"unable to create temporary",
    b"403",
    b"file write error",
)
_UNREACHABLE = (
    b"Could not read from remote repository",
    b"Connection",
    b"Could not resolve",
    b"does not appear to be",
)


class Push(Enum):
    """What a push answered. Only DONE is certain; the others are looked up."""

    DONE = "done"
    LOST = "lost"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Update:
    """One ref to be moved on the hub from `old` (None: must not exist) to `new` (None: delete)."""

    ref: str
    new: str | None
    old: str | None


@dataclass(frozen=True, slots=True)
class PushAnswer:
    """The outcome and git's words, secrets taken out."""

    outcome: Push
    output: str


class Remote:
    """One remote of one repository, by name."""

    def __init__(self, git: Git, name: str) -> None:
        self._git = git
        self.name = name

    def fetch(self, *refspecs: str, prune: bool = True, timeout: float = TIMEOUT) -> None:
        """Bring refs into the names that the refspecs give. Raises HubUnreachable, HubRefused.

        Callers hold the node's lock: two fetches into one ref make both fail.
        """
        done = self._git.ask(
            "-c", "fetch.prune=false", "-c", "fetch.fsckObjects=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false",
            "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-filter",
            "--recurse-submodules=no", "--refmap=", *(["--prune"] if prune else []), "--end-of-options", self.name, *refspecs,
            timeout=timeout,
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
            "-c", "push.pushOption=", "push", *flags, *(["--atomic"] if atomic else []), *leases, "--", self.name, *specs,
            timeout=timeout, own_session=True,
        )  # fmt: skip
        output = redact((done.stderr + b"\n" + done.stdout).decode("utf-8", "replace")).strip()
        return PushAnswer(_read(done), output)

    def look(self, *patterns: str, timeout: float = TIMEOUT) -> dict[str, str]:
        """Object ids by ref name on the hub, now. Raises HubUnreachable, HubRefused. Changes nothing."""
        done = self._git.ask("ls-remote", "--quiet", "--refs", "--", self.name, *patterns, timeout=timeout)
        if done.code:
            raise self.error(done, "read from")
        rows = (line.split("\t", 1) for line in os.fsdecode(done.stdout).splitlines())
        return {name: oid for oid, name in rows}

    def error(self, done: Completed, what: str) -> HubError:
        """The error for a failed exchange, in git's own words."""
        output = redact(done.stderr.decode("utf-8", "replace")).strip()
        return hub_error(self.name, output, what=what, refused=_is_refusal(done.stderr))


def hub_error(hub: str, output: str, *, what: str, refused: bool) -> HubError:
    """HubRefused (it answered no) or HubUnreachable (it did not answer), with git's words."""
    words = output or "git gave no reason"
    if refused:
        return HubRefused(
            f"The hub '{hub}' refused: {words}",
            hint="Give this user the right to write refs/fleet/* there, or choose another hub: `gitfleet init --hub REMOTE`.",
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
    flags = [line[:1] for line in done.stdout.splitlines() if line.count(b"\t") >= 2]
    if done.code == 0 and flags and b"!" not in flags:
        return Push.DONE
    text = done.stdout + done.stderr
    if _is_refusal(text):
        return Push.REFUSED
    if b"!" in flags and not any(words in text for words in _UNREACHABLE):
        return Push.LOST
    return Push.UNKNOWN


def _is_refusal(text: bytes) -> bool:
    return any(words in text for words in _REFUSED)

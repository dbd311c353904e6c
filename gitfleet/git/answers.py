"""What git and the hub answer to an exchange, read: how a push ended, why something failed, and in which words.

Owns the tables of git's messages. Where a message is not known, a push counts as unknown and is looked up, never
guessed at.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from gitfleet.base import advice
from gitfleet.base.processes import Completed
from gitfleet.errors import Damaged, FleetError, HubError, HubRefused, HubUnreachable, LocalStorage
from gitfleet.git import fleetrefs
from gitfleet.git.program import failed, redact
from gitfleet.git.push_answer import NO_ATOMIC, Push, PushAnswer
from gitfleet.git.trees import MEND

# Reasons in a "[remote rejected]" line that say no for good. Any other is a lost race or a lock: it may work next time.
_DECLINED = (
    b"declined", b"prohibited", b"protected", b"hidden ref", b"deny updating", b"not allowed", b"not permitted",
    b"permission", b"denied", b"refusing", b"unpacker error", b"non-fast-forward", b"currently checked out",
)  # fmt: skip
# The same where nothing is wrong with the ref itself, but with another one of an atomic push.
_HELD = (b"atomic push fail", b"atomic transaction fail", b"transaction failed")
# The words of the hub for a ref that it could not lock; the second part is there where it never will: the name, or the right, is lacking.
_UNLOCKED = (
    rb"(?m)^remote: error: cannot lock ref '(refs/[^'\n]+)':"
    rb"(?: (.* exists; cannot create|Unable to create .*: (?:Permission denied|Read-only file system)))?"
)
# A hook of the hub's that says no ends its program, before anything has moved.
_ABORTED = (b"ref updates aborted by hook", b"update aborted by the reference-transaction hook")
# How ssh, web servers and git say no to the user before they look at any ref.
_DENIED = (
    b"Permission denied", b"insufficient permission", b"ermission to ", b"access denied", b"Access denied",
    b"Authentication failed", b"terminal prompts disabled", b"returned error: 401", b"returned error: 403", b"HTTP 401",
    b"HTTP 403",
)  # fmt: skip
# What stands in the way on this machine, in lines that do not come from the hub.
_HERE_FULL = (
    b"No space left on device", b"Disk quota exceeded", b"Read-only file system", b"couldn't write", b"unable to write",
)  # fmt: skip
_HERE_FORBIDDEN = (b"Unable to create", b"Permission denied")  # in one line
_HERE_LOCKED = (b"cannot lock ref", b"Unable to create", b"fetching ref ")  # git 2.53 has the last one only
# What git says when it cannot read an object that it is to send.
_HERE_GONE = (
    rb"(?m)^(?:fatal|error): (?:bad (?:\w+ )?object|unable to read|[Cc]ould not read|missing \w+ object|object file|"
    rb"loose object|unable to parse \w+).*?\b([0-9a-f]{40})\b"
)
_CHATTER = (
    "error: failed to push some refs", "error: remote unpack failed: eof", "Please make sure you have",
    "and the repository exists.", "To ", "Done",
)  # fmt: skip
_ROW = r"! \S*:(refs/\S+) \[(remote rejected|remote failure|rejected)\] \((.*)\)"
NO_REF = "couldn't find remote ref"
_NOT_FORWARD = "non-fast-forward"
_BRANCH_REFUSED = r"(?m)^! \S*:refs/heads/\S+ \[remote rejected\] \((?!atomic)"
"""What git says of a branch that a hub does not let this user move; to go back with others of the push is no refusal."""


def of_push(done: Completed) -> PushAnswer:
    """The answer of a push with `--porcelain`."""
    rows = [row for row in (line.split(b"\t") for line in done.stdout.splitlines()) if len(row) >= 3]
    reasons = [row[2] for row in rows if row[0] == b"!"]
    rejected = any(reason.startswith(b"[remote rejected]") for reason in reasons)
    unsent = bool(rows) and all(row[2].startswith(b"[rejected]") for row in rows)
    each = {ref: _of_ref(row) for row in rows if (ref := os.fsdecode(row[1]).rpartition(":")[2])}
    found = re.search(_UNLOCKED, done.stderr)
    outcome = _outcome(done, rows, reasons)
    if found and outcome is Push.LOST:
        outcome = Push.REFUSED if found[2] else outcome
        each |= {ref: outcome for ref in each if os.fsencode(ref) == found[1]}
    said = b"" if outcome is Push.DONE else done.stderr + b"\n" + done.stdout
    output = redact(said.decode("utf-8", "replace")).strip() if said else ""
    return PushAnswer(outcome, output, rejected, unsent, each)


def of_no(answer: PushAnswer, hub: str, git_dir: str) -> FleetError:
    """The error for a push of which it is certain that it moved nothing, and that another one would not either."""
    if answer.outcome is Push.BROKEN:
        return gone(answer.output, git_dir)
    return hub_error(hub, answer.output, what="write to", refused=True)


def _of_ref(row: Sequence[bytes]) -> Push:
    """What became of one ref."""
    if row[0] != b"!":
        return Push.DONE
    if _any(_HELD, row[2]):
        return Push.HELD
    if _any(_DECLINED, row[2]):
        return Push.REFUSED
    return Push.UNKNOWN if b"[remote failure]" in row[2] else Push.LOST


def _outcome(done: Completed, rows: Sequence[Sequence[bytes]], reasons: Sequence[bytes]) -> Push:
    if done.code == 0 and rows and not reasons:
        return Push.DONE
    if re.search(_HERE_GONE, _of_this_side(done)):
        return Push.BROKEN
    if any(_any(_DECLINED, reason) for reason in reasons):
        return Push.REFUSED
    if any(b"[remote failure]" in reason for reason in reasons):
        return Push.UNKNOWN
    if reasons:
        return Push.LOST
    unable = re.search(NO_ATOMIC.encode(), done.stderr)
    denied = unable or _any((*_DENIED, *_ABORTED), done.stderr)
    return Push.REFUSED if denied and not rows else Push.UNKNOWN


def of_failure(done: Completed, hub: str, git_dir: str, what: str) -> FleetError:
    """The error for an exchange with `hub` that failed, in git's own words: it may be this clone that could not."""
    output = redact(done.stderr.decode("utf-8", "replace")).strip()
    here = _of_this_side(done)
    forbidden = any(all(part in line for part in _HERE_FORBIDDEN) for line in here.splitlines())
    if forbidden or _any(_HERE_FULL, here):
        return LocalStorage(
            f"git could not write in {git_dir}: {words(output)}.",
            hint="Make room or give permission there, then run the same command again.",
            path=git_dir,
        )
    if _any(_HERE_LOCKED, here):
        return failed(done)
    if re.search(_HERE_GONE, here):
        return gone(output, git_dir)
    return hub_error(hub, output, what=what, refused=_any(_DENIED, done.stderr))


def _of_this_side(done: Completed) -> bytes:
    """What git wrote that does not come from the hub."""
    return b"\n".join(line for line in done.stderr.splitlines() if not line.startswith(b"remote:"))


def hub_error(hub: str, output: str, *, what: str, refused: bool) -> HubError:
    """HubRefused (it answered no) or HubUnreachable (it did not answer), with git's words."""
    said = words(output).removesuffix(".") or "git gave no reason"
    if refused:
        return HubRefused(
            f"The hub '{hub}' refused: {said}.",
            hint=_hint(output),
            hub=hub,
            output=output,
        )
    return HubUnreachable(
        f"Could not {what} the hub '{hub}': {said}.",
        hint=f"Nothing is lost: run {advice.SYNC} when the hub can be reached again.",
        hub=hub,
        output=output,
    )


def _hint(output: str) -> str:
    if f"({_NOT_FORWARD})" in output:
        return "The hub lets refs only move forward (receive.denyNonFastForwards): its keeper has to allow this one."
    if re.search(NO_ATOMIC, output):
        return "A branch moves with the ledger only in an atomic push: allow those there (receive.advertiseAtomic), or choose `landing: pull-request`."
    if "currently checked out)" in output:
        return "That branch is checked out on the hub: make the hub bare, or set receive.denyCurrentBranch there."
    if re.search(_BRANCH_REFUSED, output):
        return "This user may not move that branch there: ask someone who may."
    if "Permission denied (" in output and "Could not read from remote" in output:
        return "The server does not let this user in: try `git ls-remote` there, and look at the keys."
    right = f"Give this user the right to write {fleetrefs.ROOT}* there"
    return f"{right}, or choose another hub: {advice.INIT_HUB.of('REMOTE')}."


def gone(output: str, git_dir: str) -> Damaged:
    """The error for a push that failed since this clone lacks an object, as git names it in `output`."""
    found = re.search(_HERE_GONE, output.encode())
    oid = found[1].decode() if found else ""
    return Damaged(
        f"An object of the fleet's ledger, {oid or 'which git does not name'}, is gone from this clone ({git_dir}), or "
        "broken: `git gc --prune=now` beside other git processes does that, or a disk that fails. The hub was not changed.",
        hint=MEND,
        where=oid,
    )


def words(output: str) -> str:
    """What git and the hub said, as one line in which each thing stands once, without what says nothing."""
    lines = []
    for line in output.splitlines():
        told = " ".join(line.split()).removeprefix("remote:").strip()
        row = re.fullmatch(_ROW, told)
        told = f"{row[1]}: {row[3]}" if row else told
        if told and not told.startswith(_CHATTER) and told not in lines:
            lines.append(told)
    return "; ".join(lines)


def _any(phrases: Sequence[bytes], text: bytes) -> bool:
    return any(phrase in text for phrase in phrases)

"""What a host is asked to look at: whether it can be asked at all, and a scan. Nothing is changed by either."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import Sequence, TypedDict

from gitfleet.onhost import candidate_form, facts, procfs, protection, redaction, scanning, state
from gitfleet.onhost.acting import slowing
from gitfleet.onhost.records import KEEP, ScanRequest, TriageCandidate
from gitfleet.onhost.serving import Body, OpRefused, Tell

MOST_CANDIDATES = 4000
MOST_MEMBERS = 4096
"""Processes of one candidate: a larger group is not told of, rather than in part."""
MOST_TOLD = 40_000
"""Processes of all candidates together."""
MOST_UNDOING = 200
"""Candidates of which it is looked up what could be taken back: the first, which are most likely to be acted on."""
MOST_SECONDS = 30.0
_HEX = re.compile(r"(?:[0-9a-f]{2}){16,64}\Z")
_WORD = re.compile(r"[0-9A-Za-z_.:@+-]{1,128}\Z")


class ScanBody(TypedDict):
    """What is said of a scan. `gaps`: what could not be read, by field; `counts`: of processes."""

    facts: candidate_form.Form
    candidates: list[candidate_form.Form]
    counts: dict[str, int]
    gaps: ScanGaps


class ScanGaps(TypedDict):
    """What a scan did not see: values by field, whether processes are hidden, and how many candidates were left out."""

    fields: dict[str, int]
    hidden: bool
    left_out: int


def check(request: Body, tell: Tell) -> Body:
    """The machine, whether scans can be kept here, and how many patterns of its owner protect something (None: they cannot be read)."""
    _demand_proc()
    found, patterns = facts.gather(os.getuid()), protection.protected()
    hides = candidate_form.redactor(redaction.SAFE, b"", found)
    return {
        "facts": {**candidate_form.facts_form(found, hides), "host_name": "", "user": ""},
        "state": _writable(),
        "protects": None if protection.UNREADABLE in patterns else len(patterns),
    }


def _demand_proc() -> None:
    if not os.path.exists(procfs.PROC + "/self/stat"):
        raise OpRefused("unsupported", "this system has no /proc, which is where processes are read from")


def _writable() -> str:
    """Empty: snapshots can be kept; else why not."""
    try:
        os.makedirs(state.base(), mode=0o700, exist_ok=True)
    except OSError as error:
        return f"the state folder cannot be made: {error.strerror}"
    return "" if os.access(state.base(), os.W_OK | os.X_OK) else "the state folder cannot be written to"


def scan(request: Body, tell: Tell) -> Body:
    """A scan: candidates redacted, in the order of their groups; the snapshot stays here, for this user alone."""
    _demand_proc()
    asked = decoded(request.get("asked"))
    findings = scanning.look(asked)
    session_id = asked.session_id or state.new_session(findings.table.taken)
    try:
        state.write(session_id, state.SNAPSHOT, candidate_form.snapshot_form(findings))
        state.prune(findings.table.taken)
    except state.BadSessionId as error:
        raise OpRefused("bad-request", str(error)) from None
    return {"session_id": session_id, **answer(findings, asked)}


def answer(findings: scanning.ScanFindings, asked: ScanRequest) -> ScanBody:
    """What is said of a scan."""
    found = findings.table.facts
    hides = candidate_form.redactor(asked.profile, asked.key, found)
    fitting = _fitting(findings.candidates)
    chosen = [_with_undoing(one) for one in fitting[:MOST_UNDOING]] + fitting[MOST_UNDOING:]
    gaps: dict[str, int] = {}
    for one in findings.table.processes.values():
        for gap in one.gaps if one.identity.uid == found.uid else ():
            gaps[gap] = gaps.get(gap, 0) + 1
    return {
        "facts": candidate_form.facts_form(found, hides),
        "candidates": [candidate_form.candidate_form(one, hides, asked.key) for one in chosen],
        "counts": {
            "processes": len(findings.origins), "judged": findings.judged,
            "foreign": found.foreign, "unreadable": found.unreadable,
        },
        "gaps": {"fields": gaps, "hidden": found.hidden, "left_out": len(findings.candidates) - len(chosen)},
    }  # fmt: skip


def _fitting(candidates: Sequence[TriageCandidate]) -> list[TriageCandidate]:
    """As many as an answer may hold, the first of them."""
    found: list[TriageCandidate] = []
    room = MOST_TOLD
    for one in candidates[:MOST_CANDIDATES]:
        size = len(one.group.members)
        if size <= min(room, MOST_MEMBERS):
            found.append(one)
            room -= size
    return found


def _with_undoing(candidate: TriageCandidate) -> TriageCandidate:
    """The candidate with what could be taken back of it, on this host and by this user."""
    if candidate.judgement.action == KEEP:
        return candidate
    return replace(candidate, reversible=slowing.reversible(candidate.group.members))


def decoded(raw: object) -> ScanRequest:
    """What an asker says for a scan. Raises OpRefused for what makes no sense."""
    known = raw if isinstance(raw, dict) else {}
    profile, key, seconds = (
        known.get("profile", redaction.SAFE),
        known.get("key", ""),
        known.get("seconds", 1.0),
    )
    session_id = known.get("session_id", "")
    if profile not in redaction.PROFILES:
        raise OpRefused("bad-request", "there is no such profile")
    if not isinstance(key, str) or not (key == "" or _HEX.match(key)):
        raise OpRefused("bad-request", "the key is none")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= MOST_SECONDS:
        raise OpRefused("bad-request", "the seconds are out of range")
    if not isinstance(session_id, str):
        raise OpRefused("bad-request", "the session id is none")
    return ScanRequest(
        sessions=_table(known.get("sessions"), ("live", "ended")), places=_places(known.get("places")),
        ends=_times(known.get("ends")),
        protect=_list(known.get("protect")), key=bytes.fromhex(key), profile=profile, seconds=float(seconds),
        session_id=session_id,
    )  # fmt: skip


def _table(raw: object, words: tuple[str, ...]) -> dict[str, str]:
    if raw is None:
        return {}
    if not isinstance(raw, dict) or not all(
        _WORD.match(name) and state in words for name, state in raw.items()
    ):
        raise OpRefused("bad-request", "sessions were expected")
    return dict(raw)


def _times(raw: object) -> dict[str, int]:
    if raw is None:
        return {}
    if not isinstance(raw, dict) or not all(
        _WORD.match(name) and type(at) is int and 0 < at < 1 << 40 for name, at in raw.items()
    ):
        raise OpRefused("bad-request", "the ends of sessions were expected")
    return dict(raw)


def _places(raw: object) -> dict[str, str]:
    if raw is None:
        return {}
    if not isinstance(raw, dict) or not all(
        isinstance(one, str) and _WORD.match(one) for one in raw.values()
    ):
        raise OpRefused("bad-request", "places were expected")
    if not all(os.path.isabs(path) and "\0" not in path for path in raw):
        raise OpRefused("bad-request", "a place is an absolute path")
    return dict(raw)


def _list(raw: object) -> list[str]:
    if raw is None:
        return []
    if not isinstance(raw, list) or not all(isinstance(one, str) and len(one) <= 1000 for one in raw):
        raise OpRefused("bad-request", "patterns were expected")
    return list(raw)

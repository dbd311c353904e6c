"""What leaves the host of a scan: plain values for JSON, redacted. The only module that puts findings into words."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from typing import Dict, Sequence, TypedDict, TypeVar

from gitfleet.onhost.records import HostFacts, HostProcess, Identity, Origin, TriageCandidate
from gitfleet.onhost.redaction import Redactor
from gitfleet.onhost.scanning import ScanFindings
from gitfleet.onhost.signatures import pattern_of

MOST_PORTS = 4096

Form = Dict[str, object]
_N = TypeVar("_N", int, float)


class GroupNumbers(TypedDict):
    """What a group uses together; `age` is its leader's, in seconds."""

    age: float
    cpu: float | None
    rss: int
    pss: int | None
    processes: int
    listening: list[int] | None


def redactor(profile: str, key: bytes, facts: HostFacts) -> Redactor:
    """What redacts for a scan: knows the user's name and home folder, which never leave."""
    return Redactor(profile, key, user=facts.user, home=os.path.expanduser("~"))


def identity_form(identity: Identity) -> Form:
    """An identity, whole: the plan is for this very process."""
    return {**vars(identity), "exe": None if identity.exe is None else list(identity.exe)}


def candidate_id(identity: Identity, key: bytes) -> str:
    """What a candidate is called by its fleet: the same process has the same name in two scans of one boot."""
    form = json.dumps(identity_form(identity), sort_keys=True).encode()
    return "c-" + hmac.new(key, form, hashlib.sha256).hexdigest()[:12]


def facts_form(facts: HostFacts, hides: Redactor) -> Form:
    """The machine; the names of user and host are redacted like everything else."""
    form = {**vars(facts), "load": list(facts.load), "pressure": dict(facts.pressure)}
    form["user"] = "~user" if hides.profile == "forensic" else hides.digest(facts.user)
    form["host_name"] = host_name(facts, hides)
    return form


def host_name(facts: HostFacts, hides: Redactor) -> str:
    """The machine's name, redacted."""
    return facts.host_name[:255] if hides.profile == "forensic" else hides.digest(facts.host_name)


def candidate_form(candidate: TriageCandidate, hides: Redactor, key: bytes) -> Form:
    """A candidate with its evidence."""
    group, origin, judgement = candidate.group, candidate.origin, candidate.judgement
    members = group.members
    leader = group.leader
    return {
        "candidate_id": candidate_id(leader.identity, key),
        "identity": identity_form(leader.identity),
        "members": [identity_form(one.identity) for one in members],
        "pgid": group.pgid,
        "category": judgement.category,
        "signature": judgement.signature,
        "pattern": pattern(leader, judgement.signature, hides),
        "command": hides.command(leader.command or (leader.name,)),
        "cwd": hides.path(leader.cwd),
        **numbers(members, leader),
        "session": session_form(origin, hides),
        "origin": origin.by,
        "session_state": origin.state,
        "orphan": origin.orphan,
        "posterior": dict(judgement.posterior),
        "log_e": judgement.log_e,
        "evidence": [
            {"feature": one.feature, "value": hides.text(one.value), "bits": one.bits} for one in judgement.evidence
        ],
        "missing": list(judgement.missing),
        "action": judgement.action,
        "loss": dict(judgement.loss),
        "gates": [{"name": one.name, "state": one.state, "detail": hides.text(one.detail)} for one in candidate.gates],
        "reversible": dict(candidate.reversible),
        "protected": hides.text(judgement.protected),
    }  # fmt: skip


def session_form(origin: Origin, hides: Redactor) -> str | None:
    """The session, by its name if the asker knows it, or wants full words: another fleet's names are nobody's business."""
    known = origin.session is None or origin.state != "unknown" or hides.profile == "forensic"
    return origin.session if known else hides.digest(origin.session or "")


def numbers(members: tuple[HostProcess, ...], leader: HostProcess) -> GroupNumbers:
    """What a group uses together. A sum of which a part is unknown is unknown."""
    rates = [one.cpu for one in members]
    weights = [one.pss for one in members if not one.zombie]
    ports = [one.listening for one in members if not one.zombie]
    return {
        "age": leader.age,
        "cpu": _sum(rates),
        "rss": sum(one.rss for one in members),
        "pss": _sum(weights),
        "processes": len(members),
        "listening": None
        if None in ports
        else sorted({port for some in ports for port in some or ()})[:MOST_PORTS],
    }


def _sum(values: Sequence[_N | None]) -> _N | None:
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def pattern(leader: HostProcess, signature: str, hides: Redactor) -> str:
    """What hosts compare: program and script, without what belongs to one call. With minimal the signature alone."""
    if hides.profile == "minimal":
        return signature
    words = pattern_of(leader.command, leader.name).split(" ")
    return " ".join(hides.name(word) for word in words if word)[:120]


def snapshot_form(findings: ScanFindings) -> Form:
    """Everything, as it is kept on the host."""
    return {
        "taken": findings.table.taken,
        "seconds": findings.table.seconds,
        "facts": vars(findings.table.facts),
        "processes": [{**vars(one), "identity": vars(one.identity)} for one in findings.table.processes.values()],
        "origins": {str(pid): vars(one) for pid, one in findings.origins.items()},
        "groups": [[one.identity.pid for one in group.members] for group in findings.groups],
        "judgements": {
            str(one.group.leader.identity.pid): {
                **vars(one.judgement), "evidence": [vars(found) for found in one.judgement.evidence],
            }
            for one in findings.candidates
        },
    }  # fmt: skip

"""What a controller asks to have done, checked: nothing of it is believed before.

Identities and the plan's object id say what and why; options have bounds that no request can leave.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gitfleet.onhost.acting.act_journal import ActKey
from gitfleet.onhost.records import PAUSE, RENICE, TERMINATE, THROTTLE, Identity
from gitfleet.onhost.serving import OpRefused

DOABLE = (RENICE, THROTTLE, PAUSE, TERMINATE)
SESSION = re.compile(r"pt-\d{8}-\d{6}-[a-z0-9]{4,16}")
_PLAN = re.compile(r"fleet-\d{8}-\d{6}-[a-z0-9]{4,16}")
_OID = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_CANDIDATE = re.compile(r"c-[0-9a-f]{12,64}")
_MOST_MEMBERS = 4096
_MOST_SESSIONS = 25_000
_BIG = 1 << 63


@dataclass(frozen=True)
class ActOptions:
    """How it is done. `grace`: seconds between TERM and KILL; `kill`: whether KILL comes at all; `settle`: seconds in which a new copy
    is looked for; `pause_for`: seconds after which what is paused goes on by itself; `share`: of one core, when throttled;
    `protect`, `sessions` and `places` are those of a scan, as they are now.
    """

    grace: float = 10.0
    kill: bool = True
    settle: float = 1.0
    pause_for: float = 86_400.0
    nice: int = 10
    share: float = 0.5
    protect: tuple[str, ...] = ()
    sessions: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ActRequest:
    """One action on one candidate: `identities` are its members as the scan saw them, `pgid` their process group (0: none of their own)."""

    key: ActKey
    plan: str
    identities: tuple[Identity, ...]
    pgid: int = 0
    category: str = ""
    options: ActOptions = field(default_factory=ActOptions)


def act_request(raw: Mapping[str, object]) -> ActRequest:
    """The request that this JSON object is. Raises OpRefused."""
    return ActRequest(
        ActKey(_word(raw, "plan_oid", _OID), _word(raw, "candidate_id", _CANDIDATE), _action(raw)),
        _word(raw, "plan", _PLAN),
        identities(raw.get("identities")),
        _whole(_number(raw, "pgid", 0, 0, 1 << 31)),
        _text(raw.get("category", ""), "category"),
        _options(raw.get("options", {})),
    )


def session_id(raw: Mapping[str, object]) -> str:
    """The scan of this host that a request is about. Raises OpRefused."""
    return _word(raw, "session_id", SESSION)


def identities(raw: object) -> tuple[Identity, ...]:
    """Processes as a plan names them. Raises OpRefused: none, too many, or not in that form."""
    if not isinstance(raw, list) or not 0 < len(raw) <= _MOST_MEMBERS:
        raise OpRefused("bad-request", "the identities of the processes are missing")
    found = tuple(_identity(one) for one in raw)
    if len({one.pid for one in found}) != len(found):
        raise OpRefused("bad-request", "a process is named twice")
    return found


def identity_row(identity: Identity) -> dict[str, object]:
    """An identity as JSON holds it."""
    exe = None if identity.exe is None else list(identity.exe)
    return {**vars(identity), "exe": exe}


def candidate_ids(raw: Mapping[str, object]) -> tuple[str, ...]:
    """The candidates that a request names; none: all. Raises OpRefused."""
    said = raw.get("candidate_ids", [])
    if not isinstance(said, list) or len(said) > _MOST_MEMBERS:
        raise OpRefused("bad-request", "candidate_ids is no list")
    return tuple(_word({"candidate_id": one}, "candidate_id", _CANDIDATE) for one in said)


def plan_oid(raw: Mapping[str, object]) -> str:
    """The plan that a request is about. Raises OpRefused."""
    return _word(raw, "plan_oid", _OID)


def _identity(raw: object) -> Identity:
    if not isinstance(raw, Mapping):
        raise OpRefused("bad-request", "an identity is no object")
    exe = raw.get("exe")
    if exe is not None and not (isinstance(exe, list) and len(exe) == 2):
        raise OpRefused("bad-request", "an identity has no device and inode")
    return Identity(
        boot=_text(raw.get("boot"), "boot"),
        pid=_whole(_number(raw, "pid", None, 2, 1 << 31)),
        start=_whole(_number(raw, "start", None, 0, _BIG)),
        uid=_whole(_number(raw, "uid", None, 0, 1 << 32)),
        exe=None if exe is None else (_inode(exe[0]), _inode(exe[1])),
        pid_namespace=_maybe_inode(raw.get("pid_namespace")),
        mount_namespace=_maybe_inode(raw.get("mount_namespace")),
    )


def _options(raw: object) -> ActOptions:
    if not isinstance(raw, Mapping):
        raise OpRefused("bad-request", "options is no object")
    protect = raw.get("protect", [])
    if not isinstance(protect, list) or len(protect) > 1000:
        raise OpRefused("bad-request", "protect is no list")
    if not isinstance(raw.get("kill", True), bool):
        raise OpRefused("bad-request", "kill is neither true nor false")
    return ActOptions(
        grace=_number(raw, "grace", 10.0, 0.0, 300.0),
        kill=raw.get("kill", True),
        settle=_number(raw, "settle", 1.0, 0.0, 30.0),
        pause_for=_number(raw, "pause_for", 86_400.0, 0.0, 30 * 86_400.0),
        nice=_whole(_number(raw, "nice", 10, 1, 19)),
        share=_number(raw, "share", 0.5, 0.01, 1.0),
        protect=tuple(_text(one, "protect") for one in protect),
        sessions=_table(raw, "sessions"),
        places=_table(raw, "places"),
    )


def _table(raw: Mapping[str, object], name: str) -> dict[str, str]:
    found = raw.get(name, {})
    if not isinstance(found, Mapping) or len(found) > _MOST_SESSIONS:
        raise OpRefused("bad-request", f"{name} is no table")
    return {_text(key, name): _text(value, name) for key, value in found.items()}


def _action(raw: Mapping[str, object]) -> str:
    if raw.get("action") not in DOABLE:
        raise OpRefused("bad-request", "there is no such action")
    return str(raw["action"])


def _word(raw: Mapping[str, object], name: str, form: re.Pattern[str]) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise OpRefused("bad-request", f"{name} is missing, or not in its form")
    return value


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or len(value) > 1024 or "\0" in value:
        raise OpRefused("bad-request", f"{name} is no short text")
    return value


def _number(raw: Mapping[str, object], name: str, default: float | None, least: float, most: float) -> float:
    value = raw.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise OpRefused("bad-request", f"{name} is no number from {least:g} to {most:g}")
    return value


def _whole(value: float) -> int:
    if not isinstance(value, int):
        raise OpRefused("bad-request", "a whole number was expected")
    return value


def _inode(value: object) -> int:
    return _whole(_number({"inode": value}, "inode", None, 0, 1 << 64))


def _maybe_inode(value: object) -> int | None:
    return None if value is None else _inode(value)

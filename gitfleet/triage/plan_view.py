"""A plan as YAML, for people to read, to comment, and to keep with the plan.

The records are what counts; this is a view of them with few lines for each candidate. Whoever reviews a plan may write comments
wherever they like: what the file says must stay the same, or it is no view of that plan any more. No comment of ours stands
between entries, so that none can seem to belong to another one.

It is written by hand, since a YAML library needs a second for what is here; it is read by `ruamel.yaml`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import MappingEndEvent, MappingStartEvent, SequenceEndEvent, SequenceStartEvent

from gitfleet.base import clock
from gitfleet.base.text import amount, counted, duration
from gitfleet.triage.plan_record import FleetPlan, PlanHost, WholePlan
from gitfleet.triage.wire import PlannedCandidate

MOST_BYTES = 16 * 1024 * 1024
MOST_READ = 4 * 1024 * 1024
"""Bytes of a file that has to be read as YAML."""
_DEEPEST = 8
_COMMENT = re.compile(r"[ \t]+#")
_ENDS = re.compile("[\x85\u2028\u2029]|\r(?!\n)")
_HEAD = """\
# What is proposed on these hosts, and what of it is selected. Nothing has been done.
# Write comments wherever you like, and change nothing else: a plan is applied as it was made.
# To take less of it, say so when it is applied: by category, by candidate, by probability, by number.
"""


class NoView(ValueError):
    """A file that is not the view of a plan, and why."""


def text(whole: WholePlan) -> str:
    """The view."""
    return _HEAD + "".join(f"{line}\n" for line in _lines(whole))


def check(data: bytes, whole: WholePlan) -> None:
    """Raise NoView unless the file says what the view of the plan says, whatever comments it has."""
    if len(data) <= MOST_BYTES and _has_lines(data, text(whole)):
        return
    found, wanted = _read(data), _meaning(whole)
    if found == wanted:
        return
    if not isinstance(found, Mapping) or found.get("fleet_session_id") != whole.plan.id:
        raise NoView("it is no file of this plan")
    raise NoView(f"it was changed: {_difference(found, wanted)}")


def why(candidate: PlannedCandidate, most: int = 4) -> str:
    """The strongest evidence in words, with the bits that each piece is worth."""
    found = sorted(candidate.evidence, key=lambda one: -abs(one.bits))[:most]
    return ", ".join(f"{one.feature} {one.value} {one.bits:+.1f}".replace("  ", " ") for one in found)


def size(candidate: PlannedCandidate) -> str:
    """How much it is, in words."""
    memory = amount(candidate.pss if candidate.pss is not None else candidate.rss)
    return f"{counted(candidate.processes, 'process')}, {memory}, {duration(candidate.age)} old"


def _lines(whole: WholePlan) -> Iterator[str]:
    plan = whole.plan
    yield from _pairs("", _head(plan))
    yield "hosts:" if plan.hosts else "hosts: []"
    for host in plan.hosts:
        yield from _pairs("- ", _host(host))
    rows = list(_candidates(whole))
    yield "candidates:" if rows else "candidates: []"
    for row in rows:
        yield from _pairs("- ", row)


def _candidates(whole: WholePlan) -> Iterator[Mapping[str, object]]:
    selected, offered = set(whole.plan.selected), set(whole.plan.offered)
    for host, one in whole.candidates():
        state = (
            "selected"
            if one.candidate_id in selected
            else "offered"
            if one.candidate_id in offered
            else "left"
        )
        yield _candidate(host, one, state)


def _head(plan: FleetPlan) -> Mapping[str, object]:
    return {
        "fleet_session_id": plan.id,
        "made": clock.iso(plan.at),
        "by_node": plan.node,
        "alpha": plan.alpha,
        "tested": plan.tested,
        "selected": len(plan.selected),
    }


def _host(host: PlanHost) -> Mapping[str, object]:
    row = {
        "host_id": host.host_id,
        "session_id": host.session_id,
        "status": host.status,
        "problem": host.problem,
        "same_machine_as": host.twin,
        "candidates": host.candidates,
        "selected": host.selected,
    }
    return {name: value for name, value in row.items() if value not in {"", None}}


def _candidate(host: PlanHost, one: PlannedCandidate, state: str) -> Mapping[str, object]:
    row = {
        "candidate_id": one.candidate_id,
        "host_id": host.host_id,
        "what": f"{one.category} {one.signature}: {one.command or one.pattern}",
        "size": size(one),
        "why": why(one),
        "action": one.action,
        "undo": one.reversible.get(one.action, False),
        "state": state,
        "mistake": one.in_use,
    }
    return {name: value for name, value in row.items() if value != ""}


def _pairs(first: str, row: Mapping[str, object]) -> Iterator[str]:
    lead = first
    for name, value in row.items():
        told = _decimal(value) if type(value) is float else json.dumps(value, ensure_ascii=False)
        yield f"{lead}{name}: {told}"
        lead = " " * len(first)


def _decimal(value: float) -> str:
    """As YAML reads it back: with a point, and without an exponent."""
    told = f"{value:.6f}".rstrip("0")
    return f"{told}0" if told.endswith(".") else told


def _has_lines(data: bytes, wanted: str) -> bool:
    """Whether a file has the lines that are wanted, and comments between and behind them: then it means the same, without reading YAML."""
    try:
        told = data.decode()
    except UnicodeDecodeError:
        return False
    if _ENDS.search(told):  # a line ends there for some readers of YAML
        return False
    rest = iter(told.split("\n"))
    for line in wanted.split("\n"):
        if line.startswith("#") or not line:
            continue
        there = next((one for one in rest if one.strip() and not one.lstrip().startswith("#")), "")
        behind = there[len(line) :] if there.startswith(line) else "?"
        if behind.strip() and not _COMMENT.match(behind):
            return False
    return all(not one.strip() or one.lstrip().startswith("#") for one in rest)


def _meaning(whole: WholePlan) -> Mapping[str, object]:
    """What the view says, as reading it gives it."""
    return {
        **_head(whole.plan),
        "hosts": [dict(_host(host)) for host in whole.plan.hosts],
        "candidates": [dict(row) for row in _candidates(whole)],
    }


def _read(data: bytes) -> object:
    if len(data) > MOST_READ:
        raise NoView(f"it has more than {amount(MOST_READ)}, and more than comments was changed")
    try:
        told = data.decode()
        _demand_flat(told)
        return YAML(typ="safe", pure=True).load(told)
    except NoView:
        raise
    except (YAMLError, ValueError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        raise NoView("it is no YAML" + (f" (line {line + 1})" if line is not None else "")) from None


def _demand_flat(told: str) -> None:
    """Raise NoView for what is nested deeper than a plan, before anything is made of it: that would take minutes."""
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(told):
        if isinstance(event, (MappingStartEvent, SequenceStartEvent)):
            depth += 1
        elif isinstance(event, (MappingEndEvent, SequenceEndEvent)):
            depth -= 1
        if depth > _DEEPEST:
            raise NoView("it is nested too deeply")


def _difference(found: Mapping[str, object], wanted: Mapping[str, object]) -> str:
    """Where the first difference is."""
    for name in {**wanted, **found}:
        there, here = wanted.get(name), found.get(name)
        if there == here:
            continue
        if not isinstance(there, list) or not isinstance(here, list):
            return name
        if len(there) != len(here):
            return f"{name} has {counted(len(here), 'entry')}, not {len(there)}"
        position = next(
            number for number, pair in enumerate(zip(here, there, strict=True)) if pair[0] != pair[1]
        )
        return f"entry {position + 1} of {name}"
    return "its order"

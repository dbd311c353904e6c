"""A plan as YAML, for people to read, to comment, and to keep with the plan.

The records are what counts; this is a view of them with few lines for each candidate. Whoever reviews a plan may write comments
wherever they like: what the file says must stay the same, or it is no view of that plan any more. No comment of ours stands
between entries, so that none can seem to belong to another one.

It is written by hand, since a YAML library needs a second for what is here; it is read by `ruamel.yaml`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from gitfleet.base import clock
from gitfleet.base.text import amount, counted, duration
from gitfleet.triage.plan_record import FleetPlan, PlanHost, WholePlan
from gitfleet.triage.wire import PlannedCandidate

MOST_BYTES = 16 * 1024 * 1024
_DEEPEST = 8
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
    found = _read(data)
    wanted = _read(text(whole).encode())
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
    found = list(whole.candidates())
    selected, offered = set(plan.selected), set(plan.offered)
    yield "candidates:" if found else "candidates: []"
    for host, one in found:
        state = (
            "selected"
            if one.candidate_id in selected
            else "offered"
            if one.candidate_id in offered
            else "left"
        )
        yield from _pairs("- ", _candidate(host, one, state))


def _head(plan: FleetPlan) -> Mapping[str, Any]:
    return {
        "fleet_session_id": plan.id,
        "made": clock.iso(plan.at),
        "by_node": plan.node,
        "alpha": plan.alpha,
        "tested": plan.tested,
        "selected": len(plan.selected),
    }


def _host(host: PlanHost) -> Mapping[str, Any]:
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


def _candidate(host: PlanHost, one: PlannedCandidate, state: str) -> Mapping[str, Any]:
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


def _pairs(first: str, row: Mapping[str, Any]) -> Iterator[str]:
    lead = first
    for name, value in row.items():
        yield f"{lead}{name}: {json.dumps(value, ensure_ascii=False)}"
        lead = " " * len(first)


def _read(data: bytes) -> Any:
    if len(data) > MOST_BYTES:
        raise NoView(f"it has more than {amount(MOST_BYTES)}")
    deepest = max((len(line) - len(line.lstrip(b" -")) for line in data.split(b"\n")), default=0)
    if deepest > 8 * _DEEPEST or max(data.count(b"["), data.count(b"{")) > 100_000:
        raise NoView("it is nested too deeply")
    try:
        return YAML(typ="safe", pure=True).load(data.decode())
    except (YAMLError, ValueError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        raise NoView("it is no YAML" + (f" (line {line + 1})" if line is not None else "")) from None


def _difference(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
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

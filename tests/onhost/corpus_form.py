"""How snapshots of the corpus are stored, and read back: tables of processes, with what is known of each case."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any, NamedTuple

from gitfleet.onhost import grouping, provenance
from gitfleet.onhost.inference import judge
from gitfleet.onhost.records import (
    HostFacts,
    HostProcess,
    Identity,
    Judgement,
    Origin,
    ProcessGroup,
    ProcessTable,
)

FOLDER = Path(__file__).parent / "corpus"
TUPLES = frozenset(["command", "cwd_inode", "listening", "gaps", "feeders"])


class LabelledCase(NamedTuple):
    """A group of a snapshot: what it truly is, where it stands, and what was thought of it."""

    batch: str
    name: str
    label: str
    group: ProcessGroup
    origin: Origin
    judgement: Judgement


def stored(one: HostProcess) -> dict[str, Any]:
    """A process without what is at its default."""
    found = asdict(one)
    for field in fields(one):
        if field.default is not MISSING and found[field.name] == field.default:
            del found[field.name]
    found["identity"] = {name: value for name, value in found["identity"].items() if value is not None}
    return found


def loaded(raw: dict[str, Any]) -> HostProcess:
    """A process as it was stored."""
    known: dict[str, Any] = dict(raw)
    for name in TUPLES & known.keys():
        known[name] = None if known[name] is None else tuple(known[name])
    identity = dict(known.pop("identity"))
    if identity.get("exe") is not None:
        identity["exe"] = tuple(identity["exe"])
    return HostProcess(Identity(**identity), **known)


def table_of(raw: dict[str, Any]) -> ProcessTable:
    """The table of a stored snapshot."""
    processes = [loaded(one) for one in raw["processes"]]
    facts = HostFacts("boot", raw["uid"], "ada", "devbox", "Linux", "3.11", 8, 100, 2**34, 2**33)
    return ProcessTable(facts, {one.identity.pid: one for one in processes}, 1_800_000_000.0, raw["seconds"])


def cases_of(batch: str, raw: dict[str, Any]) -> Iterator[LabelledCase]:
    """All groups of a snapshot, judged as a scan judges them. What belongs to no case is a bystander, and useful."""
    table = table_of(raw)
    placed = {int(pid): session for pid, session in raw["placed"].items()}
    known = provenance.origins(table, raw["sessions"], placed)
    case_of = {pid: case for case in raw["cases"] for pid in case["pids"]}
    for group in grouping.groups(table, known):
        case = case_of.get(group.leader.identity.pid, {"name": "bystander", "label": "useful"})
        label = "zombie" if group.leader.zombie else case["label"]
        origin = provenance.of_group(group.members, known)
        yield LabelledCase(batch, case["name"], label, group, origin, judge(group, origin, table))


def corpus() -> list[LabelledCase]:
    """Every case of the corpus, in the order of its files."""
    return [
        case
        for path in sorted(FOLDER.glob("*.json"))
        for case in cases_of(path.stem, json.loads(path.read_text(encoding="utf-8")))
    ]

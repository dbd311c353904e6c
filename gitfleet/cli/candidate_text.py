"""One candidate of a plan, in words for people: everything that is known of it."""

from __future__ import annotations

from collections.abc import Iterator

from gitfleet.base.text import amount, counted, duration
from gitfleet.fleet.views.fleet_plan_rows import FleetCandidateRow


def shown(one: FleetCandidateRow) -> Iterator[str]:
    """What it is, what speaks for and against it, and what would be done."""
    yield f"{one['candidate_id']} on {one['host_id']}: {one['category']} {one['signature']}"
    yield f"command: {one['command'] or one['pattern']}"
    if one["cwd"]:
        yield f"folder: {one['cwd']}"
    memory = one["pss"] if one["pss"] is not None else one["rss"]
    yield f"{counted(one['processes'], 'process')} from {one['pid']}; {amount(memory)}; {duration(one['age'])} old; {_ports(one)}"
    yield f"started by: {one['session'] or 'nobody that is known'} ({one['origin']}; session {one['session_state']})"
    yield f"in use with a probability of {one['mistake']:.4f}; evidence {one['log_e']:+.1f} bits:"
    for piece in sorted(one["evidence"], key=lambda piece: -abs(piece["bits"])):
        yield f"  {piece['bits']:+6.1f}  {piece['feature']}: {piece['value']}"
    if one["missing"]:
        yield f"not known: {', '.join(one['missing'])}"
    for gate in one["gates"]:
        yield f"gate {gate['name']}: {gate['state']} {gate['detail']}".rstrip()
    undo = "can" if one["reversible"].get(one["action"]) else "cannot"
    yield f"{one['state']}: {one['action']}, which {undo} be taken back"


def _ports(one: FleetCandidateRow) -> str:
    ports = one["listening"]
    if ports is None:
        return "what it listens on is not known"
    return f"listens on {', '.join(map(str, ports[:8]))}" if ports else "listens on nothing"

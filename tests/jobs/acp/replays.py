"""Captures of real agents, played to the adapter: what the agent said then, in step with what we say now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from gitfleet.jobs.adapters.acp.client import AcpAdapter
from gitfleet.jobs.adapters.protocol import Task
from gitfleet.jobs.adapters.results import AgentEvent

CAPTURES = Path(__file__).parent.parent / "captures/acp"
AT = 1_795_973_074_045


class Replay(NamedTuple):
    """The adapter after a capture, what its lines meant, and what it said itself."""

    adapter: AcpAdapter
    events: list[AgentEvent]
    said: list[dict[str, Any]]


def adapter(**given: Any) -> AcpAdapter:
    """An adapter that is about to begin, with such a task."""
    made, task = AcpAdapter(), Task(given.pop("prompt", "Do it"), command=("agent",), **given)
    made.begin("/w", json.loads(json.dumps(made.brief(task))))
    return made


def spoken(made: AcpAdapter) -> list[dict[str, Any]]:
    """What it says now."""
    return [json.loads(line) for line in made.outgoing().splitlines()]


def steps(name: str) -> list[dict[str, Any]]:
    """The lines of a capture behind its first one."""
    return [json.loads(line) for line in (CAPTURES / f"{name}.jsonl").read_text().splitlines()[1:]]


def _rule(lines: list[dict[str, Any]]) -> str:
    """What the client of then answered to permissions."""
    chosen = [
        line["msg"]["result"]["outcome"]["optionId"]
        for line in lines
        if line.get("from") == "client" and "result" in line["msg"]
    ]
    return "reject" if set(chosen) & {"cancel", "reject", "reject_once"} else "allow"


def replayed(name: str) -> Replay:
    """Play a capture to an adapter with the options that it was made with."""
    lines = steps(name)
    asked = {
        line["msg"]["method"]: line["msg"]["params"]
        for line in lines
        if line.get("from") == "client" and "method" in line["msg"]
    }
    resume = asked.get("session/load", {}).get("sessionId", "")
    options: dict[str, Any] = {"mode": asked.get("session/set_mode", {}).get("modeId", "")}
    if option := asked.get("session/set_config_option"):
        options["config"] = {option["configId"]: option["value"]}
    made = adapter(options=options, permissions={"default": _rule(lines)}, resume=resume)
    replay = Replay(made, [], [])
    then: dict[int, str] = {}
    now: dict[str, int] = {}
    for line in lines:
        _hear(replay, now)
        if line.get("event") == "cancel":
            replay.said.extend(json.loads(one) for one in made.farewell().splitlines())
        message = line.get("msg", {})
        if line.get("from") == "client" and {"method", "id"} <= message.keys():
            then[message["id"]] = message["method"]
        if line.get("from") == "agent":
            if "method" not in message:
                if then[message["id"]] not in now:
                    break  # it was not asked for that: it has given up
                message = {**message, "id": now[then[message["id"]]]}
            replay.events.extend(made.feed("stdout", json.dumps(message).encode(), AT))
    _hear(replay, now)
    return replay


def _hear(replay: Replay, now: dict[str, int]) -> None:
    """Take what it says; what the agent of then was not asked is answered, as it would have been."""
    while said := spoken(replay.adapter):
        replay.said.extend(said)
        for one in said:
            if "method" in one and "id" in one:
                now[one["method"].replace("resume", "load")] = one["id"]
                if one["method"] in {"session/set_mode", "session/close"}:
                    answer = {"jsonrpc": "2.0", "id": one["id"], "result": {}}
                    replay.events.extend(replay.adapter.feed("stdout", json.dumps(answer).encode(), AT))

"""How an agent of the protocol is started, and what the client in its shepherd is told of its task. Not loaded by shepherds."""

from __future__ import annotations

from gitfleet.jobs.adapters import flags
from gitfleet.jobs.adapters.acp import agents
from gitfleet.jobs.adapters.acp.agents import AcpAgent
from gitfleet.jobs.adapters.acp.brief import AcpBrief
from gitfleet.jobs.adapters.acp.wire import table
from gitfleet.jobs.adapters.flags import ClientFlag
from gitfleet.jobs.adapters.protocol import Task

OPTIONS = (
    ClientFlag("mode", "mode"),
    ClientFlag("model", "model"),
    ClientFlag("agent", "agent", words=agents.NAMES),
    ClientFlag("auth", "auth"),
    ClientFlag("config", "config", "settings"),
)
"""What `options` of an agent file can hold: told by the protocol, not by arguments."""


def agent_of(task: Task) -> AcpAgent:
    """Which agent it is, as the option `agent` says, else as its command tells."""
    name = task.options.get("agent")
    return agents.named(str(name)) if name else agents.of_command(task.command)


def argv(task: Task) -> list[str]:
    """The command, as the file has it. Raises UnusableOption."""
    flags.arguments(OPTIONS, task)
    return list(task.command)


def environment(task: Task) -> dict[str, str | None]:
    """What the agent gets, and what it must not see (None)."""
    agent = agent_of(task)
    return {**dict.fromkeys(agent.without), **agent.gets}


def brief(task: Task) -> AcpBrief:
    """What its client is told. Raises UnusableOption."""
    options = task.options
    return AcpBrief(
        agent=agent_of(task).name,
        # a half of a character is none for most readers of JSON
        prompt=task.prompt.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        mode=str(options.get("mode") or ""),
        model=str(options.get("model") or ""),
        auth=str(options.get("auth") or ""),
        config={str(key): value for key, value in table(options.get("config")).items()},
        permissions={kind: str(rule) for kind, rule in task.permissions.items()},
        resume=task.resume,
    )

"""`agent list|show|new`, `config check|show`: agents as their files have them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Annotated

from gitfleet.base.text import counted, one_line
from gitfleet.cli.answer import Grid, Reply
from gitfleet.cli.declaring import Argument, Option
from gitfleet.cli.jobs import AgentName, Config, StateDir, config_path, loaded, store_at
from gitfleet.fleet.views import agent_file_rows
from gitfleet.fleet.views.agent_file_rows import AgentRow
from gitfleet.git.repository import discover
from gitfleet.jobs import submission
from gitfleet.jobs.definitions import documents, machine_checks, ready_files, shown_settings
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.errors import ConfigurationError
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.store import JobStore
from gitfleet.jobs.standing import agent_info

NewName = Annotated[str, Argument(metavar="NAME", help="The agent's name; its file is NAME.yaml.")]
OneAgent = Annotated[str, Argument(metavar="[AGENT]", help="Only this agent.", complete="agents")]
Runtime = Annotated[
    str,
    Option(
        "--runtime",
        metavar="RUNTIME",
        help="What it runs: acp, claude, codex, docker, or command for a program.",
        values=("acp", "claude", "codex", "command", "docker"),
    ),
]


def listing(config: Config = "", state_dir: StateDir = "") -> Reply:
    """List the agents of the agent files, and what they do now. `agent status` shows whether clients have our hooks."""
    known, store = loaded(config), store_at(state_dir)
    jobs = store.open_jobs()
    rows = [_row(known, store, name, jobs) for name in known.agents]
    cells = [
        (row["name"], row["runtime"], row["state"], f"{len(row['running'])}/{row['concurrency']}", str(len(row["queued"])),
         one_line(row["description"], 60))
        for row in rows
    ]  # fmt: skip
    head = ("AGENT", "RUNTIME", "STATE", "RUNS", "QUEUED", "DESCRIPTION")
    grid = Grid(head, cells, coloured="STATE", colours={"running": "cyan"}, optional=("DESCRIPTION",))
    return Reply({"agents": rows}, [grid])


def show(agent: AgentName, config: Config = "", state_dir: StateDir = "") -> Reply:
    """Show an agent: what it does now, and all its settings with the defaults."""
    known, store = loaded(config), store_at(state_dir)
    found = submission.agent_of(known, agent)
    row = _row(known, store, agent, store.open_jobs())
    file = documents.place(known.trees[agent], ()).file
    told = shown_settings.agent(found)
    lines = [f"{agent}: {row['state']}, from {file}"]
    lines += [f"runs: {', '.join(row['running'])}"] if row["running"] else []
    lines += [f"queued: {', '.join(row['queued'])}"] if row["queued"] else []
    lines += [f"last job: {row['last_job']}"] if row["last_job"] else []
    return Reply(
        {"agent": row, "file": file, "configuration": told},
        [*lines, "", *shown_settings.yaml(told).splitlines()],
    )


def new(name: NewName, runtime: Runtime = "command", config: Config = "") -> Reply:
    """Write the file of a new agent, with comments, ready to be changed. One that is there already stays as it is."""
    path = ready_files.write(config_path(config), name, runtime, top=discover().worktree or ".")
    lines = [
        f"written: {path}",
        f"run it: `gitfleet trigger {name}`, then `gitfleet run` or `gitfleet start`",
    ]
    return Reply({"name": name, "runtime": runtime, "file": path}, lines)


def check(config: Config = "") -> Reply:
    """Read the agent files as a manager would, and show every finding with its file, line and key."""
    known = loaded(config)
    found = machine_checks.look(known, os.environ)
    if found.flaws:
        said = [str(flaw) for flaw in found.flaws]
        raise ConfigurationError(
            "\n  ".join([f"The agent files cannot be used here; {counted(len(said), 'finding')}:", *said]),
            hint="Correct the files.", config_path=config_path(config), validation_errors=tuple(said),
        )  # fmt: skip
    agents = list(known.agents)
    words = f"{counted(len(agents), 'agent')} in {counted(len(known.files), 'file')}: {', '.join(agents)}"
    return Reply({"files": list(known.files), "agents": agents}, [words], warnings=found.warnings)


def config_show(agent: OneAgent = "", config: Config = "") -> Reply:
    """Show all settings of the agent files, with defaults and variables filled in. Values in `env.set` are masked."""
    known = loaded(config)
    names = [submission.agent_of(known, agent).name] if agent else list(known.agents)
    told = agent_file_rows.config_show(known, names)
    parts = [
        *([] if agent or not told["fleet"] else [("fleet.yaml", told["fleet"])]),
        *told["agents"].items(),
    ]
    lines = [
        line for head, value in parts for line in (f"# {head}", *shown_settings.yaml(value).splitlines(), "")
    ]
    return Reply(told, lines[:-1])


def _row(known: Configuration, store: JobStore, name: str, jobs: Iterable[JobRecord]) -> AgentRow:
    agent = known.agents[name]
    return agent_file_rows.agent_row(agent, agent_info(store, agent, list(jobs), agent.concurrency or 1))

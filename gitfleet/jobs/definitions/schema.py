"""The keys of agent files and of `fleet.yaml`, with their types, bounds and defaults: what is read is one of these, frozen."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from gitfleet.jobs.durations import milliseconds, size
from gitfleet.jobs.schedules import crontab
from gitfleet.jobs.words import AttemptOutcome

LEAST_INTERVAL = 1000
"""Milliseconds between two runs of a schedule, at least."""
LEAST_LEASE = 6000
"""Milliseconds of a lease, at least: a sixth of it is for an agent that has to be stopped."""
LONGEST_LEASE = 86_400_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\*?|\*")


def name(value: str) -> str:
    """The name of an agent, a schedule, a budget or a pool, which may become part of a path or a ref. Raises ValueError."""
    if not _NAME.fullmatch(value) or ".." in value or value.endswith((".", ".lock")):
        raise ValueError(
            f"{value[:70]!a} is not a name: letters, digits, '.', '_' and '-', at most 64, with a letter or digit first"
        )
    return value


def _words(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return tuple(shlex.split(value))
        except ValueError as error:
            raise ValueError(f"cannot be split into words: {error}") from error
    return value


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _text(value: str) -> str:
    if "\0" in value:
        raise ValueError("has a NUL, which nothing can be given")
    return value


def _variable(value: str) -> str:
    if not _VARIABLE.fullmatch(value):
        raise ValueError(f"{value[:60]!a} is no name of a variable, nor one that ends with *")
    return value


def _inside(value: str) -> str:
    parts = value.split("/")
    if not value or value.startswith(("/", "~")) or ".." in parts:
        raise ValueError(f"{value[:80]!a} is not a path inside the repository")
    return value


def _lease(value: Any) -> int:
    found = milliseconds(value, least=LEAST_LEASE)
    if found > LONGEST_LEASE:
        raise ValueError("is too long: at most a day")
    return found


def _rhythm(value: Any) -> int:
    return milliseconds(value, least=LEAST_INTERVAL)


def _crontab(value: str) -> str:
    crontab.fields(value)
    return value


def _zone(value: str) -> str:
    crontab.zone(value)
    return value


def _wish(value: Any) -> Any:
    return {"enabled": value} if isinstance(value, bool) else value


Name = Annotated[str, AfterValidator(name)]
Words = Annotated[str, AfterValidator(_text)]
Argv = Annotated[tuple[Words, ...], BeforeValidator(_words)]
Texts = Annotated[tuple[Words, ...], BeforeValidator(_listed)]
Paths = Annotated[tuple[Annotated[str, AfterValidator(_inside)], ...], BeforeValidator(_listed)]
Milliseconds = Annotated[int, BeforeValidator(milliseconds)]
Rhythm = Annotated[int, BeforeValidator(_rhythm)]
Bytes = Annotated[int, BeforeValidator(size)]
Lease = Annotated[int, BeforeValidator(_lease)]
Count = Annotated[int, Field(ge=1, le=10_000, strict=True)]
Runtime = Literal["command", "codex", "claude", "acp", "docker"]


class Section(BaseModel):
    """A part of a file: only the keys that it declares, and nobody changes it later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class SetupRules(Section):
    """`setup`: what is made ready in the worktree of an attempt, before its agent starts."""

    command: Argv = Field(default=(), description="A command that is run in the worktree before the agent.")
    files: Paths = Field(
        default=(), description="Files that are copied from the repository's own checkout; git ignores them."
    )
    template: Words | None = Field(
        default=None, description="A folder whose content is put into the worktree."
    )
    resources: Texts = Field(
        default=(), description="Units that are claimed, such as `res:port`, and handed on as variables."
    )


class EnvRules(Section):
    """`env`: the environment of an attempt; all that is not named stays out."""

    allow: Annotated[tuple[Annotated[str, AfterValidator(_variable)], ...], BeforeValidator(_listed)] = Field(
        default=(), description="Variables that are handed on, or the beginnings of their names: `AWS_*`."
    )
    set: Mapping[Annotated[str, AfterValidator(_variable)], Words] = Field(
        default={}, description="Variables with the values that they get."
    )


class LimitRules(Section):
    """`limits`: when an attempt is ended."""

    wall: Milliseconds | None = Field(default=7_200_000, description="For the whole attempt.")
    idle: Milliseconds | None = Field(default=1_800_000, description="Without a word from the agent.")
    after_result: Milliseconds | None = Field(
        default=30_000, description="From the agent's result to its end."
    )
    grace: Milliseconds = Field(default=10_000, description="Between the polite signal and the last one.")
    memory: Bytes | None = Field(
        default=None, description="Memory of all its processes, where the system can hold it to that."
    )
    disk: Bytes | None = Field(default=None, description="Disk that its worktree may take.")


class RetryRules(Section):
    """`retry`: whether an attempt that failed is followed by another."""

    attempts: Count = Field(default=1, description="Attempts in all.")
    backoff: Milliseconds = Field(
        default=60_000, description="Before the second attempt; doubled before each further one."
    )
    outcomes: tuple[AttemptOutcome, ...] = Field(
        default=(AttemptOutcome.TIMEOUT, AttemptOutcome.STALLED, AttemptOutcome.INTERRUPTED),
        description="After which outcomes.",
    )


class WorkSourceRules(Section):
    """`work_source`: where tasks come from."""

    type: Literal["github", "folder"] = Field(description="`github` or `folder`.")
    path: Words | None = Field(default=None, description="folder: where the task files are.")
    repo: Words | None = Field(default=None, description="github: OWNER/NAME.")
    url: Words = Field(default="https://api.github.com", description="github: where its API is.")
    token: Annotated[str, AfterValidator(_variable)] = Field(
        default="GITHUB_TOKEN", description="github: the variable that has the token."
    )
    ready: Words = Field(default="ready", description="github: the label of issues that are to be done.")
    in_progress: Words = Field(
        default="in-progress", description="github: the label of those that are being done."
    )
    done: Words = Field(default="done", description="github: the label of those that are done.")
    failed: Words = Field(default="failed", description="github: the label of those that failed.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.type == "folder" and self.path is None:
            raise ValueError("a work source of the type folder needs `path`")
        if self.type == "github" and self.repo is None:
            raise ValueError("a work source of the type github needs `repo`")
        return self


class BudgetRules(Section):
    """`budget`: what may be spent; an attempt that reaches it ends with the outcome `budget`."""

    money: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="US dollars, as estimated."
    )
    tokens: int | None = Field(default=None, ge=1, strict=True, description="Tokens of all kinds.")
    time: Milliseconds | None = Field(default=None, description="Time that attempts run.")
    of: Name | None = Field(default=None, description="A budget of `fleet.yaml` that pays, too.")


class QueueWish(Section):
    """`queue`: whether finished branches enter the merge queue by themselves."""

    enabled: bool = Field(default=True, strict=True, description="Whether they do.")
    again: int = Field(
        default=0, ge=0, le=100, strict=True, description="New attempts after entries that were handed back."
    )


class CommitRules(Section):
    """`commit`: what happens to what an attempt leaves."""

    leftovers: Literal["commit", "keep", "fail"] = Field(
        default="commit",
        description="Uncommitted changes: they are committed, kept in the worktree, or a failure.",
    )
    push: bool = Field(default=True, strict=True, description="Whether its branch is pushed.")
    pull_request: bool = Field(
        default=False, strict=True, description="Whether the agent is told to open a pull request."
    )
    no_change: Literal["success", "no_change"] = Field(
        default="no_change", description="The outcome where nothing changed."
    )


class SelfScheduleRules(Section):
    """`self_schedule`: how far an agent may schedule itself."""

    count: Count = Field(default=10, description="Schedules at once.")
    least_interval: Rhythm = Field(default=300_000, description="The least interval of each.")
    end: Milliseconds = Field(default=7 * 86_400_000, description="After how long each of them ends.")


class Container(Section):
    """`docker`: the container that an attempt runs in."""

    image: Words = Field(min_length=1, description="The image.")
    mounts: Texts = Field(default=(), description="Further mounts, `SOURCE:TARGET[:ro]`.")
    network: Words | None = Field(default=None, description="The network, such as none.")
    cpus: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="Processors.")
    user: Words | None = Field(default=None, description="The user inside.")


class Schedule(Section):
    """One of an agent's `schedules`: an interval or a cron expression."""

    interval: Rhythm | None = Field(
        default=None, description="Time from one run to the next: `5m`, `1h`, or milliseconds."
    )
    cron: Annotated[str, AfterValidator(_crontab)] | None = Field(
        default=None, description="Five fields, or `@daily` and its like."
    )
    timezone: Annotated[str, AfterValidator(_zone)] = Field(
        default="UTC", description="The zone of the cron expression."
    )
    prompt: Words | None = Field(default=None, description="Instead of the agent's prompt.")
    enabled: bool = Field(
        default=True, strict=True, description="Whether it fires, unless somebody switched it since."
    )
    catch_up: Literal["none", "one"] = Field(
        default="none", description="Whether times that were missed are made up for by one run."
    )
    work_source: WorkSourceRules | None = Field(
        default=None, description="Instead of the agent's work source."
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.interval is None) == (self.cron is None):
            raise ValueError("a schedule has either `interval` or `cron`")
        return self


class Agent(Section):
    """One agent file, `agents/NAME.yaml`."""

    name: Name = Field(description="Its name; the file's own where it is not given.")
    description: Words = Field(default="", description="What it is for.")
    runtime: Runtime = Field(
        default="command", description="What runs: command, codex, claude, acp or docker."
    )
    command: Argv = Field(
        default=(), description="The program with its arguments; for codex and claude instead of theirs."
    )
    prompt: Words = Field(default="", description="What it is to do.")
    options: Mapping[str, Any] = Field(default={}, description="Options of codex or claude, such as `model`.")
    docker: Container | None = Field(default=None, description="The container, for the runtime docker.")
    working_directory: Words = Field(
        default=".", description="A folder in the repository, seen from the file."
    )
    repo: Words | None = Field(
        default=None, description="The repository, where it is not that of the working directory."
    )
    base: Words | None = Field(default=None, description="The branch or commit that attempts begin at.")
    claims: Texts = Field(default=(), description="Paths that each attempt claims before it starts.")
    claim_on_edit: bool = Field(
        default=True, strict=True, description="Whether it claims what it edits besides."
    )
    setup: SetupRules = SetupRules()
    env: EnvRules = EnvRules()
    concurrency: Count | None = Field(
        default=None, description="Jobs at once; 1, or what the manager was given."
    )
    priority: int = Field(default=0, ge=-1000, le=1000, strict=True, description="Higher goes first.")
    limits: LimitRules = LimitRules()
    retry: RetryRules = RetryRules()
    schedules: Mapping[Name, Schedule] = Field(default={}, description="Its schedules by name.")
    work_source: WorkSourceRules | None = Field(default=None, description="Where its tasks come from.")
    budget: BudgetRules = BudgetRules()
    pool: Name | None = Field(default=None, description="The account that it shares with others.")
    anywhere: bool | None = Field(
        default=None,
        strict=True,
        description="Whether any node may run its jobs: true, all of them; false, none, and none of others are run here.",
    )
    verify: Argv = Field(default=(), description="A command that must succeed on what it committed.")
    queue: Annotated[QueueWish, BeforeValidator(_wish)] = QueueWish(enabled=False)
    commit: CommitRules = CommitRules()
    self_schedule: SelfScheduleRules | None = Field(
        default=None, description="How far it may schedule itself; not at all."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.runtime in {"command", "acp", "docker"} and not self.command:
            raise ValueError(f"the runtime {self.runtime} needs `command`")
        if (self.runtime == "docker") != (self.docker is not None):
            raise ValueError("the runtime docker and the section `docker` go together")
        if self.options and self.runtime not in {"codex", "claude"}:
            raise ValueError("`options` are for the runtimes codex and claude")
        return self


class HistoryRules(Section):
    """`history`: how many ended jobs are kept."""

    max_jobs_per_agent: Annotated[int, Field(ge=1, strict=True)] | None = Field(
        default=None, description="Of each agent; 100."
    )
    max_jobs_total: Annotated[int, Field(ge=1, strict=True)] | None = Field(
        default=None, description="Of all."
    )


class FreeRules(Section):
    """`free`: what the machine must have to spare before another attempt starts."""

    memory: Bytes | None = Field(default=None, description="Free memory.")
    disk: Bytes | None = Field(default=None, description="Free disk.")


class FleetSettings(Section):
    """`fleet.yaml` beside the agent files. `defaults` and `profiles` hold keys of agents."""

    concurrency: Count | None = Field(default=None, description="Jobs at once, of all agents.")
    default_agent: Name | None = Field(default=None, description="Whose jobs `enqueue` makes.")
    lease: Lease = Field(
        default=180_000,
        description="How long a job that any node may run stays a node's without a word from it.",
    )
    history: HistoryRules = HistoryRules()
    free: FreeRules = FreeRules()
    budget: BudgetRules = Field(default=BudgetRules(), description="What the fleet may spend in a day.")
    budgets: Mapping[Name, BudgetRules] = Field(
        default={}, description="Named budgets, which agents can share."
    )

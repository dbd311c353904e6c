"""The keys of agent files and of `fleet.yaml`, with their types, bounds and defaults: what is read is one of these, frozen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from gitfleet.jobs.definitions.values import (
    ApiAddress,
    Argv,
    Bytes,
    Claims,
    Count,
    Crontab,
    Image,
    Lease,
    Milliseconds,
    Mounts,
    Name,
    Paths,
    Permissions,
    Repo,
    Resources,
    Rhythm,
    Runtime,
    Variable,
    Variables,
    Words,
    Zone,
)  # fmt: skip
from gitfleet.jobs.words import AttemptOutcome


def _wish(value: object) -> object:
    return {"enabled": value} if isinstance(value, bool) else value


class Section(BaseModel):
    """A part of a file: only the keys that it declares, and nobody changes it later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class SetupRules(Section):
    """`setup`: what is made ready in the worktree of an attempt, before its agent starts."""

    command: Argv = Field(
        default=(),
        description="A command that is run where the agent will be, before it; the agent runs if it ends with 0.",
    )
    timeout: Milliseconds | None = Field(default=900_000, description="For the command.")
    files: Paths = Field(
        default=(),
        description="Files that git ignores, copied from the repository's own checkout; names as in `.gitignore`.",
    )
    template: Words | None = Field(
        default=None, description="A folder, seen from the file, whose content is put into the worktree."
    )
    resources: Resources = Field(
        default=(),
        description="Units that are claimed, such as `res:port`; their numbers are in `GITFLEET_RES_PORT`.",
    )


class EnvRules(Section):
    """`env`: the environment of an attempt; all that is not named stays out."""

    allow: Variables = Field(
        default=(), description="Variables that are handed on, or the beginnings of their names: `AWS_*`."
    )
    set: Mapping[Variable, Words] = Field(default={}, description="Variables with the values that they get.")


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
        description="After which outcomes; not `success`, `cancelled` or `budget`.",
    )

    @model_validator(mode="after")
    def _open(self) -> Self:
        final = {AttemptOutcome.SUCCESS, AttemptOutcome.CANCELLED, AttemptOutcome.BUDGET}
        if final & set(self.outcomes):
            raise ValueError("what was a success, was cancelled, or has spent its budget is not tried again")
        return self


class WorkSourceRules(Section):
    """`work_source`: where tasks come from."""

    type: Literal["github", "folder"] = Field(description="`github` or `folder`.")
    path: Words | None = Field(
        default=None, description="folder: where the task files are, seen from the file."
    )
    repo: Repo | None = Field(default=None, description="github: OWNER/NAME.")
    url: ApiAddress = Field(default="https://api.github.com", description="github: where its API is.")
    token: Variable = Field(default="GITHUB_TOKEN", description="github: the variable that has the token.")
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
        labels = {label.casefold() for label in (self.ready, self.in_progress, self.done, self.failed)}
        if len(labels) < 4:
            raise ValueError("`ready`, `in_progress`, `done` and `failed` must be four different labels")
        return self


class BudgetAmounts(Section):
    """What may be spent; an attempt that reaches it ends with the outcome `budget`."""

    money: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="US dollars, as estimated."
    )
    tokens: int | None = Field(default=None, ge=1, strict=True, description="Tokens of all kinds.")
    time: Milliseconds | None = Field(default=None, description="Time that attempts run.")


class BudgetRules(BudgetAmounts):
    """One of the `budgets` of the fleet file."""

    of: Name | None = Field(
        default=None, description="A budget of `fleet.yaml` that pays, too: all limits hold."
    )


class AgentBudget(BudgetRules):
    """`budget` of an agent: for each of its jobs, with all attempts; `day`: for all its jobs of a day."""

    day: BudgetAmounts | None = Field(default=None, description="For all its jobs of a day.")


class TokenPrices(Section):
    """One of the `prices`: US dollars for a million tokens."""

    input: float = Field(ge=0, allow_inf_nan=False, description="For input that is not from the cache.")
    output: float = Field(ge=0, allow_inf_nan=False, description="For output, thinking included.")
    cache_read: float | None = Field(
        default=None, ge=0, allow_inf_nan=False, description="For input from the cache."
    )
    cache_write: float | None = Field(
        default=None, ge=0, allow_inf_nan=False, description="For input that is put there."
    )


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
        description="Uncommitted changes: they are committed (where that cannot be, it is a failure), kept in the worktree, or a failure.",
    )
    push: bool = Field(
        default=True,
        strict=True,
        description="Whether the branch of a success is pushed, where there is a hub.",
    )
    pull_request: bool = Field(
        default=False, strict=True, description="Whether a pull request is opened for it, by `gh` or `glab`."
    )
    instruct: bool | None = Field(
        default=None,
        strict=True,
        description="Whether the prompt ends with how to hand over the work; for codex, claude and acp it does.",
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

    image: Image = Field(description="The image.")
    runs: Literal["command", "codex", "claude", "acp"] = Field(
        default="command", description="What `command` is there, as `runtime` says it elsewhere."
    )
    mounts: Mounts = Field(
        default=(),
        description="Further mounts, `SOURCE:TARGET[:ro]`; a source is a path, seen from the file, or the name of a volume.",
    )
    git: Literal["read", "write"] = Field(
        default="read",
        description="Whether git's folder of the clone can be written to there: it holds what runs outside, such as hooks.",
    )
    network: Words | None = Field(default=None, description="The network, such as none.")
    cpus: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="Processors.")
    user: Words | None = Field(default=None, description="The user inside; whoever runs gitfleet.")


class Schedule(Section):
    """One of an agent's `schedules`: an interval or a cron expression."""

    interval: Rhythm | None = Field(
        default=None, description="Time from one run to the next: `5m`, `1h`, or milliseconds."
    )
    cron: Crontab | None = Field(default=None, description="Five fields, or `@daily` and its like.")
    timezone: Zone = Field(default="UTC", description="The zone of the cron expression.")
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
    options: Mapping[str, object] = Field(
        default={}, description="Options of codex, claude or acp, such as `model`."
    )
    permissions: Permissions = Field(
        default={},
        description="acp: what it is answered when it asks: allow, reject, or ask (a person); by kind of tool, or `default`.",
    )
    docker: Container | None = Field(default=None, description="The container, for the runtime docker.")
    working_directory: Words = Field(
        default=".", description="A folder in the repository, seen from the file."
    )
    repo: Words | None = Field(
        default=None, description="The repository, where it is not that of the working directory."
    )
    base: Words | None = Field(
        default=None, description="The branch of the hub that attempts begin at; its trunk."
    )
    claims: Claims = Field(default=(), description="Paths that each attempt claims before it starts.")
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
    budget: AgentBudget = AgentBudget()
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

    @property
    def adapter(self) -> str:
        """What its program is, in or outside of a container: a word of `adapters.runtimes`."""
        return self.docker.runs if self.docker else self.runtime

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.runtime == "docker" or self.adapter in {"command", "acp"}) and not self.command:
            raise ValueError(f"the runtime {self.runtime} needs `command`")
        if (self.runtime == "docker") != (self.docker is not None):
            raise ValueError("the runtime docker and the section `docker` go together")
        if self.anywhere and (self.work_source or any(one.work_source for one in self.schedules.values())):
            raise ValueError(
                "`anywhere` is for jobs; a task of a `work_source` is done by the node that takes it"
            )
        if self.options and self.adapter not in {"codex", "claude", "acp"}:
            raise ValueError("`options` are for the runtimes codex, claude and acp")
        if self.permissions and self.adapter != "acp":
            raise ValueError("`permissions` are for the runtime acp")
        if not self.commit.push and (self.queue.enabled or self.commit.pull_request):
            raise ValueError(
                "`queue` and `commit.pull_request` are for branches that are pushed: `commit.push`"
            )
        return self


class HistoryRules(Section):
    """`history`: how many ended jobs are kept, and whether other nodes are told of them."""

    max_jobs_per_agent: Annotated[int, Field(ge=1, strict=True)] | None = Field(
        default=None, description="Of each agent; 100."
    )
    max_jobs_total: Annotated[int, Field(ge=1, strict=True)] | None = Field(
        default=None, description="Of all."
    )
    archive: Literal["hub", "local"] = Field(
        default="hub",
        description="Whether records and streams of ended jobs go to the hub, for `history` in other clones; or stay here.",
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
    budget: BudgetAmounts = Field(
        default=BudgetAmounts(), description="What all agents here may spend in a day."
    )
    budgets: Mapping[Name, BudgetRules] = Field(
        default={}, description="Named budgets for a day, which agents can share."
    )
    prices: Mapping[Words, TokenPrices] = Field(
        default={}, description="What models cost; `default`: all that are not named."
    )

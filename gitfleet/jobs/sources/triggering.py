"""Jobs that somebody triggers, with the tasks that are theirs: those that are named, or the next of the agent's work source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gitfleet.base.text import display
from gitfleet.codec import replace
from gitfleet.errors import Conflict
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.errors import ArgumentError, InvalidStateError
from gitfleet.jobs.records.job_record import JobRecord
from gitfleet.jobs.records.work_item import WorkItem
from gitfleet.jobs.shared import offering
from gitfleet.jobs.sources import known_sources, telling
from gitfleet.jobs.sources.source import LONGEST_BODY, FoundTask
from gitfleet.jobs.sources.task_desk import TaskDesk

_KEYS = ("type", "url", "path", "title", "body")
_MOST = 100


def submit(
    desk: TaskDesk, known: Configuration, agent: Agent, job: JobRecord, *,
    anywhere: bool = False, work_items: Sequence[Mapping[str, str] | WorkItem] = (),
) -> JobRecord:  # fmt: skip
    """Queue a new job of this agent, which is in no store.

    An agent that has a work source does the tasks of it that are named here, each by its `url` or `path`, else the next one. One that has none
    is told of what is named, with a `title` and a `body`, if given. Raises InvalidStateError where there is nothing to do, Conflict where
    somebody else does a task that is named, ArgumentError for what is no task, UsageError for one that is not there, SourceAway; and what `offering.submit` raises.
    """
    rules = known_sources.rules_of(agent, job.schedule_name)
    named = [_named(one) for one in work_items[: _MOST + 1]]
    if len(named) > _MOST:
        raise _wrong(f"A job can have {_MOST} tasks at most.", "Trigger several jobs.")
    if rules is None:
        if named:
            items = tuple(WorkItem(one.type, one.url, one.path, one.title) for one in named)
            job = replace(job, items=items, prompt=telling.prompt(job.prompt, named))
        return offering.submit(desk.store, known, agent, job, anywhere=anywhere)
    if anywhere:
        raise ArgumentError(
            "A task of a work source is done by the node that takes it.",
            hint="Trigger it on that node.",
            argument="anywhere",
        )
    if named:
        wanted = desk.named(rules, [one.url or one.path for one in named])
        made = desk.take(rules, job, wanted)
        if made is None:
            raise Conflict("Somebody else does (or did) one of these tasks.", hint="Trigger it with others.")
    else:
        made = desk.first(rules, job, desk.look(rules))
        if made is None:
            raise InvalidStateError(
                f"There is nothing to do for {agent.name}: no task of {desk.source(rules).source.words} is to be done.",
                hint="Add one, or enqueue a job in words.",
                current_state="none", expected_state="a task", operation="trigger",
            )  # fmt: skip
    return desk.store.create(made)


def _named(one: Mapping[str, str] | WorkItem) -> FoundTask:
    """What somebody names. Raises ArgumentError."""
    if not isinstance(one, (Mapping, WorkItem)):
        raise _wrong("A work item is a mapping.")
    given = one.encode() if isinstance(one, WorkItem) else dict(one)
    values = {key: given.get(key, "") for key in _KEYS}
    texts = {key: value for key, value in values.items() if isinstance(value, str)}
    odd = [key for key in given if key not in _KEYS] if not isinstance(one, WorkItem) else []
    if odd or len(texts) < len(values):
        what = f"has no {display(str(odd[0])[:60])!a}" if odd else "has texts only"
        raise _wrong(f"A work item {what}; it has {', '.join(_KEYS)}.")
    if not (texts["url"] or texts["path"] or texts["title"]):
        raise _wrong("A work item needs a `url`, a `path` or a `title`.")
    return FoundTask(
        ref=texts["url"] or texts["path"] or texts["title"],
        type=texts["type"] or "task",
        title=texts["title"] or texts["url"] or texts["path"],
        body=texts["body"][:LONGEST_BODY],
        url=texts["url"],
        path=texts["path"],
    )


def _wrong(words: str, hint: str = "Correct `work_items`.") -> ArgumentError:
    return ArgumentError(words, hint=hint, argument="work_items")

"""Items from what this clone keeps for itself: its jobs, their budgets, its maintainer."""

from __future__ import annotations

import os
from collections.abc import Iterator

from gitfleet.base import advice, clock
from gitfleet.base.text import duration
from gitfleet.clone import Clone
from gitfleet.fleet.attention import told_items
from gitfleet.fleet.attention.item import AttentionItem, item
from gitfleet.ledger.ledger import State


def questions(clone: Clone, state: State) -> Iterator[AttentionItem]:
    """Agents of jobs here that wait for an answer."""
    del state
    from gitfleet.fleet.views import asking_rows  # a row that says it all

    for row in asking_rows.look(clone.repository.common_dir):
        yield item(
            "needs-input", (row["job"], str(row["since"])), who=row["agent_name"],
            what=f"asks: {row['text'].strip() or '(it does not say what)'}", since=row["since"] // 1000,
            step=advice.JOB_ANSWER.of(row["job"]), about=row["job"],
        )  # fmt: skip


def budgets(clone: Clone, state: State) -> Iterator[AttentionItem]:
    """Budgets of the day that are spent. Reads the agent files where something was spent today. Raises ConfigurationError."""
    del state
    folder = os.path.join(clone.repository.common_dir, "gitfleet", "jobs")
    if not os.path.isdir(folder):
        return
    from gitfleet.jobs.money import spending  # only where there are jobs

    if not os.path.exists(spending.path_of(folder, spending.today())):
        return
    from gitfleet.jobs import submission  # the agent files: only where something was spent today
    from gitfleet.jobs.daemon import presence
    from gitfleet.jobs.money import budgets
    from gitfleet.jobs.records.store import JobStore

    there = presence.present(folder)
    files = (
        there.config_path if there else os.path.join(os.path.dirname(clone.repository.common_dir), "agents")
    )
    if not os.path.exists(files):
        return
    for one in budgets.of_today(JobStore(folder), submission.load(files)):
        if words := one.limit.reached(one.spent):
            yield item(
                "budget", (one.limit.scope, str(spending.today())), who=one.limit.scope,
                what=f"{words}; it is there again tomorrow", since=0, step=advice.COST, urgent=False,
            )  # fmt: skip


def maintenance(clone: Clone, state: State) -> Iterator[AttentionItem]:
    """A maintainer that is installed and fails, or does not run, and people that could not be told. Asks no scheduler, and starts nothing."""
    del state
    told = told_items.load(clone.ledger.state)
    if told.fault:
        yield _of_maintainer("notify", told.fault, told.at, step=advice.INBOX_NOTIFY, urgent=False)
    if not os.path.exists(os.path.join(clone.ledger.state, "maintainer", "installed.json")):
        return
    from gitfleet.upkeep.maintainer import Maintainer  # schedulers: only where one was installed

    found = Maintainer(clone.repository)
    record, last = found.installed(), found.last()
    if moved := found.moved():
        yield _of_maintainer(
            "moved", f"it was installed while this clone was {moved.clone}; install it again", moved.at
        )
    if record is None:
        return
    if not os.access(record.interpreter, os.X_OK):
        yield _of_maintainer(
            "python", f"its Python is gone: {record.interpreter}; install it again", record.at
        )
    quiet = clock.now() - max(last.started if last else 0, record.at)
    if quiet > 3 * record.every + 60:
        yield _of_maintainer("silent", f"it has not run for {duration(quiet)}", clock.now() - quiet)
    if last is None or last.code == 0:
        return
    if last.ended is not None:
        words = f": {last.words[0]}" if last.words else ""
        partly = last.code == _PARTIAL
        how = "its last run was done in part" if partly else f"its last run failed (exit code {last.code})"
        yield _of_maintainer("failed", f"{how}{words}", last.ended, urgent=not partly)
    elif not found.running():
        yield _of_maintainer("unended", "its last run never came to its end", last.started)


_PARTIAL = 21


def _of_maintainer(
    key: str, what: str, since: int, *, step: str = advice.MAINTAINER_LOGS, urgent: bool = True
) -> AttentionItem:
    return item(
        "maintainer",
        (key,),
        who="maintainer",
        what=what,
        since=since,
        step=step,
        urgent=urgent,
    )

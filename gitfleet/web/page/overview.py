"""Overview: what needs a person, how the fleet is, and what happened last."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence

from gitfleet.codec import Struct
from gitfleet.fleet.attention.item import WORDS, AttentionItem, ItemFold, ItemKind
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import queue_line, queue_stats
from gitfleet.fleet.views.queue_line import QueueLine
from gitfleet.ledger import own_node
from gitfleet.web.page import inbox_links, sessions
from gitfleet.web.page.moment import PageMoment
from gitfleet.web.page.page import PageQuery
from gitfleet.web.page.sessions import SessionLine, StateCount

SHOWN = 7
HAPPENED = 12


class NeedLine(Struct):
    """One thing that needs a person, or many of one kind. `step` as `advice` names it; `href`: where it leads, or ""."""

    key: str
    kind: ItemKind
    urgent: bool
    read: bool
    who: str
    what: str
    since: int
    step: str
    href: str
    may_mark: bool


class NodeCells(Struct):
    """A node and its sessions."""

    key: str
    sessions: Sequence[SessionLine]


class HappenedLine(Struct):
    """One commit of the ledger."""

    key: str
    at: int
    who: str
    """"" where its subject says it, or it is about nobody."""
    subject: str


class TodayFigures(Struct):
    """The last 24 hours, and the day's spending. None: it is not known, which is not 0; `spends`: agents have jobs here."""

    landed: int
    wait: int | None
    runs: float | None
    spent: float | None
    spends: bool


class OverviewView(Struct):
    """All of it."""

    needs: Sequence[NeedLine]
    more: int
    unread: int
    states: Sequence[StateCount]
    cells: Sequence[NodeCells]
    total: int
    working: int
    happened: Sequence[HappenedLine]
    told: QueueLine
    today: TodayFigures
    may_change: bool


def look(fleet: Fleet, asked: PageQuery) -> OverviewView:
    """The overview. Raises NoFleet, NewerFormat, Corrupt."""
    moment = asked.now(fleet)
    lines = sessions.listed(moment)
    known = {one.key for one in lines}
    inbox = moment.inbox
    needs = [_need(one, inbox.read, known, may_change=asked.may_change) for one in inbox.rows()]
    told = moment.of_ledger(moment.memory.queue_line, lambda: queue_line.look(fleet, fleet.current()))
    by_node: dict[str, list[SessionLine]] = {}
    for line in lines:
        by_node.setdefault(line.node, []).append(line)
    return OverviewView(
        needs[:SHOWN],
        max(0, len(needs) - SHOWN),
        len(inbox.unread),
        sessions.counted(lines),
        [NodeCells(name, found) for name, found in sorted(by_node.items())],
        len(lines),
        sum(one.state == "working" for one in lines),
        _happened(moment),
        told,
        _today(fleet, moment, told),
        asked.may_change,
    )


def _today(fleet: Fleet, moment: PageMoment, told: QueueLine) -> TodayFigures:
    stats = moment.of_ledger(moment.memory.queue_stats, lambda: queue_stats.stats(fleet))
    jobs = own_node.jobs_folder(fleet.repository.common_dir)
    spends = os.path.isdir(jobs)
    spent = None
    if spends:
        from gitfleet.jobs.money import spending  # only where there are jobs

        day = spending.DaySpending(spending.path_of(jobs, spending.today()))
        day.read()
        spent = day.of(spending.FLEET).money
    return TodayFigures(told.landed_today, told.wait, stats["runs_per_landing"], spent, spends)


def _need(
    one: AttentionItem | ItemFold, read: Collection[str], known: Collection[str], *, may_change: bool
) -> NeedLine:
    if isinstance(one, ItemFold):
        what = f"{WORDS[one.kind]}, {one.unread} of them unread" if one.unread else WORDS[one.kind]
        return NeedLine(
            f"kind-{one.kind}", one.kind, one.first.urgent, not one.unread, str(one.count), what, one.first.since, one.step,
            inbox_links.of_kind(one.kind), may_change and bool(one.unread),
        )  # fmt: skip
    href = inbox_links.of_item(one, known)
    return NeedLine(
        one.id, one.kind, one.urgent, one.id in read, one.who, one.what, one.since, one.step, href, may_change,
    )  # fmt: skip


def _happened(moment: PageMoment) -> list[HappenedLine]:
    """The newest commits of the ledger; one with several operations is told once."""
    found: dict[str, HappenedLine] = {}
    for line in moment.log:
        who = str(line.session or line.node)
        about = line.subject.removeprefix(f"session {who} ").removeprefix(f"{who} ")
        who = who if about != line.subject else ""
        found.setdefault(line.commit, HappenedLine(line.commit, line.at, who, about))
        if len(found) > HAPPENED:
            break
    return list(found.values())[:HAPPENED]

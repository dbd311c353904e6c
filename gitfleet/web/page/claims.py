"""Claims: who holds a path, the tree of all claims, and the lines of those who wait."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from threading import Lock
from weakref import WeakKeyDictionary

from gitfleet.base import shellwords
from gitfleet.base.names import SessionId
from gitfleet.codec import Struct
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import holding
from gitfleet.fleet.views.claim_tree import IN_A_FOLDER, MOST, ClaimTrees, Folding, ResourceShown, TreeRow
from gitfleet.fleet.views.holding import Word
from gitfleet.fleet.views.waiting_lines import LinePlace, WaitingLines
from gitfleet.ledger.ledger import State
from gitfleet.obstacles import Obstacle
from gitfleet.sessions import session_records
from gitfleet.web.page.page import PageQuery

ASKS = ("q", "open", "rows")
"""`q` is the path that is asked about; `open` the folders that are turned, by name with a dot between; `rows` how many of each are shown."""
MOST_LINES = 200
SHOWN = 3
"""Holders that an answer names."""
_FOLD = re.compile(r"[0-9a-f]{12}")


class HolderLine(Struct):
    """A claim that meets the path that was asked about. `until` 0: no lease counts. `kept`: the branch or worktree that it stays with.

    `own`: its session is one of this clone, so that it can be released from here.
    """

    pattern: str
    session: str
    title: str
    until: int
    kept: str
    gone: bool
    ends: str
    problem: str
    own: bool
    tentative: bool


class AnswerLine(Struct):
    """An answer to who holds a path. `quoted`: the path as a shell takes it, "" where it cannot be told in a command.

    `holders` are the first of them, `others` how many more were found, `more` whether there are others still; `waiting` how many wait behind
    the first; `seen_at`: when the hub was last seen, 0 where there is none.
    """

    key: str
    asked: str
    quoted: str
    word: Word
    holders: Sequence[HolderLine]
    others: int
    more: bool
    waiting: int
    seen_at: int
    why: str


class LineRow(Struct):
    """A waiting line; the first places of it, and how many there are besides."""

    key: str
    pattern: str
    holders: Sequence[str]
    places: Sequence[LinePlace]
    others: int


class ClaimsView(Struct):
    """All of it."""

    tree: Sequence[TreeRow]
    claims: int
    units: int
    waiting: int
    answers: Sequence[AnswerLine]
    lines: Sequence[LineRow]
    resources: Sequence[ResourceShown]
    asked: str
    cut: bool
    may_change: bool


_TREES: WeakKeyDictionary[Fleet, ClaimTrees] = WeakKeyDictionary()
_GUARD = Lock()


def look(fleet: Fleet, asked: PageQuery) -> ClaimsView:
    """The claims. Costs what is shown, and once for each fleet a read of every folder of them. Raises NoFleet, NewerFormat, Corrupt."""
    moment = asked.now(fleet)
    state = fleet.current()
    lines = WaitingLines(state.view)
    text = asked.get("q").strip()
    answers = holding.ask(fleet, state, lines, text) if text else []
    hits = {one for answer in answers for one in answer.ids}
    way = answers[0].keys if len(answers) == 1 and answers[0].found else ()
    rows = _rows(asked.get("rows"))
    folding = Folding(frozenset(_FOLD.findall(asked.get("open"))), rows)
    tree = _trees(fleet).tree(state, lines, folding, hits, way)
    holders = {str(one.session) for answer in answers for one in answer.found[:SHOWN] if one.session}
    found, here = lines.lines(), {one for one in holders if _own(fleet, state, one)}
    return ClaimsView(
        tree=tree.rows, claims=tree.claims, units=sum(one.taken for one in tree.resources), waiting=len({one.session for one in lines.tickets}),
        answers=[_answer(one, moment.at, here) for one in answers],
        lines=[LineRow(one.pattern, one.pattern, one.holders, one.places[:5], max(0, len(one.places) - 5)) for one in found[:MOST_LINES]],
        resources=tree.resources, asked=text, cut=tree.cut, may_change=asked.may_change,
    )  # fmt: skip


def _trees(fleet: Fleet) -> ClaimTrees:
    """What has been counted of a fleet stays known as long as that is open."""
    with _GUARD:
        return _TREES.setdefault(fleet, ClaimTrees(fleet))


def _rows(asked: str) -> int:
    return (
        min(MOST, max(IN_A_FOLDER, int(asked)))
        if asked.isascii() and asked.isdecimal() and len(asked) < 6
        else IN_A_FOLDER
    )


def _answer(found: holding.Held, now: int, here: Collection[str]) -> AnswerLine:
    shown = found.found[:SHOWN]
    return AnswerLine(
        key=found.asked, asked=found.asked, quoted=_quoted(found.asked), word=found.word, holders=[_holder(one, here, found.tentative) for one in shown],
        others=len(found.found) - len(shown), more=found.more, waiting=found.waiting,
        seen_at=now - found.age if found.age is not None else 0, why=found.why,
    )  # fmt: skip


def _holder(one: Obstacle, here: Collection[str], tentative: Collection[str]) -> HolderLine:
    kept = next((keeper.get("branch") or keeper.get("worktree", "") for keeper in one.retained), "")
    until = 0 if one.problem or (kept and not one.renewed) else one.renewed_at + one.ttl
    return HolderLine(
        one.held,
        str(one.session or ""),
        one.title or one.agent,
        until,
        kept,
        one.gone,
        one.ends,
        one.problem,
        not one.problem and one.session in here,
        one.claim in tentative,
    )


def _own(fleet: Fleet, state: State, session: str) -> bool:
    found = session_records.find(state.view, SessionId(session))
    return found is not None and found.node == fleet.ledger.node.id


def _quoted(path: str) -> str:
    return (
        shellwords.word(shellwords.rooted(path)) if path.isprintable() and not set(path) & set("⟨⟩") else ""
    )

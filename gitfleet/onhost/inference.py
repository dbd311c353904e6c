"""What is thought of a group of processes: probabilities of the classes, the evidence for them, and the least costly action.

Naive Bayes over bins. Every factor and every correlated group of factors is capped (`likelihoods`), and what could not be
read moves nothing. Beside the posterior stands an e-value, which holds whatever the priors are. Pure: no clock, no file.
"""

from __future__ import annotations

from math import log2
from typing import Mapping, Sequence

from gitfleet.onhost import likelihoods as model
from gitfleet.onhost import protection
from gitfleet.onhost.actions import allowed, choose
from gitfleet.onhost.categories import LANGUAGE_SERVER, MCP_SERVER, TEST_RUNNER, UNKNOWN
from gitfleet.onhost.features import busy, hard_at_work, let_go, observe
from gitfleet.onhost.holding import holders
from gitfleet.onhost.records import (
    ABANDONED,
    CLASSES,
    USEFUL,
    USEFUL_BAD,
    ZOMBIE,
    FeatureEvidence,
    HostProcess,
    Judgement,
    Origin,
    ProcessGroup,
    ProcessTable,
)
from gitfleet.onhost.signatures import ProcessKind, kind_of, kind_of_group

_COLUMNS = {USEFUL: 0, USEFUL_BAD: 1, ABANDONED: 2}
_OWN_UNITS = ("gitfleet-", "cron.service", "crond.service", "atd.service")
"""Services that start what is not theirs: what they leave behind is nothing that they would start again."""


def judge(
    group: ProcessGroup,
    origin: Origin,
    table: ProcessTable,
    *,
    protect: Sequence[str] = (),
    myself: int = 0,
    holding: Mapping[int, str] | None = None,
) -> Judgement:
    """What is thought of `group`. `protect` are patterns (as of a shell) of command lines that are always kept; `myself` is the
    pid of the one who asks, so that it and those above it are kept; `holding` is what `holders` finds in the table, if that is known.
    """
    kind = kind_of_group(group)
    if all(one.zombie for one in group.members):
        return _zombie(kind)
    kept = _kept(group, origin, kind, table, protect, myself)
    kept = kept or _held(group, holders(table) if holding is None else holding)
    observed, missing = observe(group, origin, kind, table)
    posterior = posterior_of(observed, kind.category)
    careful = kind.category == UNKNOWN or (kind.category != TEST_RUNNER and hard_at_work(group))
    awaited = kind.category == LANGUAGE_SERVER and not (let_go(group) and group.client is False)
    open_to = allowed(observed, kept=bool(kept), careful=careful, awaited=awaited)
    action, losses = choose(posterior, open_to, busy(group))
    evidence = tuple(
        FeatureEvidence(name.replace(" of a worker", ""), value, round(bits_of(name, value), 2))
        for name, value in observed.items()
    )
    return Judgement(
        kind.category,
        kind.name,
        posterior,
        round(log_e_of(observed), 3),
        evidence,
        action,
        losses,
        missing,
        kept,
    )


def posterior_of(observed: Mapping[str, str], category: str) -> dict[str, float]:
    """The probability of each class, by the prior of the category and the capped factors of what was observed."""
    bad, abandoned = model.PRIORS.get(category, model.OTHER_PRIOR)
    logs = {
        USEFUL: log2(1.0 - bad - abandoned),
        USEFUL_BAD: log2(bad) + _capped_bits(observed, USEFUL_BAD),
        ABANDONED: log2(abandoned) + _capped_bits(observed, ABANDONED),
    }
    most = max(logs.values())
    weights = {name: 2.0 ** (value - most) for name, value in logs.items()}
    total = sum(weights.values())
    found = {name: min(max(weight / total, model.LEAST), model.MOST) for name, weight in weights.items()}
    scale = sum(found.values())
    return {name: round(found.get(name, 0.0) / scale, 6) for name in CLASSES}


def bits_of(feature: str, value: str, kind: str = ABANDONED, against: str = USEFUL) -> float:
    """How many bits a bin moves from the class `against` towards the class `kind`, within the cap of its feature."""
    row = model.TABLES[feature][value]
    cap = model.FEATURE_CAPS.get(feature, model.FEATURE_CAP)
    over, under = row[_COLUMNS[kind]], row[_COLUMNS[against]]
    if over <= 0.0 or under <= 0.0:
        return 0.0
    return min(max(log2(over / under), -cap), cap)


def log_e_of(observed: Mapping[str, str]) -> float:
    """log2 of p(x | abandoned) / max over the null classes of p(x | class): an e-value, as far as the tables are right.

    Within a correlated group the ratios are averaged, which holds under any dependence (Vovk & Wang, *Annals of Statistics* 49,
    2021); groups are multiplied, as independent given the class. Caps hold only upwards: to raise a small ratio would lift its
    expectation above 1.
    """
    return min(_log_ratio(observed, null) for null in (USEFUL, USEFUL_BAD))


def _log_ratio(observed: Mapping[str, str], null: str) -> float:
    groups: dict[str, list[float]] = {}
    for feature, value in observed.items():
        row = model.TABLES[feature][value]
        cap = 2.0 ** model.FEATURE_CAPS.get(feature, model.FEATURE_CAP)
        over, under = row[_COLUMNS[ABANDONED]], row[_COLUMNS[null]]
        if under > 0.0:
            groups.setdefault(model.GROUPS[feature], []).append(min(over / under, cap))
    return sum(log2(sum(ratios) / len(ratios)) for ratios in groups.values())


def _capped_bits(observed: Mapping[str, str], kind: str) -> float:
    groups: dict[str, float] = {}
    for feature, value in observed.items():
        group = model.GROUPS[feature]
        groups[group] = groups.get(group, 0.0) + bits_of(feature, value, kind)
    total = 0.0
    for group, bits in groups.items():
        cap = model.GROUP_CAPS.get(group, {}).get(kind, float("inf"))
        total += min(max(bits, -cap), cap)
    return total


def _zombie(kind: ProcessKind) -> Judgement:
    posterior = {name: model.MOST if name == ZOMBIE else round((1.0 - model.MOST) / 3, 6) for name in CLASSES}
    action, losses = choose(posterior, frozenset(model.LOSSES[ZOMBIE]))
    evidence = (FeatureEvidence("state", "has ended; its parent has not asked how", 0.0),)
    return Judgement(kind.category, kind.name, posterior, 0.0, evidence, action, losses)


def _kept(
    group: ProcessGroup,
    origin: Origin,
    kind: ProcessKind,
    table: ProcessTable,
    protect: Sequence[str],
    myself: int,
) -> str:
    """Why the group is kept whatever else is known of it; empty if it is judged."""
    members = [one for one in group.members if not one.zombie]
    reasons = (
        (
            not _with_ancestors(myself, table).isdisjoint(one.identity.pid for one in members),
            "the one who asks, or what it runs in",
        ),
        (any(one.identity.uid != table.facts.uid for one in members), "another user's"),
        (bool(kind.kept), kind.kept),
        (any(map(_managed, members)), "looked after by the service manager, which would start it again"),
        (any(one.terminal and one.pgid == one.tpgid for one in members), "in the foreground of a terminal"),
        (any(one.state == "D" for one in members), "waits in the kernel, where no signal reaches it"),
        (
            (group.mcp or kind.category == MCP_SERVER) and _serves(group, origin, table),
            "an MCP server that still serves a client",
        ),
    )
    return next((reason for holds, reason in reasons if holds), "") or protection.reason(members, protect)


def _held(group: ProcessGroup, holding: Mapping[int, str]) -> str:
    return next((holding[one.identity.pid] for one in group.members if one.identity.pid in holding), "")


def _managed(one: HostProcess) -> bool:
    unit = one.unit or ""
    return unit.endswith(".service") and not unit.startswith(_OWN_UNITS) and not unit.startswith("user@")


def _serves(group: ProcessGroup, origin: Origin, table: ProcessTable) -> bool:
    """Whether anybody talks to it. What the same ended session has left holds a pipe open for nobody."""
    if any(one.listening and one.connections for one in group.members):
        return True
    if not group.client:
        return False
    inside = {one.identity.pid for one in group.members}
    outside = {pid for one in group.members for pid in one.feeders} - inside
    return not outside or any(not _left_over(table.processes.get(pid), origin) for pid in outside)


def _left_over(one: HostProcess | None, origin: Origin) -> bool:
    return (
        one is not None
        and origin.state == "ended"
        and origin.session is not None
        and one.marker == origin.session
        and not kind_of(one).kept
    )


def _with_ancestors(pid: int, table: ProcessTable) -> set[int]:
    found: set[int] = set()
    while pid > 0 and pid not in found:
        found.add(pid)
        parent = table.processes.get(pid)
        pid = parent.ppid if parent is not None else 0
    return found

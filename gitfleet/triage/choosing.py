"""What of a plan is applied, and in which order: by what somebody named, within the caps, the gentlest first. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from gitfleet.codec import Struct
from gitfleet.errors import PolicyRefused, UsageError
from gitfleet.onhost import categories, records
from gitfleet.triage.plan_record import WholePlan
from gitfleet.triage.wire import PlannedCandidate

MOST_KILLS, MOST_KILLS_PER_HOST, MOST_KILLS_PER_PATTERN = 50, 10, 20


class ApplyChoice(Struct):
    """What somebody named: all that is `recommended`, or `categories` of it, or `targets` by their ids; and what limits it.

    What its host would have refused at the scan is left out, unless it is named by its id.

    `min_posterior`: the least probability that a candidate is not in use. `max_kills` are processes' groups to be ended: in all,
    on one host, and of one pattern.
    """

    recommended: bool = False
    categories: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    min_posterior: float = 0.0
    max_kills: int = MOST_KILLS
    max_kills_per_host: int = MOST_KILLS_PER_HOST
    max_kills_per_pattern: int = MOST_KILLS_PER_PATTERN


class PlannedAct(Struct):
    """One action on one candidate of one host, as the plan has it."""

    host_id: str
    candidate: PlannedCandidate

    @property
    def action(self) -> str:
        """What is to be done."""
        return self.candidate.action

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from all others of its plan."""
        return self.host_id, self.candidate.candidate_id, self.candidate.action


class ChosenActs(NamedTuple):
    """What is to be done, in order of the probability that it is a mistake; and what the caps leave out, with why."""

    acts: tuple[PlannedAct, ...]
    left_out: tuple[tuple[PlannedAct, str], ...]


def choose(whole: WholePlan, choice: ApplyChoice) -> ChosenActs:
    """What of a plan is to be applied. Raises UsageError for what names nothing, PolicyRefused for what was not selected."""
    if bool(choice.targets) == bool(choice.recommended or choice.categories):
        raise UsageError("Say what is to be applied: --recommended, --only CATEGORY, or --targets ID,….")
    if not 0.0 <= choice.min_posterior <= 1.0:
        raise UsageError("--min-posterior is a probability, from 0 to 1.")
    if min(choice.max_kills, choice.max_kills_per_host, choice.max_kills_per_pattern) < 0:
        raise UsageError("A cap is 0 or more.")
    acts = list(_named(whole, choice))
    acts.sort(key=lambda act: (act.candidate.in_use, act.host_id, act.candidate.candidate_id))
    return _capped(acts, choice)


def by_host(acts: Iterable[PlannedAct]) -> list[tuple[str, tuple[PlannedAct, ...]]]:
    """The acts of each host, the gentlest first; first the host to which the least is done: the canary."""
    hosts: dict[str, list[PlannedAct]] = {}
    for act in acts:
        hosts.setdefault(act.host_id, []).append(act)
    ordered = {host: tuple(sorted(found, key=_radius)) for host, found in hosts.items()}
    return sorted(ordered.items(), key=lambda one: (_radius(one[1][-1])[0], len(one[1]), one[0]))


def _named(whole: WholePlan, choice: ApplyChoice) -> Iterator[PlannedAct]:
    selected, offered = set(whole.plan.selected), set(whole.plan.offered)
    every = {one.candidate_id: PlannedAct(host.host_id, one) for host, one in whole.candidates()}
    if choice.targets:
        yield from (_target(every, one, selected | offered) for one in dict.fromkeys(choice.targets))
        return
    known = {act.candidate.category for act in every.values()}
    if unknown := [one for one in choice.categories if one not in known | categories.WEIGHTS.keys()]:
        there = f"It has {', '.join(sorted(known))}." if known else "It proposes nothing."
        raise UsageError(f"The plan has no category '{unknown[0][:64]}'.", hint=there)
    for name, act in every.items():
        if name in selected and (not choice.categories or act.candidate.category in choice.categories):
            yield act


def _target(every: dict[str, PlannedAct], name: str, open_to: set[str]) -> PlannedAct:
    if name not in every:
        raise UsageError(f"The plan has no candidate '{name[:64]}'.", hint="Name one as the plan shows it.")
    if name not in open_to:
        raise PolicyRefused(
            f"{name} is not selected: the evidence is not enough for the risk that the plan may take.",
            hint="Look at it by hand on its host.",
        )
    return every[name]


def _capped(acts: Sequence[PlannedAct], choice: ApplyChoice) -> ChosenActs:
    kept: list[PlannedAct] = []
    out: list[tuple[PlannedAct, str]] = []
    hosts: Counter[str] = Counter()
    patterns: Counter[str] = Counter()
    for act in acts:
        one = act.candidate
        why = ""
        shut = next((gate for gate in one.gates if gate.state != "passed"), None)
        if shut and not choice.targets:
            why = f"its host would refuse it: {shut.name} ({shut.detail})"
        elif 1.0 - one.in_use < choice.min_posterior:
            why = f"below --min-posterior {choice.min_posterior:g}"
        elif act.action == records.TERMINATE:
            why = _over(choice, hosts.total(), hosts[act.host_id], patterns[one.pattern])
            if not why:
                hosts[act.host_id] += 1
                patterns[one.pattern] += 1
        if why:
            out.append((act, why))
        else:
            kept.append(act)
    return ChosenActs(tuple(kept), tuple(out))


def _over(choice: ApplyChoice, kills: int, on_host: int, of_pattern: int) -> str:
    if kills >= choice.max_kills:
        return f"over --max-kills {choice.max_kills}"
    if on_host >= choice.max_kills_per_host:
        return f"over --max-kills-per-host {choice.max_kills_per_host}"
    if of_pattern >= choice.max_kills_per_pattern:
        return f"over --max-kills-per-pattern {choice.max_kills_per_pattern}"
    return ""


def _radius(act: PlannedAct) -> tuple[int, float, str]:
    return records.ACTIONS.index(act.action), act.candidate.in_use, act.candidate.candidate_id

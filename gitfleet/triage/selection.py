"""Which candidates of a fleet may be acted on, so that few of them are mistakes: false discovery control over all hosts at once.

A discovery is a candidate that is selected; a false one is in use after all. Two rules are applied to the whole pool, and only what
both select is selected:

- the Bayesian rule needs posterior probabilities that are calibrated, and says what one can read: "of these, at most 5 in 100";
- e-BH needs only that a likelihood ratio is right about what is useful, and holds however the candidates depend on each other.
  The same leak on twenty hosts is one mistake twenty times, and no other rule is known to bear that.

Pure: numbers in, positions out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from gitfleet.codec import Struct

ALPHA = 0.05
LOWEST, HIGHEST = 1e-6, 0.5
_NEAR = 1e-9
"""What sums of rounded numbers may be off."""


class PooledSelection(Struct):
    """The positions that each rule selects, and what is selected of both (`both`); `tested` is what they were corrected for, `needed` the
    bits (log2 of an e-value) that the weakest selected one had to have: with none selected, that the strongest would have to have.
    """

    bayes: frozenset[int]
    e_values: frozenset[int]
    both: frozenset[int]
    tested: int
    alpha: float
    needed: float


def select(
    in_use: Sequence[float],
    log_e: Sequence[float],
    *,
    alpha: float,
    tested: int,
    hosts: Sequence[str] = (),
) -> PooledSelection:
    """Select from a pool: `in_use` the probability that acting on it is a mistake, `log_e` the log2 of its e-value, by position.

    `tested` is how many were looked at, those that were not even proposed included; at least as many as there are. With `hosts`, whose
    each is, nothing is selected on one host because of what a single other one says: a host that makes up a thousand sure leaks would
    lower what all others need. So a candidate has to be selected also in the pool without any one other host; of what is left, as
    much as both rules hold for again.
    """
    tested = max(tested, len(log_e))
    bayes, by_e = mean_lfdr(in_use, alpha=alpha), e_bh(log_e, alpha=alpha, tested=tested)
    left = sorted(bayes & by_e)
    for host in sorted({hosts[position] for position in left}) if hosts else ():
        without = [position for position in range(len(hosts)) if hosts[position] != host]
        chosen = _both(in_use, log_e, without, alpha=alpha, tested=tested)
        left = [position for position in left if hosts[position] == host or position in chosen]
    both = _settled(in_use, log_e, left, alpha=alpha, tested=tested)
    needed = math.log2(max(1, tested) / (alpha * max(1, len(both)))) if alpha > 0 else math.inf
    return PooledSelection(bayes, by_e, both, tested, alpha, needed)


def _settled(
    in_use: Sequence[float], log_e: Sequence[float], left: Sequence[int], *, alpha: float, tested: int
) -> frozenset[int]:
    """The part of a set for which both rules hold when they are asked of it alone, still as of `tested`.

    Each of it has e >= m / (alpha k) with k their own number: such a set is self-consistent, and what is promised for e-BH
    holds for it (Wang and Ramdas 2022, section 4).
    """
    found = frozenset(left)
    while True:
        again = _both(in_use, log_e, sorted(found), alpha=alpha, tested=tested)
        if again == found:
            return found
        found = again


def _both(
    in_use: Sequence[float], log_e: Sequence[float], among: Sequence[int], *, alpha: float, tested: int
) -> frozenset[int]:
    """What both rules select of the candidates at these positions, as of `tested`."""
    bayes = mean_lfdr([in_use[position] for position in among], alpha=alpha)
    by_e = e_bh([log_e[position] for position in among], alpha=alpha, tested=tested)
    return frozenset(among[number] for number in bayes & by_e)


def mean_lfdr(in_use: Sequence[float], *, alpha: float) -> frozenset[int]:
    """The largest set whose mean probability of being a mistake is at most `alpha`.

    With local false discovery rates lfdr_(1) <= ... <= lfdr_(n) it is the first K = max{k : (1/k) sum_{i<=k} lfdr_(i) <= alpha}
    (Newton, Noueiry, Sarkar and Ahlquist 2004, Biostatistics 5:155; Efron 2010, Large-Scale Inference, chapter 5). The expected share
    of mistakes is then at most `alpha`, given that the probabilities are calibrated, also when they depend on each other.
    """
    order = sorted(range(len(in_use)), key=lambda position: (in_use[position], position))
    total, most = 0.0, 0
    for count, position in enumerate(order, 1):
        total += in_use[position]
        if alpha > 0 and total <= alpha * count + _NEAR:
            most = count
    return frozenset(order[:most])


def e_bh(log_e: Sequence[float], *, alpha: float, tested: int) -> frozenset[int]:
    """The e-BH procedure, on base 2 logarithms of e-values of which `tested` were computed.

    With e_(1) >= e_(2) >= ... it selects the K = max{k : k e_(k) / m >= 1/alpha} largest (Wang and Ramdas 2022, Journal of the Royal
    Statistical Society B 84:822). An e-value has expectation at most 1 where nothing is to be found; then the false discovery
    rate is at most alpha m0/m under any dependence. Those among the `tested` m that are not given count as zero.
    """
    if alpha <= 0:
        return frozenset()
    order = sorted(range(len(log_e)), key=lambda position: (-log_e[position], position))
    bar, most = math.log2(max(tested, len(log_e), 1) / alpha), 0
    for count, position in enumerate(order, 1):
        if math.log2(count) + log_e[position] >= bar - _NEAR:
            most = count
    return frozenset(order[:most])

"""The figures of a fleet as this clone knows them, without lock or network.

Names and labels are few and bounded: no session, branch, path or person is named, so that neither the number of series
grows with the fleet nor anything is told that others should not read.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import get_args

from gitfleet.base import clock
from gitfleet.base.text import display
from gitfleet.claims import model, tickets
from gitfleet.claims.model import Claim
from gitfleet.clone import Clone
from gitfleet.errors import FleetError, UsageError
from gitfleet.fleet.telemetry import placing, rejections
from gitfleet.fleet.telemetry.exposition import MetricFamily, MetricSample, lines
from gitfleet.fleet.views import hub_pace
from gitfleet.git import noted_settings
from gitfleet.git.program import Git
from gitfleet.ledger import own_node
from gitfleet.ledger.ledger import State
from gitfleet.mergequeue import estimates, states
from gitfleet.mergequeue import model as queue
from gitfleet.nodes import liveness
from gitfleet.nodes.observed import NodeState
from gitfleet.onhost.version import __version__
from gitfleet.sessions import session_records
from gitfleet.sessions.session_records import Session

SETTING = "fleet.metrics-file"
"""The key of git's configuration that names the file which each round of the maintainer writes."""
_MARK = b"# HELP gitfleet_"
MOST_MODELS = 50
"""Models that are told apart: agents name them, so there may be any number."""
FINISHED_OF = 200
"""Finished entries that waits are told from."""
_ENDS = {states.DROPPED: "were taken out", states.EXPIRED: "were rejected and not repaired in time"}


def collect(clone: Clone) -> list[MetricFamily]:
    """All figures. Raises NoFleet, NewerFormat, Corrupt."""
    state = clone.current()
    return [
        *_about(clone, state),
        *_people(clone, state),
        *_claims(state),
        *_hub(clone),
        *_queue(state),
        _by(
            "gitfleet_queue_rejections_total",
            "How often entries came back: their gate failed, or they conflicted.",
            "state",
            rejections.total(clone, state),
            rejections.WHYS,
            counter=True,
        ),
        *_jobs(clone),
    ]


def text(families: Iterable[MetricFamily]) -> str:
    """The figures as Prometheus reads them."""
    return "".join(f"{line}\n" for line in lines(families))


def write(path: str, families: Iterable[MetricFamily]) -> None:
    """Put them at `path`, whose folder must exist: who reads meanwhile has the old file or the new one.

    Raises Blocked for a file with anything else in it, LocalStorage.
    """
    placing.put(path, text(families).encode(), _MARK)


def configured(git: Git) -> str:
    """The file that is to be written in each round; "" for none. Raises UsageError for one that is not named in full."""
    path = noted_settings.answer(git, "config", "--type=path", "--get", SETTING).rstrip("\n")
    if path and not os.path.isabs(path):
        words = f"`{SETTING}` names '{display(path)}', which depends on the folder of whoever reads it."
        raise UsageError(words, hint=f"Name the file in full: `git config {SETTING} /FOLDER/gitfleet.prom`.")
    return path


def write_configured(clone: Clone) -> str:
    """Write the file that the clone's settings name; its path, "" for none. Raises UsageError, Blocked, LocalStorage."""
    path = configured(clone.repository.git)
    if path:
        write(path, collect(clone))
    return path


def _about(clone: Clone, state: State) -> Iterator[MetricFamily]:
    info = {"version": __version__, "node": clone.ledger.node.id}
    yield _one("gitfleet_info", "The version of gitfleet, and the node that tells.", 1, info)
    yield _one("gitfleet_scrape_timestamp_seconds", "When these figures were collected.", clock.now())
    yield _one("gitfleet_ledger_generation", "The generation of the ledger.", state.tip.generation)
    waiting = len(state.tentative)
    yield _one("gitfleet_ledger_tentative_operations", "Operations that wait for the hub.", waiting)
    alarm = clone.ledger.alarm() is not None
    yield _one("gitfleet_hub_alarm", "1 if something is wrong with the hub's ledger.", int(alarm))
    if clone.ledger.node.hub and state.age is not None:
        words = "When the hub was last seen; its age is time() minus this."
        yield _one("gitfleet_hub_last_exchange_timestamp_seconds", words, clock.now() - state.age)


def _hub(clone: Clone) -> Iterator[MetricFamily]:
    """How often the fleet pushes, against what the hub's owner asks for; nothing where this clone is the hub."""
    pace = hub_pace.look(clone)
    if pace.hub:
        words = "Pushes of the ledger within the last minute, by all nodes."
        yield _one("gitfleet_hub_pushes_per_minute", words, pace.now)
    if pace.limit:
        words = "Pushes a minute that the hub's host asks to stay below."
        yield _one("gitfleet_hub_push_budget_per_minute", words, pace.limit)


def _people(clone: Clone, state: State) -> Iterator[MetricFamily]:
    found = list(session_records.everyone(state.view))
    sessions = [one for one in found if isinstance(one, Session)]
    with clone.peers() as peers:
        own = clone.ledger.node.id
        alive = Counter(str(liveness.liveness(one, own, peers).word) for one in sessions)
        nodes = Counter(str(peers.judgement(name).liveness) for name in peers.nodes)
    words = "Sessions of the fleet, by what is known of their processes."
    yield _by("gitfleet_sessions", words, "liveness", alive, liveness.WORDS)
    yield _by("gitfleet_nodes", "Other nodes, as this one sees them.", "liveness", nodes, get_args(NodeState))


def _claims(state: State) -> Iterator[MetricFamily]:
    everything = list(model.everything(state.view))
    claims = [one for one in everything if isinstance(one, Claim)]
    counts = Counter((str(one.mode), "work" if one.retained else "session") for one in claims)
    pairs = [(mode, keeper) for mode in ("exclusive", "shared") for keeper in ("session", "work")]
    samples = tuple(
        MetricSample(counts[mode, keeper], {"mode": mode, "kept_by": keeper}) for mode, keeper in pairs
    )
    words = "Claims; kept by a session, or by work that has not landed."
    yield MetricFamily("gitfleet_claims", "gauge", words, samples)
    broken = len(everything) - len(claims)
    yield _one("gitfleet_claims_unreadable", "Claims whose records cannot be read.", broken)
    waiting = [one for one in tickets.everything(state.view) if not isinstance(one, FleetError)]
    yield _one("gitfleet_claim_waiters", "Places in the waiting line for paths.", len(waiting))


def _queue(state: State) -> Iterator[MetricFamily]:
    live = list(queue.readable(state.view))
    counts = queue.queue(state.view).counts
    words = "Entries of the merge queue that may still move, by state."
    yield _by("gitfleet_queue_entries", words, "state", Counter(str(one.state) for one in live), states.LIVE)
    waits = [max(0, clock.now() - one.at) for one in live if one.state in states.GOING]
    words = "How long the longest-waiting entry has waited; 0 if none waits."
    yield _one("gitfleet_queue_oldest_wait_seconds", words, max(waits, default=0))
    recent = estimates.waits(islice(queue.finished(state.view), FINISHED_OF))
    samples = tuple(
        MetricSample(value, {"band": band, "percentile": percentile})
        for band, (_, took) in recent.items()
        for percentile, value in (("50", took.p50), ("90", took.p90))
    )
    words = "How long entries that landed lately had waited."
    yield MetricFamily("gitfleet_queue_landed_wait_seconds", "gauge", words, samples)
    landed = counts.get(states.LANDED, 0)
    yield _one("gitfleet_queue_landings_total", "Entries that have landed.", landed, kind="counter")
    for end, name in ((states.DROPPED, "drops"), (states.EXPIRED, "expiries")):
        yield _one(
            f"gitfleet_queue_{name}_total", f"Entries that {_ENDS[end]}.", counts.get(end, 0), kind="counter"
        )
    outcomes = get_args(queue.Outcome)
    yield _by(
        "gitfleet_gate_runs_total", "Gate runs that have ended.", "outcome", counts, outcomes, counter=True
    )


def _jobs(clone: Clone) -> Iterator[MetricFamily]:
    """The jobs of this clone; nothing where there never were any."""
    folder = own_node.jobs_folder(clone.repository.common_dir)
    if not os.path.isdir(folder):
        return
    from gitfleet.jobs.money import report  # 10 ms, of use only where there are jobs
    from gitfleet.jobs.records.store import JobFilter, JobStore
    from gitfleet.jobs.words import JobStatus

    jobs = JobStore(folder).find(JobFilter())
    kept = Counter(str(job.status) for job in jobs)
    words = "Jobs of this clone that are kept, by status."
    yield _by("gitfleet_jobs", words, "status", kept, [str(one) for one in JobStatus])
    rows, _ = report.sums(jobs, report.CostKey.MODEL, {})
    named = [(_model(row.key), row) for row in rows[:MOST_MODELS]]
    dollars = tuple(MetricSample(row.money, {"model": name}) for name, row in named if row.money is not None)
    words = "What these jobs cost by their clients' own estimates, as far as it was told."
    yield MetricFamily("gitfleet_job_cost_dollars", "gauge", words, dollars)
    tokens = tuple(
        MetricSample(count, {"model": name, "kind": kind})
        for name, row in named
        for kind, count in sorted(row.tokens.items())
    )
    yield MetricFamily(
        "gitfleet_job_tokens", "gauge", "Tokens of these jobs, as far as they were told.", tokens
    )
    lacking = tuple(MetricSample(row.uncosted, {"model": name}) for name, row in named)
    words = "Attempts of these jobs whose cost is not known, and not in the dollars."
    yield MetricFamily("gitfleet_job_uncosted_attempts", "gauge", words, lacking)
    untold = tuple(MetricSample(row.untold + row.partly, {"model": name}) for name, row in named)
    words = "Attempts of these jobs that did not tell all of their tokens."
    yield MetricFamily("gitfleet_job_untold_attempts", "gauge", words, untold)


def _model(name: str) -> str:
    return display(name)[:80] or "unknown"


def _one(
    name: str, words: str, value: float, labels: Mapping[str, str] | None = None, *, kind: str = "gauge"
) -> MetricFamily:
    sample = MetricSample(value, labels or {})
    return MetricFamily(name, "counter" if kind == "counter" else "gauge", words, (sample,))


def _by(
    name: str,
    words: str,
    label: str,
    counts: Mapping[str, int],
    values: Iterable[str],
    *,
    counter: bool = False,
) -> MetricFamily:
    """A value for each of the words that a label may have, 0 for those that nothing has."""
    samples = tuple(MetricSample(counts.get(value, 0), {label: value}) for value in values)
    return MetricFamily(name, "counter" if counter else "gauge", words, samples)

"""A queue that is played through: runners, a gate whose verdicts are drawn, entries of which some are bad."""

from __future__ import annotations

import heapq
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from gitfleet.mergequeue.evidence import Candidate, Evidence, RunEnd, RunResult
from gitfleet.mergequeue.selection import Await, Contender, Halt, Idle, Land, Limits, Reject, Running, Try, choose


@dataclass
class World:
    bad: float
    flaky: float = 0.0
    runners: int = 1
    depth: int = 100
    known: float = 0.0
    seed: int = 0
    most: int = 16
    fixed: int = 0
    jitter: float = 0.2


def play(world: World, *, until: float = 1e9, total: int = 10**9):
    rng = random.Random(world.seed)
    order: list[Contender] = []
    bad: dict[str, bool] = {}
    born: dict[str, float] = {}
    evidence, running, window, turn, now = Evidence(), [], world.most, 0, 0.0
    if world.fixed: window = world.fixed
    busy: list = []  # heap of (end, number, Running index)
    runs = landed = wrong = escaped = rejected = 0
    waits = []; waits_all = []
    made = 0
    flights: dict[int, Running] = {}
    idle = list(range(world.runners))
    truth: dict[int, bool] = {}
    target: list[str] = []
    while True:
        while len(order) < world.depth and made < total:
            name = f"e{made}"
            bad[name] = rng.random() < world.bad
            born[name] = now
            order.append(Contender(name, seq=made)); made += 1
        nxt = None
        if idle:
            nxt = choose(order, evidence, list(flights.values()), Limits(window, turn))
        match nxt:
            case Land(candidate):
                assert not any(bad[e] for e in candidate)
                for e in candidate: waits.append(now - born[e]); waits_all.append(now-born[e])
                landed += len(candidate)
                order = [o for o in order if o.id not in candidate]
                evidence = evidence.landed(candidate)
                flights = {n: r.landed(candidate) for n, r in flights.items()}
                if len(candidate) >= window and not world.fixed: window = min(world.most, window * 2)
                continue
            case Reject(entry):
                rejected += 1
                waits_all.append(now - born[entry])
                wrong += not bad[entry]
                order = [o for o in order if o.id != entry]
                evidence = evidence.left(entry)
                if not world.fixed: window = max(1, window // 2)
                continue
            case Try(candidate):
                turn += 1
                runner = idle.pop(0)
                ends = RunEnd.FAILED if any(bad[e] for e in candidate) or rng.random() < world.flaky else RunEnd.PASSED
                runs += 1
                flights[runner] = Running(candidate)
                heapq.heappush(busy, (now + 1 + world.jitter * (rng.random() * 2 - 1), runner, ends))
                continue
        if not busy or now >= until:
            break
        now, runner, ends = heapq.heappop(busy)
        r = flights.pop(runner)
        idle.append(runner); idle.sort()
        evidence = evidence.with_run(RunResult(r.entries, ends, r.exact))
    return dict(runs=runs, landed=landed, rejected=rejected, wrong=wrong, now=now, median=statistics.median(waits) if waits else 0, rpl=runs/max(1,landed), left=len(order), maxwait=max(waits_all, default=0))

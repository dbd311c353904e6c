"""Random histories of a fleet: claims, releases and syncs of three clones, some at once, with pushes, leaders and the hub failing.

`python -m tests.races.histories SEED COUNT [JOBS]` plays COUNT histories from SEED on and prints one line for each that broke a
promise; `scripts/soak` is that, with words around it. Promised is: at no commit of the chain two sessions hold what overlaps;
each operation is in it at most once; what a caller was told (confirmed, refused) is what the chain says; what was tentative
is agreed or reported lost in the end; nothing stays in an outbox; the log
of a path, and of a session, has each commit that changed it. One seed is one history, but for how those at once meet.

Every operation is a process of its own, forked from one that has imported everything. The hub's hooks kill the push or the
process that leads, before a ref moves or just after it has: which, the process itself says in its environment.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gitfleet.base.names import SessionId
from gitfleet.claims.service import Terms
from gitfleet.errors import Conflict, FleetError, HubError, UsageError
from gitfleet.fleet.fleet import Fleet
from gitfleet.ledger.model import Answer
from gitfleet.ledger.notices import LOST
from tests import memory
from tests.fleetbench import Chain, Fleets, join, prepare, unlogged
from tests.workbench import Git

NODES = {
    "ada": ("ada-1", "ada-2"),
    "bob": ("bob-1", "bob-2"),
    "cleo": ("cleo-1", "cleo-2"),
}
PATHS = ("src/", "src/a.py", "src/*.py", "src/api/", "docs/")
STEPS = 8
FAULTS = ("push-before", "push-after", "leader-before", "leader-after")
AWAY = "away"
NOWHERE = {
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "url.nowhere/.insteadOf",
    "GIT_CONFIG_VALUE_0": "../",
}
# Run by the hub's receive-pack as `pre-receive` and as `reference-transaction`; kills, once for each operation.
HOOK = """\
#!/bin/sh
case "${0##*/} $1" in
    "pre-receive ") moment=before ;;
    "reference-transaction committed") moment=after ;;
    *) exit 0 ;;
esac
case "${HISTORY_FAULT:-}" in
    push-$moment) victim=$PPID ;;
    leader-$moment) victim=$HISTORY_LEADER ;;
    *) exit 0 ;;
esac
mkdir "$HISTORY_ONCE" 2>/dev/null || exit 0
kill -9 "$victim"
"""


class Step(NamedTuple):
    """What one session does, and what goes wrong meanwhile ("": nothing)."""

    node: str
    session: str
    what: str
    paths: tuple[str, ...]
    fault: str


class Told(NamedTuple):
    """What came of a step: the result's status, or the error's class; ("killed" where nobody was told anything)."""

    step: Step
    status: str
    operation: str = ""
    commit: str = ""


class Broken(AssertionError):
    """A promise was broken."""


def ground(folder: Path) -> Path:
    """Make, once, the fleet that each history starts from."""
    git, plain, base = Git(), folder / "plain", folder / "fleet"
    base.mkdir()
    git(folder, "init", "--quiet", "--bare", plain / "hub.git")
    git(folder, "init", "--quiet", plain / "work")
    git.commit(plain / "work", {"src/a.py": "1\n", "src/api/b.py": "2\n", "docs/c.md": "3\n"})
    git(plain / "work", "push", "--quiet", plain / "hub.git", "HEAD:refs/heads/main")
    prepare(base, plain, git)
    git(base, "clone", "--quiet", "hub.git", "cleo")
    git(base / "cleo", "remote", "set-url", "origin", "../hub.git")
    join(base / "cleo", NODES["cleo"])
    for name in ("pre-receive", "reference-transaction"):
        hook = base / "hub.git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(HOOK)
        hook.chmod(0o755)
    return base


def plan(seed: int) -> list[list[Step]]:
    """The steps of one history; those in one row are taken at once."""
    dice = random.Random(seed)
    away = {node: range(*sorted(dice.sample(range(STEPS), k=2))) for node in NODES if dice.random() < 0.4}
    rows = []
    for number in range(STEPS):
        nodes = dice.sample(sorted(NODES), k=dice.choice((1, 1, 1, 2, 3)))
        steps = [_step(dice, node) for node in nodes]
        rows.append([s._replace(fault=AWAY) if number in away.get(s.node, ()) else s for s in steps])
    return rows


def _step(dice: random.Random, node: str) -> Step:
    what = dice.choice(("claim", "claim", "claim", "partial", "release", "release", "renew", "sync"))
    paths = tuple(dice.sample(PATHS, k=dice.choice((1, 1, 2))))
    fault = dice.choice(FAULTS) if dice.random() < 0.25 else ""
    return Step(node, dice.choice(NODES[node]), what, paths, fault)


def play(base: Path, folder: Path, seed: int) -> None:
    """Play one history in `folder`, and judge it. Raises Broken, or AssertionError of the judge."""
    root = folder / f"history-{seed}"
    shutil.copytree(base, root, symlinks=True)
    fleets, told = Fleets(root), []
    for number, row in enumerate(plan(seed)):
        told += _at_once(root, number, row)
    for _ in range(2):  # a push that outlived its leader may land between
        for node in NODES:
            with fleets.open(node) as fleet:
                fleet.ledger.sync()
    judge(fleets, told)
    shutil.rmtree(root)


def _at_once(root: Path, number: int, row: Sequence[Step]) -> list[Told]:
    """Take the steps of a row, each in a process of its own, and wait for all."""
    started = []
    for place, step in enumerate(row):
        out = root / f"told-{number}-{place}"
        process = os.fork()
        if process == 0:
            _child(root, step, out)
        started.append((step, out, process))
    found = []
    for step, out, process in started:
        _, code = os.waitpid(process, 0)
        if out.exists():
            found.append(Told(step, **json.loads(out.read_text())))
        elif code == signal.SIGKILL:
            found.append(Told(step, "killed"))
        else:
            raise Broken(f"{step} ended with {code}")
    return found


def _child(root: Path, step: Step, out: Path) -> None:
    """The whole life of a forked process."""
    code = 1
    try:
        os.environ |= {
            "HISTORY_FAULT": step.fault,
            "HISTORY_LEADER": str(os.getpid()),
            "HISTORY_ONCE": f"{out}.once",
            **(NOWHERE if step.fault == AWAY else {}),
        }
        with Fleet.open(str(root / step.node)) as fleet:
            answer = _take(fleet, step)
        aside = out.with_suffix(".new")
        aside.write_text(json.dumps(answer))
        aside.rename(out)
        code = 0
    except BaseException:  # noqa: BLE001 - nothing of it may go on in here as the parent
        traceback.print_exc()
    finally:
        os._exit(code)


def _take(fleet: Fleet, step: Step) -> dict[str, Any]:
    try:
        result = _result(fleet, step)
    except (Conflict, HubError, UsageError) as error:  # the last where a part of a claim is to be released
        return {"status": type(error).__name__}
    except FleetError as error:
        raise Broken(f"{step}: {error!r}") from error
    if result is None:
        return {"status": "synced"}
    return {"status": result.status.value, "operation": result.receipt.operation, "commit": result.commit}


def _result(fleet: Fleet, step: Step) -> Answer | None:
    claims = fleet.claims
    match step.what:
        case "claim" | "partial":
            return claims.claim(SessionId(step.session), step.paths, Terms(partial=step.what == "partial"))
        case "release":
            return claims.release(SessionId(step.session), step.paths)
        case "renew":
            return claims.renew(SessionId(step.session))
        case _:
            fleet.ledger.sync()
            return None


def judge(fleets: Fleets, told: Sequence[Told]) -> None:
    """Compare what everybody was told with what is true in the end."""
    chain = fleets.chain()  # sound, nothing in it twice, and no overlap at any commit
    for node in NODES:
        if left := fleets.waiting(node):
            raise Broken(f"{node} still has {left} in its outbox")
        if (fleets.state(node) / "outbox/attempt").exists():
            raise Broken(f"{node} still wonders about a push")
    for one in told:
        if one.operation:
            _check(fleets, chain, one)
    with fleets.open(next(iter(NODES))) as fleet:
        if silent := unlogged(fleet, [SessionId(one) for some in NODES.values() for one in some]):
            raise Broken(f"the log of {silent} does not say what changed it")


def _check(fleets: Fleets, chain: Chain, one: Told) -> None:
    carried = chain.operations.get(one.operation)
    if one.status == "confirmed" and (carried is None or carried.oid != one.commit):
        raise Broken(f"{one} was confirmed, and the chain has it in {carried}")
    if one.status == "tentative" and carried is None and not _was_told(fleets, one):
        raise Broken(f"{one} was tentative, and is neither agreed nor reported lost")


def _was_told(fleets: Fleets, one: Told) -> bool:
    with fleets.open(one.step.node) as fleet:
        kept = fleet.ledger.notices.kept(SessionId(one.step.session))
        return any(notice.kind == LOST and one.operation in notice.path for notice in kept)


def several(seeds: Sequence[int]) -> list[str]:
    """Play histories; those that broke a promise, in words, printed as they come."""
    faults = []
    memory.use()
    with tempfile.TemporaryDirectory(prefix="gitfleet-histories-") as folder:
        base = ground(Path(folder))
        for seed in seeds:
            try:
                play(base, Path(folder), seed)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next history is to be played
                faults.append(f"history {seed}: {error!r}")
                print(faults[-1], flush=True)
    return faults


def main() -> int:
    """Play COUNT histories from SEED on, in so many processes."""
    seed, count, jobs = (int(text) for text in [*sys.argv[1:], "1"][:3])
    children = []
    for job in range(jobs):
        process = os.fork()
        if process == 0:
            faults = several(range(seed + job, seed + count, jobs))
            os._exit(1 if faults else 0)
        children.append(process)
    return max(1 if os.waitpid(process, 0)[1] else 0 for process in children)


if __name__ == "__main__":
    sys.exit(main())

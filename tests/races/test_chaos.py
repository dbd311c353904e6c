"""Eight clones of eight sessions each claim overlapping things through one hub, while pushes and leaders are killed.

The hub's own hooks do the killing, each at its exact moment of a push: before anything happens, while the ref is being
moved, after it has moved. Whether and whom they kill follows from the pushed commit's id, so nobody waits for anything.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.fleetbench import Chain, Fleets, start_sessions
from tests.races.crowd import Crowd, Task
from tests.workbench import Git

CLONES, SESSIONS, ROUNDS = 8, 8, 2
# Goes up from the hook through receive-pack and the push to the process that leads, and kills one of them.
KILLER = """\
#!/bin/sh
read -r old new ref
case $1$new in
{cases}
*) exit 0 ;;
esac
pid=$$
while [ "$pid" -gt 1 ]; do
    pid=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status") || exit 0
    case $(tr '\\0' ' ' <"/proc/$pid/cmdline") in
    *" push --porcelain"*)
        [ $victim = leader ] && kill -9 "$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status")"
        [ $victim = push ] && kill -9 "$pid"
        echo "$0 $victim" >>"$PWD/killed"
        exit 0 ;;
    esac
done
"""
HOOKS = {
    "pre-receive": "0* | 1*) victim=push ;;\n2*) victim=leader ;;",
    "reference-transaction": "prepared3*) victim=push ;;\ncommitted4*) victim=leader ;;\ncommitted5*) victim=push ;;",
    "post-receive": "6* | 7*) victim=push ;;\n8*) victim=leader ;;",
}


def make_clones(fleets: Fleets, git: Git) -> list[str]:
    """Eight nodes with eight sessions each."""
    names = ["ada", *(f"ada{number}" for number in range(1, CLONES))]
    for name in names[1:]:
        shutil.copytree(fleets.clone("ada"), fleets.root / name, symlinks=True)
        node = fleets.state(name) / "node.json"
        record = json.loads(node.read_text(encoding="utf-8"))
        node.write_text(json.dumps(record | {"id": f"node-{name}"}), encoding="utf-8")
    for name in names:
        with fleets.open(name) as fleet:
            start_sessions(fleet, [f"{name}.{number}" for number in range(SESSIONS)])
    return names


def arm(hub: Path) -> None:
    for name, cases in HOOKS.items():
        hook = hub / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(KILLER.format(cases=cases), encoding="utf-8")
        hook.chmod(0o755)


def check_told(chain: Chain, row: dict[str, Any]) -> None:
    """What a caller was told is what the chain says."""
    carried = chain.operations.get(row["operation"])
    if "error" in row:
        assert row["error"] in {"conflict", "lock-held", "hub-refused"}, row
        assert row["operation"]
        assert carried is None or "has this request" in row["message"], row
    elif row["status"] == "confirmed":
        assert carried is not None, row
        assert carried.oid == row["commit"], row
    elif row["status"] in {"refused", "failed"}:
        assert carried is None, row
    else:
        assert row["status"] == "tentative", row


@pytest.mark.slow
def test_claims_while_pushes_and_leaders_are_killed_never_overlap_and_answers_are_true(
    fleets: Fleets, git: Git, crowd: Crowd, tmp_path: Path
) -> None:
    names = make_clones(fleets, git)
    before = fleets.tip()
    arm(fleets.hub)
    diaries = {
        f"{name}.{number}": tmp_path / f"{name}.{number}" for name in names for number in range(SESSIONS)
    }
    tasks = [
        Task(
            fleets.clone(name),
            call="tests.races.tasks:work",
            arguments=(session, seed, ROUNDS, str(diaries[session])),
        )
        for seed, (session, name) in enumerate((session, session.split(".")[0]) for session in diaries)
    ]
    outcomes = crowd(tasks)
    assert {outcome.code for outcome in outcomes} <= {0, -9}, [o for o in outcomes if o.code not in {0, -9}]
    for name in HOOKS:
        (fleets.hub / "hooks" / name).unlink()
    assert list(fleets.hub.rglob("*.lock")) == []
    for name in names:
        with fleets.open(name) as fleet:
            fleet.ledger.sync()
        assert fleets.waiting(name) == []
        assert fleets.tip(name) is not None
    chain = fleets.chain()
    assert before in {link.oid for link in chain.links}
    rows = [
        json.loads(line)
        for diary in diaries.values()
        if diary.exists()
        for line in diary.read_bytes().splitlines()
    ]
    for row in rows:
        check_told(chain, row)
    told = Counter(row.get("status", row.get("error")) for row in rows)
    killed = Counter((fleets.hub / "killed").read_text().split()[1::2])
    assert told["confirmed"] > 30, told
    assert told["conflict"] > 10, told
    assert min(killed["push"], killed["leader"]) >= 3, killed
    assert len(chain.links) > 30

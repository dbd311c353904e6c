"""Pushes that die between their request and its answer: what they did is looked up by its id, and never done twice."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from gitfleet.base.names import SessionId
from gitfleet.errors import Conflict
from gitfleet.ledger.model import Status
from tests.fleetbench import Fleets
from tests.races.crowd import Crowd, Task

ADA_1 = SessionId("ada-1")

REAL = shutil.which("git") or "git"
# Stands before git on PATH: a push is done for real or not at all, and then its answer is lost, as often as is asked.
GIT = """\
#!/bin/sh
for word in "$@"; do
    if [ "$word" = push ] && mv "$FAULTS/next" "$FAULTS/$$" 2>/dev/null; then
        {fault}
    fi
done
exec {git} "$@"
"""
FAULTS = {
    "landed, killed": '{git} "$@" >/dev/null 2>&1; kill -9 $$',
    "landed, connection lost": '{git} "$@" >/dev/null 2>&1; echo "fatal: the remote end hung up unexpectedly" >&2; exit 128',
    "never sent, killed": "kill -9 $$",
    "never sent, connection lost": 'echo "fatal: Could not read from remote repository." >&2; exit 128',
}
KILLED = {
    "landed, and its leader killed": '{git} "$@" >/dev/null 2>&1; kill -9 $PPID; exit 1',
    "leader killed, then landed": 'kill -9 $PPID; exec {git} "$@"',
    "leader killed, never sent": "kill -9 $PPID; exit 1",
}


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of faults to come; a push takes the one named `next`."""
    folder, tools = tmp_path / "faults", tmp_path / "tools"
    folder.mkdir()
    tools.mkdir()
    monkeypatch.setenv("FAULTS", str(folder))
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    return folder


def arm(faults: Path, script: str) -> None:
    """The next push meets this fault."""
    git = faults.parent / "tools/git"
    git.write_text(GIT.format(fault=script.format(git=REAL), git=REAL), encoding="utf-8")
    git.chmod(0o755)
    (faults / "next").touch()


@pytest.mark.parametrize("fault", FAULTS)
def test_claim_whose_push_lost_its_answer_is_confirmed_once(fleets: Fleets, faults: Path, fault: str) -> None:
    arm(faults, FAULTS[fault])
    result = fleets.claim("ada", "ada-1", "src/a.py")
    assert result.status is Status.CONFIRMED
    assert [record.pattern for record in result.granted] == ["src/a.py"]
    chain = fleets.chain()
    assert chain.operations[result.receipt.operation].oid == result.commit
    assert chain.holders("src/a.py") == ["ada-1"]
    assert fleets.waiting() == []
    assert not (fleets.state() / "outbox/attempt").exists()


@pytest.mark.parametrize("fault", ["landed, killed", "landed, connection lost"])
def test_release_whose_push_lost_its_answer_is_told_as_it_was(
    fleets: Fleets, faults: Path, fault: str
) -> None:
    fleets.claim("ada", "ada-1", "src/a.py")
    arm(faults, FAULTS[fault])
    with fleets.open() as fleet:
        result = fleet.claims.release(ADA_1, ["src/a.py"])
    assert result.status is Status.CONFIRMED
    assert [record.pattern for record in result.released] == ["src/a.py"]
    assert fleets.chain().holders("src/a.py") == []


def test_claim_whose_push_landed_while_the_hub_went_away_is_settled_when_it_returns(
    fleets: Fleets, faults: Path
) -> None:
    away = fleets.root / "away.git"
    arm(faults, f'{{git}} "$@" >/dev/null 2>&1; mv {fleets.hub} {away}; kill -9 $$')
    result = fleets.claim("ada", "ada-1", "src/a.py")
    assert result.status is Status.TENTATIVE
    assert "does not appear to be" in result.receipt.hub_error
    assert fleets.claim("ada", "ada-1", "src/b.py").status is Status.TENTATIVE
    with pytest.raises(Conflict, match="ada-1"):
        fleets.claim("ada", "ada-2", "src/a.py")
    away.rename(fleets.hub)
    with fleets.open() as fleet:
        fleet.ledger.sync()
        assert fleet.ledger.notices.kept(ADA_1) == []
    chain = fleets.chain()
    assert (chain.holders("src/a.py"), chain.holders("src/b.py")) == (["ada-1"], ["ada-1"])
    assert result.receipt.operation in chain.operations
    assert fleets.waiting() == []


def test_claim_whose_push_landed_and_whose_hub_then_refuses_to_be_read_is_not_told_that_nothing_happened(
    fleets: Fleets, faults: Path
) -> None:
    script = '{git} "$@" >/dev/null 2>&1; touch "$FAULTS/refuse"; kill -9 $$'
    arm(faults, script)
    git = faults.parent / "tools/git"
    refusing = 'for word in "$@"; do [ "$word" = fetch ] && [ -e "$FAULTS/refuse" ] && echo "HTTP 403" >&2 && exit 128; done\n'
    git.write_text(git.read_text().replace("exec ", refusing + "exec ", 1), encoding="utf-8")
    assert fleets.claim("ada", "ada-1", "src/a.py").status is Status.TENTATIVE
    (faults / "refuse").unlink()
    with fleets.open() as fleet:
        fleet.ledger.sync()
    assert fleets.chain().holders("src/a.py") == ["ada-1"]


@pytest.mark.parametrize("fault", KILLED)
def test_claims_of_a_killed_leader_are_settled_by_the_next(
    fleets: Fleets, faults: Path, crowd: Crowd, fault: str
) -> None:
    arm(faults, KILLED[fault])
    first = crowd([Task(fleets.clone("ada"), ("claim", "src/a.py", "--session", "ada-1", "--json"))])[0]
    assert first.code == -9
    left = fleets.waiting()
    assert len(left) == 1
    assert fleets.claim("ada", "ada-2", "src/b.py").status is Status.CONFIRMED
    chain = fleets.chain()
    assert (chain.holders("src/a.py"), chain.holders("src/b.py")) == (["ada-1"], ["ada-2"])
    assert left[0].removeprefix("taken/").removesuffix(".json") in chain.operations
    assert fleets.waiting() == []


@pytest.mark.parametrize("landed", [True, False], ids=["landed", "never-sent"])
def test_claim_that_is_interrupted_while_it_pushes_ends_with_exit_130_and_is_settled_by_the_next(
    fleets: Fleets, faults: Path, crowd: Crowd, *, landed: bool
) -> None:
    push = '{git} "$@" >/dev/null 2>&1; ' if landed else ""
    arm(faults, f"{push}kill -INT $PPID; exec sleep 5")
    first = crowd([Task(fleets.clone("ada"), ("claim", "src/a.py", "--session", "ada-1"))])[0]
    assert first.code == 130
    assert "what was accepted stays accepted" in first.stderr
    assert len(fleets.waiting()) == 1
    assert fleets.claim("ada", "ada-2", "docs/").status is Status.CONFIRMED
    chain = fleets.chain()
    assert (chain.holders("src/a.py"), chain.holders("docs/")) == (["ada-1"], ["ada-2"])


def test_waiters_of_a_killed_leader_are_all_answered_with_what_is_true(
    fleets: Fleets, faults: Path, crowd: Crowd
) -> None:
    arm(faults, KILLED["landed, and its leader killed"])
    tasks = [
        Task(
            fleets.clone("ada"), ("claim", f"src/{number}.py", "--session", f"ada-{number % 2 + 1}", "--json")
        )
        for number in range(8)
    ]
    outcomes = crowd(tasks)
    assert sorted(outcome.code for outcome in outcomes) == [-9] + [0] * 7
    chain = fleets.chain()
    for number, outcome in enumerate(outcomes):
        if outcome.code == 0:
            assert chain.holders(f"src/{number}.py") == [f"ada-{number % 2 + 1}"]
            assert (
                chain.operations[outcome.json()["data"]["operation"]].oid == outcome.json()["data"]["commit"]
            )


# The first push kills its leader and waits at the gate before it is done; the second opens the gate, and waits for the first.
SLOW = """\
#!/bin/sh
for word in "$@"; do
    if [ "$word" = push ] && mkdir "$FAULTS/first" 2>/dev/null; then
        kill -9 $PPID
        read -r _ <"$FAULTS/gate"
        {git} "$@" >/dev/null 2>&1
        echo done >"$FAULTS/done"
        exit 0
    elif [ "$word" = push ] && [ -e "$FAULTS/overtake" ] && mkdir "$FAULTS/second" 2>/dev/null; then
        echo open >"$FAULTS/gate"
        read -r _ <"$FAULTS/done"
    fi
done
exec {git} "$@"
"""


@pytest.mark.parametrize("overtakes", [True, False], ids=["lands-before-the-next", "comes-too-late"])
def test_claim_whose_push_outlives_its_leader_is_in_the_chain_once_whenever_it_lands(
    fleets: Fleets, faults: Path, crowd: Crowd, *, overtakes: bool
) -> None:
    (faults.parent / "tools/git").write_text(SLOW.format(git=REAL), encoding="utf-8")
    (faults.parent / "tools/git").chmod(0o755)
    for name in ("gate", "done"):
        os.mkfifo(faults / name)
    killed = crowd([Task(fleets.clone("ada"), ("claim", "src/a.py", "--session", "ada-1"))])[0]
    assert killed.code == -9
    if overtakes:
        (faults / "overtake").touch()
    assert fleets.claim("ada", "ada-2", "docs/").status is Status.CONFIRMED
    if not overtakes:
        (faults / "gate").write_text("open\n")
        assert (faults / "done").read_text() == "done\n"
    with fleets.open() as fleet:
        fleet.ledger.sync()
    chain = fleets.chain()
    assert (chain.holders("src/a.py"), chain.holders("docs/")) == (["ada-1"], ["ada-2"])
    assert len({link.oid for link in chain.operations.values()}) == len(chain.links) - 1
    assert fleets.waiting() == []
    assert not (fleets.state() / "outbox/attempt").exists()

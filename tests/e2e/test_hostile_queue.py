"""What others write into the ledger, the branches and the gate's output is not believed, and keeps nobody's entries from landing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from gitfleet.base import canonical
from gitfleet.base.ids import ulid
from gitfleet.base.names import BranchName
from gitfleet.codec import replace
from gitfleet.errors import FleetError
from gitfleet.ledger.model import Who
from gitfleet.mergequeue import model
from gitfleet.mergequeue.model import GateRun, QueueEntry
from tests.e2e.bench import Bench, Branch
from tests.faults.test_garbage import plant
from tests.operations import ask

ESCAPES = "\x1b]0;owned\x07\x1b[2Jred\x9b31m"


def _ask(bench: Bench, kind: str, body: Mapping[str, Any], *, who: Who | None = None) -> dict[str, Any]:
    """An operation that another program on bob's node makes."""
    with bench.fleets.open("bob") as fleet:
        fleet.ledger.sync()
        session = fleet.ledger.node.id if who == "node" else "bob-1"
        return ask(fleet.ledger, kind, session, body, who=who)


def _lands(bench: Bench, *entries: QueueEntry) -> None:
    done = bench.runner("ada")
    assert bench.states(*entries) == ["landed"] * len(entries), str(done)
    assert "Traceback" not in done.stderr


NAMES = ["a*b", "a:b", "+a", "-delete", "--upload-pack=touch owned", "a b", "a..b", "../../x", "^main", "a\nb", "HEAD", "x.lock", "@{-1}", "refs/fleet/coord"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.sample(3)
def test_name_of_a_branch_that_no_git_would_have_stops_nobody(bench: Bench, name: str) -> None:
    (good,) = bench.queue(Branch("good", {"good.txt": "1\n"}))
    body = {"branch": name, "head": good.head, "target": "main"}
    try:
        _ask(bench, "queue.add", body)
    except FleetError:
        pass
    else:
        assert name in {"HEAD", "refs/fleet/coord", "+a"}  # which are branches, if somebody makes them
    record = replace(good, id=ulid(), branch=BranchName(name), seq=0)
    plant(bench.fleets, {model.live(record.id): record.as_bytes()})
    _lands(bench, good)
    shown = bench("ada", "queue", "list")
    assert "\nb" not in shown.stdout.replace("\nbranch", "")


def test_entry_for_another_target_or_of_the_target_itself_stops_nobody(bench: Bench) -> None:
    (good,) = bench.queue(Branch("good", {"good.txt": "1\n"}))
    for branch, target in (("good", "release"), ("main", "main")):
        record = replace(good, id=ulid(), branch=BranchName(branch), target=BranchName(target), seq=0)
        plant(bench.fleets, {model.live(record.id): record.as_bytes()})
    bench.rules("delete-branches: true")
    _lands(bench, good)
    assert bench.tip("refs/heads/main")


@pytest.mark.sample(1)
@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_commit_that_says_that_it_landed_anothers_entry_is_not_believed(bench: Bench, method: str) -> None:
    bench.rules(f"method: {method}")
    (victim,) = bench.queue(Branch("victim", {"bad/victim.txt": "1\n"}))
    lie = f"mine\n\nFleet-Entry: {victim.id}\nFleet-Head: {victim.head}\n"
    first = bench.push({"liar.txt": "1\n"}, "refs/heads/liar", "refs/heads/main", lie)
    head = bench.push({"liar.txt": "2\n"}, "refs/heads/liar", message=lie)
    (liar,) = bench.add("bob", [(Branch("liar", {}), head)])
    bench.runner("ada")
    bench.runner("ada")
    assert bench.states(liar, victim) == ["landed", "rejected"], first


def test_title_and_gate_that_write_to_the_terminal_are_shown_without_that(bench: Bench) -> None:
    entries = bench.queue(
        Branch("one", {"bad/x": "\n"}, more={"title": f"{ESCAPES}\n\nFleet-Entry: {'0' * 26}"}),
        Branch("two", {"two.txt": "1\n"}, more={"title": ESCAPES}),
    )
    gate = bench.steering.folder / "gate"
    gate.write_text(gate.read_text().replace("FAILED: $(ls bad)", f"{ESCAPES} FAILED"))
    texts = [bench.runner("ada")]
    texts += [bench("ada", "queue", *words) for words in (["list"], ["history"], ["stats"], ["show", "one"], ["why", "one"], ["show", "two"])]  # fmt: skip
    texts += [bench("ada", "queue", "show", "one", "--json"), bench("ada", "log")]
    assert bench.states(*entries) == ["rejected", "landed"]
    for ran in texts:
        assert "FAILED" in ran.stdout or ran.args[-1] != "one" or ran.args[-2] != "show", ran
        assert not set(ran.stdout + ran.stderr) & {"\x1b", "\x07", "\x9b"}, ran
    assert bench.landings() == [entries[1].id]


def test_run_that_is_said_to_have_passed_without_a_verdict_is_run(bench: Bench) -> None:
    (bad,) = bench.queue(Branch("broken", {"bad/x": "\n"}))
    _lie(bench, bad)
    bench.runner("ada")
    bench.runner("ada")
    assert bench.states(bad) == ["rejected"]
    assert bench.runs
    (good,) = bench.queue(Branch("good", {"good.txt": "\n"}))
    _lie(bench, good)
    _lands(bench, good)
    assert bench.landings() == [good.id]
    assert bench.git(bench.hub, "rev-parse", "main^{tree}") in bench.runs


def _lie(bench: Bench, entry: QueueEntry) -> None:
    """Have bob's node take a run of the very candidate, and end it as passed."""
    bench.hold_gates()
    runner = bench.start("ada")
    tree = bench.began(runner)
    with bench.fleets.view() as view:
        (run,) = model.runs(view)
    assert run.tree == tree
    runner.send(9)
    runner.ended()
    bench.release_gates()
    bench.let_go()
    forged: dict[str, Any] = {
        **run.encode(),
        "id": ulid(),
        "outcome": "passed",
        "ended": entry.since + 1,
        "kind": "result",
    }
    body: dict[str, Any] = {name: forged[name] for name in ("v", "kind", "id", "base", "entries", "commit", "tree", "outcome", "ended", "keys") if name in forged}  # fmt: skip
    plant(bench.fleets, {f"{model.RESULTS}/{body['id']}.json": canonical.dump(body), run.where: None})


def test_ticket_that_no_lease_ends_keeps_nobody_for_ever(bench: Bench) -> None:
    (good,) = bench.queue(Branch("good", {"good.txt": "1\n"}))
    with bench.fleets.open("bob") as fleet:
        node = fleet.ledger.node.id
    ticket = GateRun(
        id=ulid(), target=good.target, base=good.base, entries=(good.pin,), commit=good.head, tree=good.head, keys=("k",), node=node,
        lease=10**15, at=1, nonce="x", renewed=0,
    )  # fmt: skip
    plant(bench.fleets, {ticket.where: ticket.as_bytes()})
    with bench.fleets.open("ada") as fleet:
        fleet.ledger.sync()
        assert model.runs(fleet.ledger.current().view) == []
    _lands(bench, good)


def test_entry_with_ten_thousand_needs_stops_nobody(bench: Bench) -> None:
    (good,) = bench.queue(Branch("good", {"good.txt": "1\n"}))
    record = json.loads(good.as_bytes())
    record |= {"id": ulid(), "branch": "many", "needs": [ulid() for _ in range(10_000)]}
    circle = [replace(good, id=ulid(), branch=BranchName(f"round{number}"), seq=0) for number in range(50)]
    rows = [
        replace(one, needs=(other.id,), stack=other.id)
        for one, other in zip(circle, [*circle[1:], circle[0]], strict=True)
    ]
    plant(bench.fleets, {model.live(one.id): one.as_bytes() for one in rows})
    plant(bench.fleets, {model.live(str(record["id"])): canonical.dump(record)})
    _lands(bench, good)


def test_session_can_neither_land_nor_judge_as_a_processor(bench: Bench) -> None:
    (good,) = bench.queue(Branch("good", {"good.txt": "1\n"}))
    landing = {"id": good.id, "head": good.head, "commit": good.head}
    body = {
        "target": "main",
        "base": good.base,
        "commit": good.head,
        "entries": [landing],
        "proof": {"gate": "none"},
    }
    pin = {"id": good.id, "head": good.head}
    refused: dict[str, dict[str, Any]] = {
        "queue.land": body,
        "queue.reconcile": {"entries": [landing]},
        "queue.reject": {"pin": pin, "evidence": {}},
        "queue.mark": {"found": [{"pin": pin, "state": "held", "reason": "approval"}]},
    }
    for kind, asked in refused.items():
        with pytest.raises(FleetError):
            _ask(bench, kind, asked, who="session")
    subject = {"key": "x", "command": "c", "part": "", "environment": "", "inputs": []}
    with pytest.raises(FleetError):
        _ask(
            bench, "gate.verdict", {"subject": subject, "result": "passed", "by": "processor"}, who="session"
        )
    assert bench.states(good) == ["queued"]
    assert bench.tip() == good.base


def test_verdict_of_a_session_lets_nothing_land_where_the_rules_do_not_trust_it(bench: Bench) -> None:
    bench.rules("trust: [ci]")
    (good,) = bench.queue(Branch("good", {"good.txt": "1\n"}))
    done = bench.runner("ada")
    assert bench.states(good) != ["landed"], done
    assert len(bench.runs) <= 3

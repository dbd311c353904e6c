"""Scenario 4: what a push says of itself is not what it did."""

from __future__ import annotations

import pytest

from tests import oddhub
from tests.e2e.bench import Bench, Branch

LOST = '{git} "$@" >/dev/null 2>&1; echo "fatal: the remote end hung up unexpectedly" >&2; exit 128'
NEVER = 'echo "fatal: the remote end hung up unexpectedly" >&2; exit 128'
QUIET = "exit 0"


@pytest.mark.sample(1)
@pytest.mark.parametrize("fault", [LOST, NEVER, QUIET], ids=["done-and-lost", "never-sent", "said-done"])
def test_landing_whose_push_says_something_else_than_it_did_happens_once(bench: Bench, fault: str) -> None:
    entries = bench.queue(Branch("one", {"one.txt": "1\n"}), Branch("two", {"two.txt": "2\n"}))
    bench.runner("ada", env=bench.steering.arm(fault))
    bench.runner("ada").ok()
    assert bench.states(*entries) == ["landed", "landed"]
    assert len(bench.runs) == 1
    bench.judge()


def test_hub_without_atomic_pushes_is_refused_before_anything_is_sent(bench: Bench) -> None:
    (entry,) = bench.queue(Branch("one", {"one.txt": "1\n"}))
    before = bench.tip()
    bench.git(bench.hub, "config", "receive.advertiseAtomic", "false")
    done = bench.runner("ada")
    assert done.returncode not in {0, -9}, str(done)
    assert "atomic" in done.stderr, done
    assert (bench.tip(), bench.states(entry)) == (before, ["queued"])


@pytest.mark.sample(1)
@pytest.mark.parametrize("how", ["half", "lies", "hangs-up"])
def test_hub_that_breaks_its_word_never_has_an_entry_landed_that_is_not_on_the_target(
    bench: Bench, how: str
) -> None:
    (entry,) = bench.queue(Branch("one", {"one.txt": "1\n"}))
    oddhub.put_before(bench.clone("ada"), how)
    bench.runner("ada")
    bench.runner("bob")
    landed = bench.states(entry) == ["landed"]
    assert landed == (
        bench.git.ask(bench.hub, "merge-base", "--is-ancestor", entry.head, "refs/heads/main").returncode == 0
    )

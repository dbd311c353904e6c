"""Scenario 1: a runner is stopped between its test and its landing, and others land meanwhile. Its push is refused as a whole."""

from __future__ import annotations

import signal

import pytest

from tests.e2e.bench import Bench, Branch


@pytest.mark.sample(1)
@pytest.mark.parametrize("meanwhile", ["other-runner", "by-hand", "other-entry"])
def test_runner_that_was_stopped_before_its_push_changes_nothing_and_plans_anew(
    bench: Bench, meanwhile: str
) -> None:
    one, two = bench.queue(Branch("one", {"one.txt": "1\n"}), Branch("two", {"two.txt": "2\n"}))
    late = bench.start("ada", env=bench.steering.arm())
    bench.steering.hear("arrived")
    late.send(signal.SIGSTOP)
    if meanwhile == "by-hand":
        bench.push({"docs/more.md": "more\n"})
    elif meanwhile == "other-entry":
        (hot,) = bench.queue(Branch("hot", {"hot.txt": "!\n"}, priority=95), clone="bob")
        bench.runner("bob")
        assert bench.states(hot) == ["landed"]
    else:
        bench.runner("bob").ok()
    there = bench.tip()
    bench.steering.say("pass")
    late.send(signal.SIGCONT)
    done = late.ended().ok()
    assert bench.states(one, two) == ["landed", "landed"]
    assert bench.git.ask(bench.hub, "merge-base", "--is-ancestor", there, "refs/heads/main").returncode == 0
    assert ("landed: one" in done.stderr) == (meanwhile == "by-hand"), done
    bench.judge()


HOOK = """\
#!/bin/sh
if grep -q " refs/heads/main$" && mv "{folder}/armed" "{folder}/armed.$$" 2>/dev/null; then
    echo here >"{folder}/arrived"
    read -r word <"{folder}/pass"
fi
"""


@pytest.mark.sample(1)
@pytest.mark.parametrize("meanwhile", ["other-runner", "by-hand", "claim"])
def test_landing_that_is_overtaken_inside_its_push_is_refused_as_a_whole(
    bench: Bench, meanwhile: str
) -> None:
    one, two = bench.queue(Branch("one", {"one.txt": "1\n"}), Branch("two", {"two.txt": "2\n"}))
    hook = bench.hub / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK.format(folder=bench.steering.folder))
    hook.chmod(0o755)
    bench.steering.arm()
    late = bench.start("ada")
    bench.steering.hear("arrived")
    if meanwhile == "by-hand":
        bench.push({"docs/more.md": "more\n"})
    elif meanwhile == "claim":
        bench("bob", "claim", "elsewhere/").ok()
    else:
        bench.runner("bob").ok()
    there = bench.tip()
    bench.steering.say("pass")
    done = late.ended().ok()
    assert bench.states(one, two) == ["landed", "landed"]
    assert bench.git.ask(bench.hub, "merge-base", "--is-ancestor", there, "refs/heads/main").returncode == 0
    assert ("landed: one" in done.stderr) == (meanwhile != "other-runner"), done
    runs = {"by-hand": 2, "claim": 1, "other-runner": 1}
    assert len(bench.runs) == runs[meanwhile]
    bench.judge()

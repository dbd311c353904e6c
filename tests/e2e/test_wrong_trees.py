"""Scenario 7: what lands is what was tested, and takes nothing away that others have landed."""

from __future__ import annotations

import pytest

from tests.e2e.bench import Bench, Branch

LINES = "".join(f"line {number}\n" for number in range(30))


def test_squash_of_an_old_base_that_undoes_others_work_is_held_before_any_gate_runs(bench: Bench) -> None:
    first = bench.push({"src/list.txt": LINES}, message="the list")
    bench.push({"src/list.txt": LINES + "from others\n"}, message="more of the list")
    (entry,) = bench.queue(Branch("squashed", {"src/list.txt": LINES, "own.txt": "1\n"}))
    done = bench.runner("ada").ended(11)
    (after,) = bench.now(entry)
    assert (after.state, after.reason, bench.runs) == ("held", "approval", []), done
    assert after.evidence.paths == ("src/list.txt",)
    assert first


def test_merge_that_was_resolved_for_one_side_is_held(bench: Bench) -> None:
    bench.push({"src/list.txt": LINES}, message="the list")
    (head,) = bench.branch(Branch("side", {"own.txt": "1\n"}))
    bench.push({"src/list.txt": LINES + "from others\n"}, message="more of the list")
    merged = bench.git(
        bench.hub, "commit-tree", f"{head}^{{tree}}", "-p", head, "-p", bench.tip(), "-m", "merge, ours",
        env={"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@b"},
    )  # fmt: skip
    bench.git(bench.hub, "update-ref", "refs/heads/side", merged)
    (entry,) = bench.add("ada", [(Branch("side", {}), merged)])
    bench.runner("ada").ended(11)
    (after,) = bench.now(entry)
    assert (after.state, after.reason, bench.runs) == ("held", "approval", [])
    assert "from others" in after.evidence.words


@pytest.mark.sample(1)
@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_tree_that_lands_is_the_tested_one_and_each_step_is_what_git_merges(
    bench: Bench, method: str
) -> None:
    bench.rules(f"method: {method}")
    base = bench.push({"src/a.txt": LINES, "src/b.txt": LINES}, message="two files")
    entries = bench.queue(
        Branch("top", {"src/a.txt": LINES.replace("line 2\n", "two\n")}),
        Branch("end", {"src/a.txt": LINES.replace("line 28\n", "28\n")}),
        Branch("other", {"src/b.txt": None, "src/c.txt": LINES}),
    )
    bench.push({"docs/x.md": "x\n"})
    before = bench.tip()
    bench.runner("ada").ok()
    assert bench.git(bench.hub, "rev-parse", "main^{tree}") == bench.runs[-1]
    at = before
    for entry in bench.now(*entries):
        wanted = bench.git(bench.hub, "merge-tree", "--write-tree", at, entry.head)
        assert bench.git(bench.hub, "rev-parse", f"{entry.landed}^{{tree}}") == wanted
        at = entry.landed
    assert (at, bench.git(bench.hub, "merge-base", at, base)) == (bench.tip(), base)
    bench.judge()


def test_criss_cross_histories_lose_nothing(bench: Bench) -> None:
    bench.push({"src/a.txt": LINES}, message="a file")
    (left,) = bench.branch(Branch("left", {"src/a.txt": LINES.replace("line 3\n", "three\n")}))
    right = bench.push({"src/a.txt": LINES.replace("line 20\n", "twenty\n")}, message="right")
    both = LINES.replace("line 3\n", "three\n").replace("line 20\n", "twenty\n")
    ours, theirs = _merge(bench, left, right), _merge(bench, right, left)
    bench.git(bench.hub, "update-ref", "refs/heads/main", theirs)
    bench.git(bench.hub, "update-ref", "refs/heads/left", ours)
    head = bench.push({"src/a.txt": both.replace("line 10\n", "ten\n")}, "refs/heads/left")
    (entry,) = bench.add("ada", [(Branch("left", {}), head)])
    bench.push({"src/a.txt": both.replace("line 27\n", "27\n")}, message="on it goes")
    bench.runner("ada").ok()
    assert bench.states(entry) == ["landed"]
    wanted = both.replace("line 10\n", "ten\n").replace("line 27\n", "27\n")
    assert bench.git(bench.hub, "show", "main:src/a.txt") + "\n" == wanted
    bench.judge()


def _merge(bench: Bench, one: str, other: str) -> str:
    """The merge of two commits, as git makes it."""
    tree = bench.git(bench.hub, "merge-tree", "--write-tree", one, other)
    who = {
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    return bench.git(bench.hub, "commit-tree", tree, "-p", one, "-p", other, "-m", "merge", env=who)


def test_nothing_lands_while_no_gate_is_configured(bench: Bench) -> None:
    bench.rules(gate="window: 4")
    (entry,) = bench.queue(Branch("one", {"one.txt": "1\n"}))
    before = bench.tip()
    done = bench.runner("ada").ended(11)
    assert "no gate is configured" in done.stderr
    assert (bench.tip(), bench.states(entry)) == (before, ["queued"])
    bench.rules(gate="gate: none")
    bench.runner("ada").ok()
    assert bench.states(entry) == ["landed"]


def test_rules_that_cannot_be_read_are_named_by_the_runner(bench: Bench) -> None:
    bench.rules(gate='gate: "echo \'a"')
    (entry,) = bench.queue(Branch("one", {"one.txt": "1\n"}))
    done = bench.runner("ada").ended(11)
    assert done.stderr.count("queue.gate: cannot be split into words") == 1
    assert bench.states(entry) == ["queued"]

"""What runs say of entries, and what is left of it when the target moves."""

from __future__ import annotations

import pytest

from gitfleet.mergequeue.evidence import Evidence, GroupEnd, RunResult, infer


def run(entries: str, end: str = "failed", *, exact: bool = True) -> RunResult:
    """`run("a b")`: a and b failed together."""
    return RunResult(tuple(entries.split()), GroupEnd(end), exact)


def passed(entries: str, *, exact: bool = True) -> RunResult:
    return run(entries, "passed", exact=exact)


AFTER_LANDING = {
    "of what began with the landed, the rest is exact": (run("a b c"), [run("c")]),
    "of a pass that began with it too": (passed("a b c"), [passed("c")]),
    "the landed candidate itself makes the target known": (passed("a b"), [passed("")]),
    "in another order it is another tree": (passed("b a c"), [passed("c", exact=False)]),
    "what skipped an entry is another tree": (run("a c"), [run("c", exact=False)]),
    "what was of an older target stays so": (passed("a b c", exact=False), [passed("c", exact=False)]),
    "what is of landed entries alone says nothing more": (run("b"), []),
    "a failure of what has landed was a false one": (run("a b"), []),
}


@pytest.mark.parametrize("case", AFTER_LANDING)
def test_landed_what_a_run_says_afterwards(case: str) -> None:
    before, after = AFTER_LANDING[case]
    assert Evidence((before,)).landed(("a", "b")).runs == tuple(after)


def test_landed_on_a_failing_target_forgets_its_failures() -> None:
    evidence = Evidence((run(""), run("b"), passed("c", exact=False), passed("a")))
    assert evidence.landed(("a",)).runs == (passed("c", exact=False), passed(""))


def test_left_failures_with_it_are_forgotten_and_passes_vouch_for_the_rest() -> None:
    evidence = Evidence((run("a b"), passed("b c"), passed("b"), run("c"), passed("")))
    assert evidence.left("b").runs == (passed("c", exact=False), run("c"), passed(""))


def test_moved_passes_vouch_and_failures_are_forgotten() -> None:
    evidence = Evidence((run("a b"), passed("c"), passed("")))
    assert evidence.moved().runs == (passed("c", exact=False),)


SUSPECTS: dict[str, tuple[list[RunResult], list[str]]] = {
    "all of a failure": ([run("a b c")], ["a b c"]),
    "without those that passed before": ([passed("a"), run("a b c")], ["b c"]),
    "or later": ([run("a b c"), passed("a b")], ["c"]),
    "or on another target": ([run("a b c"), passed("a", exact=False)], ["b c"]),
    "the part that failed by itself": ([run("a b c d"), run("a b")], ["a b"]),
    "two failures with nothing in common": ([run("a b"), run("c")], ["c", "a b"]),
    "none, when all passed otherwise: it was a false failure": ([run("a b"), passed("a"), passed("b")], []),
    "none by runs without a verdict": ([run("a", "unclear")], []),
    "all, when two failures after the passes have no suspect": (
        [passed("a"), passed("b"), run("a b"), run("a b")],
        ["a b"],
    ),
    "none, when they passed again after one of the two": (
        [passed("a"), run("a b"), passed("b"), run("a b"), passed("a b")],
        [],
    ),
}


@pytest.mark.parametrize("case", SUSPECTS)
def test_infer_suspects(case: str) -> None:
    runs, suspects = SUSPECTS[case]
    assert list(infer(Evidence(tuple(runs))).failing) == [frozenset(one.split()) for one in suspects]


def test_infer_blame_is_of_failures_that_one_entry_alone_explains() -> None:
    group, alone, other = run("a b"), run("b"), run("a b c")
    found = infer(Evidence((group, alone, other, passed("a"))))
    assert found.blame == {"b": (group, alone)}


def test_infer_without_a_verdict_twice_is_divided_without_blame() -> None:
    trouble = run("a b", "unclear")
    assert infer(Evidence((trouble,))).unclear == ()
    found = infer(Evidence((trouble, trouble)))
    assert (found.unclear, found.failing, found.blame) == ((frozenset("ab"),), (), {})

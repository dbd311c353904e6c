"""What a free runner is told to do, in tables."""

from __future__ import annotations

import pytest

from gitfleet.mergequeue.contenders import Contender, Limits, Running
from gitfleet.mergequeue.evidence import Evidence, RunResult
from gitfleet.mergequeue.selection import Await, Halt, Idle, Next, ToLand, ToReject, ToTry, choose
from tests.mergequeue.test_evidence import passed, run

GREEN = passed("")


def order(text: str) -> list[Contender]:
    """`"a b:90 c! d<a e~b"`: b has the priority 90, c is alone, d needs a, e does not merge with b."""
    found = []
    for seq, word in enumerate(text.split()):
        name, rest = word[0], word[1:]
        value = frozenset(rest[1:])
        found.append(
            Contender(
                name,
                int(rest[1:]) if rest.startswith(":") else 50,
                seq,
                alone=rest == "!",
                needs=value if rest.startswith("<") else frozenset(),
                avoids=value if rest.startswith("~") else frozenset(),
            )
        )
    return found


def told(
    entries: str,
    *runs: RunResult,
    running: tuple[str, ...] = (),
    window: int = 8,
    turn: int = 0,
) -> Next:
    """What comes next; `running` are candidates of the present target, or with a `~` in front of an older one."""
    tested = [Running(tuple(one.strip("~").split()), exact=not one.startswith("~")) for one in running]
    return choose(order(entries), Evidence(runs), tested, Limits(window, window, turn))


def attempt(entries: str) -> ToTry:
    return ToTry(tuple(entries.split()))


CASES: dict[str, tuple[Next, Next]] = {
    "no entry: nothing to do": (told(""), Idle()),
    "new entries: a window of them": (told("a b c d e", window=4), attempt("a b c d")),
    "a second runner: the next ones": (
        told("a b c d e f g h", running=("a b c d",), window=4),
        attempt("e f g h"),
    ),
    "what passed on this target lands": (told("a b c", passed("a b")), ToLand(("a", "b"))),
    "the longest that passed lands": (told("a b c", passed("a"), passed("a b")), ToLand(("a", "b"))),
    "more entries behind it: it lands all the same": (told("a b c d e f", passed("a b")), ToLand(("a", "b"))),
    "what passed on an older target rides in front": (
        told("a b c d", GREEN, passed("b", exact=False)),
        attempt("a b c d"),
    ),
    "a held entry was in what passed: it does not land": (
        told("a", passed("a b")),
        attempt("a"),
    ),
    "a failure: its first half": (told("a b c d", GREEN, run("a b c d")), attempt("a b")),
    "a whole window before a failure": (
        told("a b c d e f", GREEN, run("a b c"), window=3),
        attempt("d e f"),
    ),
    "a failure before less than a window": (
        told("a b c d e f g h", GREEN, run("a b c d e f"), window=6),
        attempt("a b c"),
    ),
    "what failed by itself: the rest is as unknown as before": (
        told("a b c d", GREEN, run("a b c d"), run("a b"), window=2),
        attempt("c d"),
    ),
    "what a failure leaves: it alone": (
        told("b", GREEN, run("a b"), passed("a", exact=False)),
        attempt("b"),
    ),
    "two failures that it alone explains, one of it alone": (
        told("b", GREEN, run("b c"), run("b"), passed("c", exact=False)),
        ToReject("b", (run("b c"), run("b"))),
    ),
    "one failure of it alone: once more": (told("b", GREEN, run("b")), attempt("b")),
    "it passed the second time: it lands": (told("b", GREEN, run("b"), passed("b")), ToLand(("b",))),
    "never by itself: not yet rejected": (
        told("b c", GREEN, run("b c"), run("b c"), passed("c", exact=False)),
        attempt("b"),
    ),
    "the target is not known to pass: it is tested": (told("a b", run("a"), run("a")), attempt("")),
    "the target fails too: once more": (told("a b", run("a"), run("a"), run("")), attempt("")),
    "the target fails twice: nobody is blamed": (
        told("a b", run("a"), run("a"), run(""), run("")),
        Halt((run(""), run(""))),
    ),
    "the target fails: a hotfix may repair it": (
        told("h:90 a", run("a"), run(""), run("")),
        attempt("h"),
    ),
    "the target fails, and the hotfix twice": (
        told("h:90 a", run(""), run(""), run("h"), run("h")),
        Halt((run(""), run(""))),
    ),
    "a hotfix: by itself and first": (told("h:80 a b", GREEN, run("a b")), attempt("h")),
    "a hotfix is being tested: the others go on": (told("h:80 a b", running=("h",)), attempt("a b")),
    "a hotfix is being tested: nothing else lands": (
        told("h:80 a b", passed("a"), running=("h",)),
        attempt("a b"),
    ),
    "a hotfix that an older target let pass is tested on this one": (
        told("h:80 a", GREEN, passed("h", exact=False)),
        attempt("h"),
    ),
    "a hotfix passed: it lands before what is longer": (
        told("h:80 a b", passed("a b"), passed("h")),
        ToLand(("h",)),
    ),
    "urgent ones: without others": (told("a:60 b:70 c d"), attempt("a b")),
    "a failure with an urgent one before a whole window": (
        told("a:60 b c d", GREEN, run("a b"), window=2),
        attempt("a"),
    ),
    "an entry that stays alone: those before it": (told("a b c! d"), attempt("a b")),
    "its turn: alone": (told("c! d"), attempt("c")),
    "what it needs is new too: together": (told("a b<a"), attempt("a b")),
    "what it needs is a suspect: without it": (
        told("a b<a c d e", GREEN, run("a"), window=3),
        attempt("c d e"),
    ),
    "it failed on top of what it needs: that lands first": (
        told("a b<a", GREEN, passed("a", exact=False), run("a b")),
        attempt("a"),
    ),
    "what it needs has not landed: nobody is rejected": (
        told("a b<a", GREEN, passed("a", exact=False), run("a b"), run("a b")),
        attempt("a"),
    ),
    "what do not merge: not in one candidate": (told("a b~a c"), attempt("a c")),
    "what does not merge with a rider: the rider waits": (
        told("a b~a c", GREEN, passed("a", exact=False)),
        attempt("b c"),
    ),
    "the eighth run: the oldest, whatever its priority": (
        choose(
            [Contender("b", 59, 1), Contender("c", 59, 2), Contender("a", 0, 0)],
            Evidence(),
            [],
            Limits(2, 2, turn=7),
        ),
        attempt("b a"),
    ),
    "the eighth run: a suspect": (
        told("a b c d e f", GREEN, run("a b"), window=3, turn=7),
        attempt("a"),
    ),
    "all is being tested: the middle of it": (told("a b c d", running=("a b c d",)), attempt("a b")),
    "and the greatest part that is left": (
        told("a b c d e f", running=("a b c d e f", "a b")),
        attempt("a b c d"),
    ),
    "the other part of a failure that is being narrowed": (
        told("a b c d e f", GREEN, run("a b c d e f"), running=("a b",)),
        attempt("a b c d"),
    ),
    "all that can be cut is cut": (told("a b", running=("a b", "a")), Await()),
    "without a verdict: the same again": (
        told("a b", run("a b", "unclear")),
        attempt("a b"),
    ),
    "without a verdict twice: its first half": (
        told("a b", run("a b", "unclear"), run("a b", "unclear")),
        attempt("a"),
    ),
    "without a verdict again and again: never rejected": (
        told("a", GREEN, *[run("a", "unclear")] * 9),
        attempt("a"),
    ),
    "riders failed with all others: they without others": (
        told("a b c d e", GREEN, passed("a b", exact=False), run("a b c"), run("a b d"), run("a b e")),
        attempt("a b"),
    ),
    "riders failed by themselves twice: their first half": (
        told("a b", GREEN, passed("a", exact=False), passed("b", exact=False), run("a b"), run("a b")),
        attempt("a"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_choose_answers(case: str) -> None:
    answer, expected = CASES[case]
    assert answer == expected


def test_window_doubles_with_a_whole_window_and_halves_with_a_rejection() -> None:
    limits = Limits(window=4, most=16)
    assert limits.landed(("a", "b", "c")).window == 4
    assert limits.landed(tuple("abcd")).window == 8
    assert Limits(window=12, most=16).landed(tuple("abcdefghijkl")).window == 16
    assert limits.rejected().window == 2
    assert Limits(window=1, most=16).rejected().window == 1


def test_running_what_has_landed_is_no_longer_in_it() -> None:
    assert Running(tuple("abc")).landed(("a", "b")) == Running(("c",))
    assert Running(tuple("cab")).landed(("a", "b")) == Running(("c",), exact=False)

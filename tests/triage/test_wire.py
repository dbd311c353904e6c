"""What hosts answer, read: the form, its bounds, its sense; and the words of strangers without what moves a cursor."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gitfleet.codec import Broken
from gitfleet.triage import wire
from gitfleet.triage.wire import PlannedCandidate
from tests.triage.candidates import BOOT, candidate, facts, identity, scan

ID = "pt-20261130-120000-a7b3"


def read(answer: Any) -> PlannedCandidate:
    found, _ = wire.of_scan(answer, session_id=ID)
    return found.candidates[0]


def test_answer_that_was_read_is_written_without_a_float_and_read_again_the_same() -> None:
    found, seen = wire.of_scan(scan(ID, candidate(1), judged=40), session_id=ID)
    (one,) = found.candidates
    written = json.loads(json.dumps(one.encode()), parse_float=pytest.fail)
    assert PlannedCandidate.decode(written) == one
    assert (one.posterior["abandoned"], one.log_e, one.age, one.cpu) == (0.998, 18.5, 200_000.5, 0.0012)
    assert one.in_use == pytest.approx(0.002)
    assert (found.counts.judged, seen.boot, seen.pressure["memory"]) == (40, BOOT, None)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"candidate_id": "c-1"}, "candidate_id"),
        ({"candidate_id": "c-00000000000\n"}, "candidate_id"),
        ({"candidate_id": "../../x"}, "candidate_id"),
        ({"action": "explode"}, "action"),
        ({"category": "Dev Server"}, "category"),
        ({"category": "\x1b[2J"}, "category"),
        ({"log_e": float("nan")}, "log_e"),
        ({"log_e": float("inf")}, "log_e"),
        ({"log_e": 1e300}, "log_e"),
        ({"log_e": "18;rm"}, "log_e"),
        ({"log_e": True}, "log_e"),
        ({"posterior": {"useful": 1.0}}, "posterior"),
        ({"posterior": {"useful": 0.5, "useful_bad": 0.5, "abandoned": 0.5, "zombie": 0.0}}, "posterior"),
        ({"posterior": {"useful": -0.5, "useful_bad": 0.5, "abandoned": 1.0, "zombie": 0.0}}, "posterior"),
        ({"loss": {"explode": 1.0}}, "loss"),
        ({"members": [identity(1, boot="another")]}, "candidates"),
        ({"identity": identity(0)}, "pid"),
        ({"identity": identity(1, exe=[1])}, "exe"),
        ({"members": [identity(n) for n in range(1, 5000)]}, "members"),
        ({"evidence": [{"feature": "x", "value": "y", "bits": 1}] * 65}, "evidence"),
        ({"listening": [70_000]}, "listening"),
        ({"orphan": "yes"}, "orphan"),
        ({"rss": 1.5}, "rss"),
        ({"command": 7}, "command"),
    ],
)
def test_candidate_that_makes_no_sense_is_refused_with_the_field(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(Broken, match=where):
        read(scan(ID, {**candidate(1), **changes}))


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {**scan(ID), "session_id": "pt-20261130-120000-ffff"},
        {**scan(ID), "session_id": "../x"},
        {**scan(ID), "facts": {}},
        {**scan(ID), "facts": facts(pressure={"\x1b": 1.0})},
        {**scan(ID), "counts": {"processes": -1}},
        {**scan(ID), "counts": {"judged": 1 << 40}},
        scan(ID, candidate(1), candidate(1)),
        scan(ID, candidate(1), candidate(2, identity=identity(2, boot="other"))),
        scan(ID, candidate(1, identity=identity(1, boot="other"))),
        scan(ID, candidate(1, identity=identity(1, uid=0))),
        scan(ID, *[{}] * 4001),
    ],
    ids=str,
)
def test_answer_that_makes_no_sense_as_a_whole_is_refused(answer: Any) -> None:
    with pytest.raises(Broken):
        wire.of_scan(answer, session_id=ID)


def test_words_of_a_host_come_without_escapes_and_are_cut() -> None:
    hostile = "node\x1b]0;owned\x07 \x1b[2J\r\n\u202eserver" + "x" * 5000
    one = read(
        scan(
            ID,
            candidate(1, command=hostile, pattern=hostile, cwd=hostile, signature=hostile, session=hostile),
        )
    )
    for text in (one.command, one.pattern, one.cwd, one.signature, one.session or ""):
        assert text.isprintable()
        assert len(text) <= 1000
    assert one.command.startswith(r"node\x1b]0;owned\x07 \x1b[2J\x0d\x0a\u202eserver")
    assert read(scan(ID, candidate(1, command=["node", "x"]))).command == "node x"


def test_what_a_newer_host_adds_is_passed_over() -> None:
    assert read(scan(ID, candidate(1, novelty={"a": 1}), extra=[1])).candidate_id == "c-000000000001"

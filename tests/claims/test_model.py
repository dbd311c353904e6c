"""Claims as records: what is believed, where they are filed, and what becomes of garbage."""

from __future__ import annotations

from typing import Any

import pytest

from gitfleet.base import canonical
from gitfleet.base.ids import ulid
from gitfleet.claims import model
from gitfleet.claims.model import Claim, Unreadable
from gitfleet.errors import Corrupt, FleetError, NewerFormat
from gitfleet.git.trees import Snapshot
from gitfleet.sessions import session_records
from tests.claims.world import Store


def claim(pattern: str = "src/a.py", **more: Any) -> Claim:
    facts = {"session": "s-1", "node": "n", "mode": "exclusive", "token": 3, "ttl": 60, "granted_at": 5}
    return Claim(**{"id": ulid(), "pattern": pattern, **facts, **more})


def view(files: dict[str, bytes | None]) -> Snapshot:
    snapshot = Snapshot(Store(), None)
    snapshot.change(files)
    return snapshot


@pytest.mark.parametrize(
    ("pattern", "folder"),
    [
        ("src/a.py", "claims/=src/=a.py"),
        ("SRC/A.py", "claims/=src/=a.py"),
        ("src/", "claims/=src"),
        ("src/*.py", "claims/=src"),
        ("*.py", "claims"),
        ("**", "claims"),
        ("cafe\u0301", "claims/=caf\u00e9"),
        ("a\\[1].txt", "claims/=a[1].txt"),
    ],
)
def test_claim_is_filed_at_its_literal_prefix_by_key(pattern: str, folder: str) -> None:
    one = claim(pattern)
    assert one.where == f"{folder}/@{one.id}.json"
    assert model.parse(one.as_bytes(), one.where) == one


def test_claim_keeps_fields_of_newer_versions() -> None:
    one = claim()
    data = canonical.dump({**one.encode(), "colour": "red"})
    read = model.parse(data, one.where)
    assert read.extra == {"colour": "red"}
    assert read.as_bytes() == data


@pytest.mark.parametrize(
    "damage",
    [
        {"id": "x"}, {"id": None}, {"session": 1}, {"pattern": "src/b.py"}, {"pattern": ""}, {"pattern": "../x"},
        {"pattern": "src/{a,b}.py"}, {"mode": "both"}, {"token": True}, {"token": "3"}, {"ttl": 1.5}, {"granted_at": None},
        {"reason": ["x"]}, {"reason": "x" * 4097}, {"kind": "session"}, {"v": 0}, {"v": "1"},
    ],
    ids=str,
)  # fmt: skip
def test_record_that_is_no_claim_for_its_place_is_corrupt(damage: dict[str, Any]) -> None:
    one = claim()
    data = (
        canonical.dump({k: v for k, v in {**one.encode(), **damage}.items() if v is not None})
        if (damage != {"ttl": 1.5})
        else one.as_bytes().replace(b'"ttl":60', b'"ttl":1.5')
    )
    with pytest.raises(Corrupt) as caught:
        model.parse(data, one.where)
    assert one.id in caught.value.message


def test_record_of_a_newer_format_is_refused_by_name() -> None:
    one = claim()
    with pytest.raises(NewerFormat) as caught:
        model.parse(canonical.dump({**one.encode(), "v": 2}), one.where)
    assert caught.value.exit_code == 40


@pytest.mark.parametrize(
    "where",
    ["claims/@x.json", "claims/=src/@x.json", "claims/=src/stray", "claims/=../@x.json", "claims/=a\nb/@x.json",
     "claims/=.git/@x.json", "claims/noequals/@x.json", "claims/=/@x.json"],
)  # fmt: skip
def test_garbage_holds_the_place_that_it_is_filed_in(where: str) -> None:
    found = model.read(view({where: b"{"}), where)
    assert isinstance(found, Unreadable)
    text = found.pattern
    assert text in {"**", "src", "noequals"}
    assert isinstance(found.error, FleetError)


def test_claims_near_a_path_are_those_above_at_and_below_it() -> None:
    above, at, below = claim("**"), claim("src/"), claim("src/api/x/y")
    aside = [claim("srcs/a"), claim("docs/"), claim("README.md")]
    files: dict[str, bytes | None] = {}
    for one in (above, at, below, *aside):
        files |= model.put(one)
    found = {c.id for c in model.near(view(files), ("src", "api")) if isinstance(c, Claim)}
    assert found == {above.id, at.id, below.id}
    assert {c.where for c in model.everything(view(files))} == {c.where for c in (above, at, below, *aside)}


def test_claims_of_a_session_are_found_through_its_own_index_and_are_its_own() -> None:
    mine, other = claim(), claim("b", session="s-2")
    index = {
        session_records.claim_index("s-1", other.id): canonical.dump({"where": other.where}),
        session_records.claim_index("s-1", ulid()): b"{",
        session_records.claim_index("s-1", ulid()): canonical.dump({"where": "claims/nowhere"}),
    }
    found = list(model.of_session(view({**model.put(mine), **model.put(other), **index}), "s-1"))
    assert [c for c in found if isinstance(c, Claim)] == [mine]
    assert len([c for c in found if isinstance(c, Unreadable)]) == 2


@pytest.mark.parametrize(
    ("ttl", "margin", "age", "holds"),
    [(600, 120, 0, True), (600, 120, 479, True), (600, 120, 480, False), (600, 120, 700, False),
     (60, 120, 0, True), (60, 120, 29, True), (60, 120, 30, False), (2700, 0, 2699, True)],
)  # fmt: skip
def test_holder_stops_a_margin_before_its_time_is_over(
    ttl: int, margin: int, age: int, *, holds: bool
) -> None:
    one = claim(ttl=ttl, granted_at=1000)
    assert model.holds(one, 5000, now=5000 + age, margin=margin) is holds
    assert not model.holds(one, 5000, now=4999, margin=margin)  # a clock that cannot be: nothing is certain

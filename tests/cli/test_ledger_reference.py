"""The reference of records and operations is whole: what is kept and sent under a kind is in it, and every value has words."""

from __future__ import annotations

import re

import pytest

from gitfleet.cli import ledger_reference
from gitfleet.codec import Record
from gitfleet.git import fleetrefs
from tests.workbench import ROOT

OF_A_CLONE = {"JobRecord", "Managed", "ArchiveRecord"}  # these stay where they are made


def test_records_that_travel_are_all_in_the_reference() -> None:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "gitfleet").rglob("*.py"))
    known = {name for text in sources for name in re.findall(r"^class (\w+)\(Record\)", text, re.MULTILINE)}
    assert known - OF_A_CLONE == {kind.__name__ for kind in ledger_reference.RECORDS}


def test_refs_of_the_fleet_are_all_in_the_reference() -> None:
    begin = [name for key, name in vars(fleetrefs).items() if key.isupper() and key != "ROOT"]
    assert [one for one in begin if not any(ref.startswith(one) for ref in ledger_reference.REFS)] == []


@pytest.mark.parametrize("kind", ledger_reference.RECORDS, ids=lambda kind: kind.KIND)
def test_fields_of_a_record_say_what_they_hold(kind: type[Record]) -> None:
    assert kind.__doc__
    assert [row.key for row in ledger_reference.fields(kind) if not row.holds] == []


@pytest.mark.parametrize("row", list(ledger_reference.operations()), ids=lambda row: row.name)
def test_operation_says_what_it_does_and_who_may(row: ledger_reference.KindRow) -> None:
    assert row.words.endswith((".", ")"))
    assert row.who
    assert [field.key for field in row.body if not field.holds] == []

"""The rows can all be read by pydantic: their schemas describe every field, and what a row does not have is refused."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from gitfleet.cli import schemas
from gitfleet.fleet import views
from gitfleet.fleet.views import schema
from gitfleet.fleet.views.claim_rows import ClaimRow
from gitfleet.fleet.views.records import ClaimRecord, KeeperRecord
from gitfleet.fleet.views.session_rows import SessionRow
from gitfleet.fleet.views.status import SessionStatus
from gitfleet.web import routes

CLAIM: Mapping[str, Any] = {
    "v": 1, "kind": "claim", "id": "x", "session": "s", "node": "n", "pattern": "a", "mode": "shared", "token": 1,
    "ttl": 60, "granted_at": 1, "reason": "", "branch": "", "operation": "o", "nonce": "",
}  # fmt: skip


def rows() -> list[Any]:
    """Every row of the read model."""
    modules = [
        importlib.import_module(f"{views.__name__}.{found.name}")
        for found in pkgutil.iter_modules(views.__path__)
    ]
    return [
        kind
        for module in modules
        for kind in vars(module).values()
        if schema.is_row(kind) and kind.__module__ == module.__name__
    ]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.__name__)
def test_row_says_what_it_is_and_has_a_schema(row: Any) -> None:
    assert inspect.getdoc(row)
    made = schema.adapter(row).json_schema()
    assert made["description"] == inspect.getdoc(row)
    assert list(made["properties"]) == list(schema.fields(row))


def test_names_of_rows_are_their_own() -> None:
    names = [row.__name__ for row in rows()]
    assert sorted(set(names)) == sorted(names)


def test_every_answer_in_the_read_model_is_that_of_a_command_or_a_route() -> None:
    answers = {row.__name__ for row in rows() if row.__name__.endswith("Answer")}
    told = {command.data.__name__ for command in schemas.COMMANDS.values()}
    told |= {route.answer.__name__ for route in routes.ROUTES}
    assert answers - told == {"FailureAnswer"}


@pytest.mark.parametrize(
    "value",
    [CLAIM, {**CLAIM, "slots": [0, 3], "capacity": 4}, {**CLAIM, "retained": [{"branch": "b"}]}],
    ids=["least", "resource", "retained"],
)
def test_record_with_and_without_what_may_be_absent_is_valid(value: object) -> None:
    schema.validate(ClaimRecord, value)


@pytest.mark.parametrize(
    "value",
    [
        {**CLAIM, "surprise": 1},
        {**CLAIM, "retained": [{"branch": "b", "surprise": 1}]},
        {**CLAIM, "token": "1"},
        {**CLAIM, "token": True},
        {**CLAIM, "mode": "loud"},
        {name: value for name, value in CLAIM.items() if name != "session"},
        [CLAIM],
    ],
    ids=["more", "more within", "text for a number", "truth for a number", "no mode", "less", "list"],
)
def test_value_that_is_no_such_row_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        schema.validate(ClaimRecord, value)


def test_more_fields_pass_where_they_are_welcome() -> None:
    schema.validate(ClaimRecord, {**CLAIM, "surprise": 1}, more=True)


def test_words_of_a_field_come_with_it_to_whatever_extends_its_row() -> None:
    made = schema.adapter(SessionStatus).json_schema()["properties"]
    assert made["title"] == {"title": "Title", "type": "string"}
    assert made["base"]["description"] == "The commit that it started from; empty before the first."
    assert made["quiet_for"]["description"].startswith("Seconds that its node has not moved")
    assert made["dirty"]["description"] == "Uncommitted paths."
    assert schema.parents(SessionStatus) == [SessionRow]


def test_words_over_several_lines_are_one_line() -> None:
    words = [field.words for row in rows() for field in schema.fields(row).values()]
    assert not [text for text in words if "\n" in text]


def test_field_that_may_be_absent_is_not_required() -> None:
    assert "required" not in schema.adapter(KeeperRecord).json_schema()
    required = schema.adapter(ClaimRow).json_schema()["required"]
    assert {"token", "left"} <= set(required)
    assert "slots" not in required

"""What records say: fields with types and bounds, read and written in one way."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest

from gitfleet import codec
from gitfleet.codec import (
    FLAG,
    JSON,
    TEXT,
    WHOLE,
    Broken,
    Choice,
    Many,
    Maybe,
    One,
    Record,
    Struct,
    Table,
    Text,
    Whole,
    field,
    local,
    replace,
)

Colour = Literal["red", "blue"]


class Point(Struct):
    x: int = field(Whole(0, 9))
    y: int = field(WHOLE, default=0, omit=True)


class Shape(Record):
    KIND = "shape"

    id: str = field(Text[str](8, least=1, valid=str.isalnum))
    colour: Colour = field(Choice[Colour]("red", "blue"), default="red")
    points: tuple[Point, ...] = field(Many(One(Point), most=2), default=(), key="at")
    note: str | None = field(Maybe(TEXT), default=None)
    open: bool = field(FLAG, default=False, omit=True)
    rest: Any = field(JSON, default=None, omit=True)
    sizes: Any = field(Table(WHOLE), default={}, omit=True)
    seen: int = local(default=0, kw_only=True)

    def check(self) -> None:
        if self.note == self.id:
            raise Broken("another note was expected", "note")


RECORD: dict[str, Any] = {
    "v": 1, "kind": "shape", "id": "a1", "colour": "blue", "at": [{"x": 3}, {"x": 4, "y": 5}], "note": None,
    "open": True, "rest": {"deep": [1, None]}, "sizes": {"big": 7},
}  # fmt: skip


def test_record_reads_back_with_its_types_and_under_its_keys() -> None:
    shape = Shape.decode(RECORD)
    assert shape.points == (Point(3), Point(4, 5))
    assert (shape.colour, shape.open, shape.sizes) == ("blue", True, {"big": 7})
    assert shape.encode() == RECORD


def test_field_with_its_default_is_left_out_only_where_that_is_said() -> None:
    assert Shape("a1").encode() == {
        "v": 1,
        "kind": "shape",
        "id": "a1",
        "colour": "red",
        "at": [],
        "note": None,
    }


def test_unknown_fields_survive_in_a_record_and_are_passed_over_in_a_struct() -> None:
    newer = {**RECORD, "mood": "good"}
    assert Shape.decode(newer).encode() == newer
    assert replace(Shape.decode(newer), id="b2").encode()["mood"] == "good"
    assert Point.decode({"x": 1, "mood": "good"}) == Point(1)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"id": None}, "id"), ({"id": 1}, "id"), ({"id": ""}, "id"), ({"id": "x" * 9}, "id"), ({"id": "a b"}, "id"),
        ({"colour": "green"}, "colour"), ({"colour": ["red"]}, "colour"), ({"at": 5}, "at"), ({"at": {"x": 1}}, "at"),
        ({"at": [{"x": 1}] * 3}, "at"), ({"at": [{"x": 1}, {"x": 10}]}, "at[1].x"), ({"at": [{"x": True}]}, "at[0].x"),
        ({"at": [{}]}, "at[0].x"), ({"at": ["x"]}, "at[0]"), ({"at": [{"x": 1, "y": 1.5}]}, "at[0].y"), ({"note": 1}, "note"),
        ({"open": 1}, "open"), ({"open": "true"}, "open"), ({"sizes": []}, "sizes"), ({"sizes": {"a": "b"}}, "sizes['a']"),
        ({"note": "a1"}, "note"),
    ],
    ids=str,
)  # fmt: skip
def test_broken_field_is_named(change: dict[str, Any], part: str) -> None:
    with pytest.raises(Broken) as caught:
        Shape.decode({**RECORD, **change})
    assert caught.value.field == part
    assert part in str(caught.value)


@pytest.mark.parametrize("raw", [None, [], "x", 7, {}])
def test_what_is_no_struct_or_lacks_a_field_is_broken(raw: Any) -> None:
    with pytest.raises(Broken):
        Shape.decode(raw)


def test_text_that_may_be_cut_is_cut() -> None:
    assert Text[str](3, cut=True).decode("abcdef") == "abc"


def test_struct_is_a_value() -> None:
    one, other = Point(1, 2), Point(x=1, y=2)
    assert (one == other, hash(one) == hash(other), one == Point(1)) == (True, True, False)
    assert one != Shape("a1")
    assert repr(one) == "Point(x=1, y=2)"
    with pytest.raises(AttributeError):
        one.x = 3  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del one.x


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_struct_is_copied_with_what_is_local(again: Any) -> None:
    shape = replace(Shape.decode({**RECORD, "mood": "good"}), seen=5)
    found = again(shape)
    assert (found, found.seen, found.extra) == (shape, 5, {"mood": "good"})


def test_what_is_local_is_neither_written_nor_compared() -> None:
    assert replace(Shape("a1"), seen=5) == Shape("a1")
    assert "seen" not in replace(Shape("a1"), seen=5).encode()
    assert Shape.decode({**RECORD, "seen": 9}).seen == 0


@pytest.mark.parametrize("values", [{}, {"x": 1, "z": 2}])
def test_struct_is_made_of_its_fields_only(values: dict[str, int]) -> None:
    with pytest.raises(TypeError, match="Point"):
        Point(**values)
    with pytest.raises(TypeError, match="too many"):
        Point(1, 2, 3)  # type: ignore[call-arg]


def test_codec_needs_nothing_that_costs() -> None:
    lines = Path(codec.__file__).read_text(encoding="utf-8").splitlines()
    wanted = {line.split()[1] for line in lines if line.startswith(("import ", "from "))}
    assert wanted == {"__future__", "collections.abc", "typing"}


class Plain(Struct):
    """Values that are never read."""

    LIMIT: ClassVar[int] = 3
    name: str
    ends: tuple[int, ...] = ()
    point: Point | None = None

    @property
    def count(self) -> int:
        return len(self.ends)


def test_fields_without_a_shape_take_any_value_and_count_for_comparison() -> None:
    one = Plain("a", (1, 2))
    assert (one.name, one.ends, one.point, one.count, Plain.LIMIT) == ("a", (1, 2), None, 2, 3)
    assert one == Plain("a", ends=(1, 2)) != replace(one, point=Point(x=1))
    assert len({one, copy.copy(one), pickle.loads(pickle.dumps(one))}) == 1
    for wrong in ({}, {"name": "a", "nothing": 1}):
        with pytest.raises(TypeError):
            Plain(**wrong)  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        one.name = "b"  # type: ignore[misc]

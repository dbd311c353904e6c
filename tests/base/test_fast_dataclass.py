"""The quick dataclasses are the standard library's in everything that a caller can tell; one suite runs over both."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
from typing import Any, NamedTuple

import pytest
from pydantic import TypeAdapter

from gitfleet.base import fast_dataclass
from tests.workbench import ROOT


@dataclasses.dataclass(frozen=True, slots=True)
class Slow:
    """A doc."""

    name: str
    size: int = 3
    extra: dict[str, int] = dataclasses.field(default_factory=dict)
    note: str = dataclasses.field(default="", compare=False)

    def twice(self) -> int:
        return self.size * 2


@fast_dataclass.dataclass(frozen=True, slots=True)
class Quick:
    """A doc."""

    name: str
    size: int = 3
    extra: dict[str, int] = fast_dataclass.field(default_factory=dict)
    note: str = fast_dataclass.field(default="", compare=False)

    def twice(self) -> int:
        return self.size * 2


@dataclasses.dataclass(frozen=True, slots=True)
class SlowChild(Slow):
    more: int = 1


@fast_dataclass.dataclass(frozen=True, slots=True)
class QuickChild(Quick):
    more: int = 1


class Kind(NamedTuple):
    made: Any
    child: Any
    module: Any


KINDS = [Kind(Slow, SlowChild, dataclasses), Kind(Quick, QuickChild, fast_dataclass)]


@pytest.fixture(params=KINDS, ids=["stdlib", "quick"])
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


def test_instance_has_its_fields_defaults_and_methods(kind: Kind) -> None:
    one, other = kind.made("a", extra={"x": 1}), kind.made(name="a")
    assert (one.name, one.size, one.extra, one.twice()) == ("a", 3, {"x": 1}, 6)
    assert other.extra == {}
    assert other.extra is not kind.made("a").extra
    assert kind.made.__doc__ == "A doc."
    assert repr(other) == f"{kind.made.__qualname__}(name='a', size=3, extra={{}}, note='')"


def test_equality_and_hash_go_by_what_is_compared(kind: Kind) -> None:
    assert kind.made("a", note="x") == kind.made("a", note="y")
    assert kind.made("a") != kind.made("b")
    assert kind.made("a") != ("a", 3, {}, "")
    assert kind.made("a") != kind.child("a")
    with pytest.raises(TypeError):
        hash(kind.made("a"))  # a dict in it
    assert hash(kind.made("a", extra=())) == hash(kind.made("a", extra=()))


@pytest.mark.parametrize("change", [lambda one: setattr(one, "name", "b"), lambda one: delattr(one, "name")])
def test_instance_cannot_be_changed(kind: Kind, change: Any) -> None:
    one = kind.made("a")
    with pytest.raises(dataclasses.FrozenInstanceError):
        change(one)
    assert not hasattr(one, "__dict__")


@pytest.mark.parametrize(
    "given", [((), {}), (("a", 1, {}, "", 5), {}), (("a",), {"nosuch": 1}), (("a",), {"name": "b"})]
)
def test_arguments_that_do_not_fit_raise_type_error(kind: Kind, given: Any) -> None:
    with pytest.raises(TypeError):
        kind.made(*given[0], **given[1])


def test_replace_asdict_and_fields_answer_alike(kind: Kind) -> None:
    one = kind.made("a", note="n")
    for module in {kind.module, dataclasses}:
        assert module.replace(one, size=4) == kind.made("a", 4)
        assert module.asdict(one) == {"name": "a", "size": 3, "extra": {}, "note": "n"}
        assert [field.name for field in module.fields(kind.child)] == [
            "name",
            "size",
            "extra",
            "note",
            "more",
        ]
        assert module.fields(kind.made)[1].default == 3
        with pytest.raises(TypeError):
            module.replace(one, nosuch=1)


def test_child_has_the_fields_of_its_parent_first(kind: Kind) -> None:
    assert kind.child("a", 2, {}, "", 9).more == 9
    assert kind.child("a").twice() == 6
    assert kind.child.__match_args__ == ("name", "size", "extra", "note", "more")


def test_instance_survives_pickle_and_copy(kind: Kind) -> None:
    one = kind.made("a", 2, {"x": 1}, "n")
    for again in (pickle.loads(pickle.dumps(one)), copy.copy(one), copy.deepcopy(one)):
        assert again == one
        assert again.note == "n"


def test_instance_is_matched_by_position(kind: Kind) -> None:
    match kind.made("a", 2):
        case kind.made(name, size):
            assert (name, size) == ("a", 2)
        case _:
            raise AssertionError


def test_pydantic_makes_the_same_schema_and_reads_the_same(kind: Kind) -> None:
    adapter = TypeAdapter(kind.made)
    schema = adapter.json_schema()
    assert set(schema["properties"]) == {"name", "size", "extra", "note"}
    assert schema["required"] == ["name"]
    assert adapter.validate_python({"name": "a", "size": "4"}) == kind.made("a", 4)


def test_class_of_another_shape_is_refused() -> None:
    with pytest.raises(TypeError):
        fast_dataclass.dataclass(frozen=False, slots=True)


def test_class_without_instances_of_the_standard_library_imports_none_of_it() -> None:
    code = (
        "import sys; from gitfleet.base.fast_dataclass import dataclass, replace\n"
        "@dataclass(frozen=True, slots=True)\nclass A:\n    a: int = 1\n"
        "assert replace(A(), a=2).a == 2\nassert not {'dataclasses', 'inspect'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)

"""What is wrong with a value, as people are told: file, line, key, and the key that may have been meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple, get_args

from pydantic import BaseModel, ValidationError

from gitfleet.base.text import display
from gitfleet.jobs.definitions.documents import PlacedValue, Position, Unusable, place

_ANY = "*"
_FAULTS = {
    "missing": "must be given",
    "model_type": "must hold keys with values",
    "model_attributes_type": "must hold keys with values",
    "dict_type": "must hold keys with values",
    "mapping_type": "must hold keys with values",
    "tuple_type": "must be a list",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "string_too_short": "must not be empty",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


class Flaw(NamedTuple):
    """One finding, at `at`, of the value of `key` ("": the file); `near`: the keys that may have been meant."""

    at: Position
    key: str
    words: str
    near: tuple[str, ...] = ()

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        near = f"; did you mean {' or '.join(self.near)}?" if self.near else ""
        return display(f"{self.at}: {key}{self.words}{near}")


def of_unusable(error: Unusable) -> Flaw:
    """The finding of a file or value that could not be read."""
    return Flaw(error.at, error.key, error.words)


def of_validation(
    error: ValidationError, tree: PlacedValue, keys: list[str], before: str = ""
) -> Iterator[Flaw]:
    """The findings about the values in `tree`, where `keys` are valid; `before` is put before their keys."""
    for fault in error.errors(include_url=False):
        location = tuple(step for step in fault["loc"] if step != "[key]")
        key = _dotted(location)
        at = place(tree, location)
        if fault["type"] == "extra_forbidden":
            yield Flaw(
                at, before + key, "there is no such key", tuple(before + one for one in nearest(key, keys))
            )
        else:
            words = _said(fault["type"], fault["msg"], fault["input"], fault.get("ctx", {}))
            yield Flaw(at, before + key if key else before.rstrip("."), words)


def nearest(key: str, keys: list[str]) -> list[str]:
    """The valid key that an unknown one may stand for: one of the same name elsewhere, or one spelled much like it."""
    parent, _, last = key.rpartition(".")
    last = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", last).lower().replace("-", "_")
    beside = [one.rpartition(".")[2] for one in keys if _matches(one.rpartition(".")[0], parent)]
    if found := difflib.get_close_matches(last, beside, n=1, cutoff=0.6):
        return [f"{parent}.{found[0]}" if parent else found[0]]
    elsewhere = [one for one in keys if one.rpartition(".")[2] == last]
    return [one.replace(_ANY, "NAME") for one in elsewhere[:2]]


def _matches(pattern: str, parent: str) -> bool:
    ours, theirs = pattern.split("."), parent.split(".")
    return len(ours) == len(theirs) and all(a in (_ANY, b) for a, b in zip(ours, theirs, strict=True))


def _dotted(location: tuple[int | str, ...]) -> str:
    key = ""
    for step in location:
        key += f"[{step}]" if isinstance(step, int) else f".{step}" if key else step
    return key


def _said(sort: str, words: str, value: object, facts: Mapping[str, object]) -> str:
    if value is None and sort not in {"missing", "value_error"}:
        return "must not be null"
    if sort in {"literal_error", "enum"}:
        known = re.findall(r"'([^']*)'", str(facts.get("expected", "")))
        near = difflib.get_close_matches(str(value), known, n=1, cutoff=0.6)
        return f"must be one of {', '.join(known)}" + (f"; did you mean {near[0]}?" if near else "")
    ours = _FAULTS.get(sort)
    return words.removeprefix("Value error, ") if ours is None else ours.format(**facts)


def keys_of(model: type[BaseModel], before: str = "") -> list[str]:
    """Every key of the model, those inside of others with a dot, and `*` where any name may stand."""
    found = []
    for name, field in model.model_fields.items():
        key = f"{before}{name}"
        found.append(key)
        inner, named = section(field.annotation)
        if inner is not None:
            found += keys_of(inner, f"{key}.{_ANY}." if named else f"{key}.")
    return found


def section(kind: object) -> tuple[type[BaseModel] | None, bool]:
    """The model inside of a type, and whether names stand between the two."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind, False
    named = getattr(kind, "__origin__", None) in {Mapping, dict}
    for inner in get_args(kind):
        found, deeper = section(inner)
        if found is not None:
            return found, named or deeper
    return None, False

"""JSON schemas and validators, derived from the rows. For documentation and tests: nothing that runs imports it.

pydantic reads a TypedDict of `typing` from Python 3.12 on only, and takes docstrings for descriptions only of fields that a
row does not inherit. So each row is made again, as one that it reads on every Python, with its descriptions.
"""

from __future__ import annotations

import ast
import inspect
import operator
import sys
import typing
from collections.abc import Mapping
from functools import cache, reduce
from itertools import pairwise
from types import ModuleType, UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

import typing_extensions
from pydantic import Field, TypeAdapter

Row = type
"""A row's class. TypedDict classes have no type of their own."""


class Described(NamedTuple):
    """A field of a row: its type without `NotRequired`, what is said of it, and whether it may be absent."""

    kind: object
    words: str
    absent: bool


@cache
def adapter(row: Row) -> TypeAdapter[object]:
    """What makes a row's JSON schema, and validates one."""
    return TypeAdapter(_readable(row))


def validate(row: Row, value: object, *, more: bool = False) -> None:
    """Raise pydantic's ValidationError unless `value` is such a row; with `more` it may have fields that the row does not know."""
    adapter(row).validate_python(value, strict=True, extra="ignore" if more else "forbid")


def is_row(kind: object) -> typing_extensions.TypeIs[Row]:
    """Whether a type is a row."""
    return typing.is_typeddict(kind)


def parents(row: Row) -> list[Row]:
    """The rows that another one extends."""
    bases = [getattr(_module(row), base.id) for base in _node(row).bases if isinstance(base, ast.Name)]
    return [base for base in bases if is_row(base)]


@cache
def fields(row: Row) -> Mapping[str, Described]:
    """The fields of a row, those that it inherits first."""
    hints = typing.get_type_hints(row, include_extras=True)
    words = _words(row)
    return {name: _described(hint, words.get(name, "")) for name, hint in hints.items()}


def _described(hint: object, words: str) -> Described:
    absent = get_origin(hint) is typing.NotRequired
    return Described(get_args(hint)[0] if absent else hint, words, absent)


@cache
def _readable(row: Row) -> Row:
    found: dict[str, object] = {}
    for name, field in fields(row).items():
        kind: object = Annotated[_kind(field.kind), Field(description=field.words or None)]
        found[name] = typing_extensions.NotRequired[kind] if field.absent else kind
    make: Any = typing_extensions.TypedDict
    made: Row = make(row.__name__, found)
    made.__doc__ = inspect.getdoc(row)
    made.__module__ = row.__module__
    return made


def _kind(hint: object) -> object:
    """A type with the rows in it as pydantic can read them."""
    if is_row(hint):
        return _readable(hint)
    inner = [_kind(one) for one in get_args(hint)]
    origin = get_origin(hint)
    if origin in {Union, UnionType}:
        return reduce(operator.or_, inner)
    return origin[tuple(inner)] if origin in {list, dict} else hint


def _words(row: Row) -> dict[str, str]:
    """The docstrings below the fields of a row, and of those that it extends."""
    words = {name: text for above in parents(row) for name, text in _words(above).items()}
    body = _node(row).body
    for field, below in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            match below:
                case ast.Expr(value=ast.Constant(value=str() as text)):
                    words[field.target.id] = inspect.cleandoc(text).replace("\n", " ")
                case _:
                    pass
    return words


def _module(row: Row) -> ModuleType:
    return sys.modules[row.__module__]


def _node(row: Row) -> ast.ClassDef:
    return _classes(row.__module__)[row.__name__]


@cache
def _classes(module: str) -> Mapping[str, ast.ClassDef]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}

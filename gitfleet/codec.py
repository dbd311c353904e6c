"""What records say: the fields of each, with their types and bounds, declared once; and how they are read and written.

A `Struct` is an immutable value whose class lists its fields; mypy sees an ordinary constructor and typed attributes. A
*shape* says what a field holds: it turns what JSON gives into the value (`decode`, which raises `Broken` for anything
else) and back (`encode`). So whatever comes from the ledger, from a file or from another process is checked in one place.

    class Want(Struct):
        pattern: str = field(TEXT)
        mode: Mode = field(MODE)
        capacity: int = field(Whole(0, 1000), default=0, omit=True)

    Want.decode({"pattern": "src/", "mode": "shared"})

A field without `field(…)` is for values that are never read: it takes whatever it is given.
Needs nothing but what every Python process has loaded: records are read in hooks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, dataclass_transform

T = TypeVar("T")
if TYPE_CHECKING:
    S = TypeVar("S", bound="Struct")
    from dataclasses import replace as replace  # noqa: PLC0414 - each change is held against its field
else:  # a bound that is a text would be compiled: the first time that costs a twentieth of a claim
    S = TypeVar("S")

    def replace(struct, **changes):
        return changed(struct, changes)


_REQUIRED: Any = object()
SHORT = 256
"""Characters of a text that is read without a further look, where any text of that length will do."""


class Broken(ValueError):
    """A value that is not as declared. `field` says where it is (`paths[2].mode`, "" for all of it), `reason` why."""

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.reason = reason
        self.field = field

    def within(self, name: str) -> Broken:
        """The same, as seen from what has it in its field `name`."""
        inner = self.field if not self.field or self.field.startswith("[") else f".{self.field}"
        return Broken(self.reason, f"{name}{inner}")


class Shape(Generic[T]):
    """What one value is. `plain`: it is written as it is. `simple`: whatever is of this type is one, a text if it is short."""

    plain = True
    simple: type | None = None

    def __class_getitem__(cls, _: object) -> type[Self]:
        return cls  # of use to who checks types alone: with what Python makes of it, a class takes three times as long to make

    def decode(self, raw: object) -> T:
        """The value that `raw` (as JSON gives it) stands for. Raises Broken."""
        return raw  # type: ignore[return-value]

    def encode(self, value: T) -> object:
        """The value as JSON holds it."""
        return value


class Text(Shape[T]):
    """A text of `least` to `most` characters that `valid` admits; with `cut`, a longer one is cut. T: str or a NewType of it."""

    def __init__(
        self,
        most: int = 4096,
        *,
        least: int = 0,
        valid: Callable[[str], bool] | None = None,
        cut: bool = False,
    ) -> None:
        self._most, self._least, self._valid, self._cut = most, least, valid, cut
        self.simple = str if least == 0 and most >= SHORT and valid is None else None

    def decode(self, raw: object) -> T:
        """See `Shape`."""
        if type(raw) is not str:
            raise Broken("a text was expected")
        raw = raw[: self._most] if self._cut else raw
        if not self._least <= len(raw) <= self._most:
            raise Broken(f"a text of {self._least} to {self._most} characters was expected")
        if self._valid is not None and not self._valid(raw):
            raise Broken("a text of another form was expected")
        return raw  # type: ignore[return-value]


class Whole(Shape[int]):
    """A whole number from `least` to `most`."""

    def __init__(self, least: int | None = None, most: int | None = None) -> None:
        self._least, self._most = least, most
        self.simple = int if least is None and most is None else None

    def decode(self, raw: object) -> int:
        """See `Shape`."""
        if type(raw) is not int:
            raise Broken("a whole number was expected")
        if (self._least is not None and raw < self._least) or (self._most is not None and raw > self._most):
            raise Broken(f"a number from {self._least} to {self._most} was expected")
        return raw


class Flag(Shape[bool]):
    """True or false."""

    def decode(self, raw: object) -> bool:
        """See `Shape`."""
        if raw is not True and raw is not False:
            raise Broken("true or false was expected")
        return raw


class Choice(Shape[T]):
    """One of a few words. T: a Literal type."""

    def __init__(self, *words: T) -> None:
        self.words = words

    def decode(self, raw: object) -> T:
        """See `Shape`."""
        for word in self.words:
            if type(raw) is str and word == raw:
                return word
        raise Broken(f"one of {', '.join(map(str, self.words))} was expected")


class Maybe(Shape[T | None]):
    """A value or null."""

    def __init__(self, shape: Shape[T]) -> None:
        self._shape = shape
        self.plain = shape.plain

    def decode(self, raw: object) -> T | None:
        """See `Shape`."""
        return None if raw is None else self._shape.decode(raw)

    def encode(self, value: T | None) -> object:
        """See `Shape`."""
        return None if value is None else self._shape.encode(value)


class Many(Shape[tuple[T, ...]]):
    """A list of `least` to `most` values."""

    plain = False

    def __init__(self, shape: Shape[T], *, least: int = 0, most: int | None = None) -> None:
        self._shape, self._least, self._most = shape, least, most

    def decode(self, raw: object) -> tuple[T, ...]:
        """See `Shape`."""
        if type(raw) is not list and type(raw) is not tuple:
            raise Broken("a list was expected")
        if len(raw) < self._least or (self._most is not None and len(raw) > self._most):
            raise Broken(f"a list of {self._least} to {self._most} items was expected")
        values = []
        for number, item in enumerate(raw):
            try:
                values.append(self._shape.decode(item))
            except Broken as error:
                raise error.within(f"[{number}]") from None
        return tuple(values)

    def encode(self, value: Sequence[T]) -> object:
        """See `Shape`."""
        return list(value) if self._shape.plain else [self._shape.encode(item) for item in value]


class Table(Shape[Mapping[str, T]]):
    """Values by name (any text)."""

    def __init__(self, shape: Shape[T]) -> None:
        self._shape = shape
        self.plain = shape.plain

    def decode(self, raw: object) -> Mapping[str, T]:
        """See `Shape`."""
        if not isinstance(raw, Mapping):
            raise Broken("values by name were expected")
        values = {}
        for name, item in raw.items():
            try:
                values[str(name)] = self._shape.decode(item)
            except Broken as error:
                raise error.within(f"[{name!a:.80}]") from None
        return values

    def encode(self, value: Mapping[str, T]) -> dict[str, object]:
        """See `Shape`."""
        return {name: self._shape.encode(item) for name, item in value.items()}


class One(Shape[S]):
    """A struct."""

    plain = False

    def __init__(self, kind: type[S]) -> None:
        self._kind = kind

    def decode(self, raw: object) -> S:
        """See `Shape`."""
        return self._kind.decode(raw)

    def encode(self, value: S) -> object:
        """See `Shape`."""
        return value.encode()


TEXT: Shape[str] = Text()
WHOLE = Whole()
FLAG = Flag()
JSON: Shape[object] = Shape()  # whatever JSON can hold, as it is
FIELDS = Table(JSON)


class Field:
    """One field as declared. `omit`: it is not written while it has its default. `local`: it is neither read nor written."""

    __slots__ = ("default", "key", "kw_only", "local", "name", "omit", "shape")

    def __init__(
        self, shape: Shape[Any], default: object, *, omit: bool, kw_only: bool, local: bool, key: str = ""
    ) -> None:
        self.name = ""
        self.key = key
        self.shape = shape
        self.default = default
        self.omit = omit
        self.kw_only = kw_only
        self.local = local


def field(
    shape: Shape[T], *, default: T = _REQUIRED, omit: bool = False, kw_only: bool = False, key: str = ""
) -> T:
    """Declare a field. Without a `default` it must be there; with `omit` the default is not written. `key`: as what it is written."""
    return Field(shape, default, omit=omit, kw_only=kw_only, local=False, key=key)  # type: ignore[return-value]


def local(*, default: T, kw_only: bool = False) -> T:
    """Declare a field of this process only: it is neither read nor written, and counts for no comparison."""
    return Field(JSON, default, omit=True, kw_only=kw_only, local=True)  # type: ignore[return-value]


def declared(namespace: Mapping[str, object], inherited: Iterable[Field] = ()) -> tuple[Field, ...]:
    """The fields of a class body behind those of its bases, each with its name; those to be named come last."""
    known = {one.name: one for one in inherited}
    for name, value in namespace.items():
        if isinstance(value, Field):
            value.name, value.key = name, "" if value.local else value.key or name
            known[name] = value
    return tuple(sorted(known.values(), key=lambda one: one.kw_only))


class _Meta(type):
    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, object]) -> _Meta:
        inherited = [one for base in bases for one in getattr(base, "FIELDS", ())]
        hints = namespace.get("__annotations__")
        said = hints.items() if isinstance(hints, dict) else ()
        own = {key: _field(namespace, key) for key, hint in said if "ClassVar" not in str(hint)}
        fields = declared(own, inherited)
        known = {one.name for one in inherited}
        rest = {key: value for key, value in namespace.items() if key not in own}
        rest["__slots__"] = tuple(key for key in own if key not in known)
        rest["FIELDS"] = fields
        made = super().__new__(mcs, name, bases, rest)
        made._places = tuple(  # type: ignore[attr-defined]
            (one.name, getattr(made, one.name).__set__, one.default, one.key, one.shape) for one in fields
        )
        made._keys = frozenset(["v", "kind", *[one.key for one in fields if one.key]])  # type: ignore[attr-defined]
        return made


def _field(namespace: Mapping[str, object], name: str) -> Field:
    """The field of that name in a class body: as declared, or of any shape."""
    value = namespace.get(name, _REQUIRED)
    return value if isinstance(value, Field) else Field(JSON, value, omit=False, kw_only=False, local=False)


@dataclass_transform(frozen_default=True, field_specifiers=(field, local))
class Struct(metaclass=_Meta):
    """Fields that are read, written and compared together. Immutable; made with the fields as arguments."""

    FIELDS: ClassVar[tuple[Field, ...]]
    __dataclass_fields__: ClassVar[dict[str, Any]]  # for `replace`, and for who checks types alone
    _places: ClassVar[tuple[tuple[str, Callable[[Struct, object], None], object, str, Shape[Any]], ...]]
    _keys: ClassVar[frozenset[str]]

    def __init__(self, *args: object, **values: object) -> None:
        if args:
            given = {one.name: arg for one, arg in zip(self.FIELDS, args, strict=False) if not one.kw_only}
            if len(given) < len(args) or given.keys() & values.keys():
                raise TypeError(f"{type(self).__name__}: too many arguments")
            values = {**given, **values}
        for name, put, default, *_ in self._places:
            value = values.pop(name, default)
            if value is _REQUIRED:
                raise TypeError(f"{type(self).__name__} needs '{name}'")
            put(self, value)
        if values:
            raise TypeError(f"{type(self).__name__} has no '{next(iter(values))}'")

    @classmethod
    def decode(cls, raw: object) -> Self:
        """The struct in `raw`, as JSON gives it; fields that are not declared are passed over. Raises Broken."""
        if type(raw) is not dict and not isinstance(raw, Mapping):
            raise Broken("fields were expected")
        made = cls.__new__(cls)
        for _, put, default, key, shape in cls._places:
            value = raw.get(key, _REQUIRED) if key else _REQUIRED
            if value is _REQUIRED:
                if default is _REQUIRED:
                    raise Broken("it is missing", key)
                value = default
            elif type(value) is not shape.simple or (type(value) is str and len(value) > SHORT):
                try:
                    value = shape.decode(value)
                except Broken as error:
                    raise error.within(key) from None
            put(made, value)
        made.check()
        return made

    def check(self) -> None:
        """Raise Broken where fields that are right alone are wrong together. Called after reading."""

    def encode(self) -> dict[str, object]:
        """The struct as JSON holds it."""
        record = {}
        for one in self.FIELDS:
            value = getattr(self, one.name)
            if one.local or (one.omit and value == one.default):
                continue
            record[one.key] = value if one.shape.plain else one.shape.encode(value)
        return record

    def _values(self) -> tuple[object, ...]:
        return tuple(getattr(self, one.name) for one in self.FIELDS if not one.local)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        said = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in self.FIELDS)
        return f"{type(self).__name__}({said})"

    def __setattr__(self, name: str, value: object = None) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    __delattr__ = __setattr__

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), {one.name: getattr(self, one.name) for one in self.FIELDS})


class Record(Struct):
    """A struct that is kept under a `KIND` and a format `VERSION`. Fields that are not declared survive, in `extra`."""

    KIND: ClassVar[str]
    VERSION: ClassVar[int] = 1
    extra: Mapping[str, object] = local(default={}, kw_only=True)

    @classmethod
    def decode(cls, raw: object) -> Self:
        """See `Struct`; what is not declared is kept."""
        made = super().decode(raw)
        fields: Mapping[str, object] = raw  # type: ignore[assignment]  # or it had not been decoded
        if not cls._keys.issuperset(fields):
            more = {name: value for name, value in fields.items() if name not in cls._keys}
            object.__setattr__(made, "extra", more)
        return made

    def encode(self) -> dict[str, object]:
        """See `Struct`; with what was not declared."""
        return {**self.extra, **super().encode(), "v": self.VERSION, "kind": self.KIND}


def changed(struct: S, changes: Mapping[str, object]) -> S:
    """The same struct with other values for some fields, by name. Where they are known by name, `replace` is checked."""
    values = {one.name: getattr(struct, one.name) for one in struct.FIELDS}
    return type(struct)(**{**values, **changes})


def _rebuild(kind: type[Struct], values: Mapping[str, object]) -> Struct:
    return kind(**values)

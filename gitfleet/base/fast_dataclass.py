"""`dataclass(frozen=True, slots=True)` for what every command imports: no code is compiled before the first instance is made.

The standard library's imports `inspect`, and compiles six methods for each class, which together took a fifth of a claim.
To the type checker, and to whoever asks for `__dataclass_fields__`, these classes are the standard library's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import asdict, dataclass, field, fields, replace
else:
    from typing import NamedTuple

    class _Missing:
        """What stands for a default that is none."""

    class Field(NamedTuple):
        """One field, by its name."""

        name: str = ""
        default: Any = _Missing
        default_factory: Any = _Missing
        compare: bool = True

    def field(*, default: Any = _Missing, default_factory: Any = _Missing, compare: bool = True) -> Any:
        """As in `dataclasses`."""
        return Field("", default, default_factory, compare)

    def dataclass(*, frozen: bool, slots: bool) -> Any:
        """As in `dataclasses`, for frozen classes with slots."""
        if not (frozen and slots):
            raise TypeError("only frozen classes with slots; others are for the standard library")
        return _made

    def fields(of: Any) -> tuple[Field, ...]:
        """The fields of a class, or of an instance, in order."""
        found: tuple[Field, ...] = of.__fields__
        return found

    def replace(one: Any, **changes: Any) -> Any:
        """A copy with other values for some fields."""
        return type(one)(**{name: getattr(one, name) for name in one.__match_args__} | changes)

    def asdict(one: Any) -> dict[str, Any]:
        """The fields and their values. What they hold is not copied."""
        return {name: getattr(one, name) for name in one.__match_args__}

    def _made(cls: type) -> type:
        own = {name: _field(name, cls.__dict__.get(name, _Missing)) for name in cls.__annotations__}
        listed = {one.name: one for base in cls.__mro__[:0:-1] for one in base.__dict__.get("__fields__", ())}
        listed |= own
        body = {
            name: value for name, value in cls.__dict__.items()
            if name not in own and name not in {"__dict__", "__weakref__"}
        }  # fmt: skip
        body |= {
            "__slots__": tuple(own), "__match_args__": tuple(listed), "__fields__": tuple(listed.values()),
            "__init__": _first, "__setattr__": _frozen, "__delattr__": _frozen,
            "__getstate__": _getstate, "__setstate__": _setstate,
            "__dataclass_fields__": _Twin(), "__dataclass_params__": _Twin(),
        }  # fmt: skip
        for name, value in (("__repr__", _repr), ("__eq__", _eq), ("__hash__", _hash)):
            body.setdefault(name, value)
        made = type(cls)(cls.__name__, cls.__bases__, body)
        made.__qualname__ = cls.__qualname__
        return made

    def _field(name: str, value: Any) -> Field:
        return value._replace(name=name) if isinstance(value, Field) else Field(name, value)

    def _first(self: Any, *args: Any, **values: Any) -> None:
        """The first instance has its class get an `__init__` that is as fast as one that was written by hand."""
        cls = next(one for one in type(self).__mro__ if "__fields__" in one.__dict__)
        cls.__init__ = _compiled(cls.__fields__)
        cls.__init__(self, *args, **values)

    def _compiled(listed: tuple[Field, ...]) -> Any:
        known: dict[str, Any] = {"_put": object.__setattr__, "_none": _Missing}
        heads, lines = [], []
        for one in listed:
            given = one.name
            if one.default_factory is not _Missing:
                known[f"_make_{one.name}"] = one.default_factory
                heads.append(f"{one.name}=_none")
                given = f"_make_{one.name}() if {one.name} is _none else {one.name}"
            elif one.default is not _Missing:
                known[f"_default_{one.name}"] = one.default
                heads.append(f"{one.name}=_default_{one.name}")
            else:
                heads.append(one.name)
            lines.append(f"    _put(self, {one.name!r}, {given})\n")
        exec(f"def __init__(self, {', '.join(heads)}):\n{''.join(lines)}", known)  # noqa: S102 - names of fields alone
        return known["__init__"]

    def _values(one: Any) -> tuple[Any, ...]:
        return tuple(getattr(one, item.name) for item in one.__fields__ if item.compare)

    def _eq(self: Any, other: object) -> bool:
        return _values(self) == _values(other) if type(other) is type(self) else NotImplemented

    def _hash(self: Any) -> int:
        return hash(_values(self))

    def _repr(self: Any) -> str:
        said = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
        return f"{type(self).__qualname__}({said})"

    def _frozen(self: Any, name: str, *_: Any) -> None:
        from dataclasses import FrozenInstanceError  # for a mistake alone

        raise FrozenInstanceError(f"cannot change field {name!r}")

    def _getstate(self: Any) -> list[Any]:
        return [getattr(self, name) for name in self.__match_args__]

    def _setstate(self: Any, state: list[Any]) -> None:
        for name, value in zip(self.__match_args__, state, strict=True):
            object.__setattr__(self, name, value)

    class _Twin:
        """What the standard library says of the same class, for those who ask it, such as pydantic."""

        def __set_name__(self, owner: type, name: str) -> None:
            self._name = name

        def __get__(self, instance: Any, owner: Any) -> Any:
            import dataclasses  # for those who ask alone

            asked = (
                {k: v for k, v in one._asdict().items() if v is not _Missing and k != "name"}
                for one in owner.__fields__
            )
            said = [
                (one.name, _annotation(owner, one.name), dataclasses.field(**words))
                for one, words in zip(owner.__fields__, asked, strict=True)
            ]
            return getattr(dataclasses.make_dataclass(owner.__name__, said, frozen=True), self._name)

    def _annotation(owner: type, name: str) -> Any:
        return next(
            one.__annotations__[name] for one in owner.__mro__ if name in getattr(one, "__annotations__", {})
        )


__all__ = ["asdict", "dataclass", "field", "fields", "replace"]

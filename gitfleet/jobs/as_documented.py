"""Errors of the layers beneath, as a FleetManager raises them: its document has one root for all that its methods raise.

A full disk, a folder in no repository or a hub that is away is an error of the library's own tree, by which much else goes. What leaves
the FleetManager is both: `except FleetManagerError` and `except LocalStorage` catch it, and `code` is `LOCAL_STORAGE`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar, ParamSpec, TypeVar

from gitfleet.errors import FleetError
from gitfleet.jobs.errors import FleetManagerError

_C = TypeVar("_C", bound=type)
_P = ParamSpec("_P")


def of_manager(error: FleetError) -> FleetManagerError:
    """The same error, with all its facts, as one of the FleetManager, too."""
    if isinstance(error, FleetManagerError):
        return error
    plain: type = type(error)
    kind = _both(plain)
    told = kind.__new__(kind, *error.args)
    told.__dict__.update(error.__dict__)
    told.__dict__.pop("code", None)
    return told


@contextmanager
def documented() -> Iterator[None]:
    """Have what the body raises raised so."""
    try:
        yield
    except FleetManagerError:
        raise
    except FleetError as error:
        raise of_manager(error) from error


def raising(manager: _C) -> _C:
    """Have all public methods of the class, and its making, raise so."""
    for name in dir(manager):
        method = inspect.getattr_static(manager, name)
        if inspect.isfunction(method) and (name == "__init__" or not name.startswith("_")):
            setattr(manager, name, _wrapped(method))
    return manager


def _wrapped(method: Callable[_P, object]) -> Callable[_P, object]:
    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def later(*args: _P.args, **options: _P.kwargs) -> object:
            with documented():
                answer: object = await method(*args, **options)
            return answer

        return later

    @functools.wraps(method)
    def now(*args: _P.args, **options: _P.kwargs) -> object:
        with documented():
            return method(*args, **options)

    return now


@functools.cache
def _both(plain: type) -> type[FleetManagerError]:
    assert issubclass(plain, FleetError)
    named = {"__doc__": plain.__doc__, "__module__": plain.__module__, "PLAIN": plain}
    both = type(plain.__name__, (_Both, plain, FleetManagerError), named)
    assert issubclass(both, FleetManagerError)
    both.FACTS = tuple(
        one for one in plain.FACTS if one.name != "code"
    )  # a program's; here it names the kind of failure
    both.code = "".join(f"_{c}" if c.isupper() else c for c in plain.__name__).lstrip("_").upper()
    return both


class _Both:
    """What is of two kinds: how it is pickled, since its class is in no module."""

    PLAIN: ClassVar[type[FleetError]]

    def __reduce__(self) -> tuple[Callable[..., FleetManagerError], tuple[object, ...]]:
        assert isinstance(self, FleetError)
        rebuild, (_, *facts) = self.PLAIN.__reduce__(self)
        return _rebuilt, (rebuild, self.PLAIN, *facts)


def _rebuilt(rebuild: Callable[..., FleetError], *facts: object) -> FleetManagerError:
    return of_manager(rebuild(*facts))

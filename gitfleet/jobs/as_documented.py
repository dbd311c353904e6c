"""Errors of the layers beneath, as a FleetManager raises them: its document has one root for all that its methods raise.

A full disk, a folder in no repository or a hub that is away is an error of the library's own tree, by which much else goes. What leaves
the FleetManager is both: `except FleetManagerError` and `except LocalStorage` catch it, and `code` is `LOCAL_STORAGE`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from gitfleet.errors import FleetError
from gitfleet.jobs.errors import FleetManagerError

_C = TypeVar("_C", bound=type)


def of_manager(error: FleetError) -> FleetManagerError:
    """The same error, with all its facts, as one of the FleetManager, too."""
    if isinstance(error, FleetManagerError):
        return error
    plain: Any = type(error)
    kind = _both(plain)
    told: FleetManagerError = kind.__new__(kind, *error.args)
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


def _wrapped(method: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def later(*args: Any, **options: Any) -> Any:
            with documented():
                return await method(*args, **options)

        return later

    @functools.wraps(method)
    def now(*args: Any, **options: Any) -> Any:
        with documented():
            return method(*args, **options)

    return now


@functools.cache
def _both(plain: Any) -> Any:
    both: Any = type(plain.__name__, (_Both, plain, FleetManagerError), {"__doc__": plain.__doc__})
    both.__module__, both.PLAIN = plain.__module__, plain
    both.FACTS = tuple(
        one for one in plain.FACTS if one.name != "code"
    )  # a program's; here it names the kind of failure
    both.code = "".join(f"_{c}" if c.isupper() else c for c in plain.__name__).lstrip("_").upper()
    return both


class _Both:
    """What is of two kinds: how it is pickled, since its class is in no module."""

    PLAIN: Any

    def __reduce__(self) -> tuple[Any, ...]:
        rebuild, (_, *facts) = self.PLAIN.__reduce__(self)
        return _rebuilt, (rebuild, self.PLAIN, *facts)


def _rebuilt(rebuild: Callable[..., FleetError], *facts: Any) -> FleetManagerError:
    return of_manager(rebuild(*facts))

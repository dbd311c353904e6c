"""What an event loop's work hands to a thread beside it, and waits for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ParamSpec, Protocol, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class BesideLoop(Protocol):
    """Does what blocks on a thread. What the function raises is raised where it is waited for."""

    def __call__(self, function: Callable[_P, _T], *args: _P.args, **options: _P.kwargs) -> Awaitable[_T]:
        """What `function` answers."""

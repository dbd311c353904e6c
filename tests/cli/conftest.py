"""Clones with the command line in them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.gatebench import Gated
from tests.workbench import Gitfleet, Overlay, Ran


@dataclass(frozen=True, slots=True)
class Cli:
    """`cli("claim", "src/")`: our command line in a clone, as its session unless `env` says otherwise."""

    clone: Gated
    gitfleet: Gitfleet

    def __call__(self, *args: str, env: Overlay | None = None, stdin: str = "") -> Ran:
        variables = {**self.clone.as_session(self.clone.session), **(env or {})}
        return self.gitfleet(self.clone.path, *args, env=variables, stdin=stdin)

    @property
    def other(self) -> Overlay:
        """The environment of another session of the clone."""
        return self.clone.as_session(self.clone.other)

    @property
    def nobody(self) -> Overlay:
        """An environment that names no session."""
        return self.clone.as_session(None)


@pytest.fixture
def cli(alone: Gated, gitfleet: Gitfleet) -> Cli:
    """The command line in a clone that is its own hub."""
    return Cli(alone, gitfleet)


@pytest.fixture
def hub_cli(ada: Gated, gitfleet: Gitfleet) -> Cli:
    """The command line in a clone of the hub."""
    return Cli(ada, gitfleet)

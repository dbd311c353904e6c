"""An installation that is cut off between any two of its steps: the user's hook runs all the same, and the next try completes.

The cut is an exception that nothing of ours catches, raised before the n-th change of a file; every n is tried.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from tests.githooks.hookbench import Bench, script, state_of
from tests.githooks.test_install_tools import lefthook
from tests.sampling import counted

CHANGES = frozenset(["os.rename", "os.link", "os.symlink", "os.remove", "os.mkdir", "os.rmdir"])


class Cut(BaseException):
    """The power failed."""


class _Countdown:
    """Audit hooks stay for ever, so there is one, and it is asleep outside of `cutting`."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.installed = False

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if self.left is None or event not in CHANGES or self._of_no_account(event, args):
            return
        self.left -= 1
        if self.left < 0:
            raise Cut

    @staticmethod
    def _of_no_account(event: str, args: tuple[Any, ...]) -> bool:
        """A folder that is there already is no change, and nobody looks at what is being staged."""
        if event == "os.mkdir":
            return os.path.isdir(args[0])
        return all("hooks-staging" in str(path) for path in args if isinstance(path, str))

    def cut(self, after: int, action: Callable[[], object]) -> bool:
        """Run `action` for that many changes; answers whether it was cut off."""
        if not self.installed:
            sys.addaudithook(self)
            self.installed = True
        self.left = after
        try:
            action()
        except Cut:
            return True
        finally:
            self.left = None
        return False


countdown = _Countdown()


def _fresh(bench: Bench) -> None:
    bench.hook("pre-commit")


def _tracked(bench: Bench) -> None:
    bench.hook("pre-commit", folder=".githooks")
    bench.git("config", "core.hooksPath", ".githooks")


def _default_to_own(bench: Bench) -> None:
    bench.hook("pre-commit", "unused")
    bench.install()
    _tracked(bench)


def _own_to_default(bench: Bench) -> None:
    bench.hook("pre-commit")
    bench.hook("pre-commit", folder="everywhere")
    bench.git("config", "--global", "core.hooksPath", "everywhere")
    bench.install()
    bench.git("config", "--global", "--unset", "core.hooksPath")


def _replaced(bench: Bench) -> None:
    bench.hook("pre-commit", "former")
    bench.install()
    lefthook(bench, "pre-commit")
    script(bench.common / "hooks/pre-commit", "#!/bin/sh\n# call_lefthook\necho user >>$HOOK_LOG\n")


LAYOUTS = {
    "fresh": _fresh,
    "tracked": _tracked,
    "default to own": _default_to_own,
    "own to default": _own_to_default,
    "replaced": _replaced,
}


class Copies:
    """As many copies of one prepared clone as there are places to cut; all at the same path, one after another."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._aside = bench.path.with_name("prepared")
        self.prepare()

    def prepare(self) -> None:
        """Make copies of the clone as it is now from here on."""
        shutil.rmtree(self._aside, ignore_errors=True)
        shutil.copytree(self.bench.path, self._aside, symlinks=True)

    def fresh(self) -> Bench:
        shutil.rmtree(self.bench.path)
        shutil.copytree(self._aside, self.bench.path, symlinks=True)
        return self.bench

    def cut_everywhere(self, action: Callable[[Bench], object]) -> Iterator[Bench]:
        for after in counted("cut", 500, step=4):
            bench = self.fresh()
            if not countdown.cut(after, partial(action, bench)):
                assert after > 3
                return
            yield bench
        raise AssertionError("never ends")


@pytest.fixture(params=LAYOUTS)
def copies(bench: Bench, request: pytest.FixtureRequest) -> Copies:
    LAYOUTS[request.param](bench)
    return Copies(bench)


def _users_hook_runs_once(bench: Bench) -> bool:
    bench.ran()
    bench.run("pre-commit").ok()
    return [line for line in bench.ran() if not line.startswith("gate")] == ["user"]


def test_install_cut_off_anywhere_keeps_the_users_hook_and_completes(copies: Copies) -> None:
    copies.fresh().install()
    whole = state_of(copies.bench)
    for bench in copies.cut_everywhere(Bench.install):
        assert _users_hook_runs_once(bench)
        bench.install()
        assert state_of(bench) == whole
        assert bench.inspect().in_force


def test_install_cut_off_anywhere_can_be_uninstalled(copies: Copies) -> None:
    copies.fresh().install()
    copies.bench.uninstall()
    clean = state_of(copies.bench)
    for bench in copies.cut_everywhere(Bench.install):
        assert bench.uninstall().notes == ()
        assert state_of(bench) == clean
        assert _users_hook_runs_once(bench)


def test_uninstall_cut_off_anywhere_keeps_the_users_hook_and_completes(copies: Copies) -> None:
    copies.fresh().install()
    copies.prepare()
    copies.bench.uninstall()
    clean = state_of(copies.bench)
    for bench in copies.cut_everywhere(Bench.uninstall):
        assert _users_hook_runs_once(bench)
        assert bench.uninstall().notes == ()
        assert state_of(bench) == clean

"""What a command may import: start-up is most of what one costs, and rots by one import at a time.

Says nothing of time (scripts/bench does): only which modules are loaded when a command has ended.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.conftest import Cli
from tests.workbench import overlaid

FRAMEWORKS = {"typer", "click", "rich", "pydantic", "pygit2", "psutil", "ruamel", "asyncio", "logging"}
HEAVY = {
    "email",
    "http",
    "ssl",
    "socket",
    "urllib",
    "tempfile",
    "random",
    "datetime",
    "importlib.metadata",
    "unittest",
}
COMPILING = {"dataclasses", "inspect", "ast", "compile()"}
OPENSSL = {"hashlib"}
PROCESSES = {"subprocess", "threading", "signal", "selectors", "locale"}
"""What starts programs in every way; what a claim starts needs little of it (`base.spawning`)."""

RUN = """
import builtins, sys
real = builtins.compile
def compiling(*args, **kwargs):
    if args[1:2] == ("<string>",):  # an annotation; what that needs is made the first time, and costs more than most modules
        sys.modules["compile()"] = sys
    return real(*args, **kwargs)
builtins.compile = compiling
from gitfleet.cli.main import main
code = main()
sys.stderr.write("\\n".join(["", "modules:", *sys.modules]))
sys.exit(code)
"""


VERSION = {"gitfleet.onhost", "gitfleet.onhost.version"}


def loaded(cli: Cli, *args: str) -> set[str]:
    """The modules that a command line leaves loaded."""
    env = {**cli.clone.as_session(cli.clone.session)}
    done = subprocess.run(
        [sys.executable, "-c", RUN, *args], cwd=cli.clone.path, capture_output=True, text=True, check=False,
        env=overlaid({**cli.gitfleet.environment(), **env}),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split("\nmodules:\n", 1)[1].splitlines())


@pytest.mark.parametrize("args", [["--version"], ["--help"], ["help"], ["session", "--help"]], ids=" ".join)
def test_help_and_version_import_neither_a_framework_nor_a_command(cli: Cli, args: list[str]) -> None:
    found = loaded(cli, *args)
    assert not found & (FRAMEWORKS | HEAVY | COMPILING | OPENSSL | {"json", "subprocess"})
    ours = {name for name in found if name.startswith("gitfleet.")} - VERSION
    assert not {
        name for name in ours if name.split(".")[1] not in {"base", "cli", "codec", "errors", "obstacles"}
    }


@pytest.mark.parametrize(
    "args",
    [
        ["claim", "new"], ["check", "new"], ["claims"], ["claims", "README.md"], ["claims", "--json"], ["log"],
        ["session", "list"], ["session"], ["waiting"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_agents_run_all_day_imports_nothing_heavy(cli: Cli, args: list[str]) -> None:
    lists_sessions = args[:1] == ["session"]  # and looks at more than the ledger meanwhile, in a thread
    unwanted = PROCESSES - {"threading"} if lists_sessions else PROCESSES
    assert not loaded(cli, *args) & (FRAMEWORKS | HEAVY | COMPILING | OPENSSL | unwanted)


UNASKED = {
    "base": {"callers", "popen", "quotation"},
    "claims": {
        "contents", "deadlocks", "dismissals", "handover", "orphans", "refusals", "retained_claims", "ticket_turns", "waiting",
    },
    "cli": {"helping", "usage"},
    "clients": {"notes"},
    "git": {"answers", "remote"},
    "ledger": {"news", "remote_hub", "replay"},
    "sessions": {"fencing", "sending_rate", "service", "told_conflicts"},
}  # fmt: skip
"""What a claim of a free path, or letting it go, has no use for: each module costs some hundredths of a bare start of Python."""


@pytest.mark.parametrize("args", [["claim", "new"], ["release"]], ids=" ".join)
def test_claim_and_release_without_trouble_import_nothing_for_trouble(cli: Cli, args: list[str]) -> None:
    unasked = {f"gitfleet.{package}.{name}" for package, names in UNASKED.items() for name in names}
    cli("claim", "held").ok()
    assert not loaded(cli, *args) & unasked


@pytest.mark.parametrize(
    "args",
    [["release"], ["status"], ["session", "start"], ["session", "end"], ["claim", "--help"]],
    ids=" ".join,
)
def test_other_commands_that_are_run_often_import_no_framework(cli: Cli, args: list[str]) -> None:
    assert not loaded(cli, *args) & (FRAMEWORKS | {"email", "http", "ssl", "socket"})


def test_a_command_imports_the_modules_of_no_other_noun(cli: Cli) -> None:
    found = loaded(cli, "claim", "new")
    others = (
        "worktrees",
        "setup",
        "upkeep",
        "maintaining",
        "agents",
        "auditing",
        "demo",
        "hubs",
        "ledger",
        "sessions",
        "usage",
    )
    assert not found & {f"gitfleet.cli.{name}" for name in others}

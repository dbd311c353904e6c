"""The quick lane is the full command line, only quicker: same options, same answers, same exit codes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import typer

from gitfleet.cli import app, fast_args
from tests.gatebench import Copies, Gated

# Arguments that both lanes understand; `{other}` is the other session.
PLAIN: list[list[str]] = [
    ["claim", "docs/", "--shared"],
    ["claim", "a", "b", "--exclusive", "--reason", "why not"],
    ["claim", "--reason", "", "a"],
    ["claim", "src/api/a.py"],
    ["claim", "src/api/a.py", "--json"],
    ["claim", "--json", "src/", "new", "--partial"],
    ["claim", "."],
    ["claim", ""],
    ["claim", "../x", "--json"],
    ["claim", "two words", "--session", "{other}"],
    ["claim", "x", "--session", "a/b"],
    ["claim", "x", "--session", ""],
    ["claim", "x", "--session", "{other}", "--session", "nobody-1"],
    ["release", "README.md"],
    ["release", "README.md", "--json"],
    ["release", "src/"],
    ["release", "nothing", "--json"],
    ["release", "README.md", "--all"],
    ["release"],
    ["release", "--json"],
    ["release", "--all"],
    ["release", "--session", "{other}"],
    ["release", "src/", "--session", "{other}"],
    ["check", "README.md", "src/x", "free"],
    ["check", "README.md", "src/x", "free", "--json"],
    ["check", "free"],
    ["check", "x", "--session", "{other}", "--json"],
    ["status"],
    ["status", "--json"],
    ["status", "--tail", "3"],
]
# What only the full command line may take.
NOT_PLAIN: list[list[str]] = [
    [], ["claim"], ["check"], ["claim", "--", "-x"], ["claim", "--ttl", "1h", "x"], ["claim", "-x"],
    ["claim", "--reason=why", "x"], ["claim", "x", "--session"], ["claim", "x", "--session", "--json"],
    ["claim", "x", "--shared", "--exclusive"], ["claim", "x", "--wait"], ["claim", "--help"], ["--help"], ["claims"],
    ["-C", ".", "claim", "x"], ["check", "x", "--shared"], ["release", "x", "--partial"], ["status", "x"],
    ["status", "--tail", "-1"], ["status", "--tail", "x"], ["status", "--watch"], ["init"], ["claim", "x", "--json=yes"],
]  # fmt: skip


@pytest.fixture
def twins(copies: Copies, hooked_fleet: Path, tmp_path: Path) -> tuple[Gated, Gated]:
    """Two copies of one clone, with the same claims."""
    pair = (copies.clone("alone"), Copies(hooked_fleet, tmp_path / "twin").clone("alone"))
    for clone in pair:
        clone.claim("README.md")
        clone.claim("src/", session=clone.other)
    return pair


def plain(text: str, clone: Gated) -> str:
    """Without what differs from run to run: ids, times, and where the clone lies."""
    text = text.replace(str(clone.fleets.root), "ROOT")
    text = re.sub(r"\b[0-9A-HJKMNP-TV-Z]{26}\b", "ULID", text)
    text = re.sub(r"\b[0-9a-f]{40}\b", "OID", text)
    return re.sub(r"\b(1[78]\d{8}|\d+[smhd](\d+[smh])?)\b", "TIME", text)


def normal(value: Any, clone: Gated) -> Any:
    """JSON without moments and ages."""
    if isinstance(value, dict):
        gone = {
            "granted_at",
            "renewed_at",
            "started_at",
            "uptime",
            "idle",
            "age",
            "left",
            "at",
            "active_at",
            "last_activity",
        }
        return {key: normal(item, clone) for key, item in value.items() if key not in gone}
    if isinstance(value, str):
        return plain(value, clone)
    return [normal(item, clone) for item in value] if isinstance(value, list) else value


def ran(
    lane: Sequence[str], clone: Gated, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> tuple[int | None, Any, str]:
    """Exit code, output and messages of one command line in this process."""
    monkeypatch.chdir(clone.path)
    monkeypatch.setenv("GITFLEET_SESSION", clone.session)
    capfd.readouterr()
    code = app.run(lane) if lane[0] == "-C" else fast_args.run(lane)
    out, err = capfd.readouterr()
    answer = normal(json.loads(out), clone) if "--json" in lane else plain(out, clone)
    return code, answer, plain(err, clone)


@pytest.mark.sample(10)
@pytest.mark.parametrize("args", PLAIN, ids=" ".join)
def test_both_lanes_answer_the_same(
    twins: tuple[Gated, Gated],
    args: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    one, other = twins
    args = [word.format(other=one.other) for word in args]
    fast = ran(args, one, monkeypatch, capfd)
    full = ran(["-C", ".", *args], other, monkeypatch, capfd)
    assert fast[0] is not None
    assert fast == full


@pytest.mark.parametrize("args", NOT_PLAIN, ids=" ".join)
def test_quick_lane_leaves_what_is_not_plain_to_the_full_command_line(args: list[str]) -> None:
    assert fast_args.run(args) is None


def test_quick_lane_has_no_option_that_the_full_command_line_has_not() -> None:
    commands: Any = typer.main.get_command(app.app)
    for name in fast_args.FLAGS.keys() | fast_args.VALUES.keys():
        full = {spelled: option for option in commands.commands[name].params for spelled in option.opts}
        flags, values = fast_args.FLAGS.get(name, set()), fast_args.VALUES.get(name, set())
        assert all(full[flag].is_flag for flag in flags)
        assert all(not full[value].is_flag for value in values)

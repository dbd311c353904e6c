"""Plain command lines mean what they mean to the framework: same values, same answers, same exit codes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitfleet.cli import app, fast_args, usage
from gitfleet.cli.declaring import Command, Group
from tests.gatebench import Copies, Gated
from tests.workbench import Gitfleet

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
    ["claim", "--", "-x"],
    ["claim", "--reason=why", "x", "--session={other}"],
    ["claim", "x", "--shared", "--exclusive"],
    ["claim", "x", "--ttl", "1h", "--json"],
    ["claim", "x", "--timeout", "1h"],
    ["claims", "--older-than", "2h"],
    ["session"],
    ["session", "--json"],
    ["session", "list"],
    ["session", "show", "{other}"],
    ["log", "-n", "2"],
    ["waiting"],
    ["tell", "{other}", "two", "words"],
    ["offer", "--to", "{other}", "README.md"],
    ["check"],
    ["worktree", "list"],
]
# What only the framework may take.
NOT_PLAIN: list[list[str]] = [
    ["claim"], ["claim", "-x"], ["claim", "x", "--session"], ["claim", "x", "--session", "--json"], ["claim", "--help"],
    ["--help"], ["-C", ".", "claim", "x"], ["check", "x", "--shared"], ["release", "x", "--partial"], ["status", "x"],
    ["status", "--tail", "-1"], ["status", "--tail", "x"], ["claim", "x", "--json=yes"], ["claim", "x", "--priority", "101"],
    ["log", "-n5"], ["log", "-n=5"], ["nosuch"], ["session", "nosuch"], ["offer", "x"]
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
    text = re.sub(r"\b\d{4}-\d\d-\d\dT[\d:]{8}Z", "TIME", text)
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
    clone: Gated,
    args: Sequence[str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    *,
    framework: bool = False,
) -> tuple[int, Any, str]:
    """Exit code, output and messages of one command line in this process."""
    monkeypatch.chdir(clone.path)
    monkeypatch.setenv("GITFLEET_SESSION", clone.session)
    capfd.readouterr()
    code = usage.run(app.whole(), args) if framework else app.run(args)
    out, err = capfd.readouterr()
    answer = normal(json.loads(out), clone) if "--json" in args else plain(out, clone)
    return code, answer, plain(err, clone)


@pytest.mark.sample(16)
@pytest.mark.parametrize("args", PLAIN, ids=" ".join)
def test_plain_command_line_answers_as_with_the_framework(
    twins: tuple[Gated, Gated],
    args: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    one, other = twins
    args = [word.format(other=one.other) for word in args]
    assert understood(args) is not None
    fast = ran(one, args, monkeypatch, capfd)
    assert fast == ran(other, args, monkeypatch, capfd, framework=True)


@pytest.mark.parametrize("args", NOT_PLAIN, ids=" ".join)
def test_what_is_not_plain_is_left_to_the_framework(args: list[str]) -> None:
    assert understood(args) is None


def understood(words: Sequence[str]) -> dict[str, Any] | None:
    """What a plain command line gives for the parameters of its command; None where it is for the framework."""
    found, rest = app.whole().find(words)
    return fast_args.parse(found.params, rest, passes_on=isinstance(found, Command) and found.passes_on)


def leaves(group: Group) -> Iterator[tuple[str, ...]]:
    for name, found in group.commands.items():
        if isinstance(found, Group):
            yield (name,)
            yield from ((name, *rest) for rest in leaves(found))
        else:
            yield (name,)


TREE: Any = usage.tree(app.whole())
VALUES = st.sampled_from(
    ["x", "a b", "", "7", "0", "101", "2.5", "-", "--", "-1", "--json", "help", "ä", "1e3", "٣"]
)


def framework(words: Sequence[str]) -> dict[str, Any] | None:
    """The same from typer; None where it finds a mistake, or shows help."""
    command, rest = TREE, list(words)
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest.pop(0)]
    if rest and hasattr(command, "commands"):
        command.invoke_without_command = True
    try:
        context = command.make_context("gitfleet", rest)
    except (typer.TyperException, typer.Exit):
        return None
    if hasattr(command, "commands") and (context.args or context._protected_args):
        return None  # a verb that is none
    return dict(context.params)


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_words_that_are_understood_are_understood_as_the_framework_does(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(leaves(app.whole()))))
    found, _ = app.whole().find(path)
    names = [name for one in found.params for name in (*one.opts, *one.secondary_opts)]
    joined = st.builds("{}={}".format, st.sampled_from(names or ["--x"]), VALUES)
    words = data.draw(st.lists(st.one_of(st.sampled_from(names or ["x"]), VALUES, joined), max_size=6))

    said = understood([*path, *words])

    if said is not None:
        told = framework([*path, *words])
        assert told is not None
        assert {name: _plain(value) for name, value in said.items()} == {
            name: _plain(value) for name, value in told.items()
        }


def _plain(value: Any) -> Any:
    """Nothing given for a list is None or empty."""
    return (list(value) or None) if isinstance(value, (list, tuple)) else value


@pytest.mark.parametrize(
    "words", [["session", "list"], ["queue", "list"], ["agent", "status"], ["-C", ".", "session", "list"]]
)
def test_json_that_is_said_of_the_noun_is_meant_for_the_verb(
    words: list[str], alone: Gated, gitfleet: Gitfleet
) -> None:
    *start, noun, verb = words
    answer = gitfleet(alone.path, *start, noun, "--json", verb).ok().json()
    assert answer["command"] == f"{noun} {verb}"

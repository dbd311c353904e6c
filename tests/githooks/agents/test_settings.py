"""Our entries in settings of any shape: put in beside everything else, and taken out to the byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from gitfleet.githooks.agents import settings
from gitfleet.githooks.agents.settings import Handler

OURS = [
    Handler("PreToolUse", "Edit|Write", "sh -c 'x' gitfleet-agent claude edit", 60),
    Handler("SessionStart", None, "sh -c 'x' gitfleet-agent claude begin", 60),
]
THEIRS = {"matcher": "Bash", "hooks": [{"type": "command", "command": "mine.sh"}]}
SHAPES: dict[str, Any] = {
    "empty": {},
    "other-keys": {"model": "opus", "env": {"A": "ü"}, "permissions": {"allow": ["Bash(ls:*)"], "deny": []}},
    "no-hooks-yet": {"hooks": {}},
    "empty-list": {"hooks": {"PreToolUse": []}},
    "same-event": {"hooks": {"PreToolUse": [THEIRS]}, "after": 1},
    "other-events": {"hooks": {"Stop": [THEIRS], "SessionStart": [THEIRS, THEIRS]}},
    "odd-groups": {
        "hooks": {"PreToolUse": [{"matcher": "x"}, {"hooks": []}, {"hooks": 7}, {"hooks": [7, {}]}, 3]}
    },
}
STYLES: dict[str, Callable[[Any], str]] = {
    "two": lambda value: json.dumps(value, indent=2) + "\n",
    "four-no-newline": lambda value: json.dumps(value, indent=4, ensure_ascii=False),
    "tabs": lambda value: json.dumps(value, indent="\t") + "\n",
    "crlf": lambda value: json.dumps(value, indent=2).replace("\n", "\r\n") + "\r\n",
    "one-line": json.dumps,
    "dense": lambda value: json.dumps(value, separators=(",", ":")),
    "airy": lambda value: (
        "\n\n " + json.dumps(value, indent=3).replace("}", "}  ").replace("[]", "[ ]") + " \n"
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("style", STYLES)
def test_handlers_are_put_in_beside_all_else_and_taken_out_to_the_byte(shape: str, style: str) -> None:
    text = STYLES[style](SHAPES[shape])
    longer = settings.put(text, OURS)
    value, before = json.loads(longer), json.loads(text)
    assert {key: value[key] for key in before if key != "hooks"} == {
        k: v for k, v in before.items() if k != "hooks"
    }
    assert list(value)[: len(before)] == list(before)
    for event, groups in before.get("hooks", {}).items():
        assert value["hooks"][event][: len(groups)] == groups
    assert [one.event for one in settings.found(longer)] in [
        ["PreToolUse", "SessionStart"],
        ["SessionStart", "PreToolUse"],
    ]
    assert settings.put(longer, OURS) == longer
    assert settings.is_current(longer, OURS)
    assert settings.without(longer) == (text, False)


def test_file_and_folder_that_we_made_go_with_us() -> None:
    text = settings.put(None, OURS, folder_made=True)
    assert json.loads(text)["hooks"]["PreToolUse"][0]["matcher"] == "Edit|Write"
    assert settings.without(text) == (None, True)
    assert settings.without(settings.put(None, OURS)) == (None, False)
    value = {**json.loads(text), "model": "x"}
    assert settings.without(json.dumps(value, indent=2)) == ('{\n  "model": "x"\n}', True)


def test_settings_that_the_agent_wrote_anew_lose_just_our_entries() -> None:
    value = {"hooks": {"PreToolUse": [THEIRS]}, "permissions": {"allow": []}}
    text = json.dumps(json.loads(settings.put(json.dumps(value), OURS)), indent=2)
    text = json.dumps({**json.loads(text), "later": [1, 2]}, indent=2)
    rest, _ = settings.without(text)
    assert rest == json.dumps({**value, "later": [1, 2]}, indent=2)


def test_handler_that_was_put_into_our_group_stays() -> None:
    value = json.loads(settings.put("{}", OURS))
    value["hooks"]["PreToolUse"][0]["hooks"].append({"type": "command", "command": "mine.sh"})
    rest, _ = settings.without(json.dumps(value, indent=2))
    assert rest is not None
    assert json.loads(rest) == {
        "hooks": {
            "PreToolUse": [{"matcher": "Edit|Write", "hooks": [{"type": "command", "command": "mine.sh"}]}]
        }
    }


def test_entries_of_another_installation_are_replaced_where_they_stand() -> None:
    text = settings.put('{"hooks": {"PreToolUse": []}}', OURS)
    moved = [ours._replace(command=ours.command.replace("'x'", "'y'")) for ours in OURS]
    assert not settings.is_current(text, moved)
    newer = settings.put(text, moved)
    assert [one.command.partition(" made=")[0] for one in settings.found(newer)] == [
        one.command for one in moved
    ]
    assert settings.without(newer) == ('{"hooks": {"PreToolUse": []}}', False)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"hooks": []}', '{"hooks": {"Stop": {}}}', '{"a": 1,}', "// x\n{}"]
)
def test_settings_of_no_known_form_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        settings.put(text, OURS)
    with pytest.raises(ValueError):
        settings.without(text)

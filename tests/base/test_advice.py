"""A hint names what is to be done; the command line puts its command there, and nobody else's words suffer."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from gitfleet.base import advice, shellwords
from gitfleet.base.commands import COMMANDS, spoken, spoken_in
from gitfleet.errors import HubUnreachable
from gitfleet.ledger.model import ErrorRecord
from tests.workbench import ROOT, Gitfleet

STEPS = [step for step in vars(advice).values() if isinstance(step, advice.Step)]
HINT = f"Nothing is lost: run {advice.SYNC} when the hub can be reached again."


def test_steps_each_have_one_command_and_a_name_of_their_own() -> None:
    assert set(STEPS) == set(COMMANDS)
    assert len(set(STEPS)) == len(STEPS)
    assert len(set(COMMANDS.values())) == len(COMMANDS)


@pytest.mark.parametrize("step", STEPS)
def test_step_in_each_form_is_the_command_of_the_table(step: advice.Step) -> None:
    command = COMMANDS[step]
    assert spoken(step) == command.replace(" {}", "")
    assert spoken(f"Run {step}.") == f"Run `{command.replace(' {}', '')}`."
    assert spoken(f"See {step.of('A')}, or {step}") == (
        f"See `{command.replace('{}', 'A')}`, or `{command.replace(' {}', '')}`"
    )


@pytest.mark.parametrize(
    "name", ["a b", "$(reboot)", "x⟩ ⟨uninstall", "100%", "%E2%9F%A8", "it's", "`id`", "a\x1b[2Jb"]
)
def test_name_in_a_step_becomes_one_word_of_a_shell_and_no_step_of_its_own(name: str) -> None:
    said = spoken(f"Add it: {advice.QUEUE_ADD.of(name)}.")
    assert said == f"Add it: `gitfleet queue add --branch {shellwords.word(name)}`."
    assert advice.subject(advice.QUEUE_ADD.of(name).partition(": ")[2].removesuffix("⟩")) == name


@pytest.mark.parametrize("step", STEPS)
def test_command_of_the_table_exists(step: advice.Step, gitfleet: Gitfleet) -> None:
    words = COMMANDS[step].replace(" {}", "").split()[1:]
    noun = words[: next((i for i, word in enumerate(words) if word.startswith("-")), len(words))]
    shown = gitfleet(ROOT, *noun, "--help").ok().stdout
    assert all(option in shown for option in words if option.startswith("--") and option != "--")


@pytest.mark.parametrize(
    "text", ["", "plain", "⟨", "⟩⟨", "⟨sync", "⟨no such step⟩", "⟨⟩", "⟨: x⟩", "a ⟨b⟨c⟩ d"]
)
def test_text_without_a_step_stays(text: str) -> None:
    assert spoken(text) == text


def test_steps_in_json_become_commands_and_all_else_stays() -> None:
    data: dict[str, Any] = {"hint": HINT, "more": [advice.REPAIR, 1, None, True], "⟨sync⟩": {"n": 2.5}}
    assert spoken_in(data) == {
        "hint": "Nothing is lost: run `gitfleet sync` when the hub can be reached again.",
        "more": ["gitfleet doctor --repair", 1, None, True],
        "⟨sync⟩": {"n": 2.5},
    }


def test_hint_through_pickle_json_and_error_record_keeps_its_steps() -> None:
    error = HubUnreachable("No answer.", hint=HINT, hub="origin", output="")
    assert pickle.loads(pickle.dumps(error)).hint == HINT
    assert pickle.loads(pickle.dumps(advice.SYNC)) == advice.SYNC
    assert ErrorRecord.decode(json.loads(json.dumps(ErrorRecord.of(error).encode()))).error.hint == HINT


def test_hint_read_by_a_library_user_names_no_command() -> None:
    assert "gitfleet" not in HINT
    assert "⟨sync⟩" in HINT

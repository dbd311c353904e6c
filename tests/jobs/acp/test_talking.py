"""Whole attempts of agents that speak the protocol, well and badly: real processes, from the handshake to the last of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base import watching
from gitfleet.jobs.adapters.acp import call
from gitfleet.jobs.adapters.protocol import Task
from gitfleet.jobs.shepherd import control
from gitfleet.jobs.shepherd.records import AttemptLimits, EndRecord, Spec
from tests.jobs.acp.replays import CAPTURES
from tests.jobs.shepherd.agents import PYTHON, ended, ran, runs, spec, stream
from tests.workbench import PATIENCE

AGENT = str(Path(__file__).with_name("agent.py"))
MIB = 1 << 20


def talk(place: Path, *words: str, limits: AttemptLimits | None = None, **given: Any) -> Spec:
    """An attempt of the agent that does these words, in the folder `work` of a place."""
    work = place / "work"
    work.mkdir(exist_ok=True)
    env = given.pop("env", {})
    task = Task(given.pop("prompt", "Do it"), command=("agent",), **given)
    brief = json.loads(json.dumps(call.brief(task).encode()))
    return spec(
        PYTHON, "-I", "-S", AGENT, *words, cwd=str(work), adapter="acp", brief=brief, env=env,
        limits=limits or AttemptLimits(grace=10_000),
    )  # fmt: skip


def told(place: Path, *words: str, **given: Any) -> EndRecord:
    """How such an attempt ended."""
    return ran(place / "attempt", talk(place, *words, **given))


@pytest.mark.parametrize(
    ("words", "given", "outcome", "why"),
    [
        (["say=hello"], {}, "success", ""),
        (["say=hello", "twice"], {}, "success", ""),
        (["say=hello", "noise=100000"], {}, "success", ""),
        (["unknown"], {}, "success", ""),
        (["stop=max_tokens"], {}, "failed", "cut at the greatest length"),
        (["stop=refusal"], {}, "failed", "refused"),
        (["stop=cancelled"], {}, "failed", "by itself"),
        (["stop=odd"], {}, "failed", "odd"),
        (["stop=max_turn_requests"], {}, "max_turns", "as often as it may"),
        (["say=Error: 429 Too Many Requests", "free"], {}, "quota", "429"),
        (["free"], {}, "failed", "without a word"),
        (["say=hello", "free", "name=gemini-cli"], {}, "failed", "without usage"),
        (["signed-out"], {}, "auth", "Authentication required"),
        (["version=2"], {}, "failed", "not speak version 1 of the protocol, but 2"),
        (["say=x", "die=3"], {}, "failed", "exit code 3 within its turn"),
        (["say=x"], {"options": {"mode": "plan", "model": "big", "config": {"effort": "high"}}}, "success", ""),
        ([], {"options": {"mode": "odd"}}, "failed", "no mode 'odd'; it has default, plan"),
        ([], {"options": {"model": "odd"}}, "failed", "cannot be 'odd'; it can be small, big"),
        ([], {"options": {"config": {"odd": "x"}}}, "failed", "no option 'odd'; it has model, effort"),
        ([], {"options": {"config": {"effort": "odd"}}}, "failed", "cannot be 'odd'"),
        (["mode-refused"], {"options": {"mode": "plan"}}, "failed", "the mode plan: not in an untrusted folder"),
        (["mode-ignored"], {"options": {"mode": "plan"}}, "failed", "is in the mode auto"),
        (["mode-refused", "name=@agentclientprotocol/codex-acp"], {}, "failed", "no mode 'read-only'"),
        (["say=x"], {"options": {"auth": "key"}}, "success", ""),
        (["say=x"], {"options": {"auth": "odd"}}, "auth", "authenticate: no such way"),
        (["say=x", "resumes"], {"resume": "old-1"}, "success", ""),
        (["say=x", "loads"], {"resume": "old-1"}, "success", ""),
    ],
)  # fmt: skip
def test_turn_ends_with_its_outcome(
    tmp_path: Path, words: list[str], given: dict[str, Any], outcome: str, why: str
) -> None:
    end = told(tmp_path, *words, **given)
    assert end.result is not None
    assert (end.why, end.outcome) == ("exited", outcome), end
    assert why in "; ".join(end.result.errors)
    assert end.killed is False


@pytest.mark.parametrize("words", [[], ["loads", "gone"], ["loads", "name=gemini-cli"]])
def test_conversation_that_cannot_be_gone_on_with_is_lost(tmp_path: Path, words: list[str]) -> None:
    end = told(tmp_path, *words, resume="old-1")
    assert end.result is not None
    assert (end.outcome, end.result.lost) == ("failed", True)


def test_conversation_that_is_gone_on_with_keeps_its_id_and_has_no_old_words(tmp_path: Path) -> None:
    end = told(tmp_path, "say=new", "loads", resume="old-1")
    assert end.result is not None
    assert (end.result.session_id, end.result.text) == ("old-1", "new")


def test_prompt_comes_whole_and_readable_whatever_it_says(tmp_path: Path) -> None:
    prompt = '--yes "\n\udcff é' * 100_000
    end = told(tmp_path, "say=x", prompt=prompt, env={"HEARD": str(tmp_path / "heard")})
    assert end.outcome == "success"
    (part,) = json.loads((tmp_path / "heard").read_text())["prompt"]
    assert part == {"type": "text", "text": prompt.replace("\udcff", "\ufffd")}


def test_line_of_64_mib_is_one_message(tmp_path: Path) -> None:
    end = told(tmp_path, f"long={64 * MIB}", "sh=true", "say=end")
    assert (end.outcome, end.result and end.result.text) == ("success", "end")
    assert (tmp_path / "attempt/stream.jsonl").stat().st_size > 64 * MIB


def test_requests_that_nobody_offered_are_answered_with_method_not_found(tmp_path: Path) -> None:
    told(tmp_path, "unknown")
    words = [
        line.event["text"] for line in stream(tmp_path / "attempt") if line.type == "message" and line.event
    ]
    assert words == [f"{method} -32601" for method in ("fs/read_text_file", "terminal/create", "odd/one")]


@pytest.mark.parametrize(
    ("rules", "kind", "done"),
    [
        ({"default": "allow"}, "edit", True),
        ({"default": "reject"}, "edit", False),
        ({"default": "reject", "edit": "allow"}, "edit", True),
        ({"default": "allow", "execute": "reject"}, "execute", False),
        ({"default": "reject", "other": "allow"}, "invented", True),
    ],
)
def test_permission_is_answered_by_rule_and_kind(
    tmp_path: Path, rules: dict[str, str], kind: str, *, done: bool
) -> None:
    end = told(tmp_path, f"ask={kind}", permissions=rules)
    assert end.result is not None
    assert (tmp_path / f"work/{kind}.txt").exists() is done
    assert end.result.denials == (() if done else (f"the {kind} thing",))
    assert end.result.doubts == tuple(f"it was not allowed: {one}" for one in end.result.denials)


def test_capture_is_replayed_by_a_program(tmp_path: Path) -> None:
    capture = str(CAPTURES / "opencode-success.jsonl")
    made = talk(tmp_path, "replay", capture, permissions={"default": "allow"})
    end = ran(tmp_path / "attempt", made)
    assert end.result is not None
    assert (end.outcome, end.code, end.result.text) == ("success", 0, "All done.")


class Hanging:
    """An attempt whose agent has come to where it says `ready`."""

    def __init__(self, place: Path, *words: str, grace: int = 10_000, **given: Any) -> None:
        gate = place / "ready"
        os.mkfifo(gate)
        limits = AttemptLimits(grace=grace, after_result=given.pop("after_result", 30_000))
        made = talk(place, *words, f"ready={gate}", "hang", limits=limits, **given)
        self.folder = place / "attempt"
        self.folder.mkdir(mode=0o700)
        self.shepherd = control.start(str(self.folder), made)
        assert gate.read_text() == "ready\n"

    def stopped(self, **more: Any) -> EndRecord:
        self.shepherd.stop(**more)
        return ended(self.folder, self.shepherd)


def test_agent_that_is_stopped_answers_and_ends_without_a_signal(tmp_path: Path) -> None:
    end = Hanging(tmp_path, "say=half").stopped()
    assert (end.why, end.outcome, end.code, end.killed) == ("cancelled", "cancelled", 0, False)
    assert end.result is not None
    assert (end.result.text, end.result.session_id) == ("half", "session-1")
    assert end.result.usage.models == {"small": {"inputTokens": 10, "outputTokens": 5}}


def test_agent_that_does_not_heed_anything_is_killed_in_time(tmp_path: Path) -> None:
    end = Hanging(tmp_path, "deaf", grace=40).stopped()
    assert (end.outcome, end.signal, end.killed) == ("cancelled", 9, True)


@pytest.mark.parametrize("grace", [0, 40])
def test_agent_that_is_stopped_is_hurried_up_by_a_second_request(tmp_path: Path, grace: int) -> None:
    hanging = Hanging(tmp_path, "deaf", grace=600_000)
    hanging.shepherd.stop()
    assert hanging.stopped(grace=grace).killed is True


def test_agent_that_has_answered_nothing_yet_is_ended_by_a_signal_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "attempt"
    folder.mkdir(mode=0o700)
    shepherd = control.start(str(folder), talk(tmp_path, "mute", limits=AttemptLimits(grace=600_000)))
    shepherd.stop()
    end = ended(folder, shepherd)
    assert (end.outcome, end.killed) == ("cancelled", False)


def test_children_that_an_agent_leaves_are_ended_before_it_counts_as_gone(tmp_path: Path) -> None:
    end = told(tmp_path, "say=x", f"child={tmp_path / 'child'}")
    assert end.outcome == "success"
    assert not runs(int((tmp_path / "child").read_text()))


def test_agent_that_lives_on_after_its_turn_is_ended_and_was_a_success(tmp_path: Path) -> None:
    end = told(tmp_path, "say=done", "deaf", limits=AttemptLimits(grace=40, after_result=40))
    assert (end.why, end.outcome, end.killed) == ("after_result", "success", True)


def asked(folder: Path, question: str) -> None:
    """Wait until the shepherd shows that its agent waits for an answer to this."""
    with watching.Bell() as bell:
        bell.arm([str(folder)])
        while (state := control.state(str(folder))) is None or list(state.questions) != [question]:
            assert control.alive(str(folder)), stream(folder)
            assert bell.wait(PATIENCE)
    assert state.phase == "needs_input"


def test_question_without_a_rule_waits_for_a_person_and_counts_for_no_idle_limit(tmp_path: Path) -> None:
    folder = tmp_path / "attempt"
    folder.mkdir(mode=0o700)
    limits = AttemptLimits(grace=10_000, idle=60_000)
    made = talk(tmp_path, "ask=edit", "ask=execute", limits=limits)
    shepherd = control.start(str(folder), made)
    asked(folder, "101")
    assert not control.answer(str(tmp_path), "101", allow=True)
    control.answer(str(folder), "no-such-question", allow=True)
    control.answer(str(folder), "101", allow=True)
    asked(folder, "102")
    control.answer(str(folder), "102", allow=False)
    end = ended(folder, shepherd)
    assert end.result is not None
    assert (end.outcome, end.result.denials) == ("success", ("the execute thing",))
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["edit.txt"]
    assert not list(folder.glob("answer-*"))


def test_question_that_is_open_when_its_agent_is_stopped_is_cancelled(tmp_path: Path) -> None:
    folder = tmp_path / "attempt"
    folder.mkdir(mode=0o700)
    shepherd = control.start(str(folder), talk(tmp_path, "ask=edit"))
    asked(folder, "101")
    shepherd.stop()
    end = ended(folder, shepherd)
    assert (end.outcome, end.killed) == ("cancelled", False)
    assert b"answered cancelled" in b"".join(line.raw for line in stream(folder))


def test_question_that_nobody_answers_in_all_the_time_is_the_outcome(tmp_path: Path) -> None:
    def in_so_long(wall: int) -> EndRecord:
        place = tmp_path / str(wall)
        place.mkdir()
        return told(place, "ask=edit", limits=AttemptLimits(wall=wall, grace=10_000))

    end = in_so_long(1_000)
    if end.outcome == "timeout":  # a busy machine: it was over before the agent had asked
        end = in_so_long(60_000)
    assert (end.why, end.outcome, end.killed) == ("wall", "needs_input", False)
    assert not list(tmp_path.glob("*/work/edit.txt"))

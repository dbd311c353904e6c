"""`queue:` of gitfleet.yaml: what it may say, and what is compiled of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gitfleet.base import canonical
from gitfleet.trunk import policy_rules, queue_policy
from gitfleet.trunk.queue_policy import GatePart, GatePolicy, QueuePolicy


def compiled(text: str) -> QueuePolicy:
    record = policy_rules.compiled(policy_rules.parse(f"version: 1\n{text}\n".encode()))
    return QueuePolicy.decode(record["queue"])


def test_rules_that_say_nothing_of_the_queue_have_its_defaults() -> None:
    assert compiled("") == compiled("queue: {}") == QueuePolicy()
    assert QueuePolicy().gate.mode == "unset"


@pytest.mark.parametrize(
    ("gate", "mode", "parts"),
    [
        ("none", "none", ()),
        ("", "unset", ()),
        ("[make, test]", "run", (GatePart("gate", ("make", "test")),)),
        ("make 'a b' \"$HOME\"", "run", (GatePart("gate", ("make", "a b", "$HOME")),)),
        ("[none]", "run", (GatePart("gate", ("none",)),)),
        (
            "{py: {run: make test, inputs: [src/, a.py], capacity: 2}, docs: [make, docs]}",
            "run",
            (GatePart("docs", ("make", "docs")), GatePart("py", ("make", "test"), ("src/", "a.py"), 2)),
        ),
    ],
)
def test_gate_is_compiled_to_its_parts(gate: str, mode: str, parts: tuple[GatePart, ...]) -> None:
    found = compiled(f"queue:\n  gate: {gate}").gate
    assert found == GatePolicy(mode, parts)  # type: ignore[arg-type]


def test_every_key_is_compiled() -> None:
    text = (
        "queue: {method: squash, landing: pull-request, pull-request: [gh, pr], time-limit: 5s, window: 3, ceiling: 70, tries: 0,"
        " deadline: 2h, required: true, trust: [session], environment: [py312], delete-branches: true, committer: Q <q@x>}"
    )
    assert compiled(text) == QueuePolicy(
        method="squash", landing="pull-request", pull_request=("gh", "pr"), time_limit=5, window=3, ceiling=70, tries=0,
        deadline=7200, required=True, trust=("session",), environment=("py312",), delete_branches=True, committer="Q <q@x>",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gate: 3", "queue.gate: must be a command"),
        ("gate: []", "queue.gate: names no command"),
        ("gate: ['']", "queue.gate: names no command"),
        ("gate: {}", "queue.gate: names no part"),
        ('gate: "make \'x"', "queue.gate: cannot be split into words"),
        ('gate: ["a\\0b"]', "queue.gate: has a NUL in it"),
        ("gate: {a b: x}", "is not a name"),
        ("gate: {a: {}}", "queue.gate.a.run: must be given"),
        ("gate: {a: {run: x, input: [y]}}", "queue.gate.a.input: there is no such key"),
        ("gate: {a: {run: x, inputs: ['*.py']}}", "must be a path or a folder"),
        ("gate: {a: {run: x, inputs: [../y]}}", "queue.gate.a.inputs.0: "),
        ("gate: {a: {run: x, inputs: [3]}}", "must be a path or a folder"),
        ("gate: {a: {run: x, capacity: -1}}", "queue.gate.a.capacity: must be at least 0"),
        ("method: fast", "queue.method: must be 'merge', 'squash' or 'rebase'"),
        ("landing: pull-request", "queue: `landing: pull-request` needs the command"),
        ("time-limit: 0", "queue.time-limit: 0s is not between 1s and 30d"),
        ("time-limit: soon", "queue.time-limit: 'soon' is not a duration"),
        ("window: 0", "queue.window: must be at least 1"),
        ("ceiling: 101", "queue.ceiling: must be at most 100"),
        ("ceiling: '59'", "queue.ceiling: must be a whole number"),
        ("trust: [me]", "queue.trust.0: must be 'processor', 'ci' or 'session'"),
        ("committer: me", "queue.committer: must be a name and an address"),
        ('committer: "a\\n <b@c>"', "queue.committer: must be a name and an address"),
        ("gates: none", "queue.gates: there is no such key; did you mean"),
        ("- a", "queue: must hold keys with values"),
    ],
)
def test_fault_is_named_with_its_key(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        compiled(f"queue:\n  {text}")


def test_compiled_copy_is_read_and_one_that_is_broken_means_that_nothing_lands(tmp_path: Path) -> None:
    assert queue_policy.load(str(tmp_path)) == QueuePolicy()
    rules = policy_rules.compiled(policy_rules.parse(b"version: 1\nqueue: {gate: none}"))
    (tmp_path / "policy.json").write_bytes(canonical.dump(rules))
    assert queue_policy.load(str(tmp_path)).gate == GatePolicy("none")
    for data in (b"{", b'{"queue": 3}', b'{"queue": {"gate": {"mode": "run"}}}'):
        (tmp_path / "policy.json").write_bytes(data)
        assert queue_policy.load(str(tmp_path)) == QueuePolicy()

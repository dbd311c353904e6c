"""What gitfleet.yaml says of gates, and every fault of it by name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gitfleet.gates import policy
from gitfleet.gates.policy import GatePart, GatePolicy
from gitfleet.trunk import policy_rules


def read(queue: Any) -> GatePolicy:
    rules = policy_rules.parse(json.dumps({"version": 1, "queue": queue}).encode())
    return policy.of(policy_rules.compiled(rules)["queue"])


@pytest.mark.parametrize(
    ("queue", "wanted"),
    [
        ({}, GatePolicy()),
        ({"gate": None}, GatePolicy()),
        ({"gate": "none"}, GatePolicy(none=True)),
        ({"gate": ["none"]}, GatePolicy((GatePart(("none",)),))),
        ({"gate": ["make", "a b"]}, GatePolicy((GatePart(("make", "a b")),))),
        ({"gate": "make 'a b' $HOME;id"}, GatePolicy((GatePart(("make", "a b", "$HOME;id")),))),
        (
            {"gate": {"web": {"run": "npm test", "inputs": ["web/", "*.json"], "capacity": 2}}},
            GatePolicy((GatePart(("npm", "test"), "web", ("web/", "*.json"), 2),)),
        ),
        ({"time-limit": "auto"}, GatePolicy()),
        ({"time-limit": "90s"}, GatePolicy(time_limit=90)),
        ({"time-limit": 1}, GatePolicy(time_limit=1)),
        ({"environment": ["py3.12", "img 7"]}, GatePolicy(environment="py3.12 img 7")),
        ({"trust": ["session", "ci", "ci"]}, GatePolicy(trust=("session", "ci"))),
        ({"trust": []}, GatePolicy(trust=())),
    ],
)
def test_rules_say_what_a_tree_must_pass(queue: Any, wanted: GatePolicy) -> None:
    found = read(queue)
    assert found == wanted
    assert found.configured == bool(wanted.none or wanted.parts)


@pytest.mark.parametrize(
    ("queue", "fault"),
    [
        ({"gate": []}, "queue.gate: must name a command"),
        ({"gate": {}}, "queue.gate: must have a part, or be none"),
        ({"gate": ""}, "queue.gate: must name a command"),
        ({"gate": "a 'b"}, "cannot be split into words"),
        ({"gate": 3}, "queue.gate: must be a list of words"),
        ({"gate": ["a", 3]}, "queue.gate: must be a list of words"),
        ({"gate": ["a\0b"]}, "NUL"),
        ({"gate": ["x" * 5000]}, "too long"),
        ({"gate": {"../x": {"run": "x"}}}, "is not a name"),
        ({"gate": {"a": {"run": "x", "inputs": ["../x"]}}}, "goes up with `..`"),
        ({"gate": {"a": {"run": "x", "inputs": ["res:gpu"]}}}, "is a resource"),
        ({"gate": {"a": {"inputs": ["x"]}}}, "queue.gate.a.run: must be given"),
        ({"gate": {"a": {"run": "x", "capacity": -1}}}, "queue.gate.a.capacity"),
        ({"gate": {"a": {"run": "x", "input": []}}}, "queue.gate.a.input: there is no such key"),
        ({"time-limit": "never"}, "queue.time-limit"),
        ({"time-limit": 0}, "queue.time-limit"),
        ({"trust": ["ann"]}, "queue.trust.0"),
        ({"environment": 3}, "queue.environment"),
    ],
)
def test_fault_is_named_with_its_key(queue: Any, fault: str) -> None:
    with pytest.raises(ValueError) as caught:
        read(queue)
    assert fault in str(caught.value)


@pytest.mark.parametrize("compiled", [None, 3, {"parts": 3}, {"parts": [{"run": []}]}, {"trust": ["eve"]}])
def test_compiled_rules_that_cannot_be_read_let_nothing_land(compiled: Any) -> None:
    assert not policy.of(compiled).configured

"""`queue:` of gitfleet.yaml: what it may say, and what is compiled of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gitfleet.base import canonical
from gitfleet.trunk import policy_rules, queue_policy
from gitfleet.trunk.queue_policy import QueuePolicy


def compiled(text: str) -> QueuePolicy:
    record = policy_rules.compiled(policy_rules.parse(f"version: 1\n{text}\n".encode()))
    return QueuePolicy.decode(record["queue"])


def test_rules_that_say_nothing_of_the_queue_have_its_defaults() -> None:
    assert compiled("") == compiled("queue: {}") == QueuePolicy()


def test_every_key_is_compiled() -> None:
    text = (
        "queue: {method: squash, landing: pull-request, pull-request: [gh, pr], window: 3, ceiling: 70, tries: 0,"
        " deadline: 2h, required: true, delete-branches: true, committer: Q <q@x>}"
    )
    assert compiled(text) == QueuePolicy(
        method="squash", landing="pull-request", pull_request=("gh", "pr"), window=3, ceiling=70, ceiling_of_others=70, tries=0,
        deadline=7200, required=True, delete_branches=True, committer="Q <q@x>",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("method: fast", "queue.method: must be 'merge', 'squash' or 'rebase'"),
        ("landing: pull-request", "queue: `landing: pull-request` needs the command"),
        ("window: 0", "queue.window: must be at least 1"),
        ("ceiling: 101", "queue.ceiling: must be at most 100"),
        ("ceiling: '59'", "queue.ceiling: must be a whole number"),
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
    rules = policy_rules.compiled(policy_rules.parse(b"version: 1\nqueue: {window: 3}"))
    (tmp_path / "policy.json").write_bytes(canonical.dump(rules))
    assert queue_policy.load(str(tmp_path)).window == 3
    for data in (b"{", b'{"queue": 3}', b'{"queue": {"window": 0}}'):
        (tmp_path / "policy.json").write_bytes(data)
        assert queue_policy.load(str(tmp_path)) == QueuePolicy()

"""`notify:` of gitfleet.yaml: what it may say, and what is compiled of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gitfleet.base import canonical
from gitfleet.trunk import notify_policy, policy_rules
from gitfleet.trunk.notify_policy import NotifyPolicy
from tests.workbench import ROOT


def compiled(text: str) -> NotifyPolicy:
    record = policy_rules.compiled(policy_rules.parse(f"version: 1\n{text}\n".encode()))
    return NotifyPolicy.decode(record["notify"])


def test_rules_that_say_nothing_tell_nobody() -> None:
    assert compiled("") == compiled("notify: {}") == NotifyPolicy()
    assert not compiled("").anybody


def test_every_key_is_compiled() -> None:
    text = "notify: {webhook: 'https://x.org/a', headers: {Authorization: 'Bearer ${T}'}, format: json, what: all, dwell: 0s, quiet: '22:30-07:00'}"
    assert compiled(text) == NotifyPolicy(
        webhook="https://x.org/a", headers={"Authorization": "Bearer ${T}"}, format="json", what="all", dwell=0, quiet=(1350, 420),
    )  # fmt: skip
    assert compiled("notify: {command: 'notify-send \"{title}\"'}").command == ("notify-send", "{title}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("webhook: http://x.org/a", "notify.webhook: must be an https address"),
        ("webhook: https://me:secret@x.org/a", "notify.webhook: must be an https address without a user"),
        ("webhook: file:///etc/passwd", "notify.webhook: must be an https address"),
        ("webhook: 'https://[x'", "notify.webhook: must be an https address"),
        ('webhook: "https://x.org/\\na"', "notify.webhook: must be an address"),
        ("webhook: ${A}x", "notify.webhook: must be an https address"),
        ("{webhook: 'https://x.org', command: a}", "notify: `command` and `webhook` exclude each other"),
        ("headers: {'a b': c}", "notify.headers: 'a b' is no name of a header"),
        ('headers: {A: "b\\nC: d"}', "notify.headers: A: must be printable ASCII"),
        ("format: xml", "notify.format: must be 'text', 'slack' or 'json'"),
        ("dwell: 31d", "notify.dwell: 31d is not between"),
        ("quiet: 22-7", "notify.quiet: must be two times of the day"),
        ("quiet: '24:00-07:00'", "notify.quiet: must be two times of the day"),
        ("quiet: '07:00-07:00'", "notify.quiet: must be two different times"),
        ("command: ['a', 3]", "notify.command: must be a list of words"),
        ("comand: a", "notify.comand: there is no such key; did you mean notify.command?"),
    ],
)
def test_fault_is_named_with_its_key(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        compiled(f"notify:\n  {text}")


@pytest.mark.parametrize(
    ("span", "minute", "quiet"),
    [
        ("22:00-07:00", 22 * 60, True), ("22:00-07:00", 0, True), ("22:00-07:00", 7 * 60, False), ("22:00-07:00", 1319, False),
        ("12:00-13:00", 720, True), ("12:00-13:00", 780, False), ("12:00-13:00", 0, False),
    ],
)  # fmt: skip
def test_quiet_hours_hold_from_their_first_minute_to_before_their_last(
    span: str, minute: int, quiet: bool
) -> None:
    assert compiled(f"notify: {{quiet: '{span}'}}").is_quiet(minute) is quiet
    assert not NotifyPolicy().is_quiet(minute)


@pytest.mark.parametrize("path", sorted((ROOT / "templates/notify").iterdir()), ids=lambda path: path.name)
def test_template_is_a_rule_that_tells_somebody(path: Path) -> None:
    assert compiled(path.read_text()).anybody


def test_compiled_copy_is_read_and_one_that_is_broken_tells_nobody(tmp_path: Path) -> None:
    assert notify_policy.load(str(tmp_path)) == NotifyPolicy()
    rules = policy_rules.compiled(policy_rules.parse(b"version: 1\nnotify: {command: x}"))
    (tmp_path / "policy.json").write_bytes(canonical.dump(rules))
    assert notify_policy.load(str(tmp_path)).command == ("x",)
    for data in (b"{", b'{"notify": 3}', b'{"notify": {"dwell": -1}}'):
        (tmp_path / "policy.json").write_bytes(data)
        assert notify_policy.load(str(tmp_path)) == NotifyPolicy()

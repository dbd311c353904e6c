"""What is relied on of clients holds from one version to another, by one table; whoever has another version is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitfleet.clients import claude, codex
from gitfleet.clients.acting import CLIENTS
from gitfleet.githooks.agents import client_table, client_versions, wanted
from gitfleet.githooks.agents.client_table import ClientFact
from gitfleet.githooks.agents.client_versions import numbers
from tests.workbench import ROOT

FACTS = list(client_table.facts())
HOOKS = [one for one in FACTS if one.kind == "hook"]


@pytest.mark.parametrize("fact", FACTS, ids=lambda one: f"{one.agent}-{one.spelled}")
def test_fact_of_the_table_holds_up_to_the_version_that_was_tried_and_is_in_the_reference(
    fact: ClientFact,
) -> None:
    assert numbers(fact.since or "0") <= numbers(fact.tried)
    page = (ROOT / "docs/reference/clients.md").read_text().replace("\\|", "|").replace("&#124;", "|")
    row = f"| {fact.agent} | {fact.kind} | `{fact.spelled}` | {fact.use} | {fact.since or 'all that we know'} | {fact.tried} |"
    assert row in page.splitlines()


@pytest.mark.parametrize("agent", CLIENTS)
def test_table_has_the_events_that_are_put_into_settings(agent: str) -> None:
    written = {handler.event for handler in wanted.handlers(agent)}
    assert {one.spelled.partition(" ")[0] for one in HOOKS if one.agent == agent} == written


@pytest.mark.parametrize("fact", HOOKS, ids=lambda one: f"{one.agent}-{one.spelled}")
def test_version_before_an_event_came_is_told_which_one_it_lacks(fact: ClientFact) -> None:
    *rest, last = numbers(fact.since)
    before = ".".join(map(str, [*rest[:-1], rest[-1] - 1, 9] if last == 0 else [*rest, last - 1]))
    one = client_versions.judged(fact.agent, before)
    assert not one.known
    assert fact.spelled.partition(" ")[0] in client_versions.doubt(one)
    now = client_versions.doubt(client_versions.judged(fact.agent, fact.since))
    assert f"call {fact.spelled.partition(' ')[0]}" not in now


@pytest.mark.parametrize(
    ("agent", "version", "words"),
    [
        ("codex", codex.TRIED, ""),
        ("codex", "0.145.0", ""),
        ("codex", "0.144.9", "too old"),
        ("codex", "0.1.0", "too old"),
        ("codex", "0.171.1", "newer than"),
        ("codex", "1.0", "newer than"),
        ("codex", "0.172.0-alpha.1", "newer than"),
        ("codex", "odd", ""),
        ("claude", claude.TRIED, ""),
        ("claude", "1.0.84", "does not call SessionEnd"),
        ("claude", "3.0.0", "newer than"),
    ],
)
def test_program_on_path_outside_of_what_is_known_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, agent: str, version: str, words: str
) -> None:
    program = tmp_path / agent
    program.write_text(f"#!/bin/sh\necho {agent}-cli {version}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    said = client_versions.doubt(client_versions.look(agent))
    assert words in said
    assert bool(said) == bool(words)


def test_program_that_is_not_there_is_no_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert client_versions.doubt(client_versions.look("codex")) == ""

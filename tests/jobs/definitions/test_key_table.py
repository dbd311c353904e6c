"""Every key of agent files has a reader in the package, and is in the reference."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import gitfleet
from gitfleet.jobs.definitions import key_table
from gitfleet.jobs.definitions.key_table import FileKey
from gitfleet.jobs.definitions.schema import Agent, FleetSettings
from tests.workbench import ROOT

JOBS = Path(gitfleet.__file__).parent / "jobs"
DECLARING = {JOBS / "definitions" / f"{name}.py" for name in ("values", "key_table", "shown", "changes")}
KEYS = [*key_table.keys(Agent), *key_table.keys(FleetSettings)]


@cache
def read_attributes() -> frozenset[tuple[str, str]]:
    """Each `owner.name` that is read somewhere in the package, by the last word of its owner; what is only assigned does not count."""
    found = set()
    for path in JOBS.rglob("*.py"):
        if path in DECLARING:
            continue
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                owner = node.value
                word = getattr(owner, "attr", getattr(owner, "id", ""))
                if word != "self":  # the schema looks at itself where it is read
                    found.add((word, node.attr))
    return frozenset(found)


@pytest.mark.parametrize("key", KEYS, ids=[f"{one.section.__name__}-{one.path}" for one in KEYS])
def test_key_of_a_file_has_a_reader(key: FileKey) -> None:
    assert key.words, "a key says what it is for"
    assert any(attribute == key.name for _, attribute in read_attributes()), key.path


def test_keys_are_in_the_reference() -> None:
    page = (ROOT / "docs/reference/agent-files.md").read_text(encoding="utf-8")
    assert [one.path for one in KEYS if f"| `{one.path}` |" not in page] == []

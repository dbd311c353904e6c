"""CONTRIBUTING.md shows what a new operation with its command takes: done to a copy of the package, it works."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.fleetbench import Fleets
from tests.workbench import ROOT, Ran, run

_FILE = re.compile(r"In `(gitfleet/\S+\.py)`,")
_WHERE = re.compile(
    r"above `([^`]+)`(?:; that becomes `([^`]+)`)?:\n\n *```python\n(.*?)^ *```$", re.MULTILINE | re.DOTALL
)
_STEP = re.compile(r"^\d\. (.*?)(?=^\d\. |^What is left)", re.MULTILINE | re.DOTALL)


class Edit(NamedTuple):
    file: str
    anchor: str
    becomes: str
    text: str


def edits() -> Iterator[Edit]:
    """What the worked example says, in order."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## A new operation")[2]
    for step in _STEP.finditer(page):
        file = _FILE.search(step[1])
        assert file is not None, step[1]
        for anchor, becomes, block in _WHERE.findall(step[1]):
            lines = (line.removeprefix("   ") for line in block.splitlines())
            yield Edit(file[1], anchor, becomes or anchor, "\n".join(lines) + "\n")


def apply(place: Path, edit: Edit) -> None:
    path = place / edit.file
    before = path.read_text(encoding="utf-8")
    found = re.findall(rf"^{re.escape(edit.anchor)}", before, re.MULTILINE)
    assert len(found) == 1, f"{edit.anchor!r} stands {len(found)} times in {edit.file}"
    gap = "\n\n" if edit.text == textwrap.dedent(edit.text) else ""
    at = before.index(f"\n{edit.anchor}") + 1
    path.write_text(
        before[:at] + edit.text + gap + edit.becomes + before[at + len(edit.anchor) :], encoding="utf-8"
    )


def copy(place: Path) -> Path:
    """The package as it is, without what it has compiled."""
    for name in ("gitfleet", "hooks", "templates"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    return place


def waving(place: Path, clone: Path, *words: str) -> Ran:
    return run([sys.executable, "-P", "-m", "gitfleet", *words], clone, env={"PYTHONPATH": str(place)})


def test_worked_example_of_a_new_operation_takes_three_files_and_works(
    fleets: Fleets, tmp_path: Path
) -> None:
    place = copy(tmp_path / "copy")
    steps = list(edits())
    for edit in steps:
        apply(place, edit)
    assert len({edit.file for edit in steps}) <= 3
    clone = fleets.clone("alone")
    assert waving(place, clone, "wave", "alone-2", "--session", "alone-1").ok().stdout == "waved to alone-2\n"
    heard = waving(place, clone, "claim", "src/a.py", "--session", "alone-2").ok()
    assert 'alone-1 says: "waves to you"' in heard.stderr
    assert "alone-1 waves to alone-2" in waving(place, clone, "log", "--kind", "message.wave").ok().stdout
    assert "wave" in waving(place, clone, "--help").ok().stdout
    refused = waving(place, clone, "wave", "nobody", "--session", "alone-1")
    assert (refused.returncode, "nobody" in refused.stderr) == (2, True)
    waving(place, clone, "fsck").ok()

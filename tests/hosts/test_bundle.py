from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gitfleet.hosts import bundle, commands
from gitfleet.hosts.frames import FrameReader
from tests.workbench import ROOT

SCAN = {
    "sessions": {},
    "places": {},
    "protect": [],
    "key": "00" * 32,
    "profile": "safe",
    "seconds": 0,
    "session_id": "",
}
NONCE = "0123456789abcdef" * 2


def pythons() -> list[object]:
    """The Python of the tests, and the oldest that is supported where there is one."""
    old = next((path for path in _old() if path), "")
    skip = pytest.mark.skipif(not old, reason="needs Python 3.8")
    return [pytest.param(sys.executable, id="this"), pytest.param(old, marks=skip, id="3.8")]


def _old() -> list[str]:
    known = [str(one) for one in Path("~/.pyenv/versions").expanduser().glob("3.8*/bin/python3.8")]
    found = shutil.which("python3.8") or ""
    if found and subprocess.run([found, "-c", ""], capture_output=True).returncode == 0:
        known.append(found)
    return known


@pytest.mark.parametrize("python", pythons())
def test_program_that_is_sent_answers_with_the_standard_library_alone(tmp_path: Path, python: str) -> None:
    for name in ("json", "zipfile", "gitfleet"):  # what lies in the folder that it starts in is not for it
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')\n")
    program = bundle.program(NONCE)
    done = subprocess.run(
        [python, *commands.local(NONCE)[1:]],
        input=program.head + program.text + json.dumps({"op": "scan", "id": 1, "asked": SCAN}).encode() + b"\n",
        cwd=tmp_path, capture_output=True, env={**os.environ, "PYTHONHOME": "/nowhere", "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    frames = FrameReader(NONCE).feed(done.stdout)
    assert [one.kind for one in frames if one.kind != "event"] == ["ready", "hello", "answer", "end"], (
        done.stderr.decode()
    )
    assert frames[1].body["record_version"] == 1
    assert frames[1].body["tool_version"] == "0.1.0"


@pytest.mark.parametrize("cut", [1, 1000, "hash", "head"])
def test_program_that_is_cut_or_changed_is_never_run(tmp_path: Path, cut: int | str) -> None:
    program = bundle.sent("open('ran', 'w').close()\n" * 1000)
    match cut:
        case int():
            data = program.head + program.text[:-cut]
        case "hash":
            data = program.head + b"#" + program.text[1:]
        case _:
            data = b""
    done = subprocess.run(commands.local(NONCE), input=data, cwd=tmp_path, capture_output=True)
    assert done.returncode == 3
    assert not (tmp_path / "ran").exists()


def test_loader_goes_through_every_shell_as_it_is() -> None:
    command = commands.remote(NONCE, sends=True)
    loader = commands.local(NONCE)[3]
    assert not set(loader) & set("'!\\$`\n")
    assert len(command) < 131_000
    ast.parse(loader, feature_version=(3, 8))


def test_program_is_the_same_each_time_but_for_its_nonce() -> None:
    one, other = bundle.program(NONCE), bundle.program("f" * 32)
    assert one.text.replace(NONCE.encode(), b"f" * 32) == other.text
    assert len(one.text) < 1 << 20


def test_modules_for_hosts_are_written_for_the_oldest_python() -> None:
    for path in sorted((ROOT / "gitfleet/onhost").rglob("*.py")):
        ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 8))

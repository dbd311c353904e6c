"""Programs that behave as agents can: deaf to TERM, with grandchildren that hold pipes, that hide, that flood, that replay a capture.

Each is a line of Python for `python -c`; whoever starts them waits for the lines that they print, never for time.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from gitfleet.jobs.shepherd import control, records
from gitfleet.jobs.shepherd.records import EndRecord, Spec
from gitfleet.jobs.streams import reader
from gitfleet.jobs.streams.lines import StreamLine
from tests.workbench import PATIENCE

PYTHON = os.path.realpath(sys.executable)
MARK = f"codex-{os.getpid()}"
"""Of this process of tests: another one ends nothing of ours."""

DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
SAY = "import os; print('ready', os.getpid(), flush=True)"
SLEEP = "import signal; signal.pause()"
FORK = "import os; child = os.fork()"
"""Two processes from here on; `child` is 0 in the second."""
HIDE = """
import os
if not os.fork():
    os.setsid()
    if os.fork():
        os._exit(0)
else:
    os.wait()
    hidden = False
    import signal; signal.pause()
"""
"""What goes on is the hidden one: of another session, and nobody's child."""


def python(*lines: str) -> tuple[str, ...]:
    """The argv of an agent that does these lines."""
    return (PYTHON, "-I", "-S", "-c", "\n".join(lines))


def spec(*argv: str, **more: Any) -> Spec:
    """An attempt that runs `argv`, marked as a session's."""
    env = {"PATH": os.environ["PATH"], "GITFLEET_SESSION": MARK, **more.pop("env", {})}
    return Spec(argv=argv, cwd=more.pop("cwd", "/"), env=env, marker=more.pop("marker", MARK), **more)


def ended(folder: Path, shepherd: control.Shepherd) -> EndRecord:
    """How it ended, waited for."""
    end = shepherd.wait(PATIENCE)
    assert end is not None, (folder / "shepherd.log").read_text()
    shepherd.close()
    return end


def ran(folder: Path, made: Spec) -> EndRecord:
    """An attempt from its start to its end."""
    folder.mkdir(mode=0o700, exist_ok=True)
    return ended(folder, control.start(str(folder), made))


def stream(folder: Path) -> list[StreamLine]:
    """All lines of the attempt's stream."""
    return list(reader.read(str(folder / records.STREAM)))


def said(folder: Path, source: str) -> list[bytes]:
    """What was written to one output."""
    return [line.raw for line in stream(folder) if line.source == source]


def heard(folder: Path, word: bytes, many: int = 1) -> list[list[bytes]]:
    """Wait until the agent has said so many lines that begin with `word`; their words."""
    found: list[list[bytes]] = []
    for line in reader.follow(str(folder / records.STREAM), ended=lambda: not control.alive(str(folder))):
        if line.raw.startswith(word):
            found.append(line.raw.split())
            if len(found) == many:
                return found
    raise AssertionError(f"only {found} of {many} lines came: {stream(folder)}")


def runs(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status not in {b"Z", b"X"}

"""Many processes of ours at one moment: forked from one interpreter that has imported everything, let go by one pipe.

Run as a program it is that interpreter: it reads its tasks from a file, forks a child for each, waits until all are at
the gate, opens it, and leaves what each child wrote, answered and ended with in a folder. A task is a command line
(`argv`, run by `gitfleet.cli.main` in the child) or a function (`call`, as `module:name`, with `arguments`).
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

WARM = ["gitfleet.cli.main", "gitfleet.cli.claiming", "gitfleet.fleet.fleet", "tests.races.tasks"]


class Task(NamedTuple):
    """What one child does: `argv` of our command line, or `call` with `arguments`."""

    directory: Path
    argv: Sequence[str] = ()
    call: str = ""
    arguments: Sequence[Any] = ()
    env: Mapping[str, str] = {}


class Outcome(NamedTuple):
    """How one child ended: exit code (negative: the signal), what it wrote, and what its function answered."""

    code: int
    stdout: str
    stderr: str
    value: Any

    def json(self) -> Any:
        """Its standard output, read as JSON."""
        return json.loads(self.stdout)


@dataclass(slots=True)
class Crowd:
    """`crowd([Task(...), ...])` runs all tasks at once and answers their outcomes in order."""

    folder: Path
    _count: int = field(default=0)

    def __call__(self, tasks: Sequence[Task]) -> list[Outcome]:
        from tests.workbench import ROOT, run  # not needed on the other side

        self._count += 1
        folder = self.folder / str(self._count)
        folder.mkdir(parents=True)
        rows = [{**task._asdict(), "directory": str(task.directory)} for task in tasks]
        (folder / "tasks.json").write_text(json.dumps(rows), encoding="utf-8")
        argv = [sys.executable, "-P", str(Path(__file__)), str(folder)]
        run(argv, folder, env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": None}).ok()
        codes = json.loads((folder / "codes.json").read_text(encoding="utf-8"))
        return [self._outcome(folder, number, code) for number, code in enumerate(codes)]

    def _outcome(self, folder: Path, number: int, code: int) -> Outcome:
        out, err = (
            (folder / f"{number}.{name}").read_text(encoding="utf-8", errors="surrogateescape")
            for name in ("out", "err")
        )
        answered = folder / f"{number}.json"
        value = json.loads(answered.read_text(encoding="utf-8")) if answered.exists() else None
        return Outcome(code, out, err, value)


def _main(folder: str) -> None:
    with open(os.path.join(folder, "tasks.json"), encoding="utf-8") as file:
        tasks = json.load(file)
    for name in WARM:
        importlib.import_module(name)
    gate, opener = os.pipe()
    ready, arrived = os.pipe()
    pids = []
    for number, task in enumerate(tasks):
        pid = os.fork()
        if pid == 0:
            gc.freeze()  # a collection would touch all that the tests have made, and so copy it
            os.close(opener)
            os._exit(_child(folder, number, task, gate, arrived))
        pids.append(pid)
    here = 0
    while here < len(tasks):
        here += len(os.read(ready, len(tasks)))
    os.close(opener)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    with open(os.path.join(folder, "codes.json"), "w", encoding="utf-8") as file:
        json.dump(codes, file)


def _child(folder: str, number: int, task: dict[str, Any], gate: int, arrived: int) -> int:
    for name, handle in (("out", 1), ("err", 2)):
        os.dup2(os.open(os.path.join(folder, f"{number}.{name}"), os.O_WRONLY | os.O_CREAT), handle)
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # ignored when somebody started us in the background
    os.chdir(task["directory"])
    os.environ.update(task["env"])
    sys.argv = ["gitfleet", *task["argv"]]
    os.write(arrived, b".")
    os.read(gate, 1)  # ends for all at once
    try:
        return _do(os.path.join(folder, f"{number}.json"), task)
    except BaseException:  # noqa: BLE001 - a child must not go on as its parent
        traceback.print_exc()
        return 99
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _do(answer: str, task: dict[str, Any]) -> int:
    if not task["call"]:
        return int(importlib.import_module("gitfleet.cli.main").main())
    module, name = task["call"].split(":")
    value = getattr(importlib.import_module(module), name)(*task["arguments"])
    with open(answer, "w", encoding="utf-8") as file:
        json.dump(value, file)
    return 0


if __name__ == "__main__":
    _main(sys.argv[1])

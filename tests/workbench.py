"""What the fixtures of `conftest.py` hand to tests: real git, our command line, and races of real processes.

Everything here reads the environment as the seal around each test has set it, and starts processes with it.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple, NoReturn, TypeVar

import psutil

import gitfleet

ROOT = Path(__file__).resolve().parent.parent
OUTER_ENVIRONMENT = dict(os.environ)  # the user's: conftest imports this module before it seals anything
PATIENCE = 300.0  # seconds until a process that does not end is killed and its test fails


UNSEEN = (
    "-c",
    "core.hooksPath=/dev/null",
    *(
        word
        for hook in ("pre-commit", "prepare-commit-msg", "commit-msg", "pre-push", "reference-transaction")
        for word in ("-c", f"hook.gitfleet-{hook}.enabled=false")
    ),
)
"""What has git pass by our gates, those of the folder and those of the configuration."""

Running = TypeVar("Running", bound="subprocess.Popen[Any]")
Overlay = Mapping[str, str | None]  # what is laid over the sealed environment; None takes a variable out


def overlaid(overlay: Overlay) -> dict[str, str]:
    """The environment of the test with `overlay` laid over it."""
    return {name: value for name, value in {**os.environ, **overlay}.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Ran:
    """How a process ended. Output is text; bytes that are not UTF-8 survive as surrogates."""

    args: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str

    def ok(self) -> Ran:
        """Itself, having asserted that it ended with 0."""
        return self.ended(0)

    def ended(self, *codes: int) -> Ran:
        """Itself, having asserted that its exit code is one of these; a failure shows all that it wrote."""
        assert self.returncode in codes, f"wanted exit code {' or '.join(map(str, codes))}\n{self}"
        return self

    def json(self) -> Any:
        """Its standard output, read as one JSON document."""
        try:
            return json.loads(self.stdout)
        except ValueError as error:
            raise AssertionError(f"no JSON on stdout ({error})\n{self}") from error

    def __str__(self) -> str:
        return f"$ {' '.join(self.args)}\n[{self.returncode}]\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"


def run(
    argv: Sequence[str | Path],
    directory: Path,
    *,
    env: Overlay | None = None,
    stdin: str = "",
) -> Ran:
    """Run a program to its end in `directory`; `env` is laid over the environment."""
    args = tuple(map(str, argv))
    done = subprocess.run(
        args,
        cwd=directory,
        env=overlaid(env or {}),
        input=os.fsencode(stdin),
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    return Ran(args, done.returncode, os.fsdecode(done.stdout), os.fsdecode(done.stderr))


def seen_now(clone: Path) -> None:
    """Have a copied clone be one that has just seen its hub, and was made where it is; the copy may be of a state that was fresh a while ago."""
    (clone / ".git/gitfleet/place").unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        os.utime(clone / ".git/gitfleet/seen")


class Git:
    """`git(directory, "rev-parse", "HEAD")`: runs git, asserts that it worked, answers its output without the last newline."""

    def __call__(
        self, directory: Path, *args: str | Path, env: Overlay | None = None, stdin: str = ""
    ) -> str:
        return self.ask(directory, *args, env=env, stdin=stdin).ok().stdout.removesuffix("\n")

    def ask(self, directory: Path, *args: str | Path, env: Overlay | None = None, stdin: str = "") -> Ran:
        """The same, however it ends."""
        return run(["git", *args], directory, env=env, stdin=stdin)

    def commit(self, directory: Path, files: Mapping[str, str], message: str = "change") -> str:
        """Write `files` (path to content), commit exactly these, and answer the commit's id."""
        for path, content in files.items():
            target = directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
        self(directory, "add", "--", *files)
        self(directory, "commit", "--quiet", "-m", message, "--", *files)
        return self(directory, "rev-parse", "HEAD")


class Gitfleet:
    """`gitfleet(directory, "claim", "src")`: runs our command line as a process of its own, however it ends.

    The process is a fork of the one that runs the tests, which has loaded our modules already: starting Python and
    loading them costs more than most commands do. What a process needs to be told at its start takes a new one.
    """

    def __init__(self) -> None:
        for module in pkgutil.walk_packages(gitfleet.__path__, "gitfleet."):
            if module.name.rpartition(".")[2] not in {"run", "__main__"}:
                importlib.import_module(module.name)
        gc.freeze()  # what has been collected and imported stays

    def __call__(
        self, directory: Path, *args: str | Path, env: Overlay | None = None, stdin: str = ""
    ) -> Ran:
        env = {**self.environment(), **(env or {})}
        if any(name.startswith(_AT_START) for name in env if name != "PYTHONPATH"):
            return run(self.argv(*args), directory, env=env, stdin=stdin)
        return Started(self.argv(*args), directory, overlaid(env), stdin).ended()

    def start(self, directory: Path, *args: str | Path, env: Overlay | None = None) -> Started:
        """The same, without waiting for its end. The caller sees to it that it comes."""
        return Started(self.argv(*args), directory, overlaid({**self.environment(), **(env or {})}))

    def argv(self, *args: str | Path) -> tuple[str, ...]:
        """The command line; `-P` keeps modules of the directory it runs in away, as the installed command does."""
        return (sys.executable, "-P", "-m", "gitfleet", *map(str, args))

    def environment(self) -> dict[str, str]:
        """What makes this checkout importable where gitfleet is not installed."""
        return {"PYTHONPATH": str(ROOT)}


_AT_START = ("PYTHON", "LC_", "LANG")  # variables that Python reads once


class Started:
    """A command of ours that runs, in a fork of this process."""

    def __init__(
        self, args: tuple[str, ...], directory: Path, env: Mapping[str, str], stdin: str = ""
    ) -> None:
        self.args = args
        self._streams = [tempfile.TemporaryFile() for _ in range(3)]  # noqa: SIM115 - `ended` closes them
        self._streams[0].write(os.fsencode(stdin))
        self._streams[0].seek(0)
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            become(args, directory, env, [stream.fileno() for stream in self._streams])

    def send(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def said(self) -> str:
        """What it has written so far. Its place in the file is the child's, too, and is left where it is."""
        file = self._streams[1].fileno()
        return os.fsdecode(os.pread(file, os.fstat(file).st_size, 0))

    def ended(self) -> Ran:
        """Wait for its end; after PATIENCE seconds it is killed."""
        timer = threading.Timer(PATIENCE, os.kill, (self.pid, signal.SIGKILL))
        timer.start()
        try:
            code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        finally:
            timer.cancel()
        texts = []
        for stream in self._streams:
            with stream:
                stream.seek(0)
                texts.append(os.fsdecode(stream.read()))
        return Ran(self.args, code, *texts[1:])


def become(
    args: tuple[str, ...], directory: Path, environment: Mapping[str, str], streams: Sequence[int]
) -> NoReturn:
    """In the fork: be as a process that has just been started, run, and end without what belongs to the tests."""
    code = 70
    try:
        gc.freeze()  # a collection would touch all that the tests have made, and so copy it
        faulthandler.disable()
        sys.excepthook, sys.unraisablehook = sys.__excepthook__, sys.__unraisablehook__
        warnings.simplefilter("ignore")
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.closerange(3, 1 << 16)
        sys.stdin = open(0, encoding="utf-8", errors="surrogateescape")  # noqa: SIM115 - the process closes it
        sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape")  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1)  # noqa: SIM115
        os.chdir(directory)
        os.environ.clear()
        os.environ.update(environment)
        time.tzset()
        tempfile.tempdir = None  # it was chosen by another environment
        sys.argv = [str(ROOT / "gitfleet/__main__.py"), *args[args.index("gitfleet") + 1 :]]
        from gitfleet.cli.main import main

        code = main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - what would end a process is told as it would be
        sys.excepthook(*sys.exc_info())
    finally:
        for written in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                written.flush()
        os._exit(code)


def shown(process: Running) -> Running:
    """A process that was just started, once the system shows what it runs: it shows no arguments and no environment right away."""
    with suppress(psutil.ZombieProcess):  # it has ended already
        while not psutil.Process(process.pid).cmdline():
            time.sleep(0.001)
    return process


def by_the_clock(seconds: int) -> int:
    """So many seconds, or as many times more as the machine has more to do than it can: for leases, which go on while nothing else does."""
    crowd = os.getloadavg()[0] / (os.cpu_count() or 1)
    return seconds * min(10, max(1, round(crowd / 3)))


class Entrant(NamedTuple):
    """One process of a race. `env` is laid over the sealed environment."""

    argv: Sequence[str | Path]
    directory: Path
    env: Overlay | None = None


# Says that it is ready, then waits at the gate: `read` ends for all at once when the gate's last writer closes it.
_AT_THE_GATE = 'printf . >"$READY"; read -r _; exec "$@" </dev/null'


@dataclass(slots=True)
class Race:
    """Starts processes so that all of them exec at the same moment. `race([Entrant(...), ...])`."""

    folder: Path
    _count: int = field(default=0)

    def __call__(self, entrants: Sequence[Entrant]) -> list[Ran]:
        """Run all, wait for all; answers in the order given. Kills everybody and fails after PATIENCE seconds."""
        with ExitStack() as stack:
            ready_path, ready = stack.enter_context(self._ready_pipe())
            gate, opener = os.pipe()
            opened = ExitStack()
            stack.callback(opened.close)
            opened.callback(os.close, opener)
            runners = [self._at_the_gate(stack, entrant, gate, ready_path) for entrant in entrants]
            os.close(gate)
            arrived = 0
            while arrived < len(runners):
                arrived += len(os.read(ready, len(runners)))
            opened.close()
            return self._results(entrants, runners)

    @contextmanager
    def _ready_pipe(self) -> Iterator[tuple[Path, int]]:
        self._count += 1
        path = self.folder / f"ready-{self._count}"
        os.mkfifo(path)
        ready = os.open(path, os.O_RDWR)  # both ends, so that nobody's open() waits and no read ends early
        try:
            yield path, ready
        finally:
            os.close(ready)

    def _at_the_gate(self, stack: ExitStack, entrant: Entrant, gate: int, ready_path: Path) -> _Runner:
        stdout = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        stderr = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        process = subprocess.Popen(
            ["sh", "-c", _AT_THE_GATE, "sh", *map(str, entrant.argv)],
            cwd=entrant.directory,
            env=overlaid({**(entrant.env or {}), "READY": str(ready_path)}),
            stdin=gate,
            stdout=stdout,
            stderr=stderr,
        )
        stack.callback(process.wait)
        stack.callback(process.kill)
        return _Runner(process, stdout, stderr)

    def _results(self, entrants: Sequence[Entrant], runners: Sequence[_Runner]) -> list[Ran]:
        end = time.monotonic() + PATIENCE
        for runner in runners:
            runner.process.wait(timeout=max(0.0, end - time.monotonic()))
        return [runner.ran(entrant) for entrant, runner in zip(entrants, runners, strict=True)]


class _Runner(NamedTuple):
    process: subprocess.Popen[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]

    def ran(self, entrant: Entrant) -> Ran:
        for stream in (self.stdout, self.stderr):
            stream.seek(0)
        return Ran(
            tuple(map(str, entrant.argv)),
            self.process.returncode,
            os.fsdecode(self.stdout.read()),
            os.fsdecode(self.stderr.read()),
        )

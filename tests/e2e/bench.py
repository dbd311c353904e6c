"""A merge queue with all that belongs to it: a hub, clones with runners, branches, and a gate whose verdict lies in the tree.

The gate fails where the tree has a file below `bad/`, and has no verdict (exit code 125) where it has one below `trouble/`. It notes each run, fails
for nothing where `flake` asks for that, and waits for a word while the test holds it. Git may be stopped in front of a push.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import shutil
import signal
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from gitfleet.base import clock
from gitfleet.fleet import joining
from gitfleet.fleet.fleet import Fleet
from gitfleet.git.repository import discover
from gitfleet.mergequeue import model
from gitfleet.mergequeue.model import QueueEntry
from tests.fleetbench import Chain, Fleets, start_sessions
from tests.operations import raw
from tests.workbench import PATIENCE, Git, Gitfleet, Overlay, Ran, Started

MAIN = "refs/heads/main"
REAL = shutil.which("git") or "git"
THEN = "1714564800 +0000"
GATE = """\
#!/bin/sh
here=$(dirname "$0")
number=$(mktemp -d "$here/run.XXXXXX") && mv "$number" "$here/runs/" 2>/dev/null
echo "$GITFLEET_TREE $GITFLEET_ENTRIES" >>"$here/log"
if [ -e "$here/holds" ]; then
    echo "$GITFLEET_TREE" >"$here/began"
    read -r word <"$here/go"
fi
if [ -d trouble ]; then echo "the machine is in trouble"; exit 125; fi
if [ -d bad ]; then echo "FAILED: $(ls bad)"; exit 1; fi
if rmdir "$here/flakes/$(ls "$here/runs" | wc -l)" 2>/dev/null; then echo "FAILED: flaky_check"; exit 1; fi
echo passed
"""
# Stands before git on PATH; a push that has the target in it, or any, meets what the test has armed, once for each arming.
SHIM = """\
#!/bin/sh
case " $* " in
*" push "*:refs/heads/main*)
    if mv "{folder}/armed" "{folder}/armed.$$" 2>/dev/null; then
        {fault}
    fi ;;
esac
exec {git} "$@"
"""
KILLER = """\
#!/bin/sh
echo >>"{folder}/steps.$PPID"
if [ "$(wc -l <"{folder}/steps.$PPID")" = "$KILL_AT" ]; then
    case " $* " in *" cat-file "*) KILL_AFTER= ;; esac  # it answers for as long as it is asked, and changes nothing
    [ "$KILL_AFTER" ] && {git} "$@" >/dev/null 2>&1
    kill -9 $PPID
    exit 1
fi
exec {git} "$@"
"""
"""The same, for a process of ours that dies at the git command of that number, before it or after."""
STOP = 'echo $PPID >"{folder}/arrived"; read -r word <"{folder}/pass"'


@dataclass(frozen=True, slots=True)
class Steering:
    """The folder through which a test steers gates and pushes. Pipes are held open here, so that nobody's open() waits."""

    folder: Path
    pipes: dict[str, int] = field(default_factory=dict)

    @classmethod
    def at(cls, folder: Path) -> Steering:
        made = cls(folder)
        for name in ("runs", "flakes"):
            (folder / name).mkdir(parents=True)
        (folder / "gate").write_text(GATE, encoding="utf-8")
        for name in ("began", "go", "arrived", "pass"):
            os.mkfifo(folder / name)
            made.pipes[name] = os.open(folder / name, os.O_RDWR)
        return made

    def close(self) -> None:
        for handle in self.pipes.values():
            os.close(handle)

    def hear(self, name: str, process: Started | None = None) -> str:
        """The next line in a pipe; "" when the process ended before it came. The test fails when neither happens."""
        line = b""
        with ExitStack() as stack:
            handles = [self.pipes[name]]
            if process is not None:
                handles.append(os.pidfd_open(process.pid))
                stack.callback(os.close, handles[-1])
            while not line.endswith(b"\n"):
                ready, _, _ = select.select(handles, [], [], PATIENCE)
                assert ready, f"nothing came in {name}"
                if self.pipes[name] not in ready:
                    return ""
                line += os.read(self.pipes[name], 1)
        return line.decode().strip()

    def say(self, name: str) -> None:
        os.write(self.pipes[name], b"on\n")

    def arm(self, fault: str = STOP) -> Overlay:
        """The environment in which the next push of the target meets `fault`."""
        words = fault.format(folder=self.folder, git=REAL)
        (self.folder / "armed").touch()
        return self._before_git(SHIM.format(folder=self.folder, fault=words, git=REAL))

    def kill(self, at: int, *, after: bool = False) -> Overlay:
        """The environment in which a process of ours is killed at the git command of that number that it starts."""
        path = self._before_git(KILLER.format(folder=self.folder, git=REAL))
        return {**path, "KILL_AT": str(at), "KILL_AFTER": "1" if after else ""}

    def _before_git(self, script: str) -> Overlay:
        name = f"tools.{hashlib.sha256(script.encode()).hexdigest()[:8]}"
        tool = self.folder / name / "git"
        if not tool.exists():
            tool.parent.mkdir()
            tool.write_text(script, encoding="utf-8")
            tool.chmod(0o755)
        return {"PATH": f"{tool.parent}{os.pathsep}{os.environ['PATH']}"}


class Branch(NamedTuple):
    """A branch that is to be made: its files (None: taken away), on a commit of the hub, and what is said when it is queued."""

    name: str
    files: Mapping[str, str | None]
    base: str = MAIN
    priority: int | None = None
    more: Mapping[str, Any] = {}


@dataclass
class Bench:
    """See above. `runner` runs `queue process` to its end in a clone; `start` does not wait for it."""

    fleets: Fleets
    git: Git
    gitfleet: Gitfleet
    steering: Steering
    started: list[Started] = field(default_factory=list)

    def __enter__(self) -> Bench:
        self.rules()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.started:
            with suppress(ProcessLookupError, ChildProcessError):
                process.send(signal.SIGKILL)
                os.waitpid(process.pid, 0)
        self.steering.close()

    # The hub

    @property
    def hub(self) -> Path:
        return self.fleets.hub

    def tip(self, name: str = MAIN) -> str:
        return self.git(self.hub, "rev-parse", name)

    def rules(self, *lines: str, gate: str = "", commits: str = "off") -> str:
        """Have the target say these rules of its queue, beside its gate; the commit."""
        command = json.dumps(["sh", str(self.steering.folder / "gate")])
        text = "\n  ".join([gate or f"gate: {command}", *lines])
        return self.push(
            {"gitfleet.yaml": f"version: 1\ncommits: {commits}\nqueue:\n  {text}\n"}, message="rules"
        )

    def push(
        self, files: Mapping[str, str | None], name: str = MAIN, base: str = "", message: str = "by hand"
    ) -> str:
        """A commit on top of a branch of the hub (or of `base`), made there; its id."""
        return self.commits([(name, base or name, files, message)])[0]

    def commits(self, rows: Iterable[tuple[str, str, Mapping[str, str | None], str]]) -> list[str]:
        """Commits for (ref, on top of what, files, message), made in the hub by one git."""
        rows = list(rows)
        stream = "".join(_commit(*row) for row in rows)
        self.git(self.hub, "fast-import", "--quiet", "--force", stdin=f"{stream}done\n")
        found = self.git(self.hub, "rev-parse", *[row[0] for row in rows])
        return found.split("\n")

    def branch(self, *wanted: Branch) -> list[str]:
        """Make branches on the hub, each with one commit; their heads."""
        return self.commits(
            (f"refs/heads/{one.name}", one.base, one.files, f"{one.name}: change") for one in wanted
        )

    def queue(self, *wanted: Branch, clone: str = "ada") -> list[QueueEntry]:
        """Make branches on the hub, and queue them from a clone in one transaction."""
        return self.add(clone, list(zip(wanted, self.branch(*wanted), strict=True)))

    def add(self, clone: str, rows: Sequence[tuple[Branch, str]]) -> list[QueueEntry]:
        """Queue branches at these heads."""
        base = self.tip()
        with self.fleets.open(clone) as fleet:
            fleet.ledger.sync()
            operations = [
                raw("queue.add", fleet.ledger.node.id, f"{clone}-1", _body(one, head, base), at=clock.now())
                for one, head in rows
            ]
            for result in fleet.ledger.submit(operations):
                assert result.error is None, result.error
            return [fleet.queue.find(operation.id) for operation in operations]

    # Runners and other commands

    def clone(self, name: str) -> Path:
        """A clone that is a node of the fleet; `ada` and `bob` are there, others are made."""
        place = self.fleets.clone(name)
        if not place.exists():
            self.git(self.fleets.root, "clone", "--quiet", "hub.git", name)
            self.git(place, "remote", "set-url", "origin", "../hub.git")
            joining.join(discover(str(place)), None, lambda _: None)
            with Fleet.open(str(place)) as fleet:
                start_sessions(fleet, [f"{name}-1"])
        return place

    def __call__(self, clone: str, *args: str, env: Overlay | None = None) -> Ran:
        """Our command line in a clone, as its first session."""
        return self.gitfleet(self.clone(clone), *args, env={"GITFLEET_SESSION": f"{clone}-1", **(env or {})})

    def runner(self, clone: str = "ada", *, env: Overlay | None = None) -> Ran:
        """`queue process`, to its end."""
        return self(clone, "queue", "process", env=env)

    def start(self, clone: str = "ada", *args: str, env: Overlay | None = None) -> Started:
        """`queue process`, or another command, that goes on while the test does."""
        env = {"GITFLEET_SESSION": f"{clone}-1", **(env or {})}
        self.started.append(self.gitfleet.start(self.clone(clone), *(args or ("queue", "process")), env=env))
        return self.started[-1]

    def hold_gates(self) -> None:
        """From now on each gate says that it began, and waits for `let_go`."""
        (self.steering.folder / "holds").touch()

    def release_gates(self) -> None:
        """From now on they do not; one that waits goes on."""
        (self.steering.folder / "holds").unlink(missing_ok=True)

    def began(self, runner: Started | None = None) -> str:
        """Wait until a gate begins; the tree that it is on. "" when the runner ended without one."""
        return self.steering.hear("began", runner)

    def let_go(self) -> None:
        """One gate that waits goes on."""
        self.steering.say("go")

    def flake(self, *runs: int) -> None:
        """Have these runs of the gate, counted from 1, fail for nothing."""
        for number in runs:
            (self.steering.folder / f"flakes/{number}").mkdir()

    @property
    def runs(self) -> list[str]:
        """The trees that the gate ran on, in order."""
        log = self.steering.folder / "log"
        return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []

    # What came of it

    def now(self, *entries: QueueEntry) -> list[QueueEntry]:
        """The entries as the hub's ledger has them."""
        with self.fleets.view() as view:
            found = [model.find(view, entry.id) for entry in entries]
        assert None not in found
        return [entry for entry in found if entry is not None]

    def states(self, *entries: QueueEntry) -> list[str]:
        return [entry.state for entry in self.now(*entries)]

    def landings(self) -> list[str]:
        """The entries that the target's commits say they landed, the first first."""
        out = self.git(
            self.hub,
            "log",
            "--reverse",
            "--format=%(trailers:key=Fleet-Entry,valueonly,separator=%x2C)",
            MAIN,
        )
        return [entry for line in out.splitlines() if line for entry in line.split(",")]

    def judge(self, *, tested: bool = True) -> Chain:
        """Nothing landed twice; what landed is what the ledger says; each tree that landed was `tested`; the hub is sound."""
        landed = self.landings()
        assert [entry for entry, count in Counter(landed).items() if count > 1] == []
        with self.fleets.view() as view:
            finished = [entry for entry in model.finished(view) if entry.state == "landed"]
            told = {entry.id for entry in finished if entry.reason == "landed"}
            notes = model.queue(view).landings if tested else ()
            assert model.runs(view) == []
        assert told == set(landed)
        trees = set(self.runs)
        for note in notes:
            assert self.git(self.hub, "rev-parse", f"{note.commit}^{{tree}}") in trees, note
        assert list(self.hub.rglob("*.lock")) == []
        self.git(self.hub, "fsck", "--no-progress", "--connectivity-only")
        return self.fleets.chain(overlaps=False)


def _body(one: Branch, head: str, base: str) -> dict[str, Any]:
    return {
        "branch": one.name, "head": head, "target": "main", "base": base, "title": f"about {one.name}", "priority": one.priority, **one.more,
    }  # fmt: skip


def _commit(ref: str, base: str, files: Mapping[str, str | None], message: str) -> str:
    """One commit, as git fast-import reads it."""
    lines = [f"commit {ref}\ncommitter A <a@example.org> {THEN}\ndata {len(message.encode())}\n{message}"]
    lines += [f"from {base}^0" if not base.startswith(":") else f"from {base}"]
    for path, content in files.items():
        if content is None:
            lines.append(f"D {path}")
        else:
            lines.append(f"M 100644 inline {path}\ndata {len(content.encode())}\n{content}")
    return "\n".join(lines) + "\n\n"

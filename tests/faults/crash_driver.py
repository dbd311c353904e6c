"""Kills a command between each two of its effects, and looks whether the next command mends it.

A program: `crash_driver.py TEMPLATE SCENARIO SHARD/SHARDS OUTPUT [lines]`. A first, traced run of the scenario's
command finds where it may be killed; then, for each such point of this shard, on a fresh copy of the fleet, a forked
child runs the command until it comes there and kills itself with SIGKILL. The driver adopts what the child leaves
running and waits for it, goes on as the next command would, and writes down what does not hold. Nothing waits for a
time; every step waits for the end of a process.

SIGKILL leaves nothing of a process but what it did to files, locks and other processes. So lines of code between the
same two effects make the same crash, and one of them stands for all: the points are the lines of `gitfleet.ledger`,
`gitfleet.gates`, `gitfleet.git` and `gitfleet.base` that come first after an effect (as Python's own audit events tell them). With
`lines` every distinct line of these packages is a point, which takes ten times as long.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import gitfleet
from gitfleet.base import clock
from gitfleet.base.names import SessionId
from gitfleet.claims.service import Terms
from gitfleet.cli import claiming, main, processing  # noqa: F401 - imported before forking, so that children are warm
from gitfleet.gates import leases
from gitfleet.gates.service import GateTerms
from gitfleet.git import refs
from gitfleet.git.program import Git
from gitfleet.git.repository import discover
from gitfleet.ledger.model import Status
from gitfleet.mergequeue import model
from gitfleet.trunk import policy_file
from tests.fleetbench import Chain, Fleets
from tests.operations import ask

TRACED = tuple(
    os.path.join(os.path.dirname(os.path.abspath(gitfleet.__file__)), name) + os.sep
    for name in ("ledger", "git", "base", "gates", "mergequeue")
)
EFFECTS = frozenset([
    "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.utime", "os.truncate",
    "fcntl.flock", "subprocess.Popen", "os.posix_spawn", "os.system",
])  # fmt: skip
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
Point = tuple[str, int]


class Scenario(NamedTuple):
    """`prepare` makes the state, `run` is what is killed, `mend` what comes next; `check` looks at the end."""

    prepare: Callable[[Fleets], None]
    run: Callable[[Fleets], None]
    mend: Callable[[Fleets], None]
    check: Callable[[Fleets], None]


def _nothing(fleets: Fleets) -> None:
    del fleets


def _command(clone: str, *arguments: str) -> Callable[[Fleets], None]:
    def run(fleets: Fleets) -> None:
        os.chdir(fleets.clone(clone))
        sys.argv = ["gitfleet", *arguments]
        assert main.main() == 0

    return run


def _claim(fleets: Fleets, clone: str, session: str, path: str, *, confirmed: bool = True) -> None:
    with fleets.open(clone) as fleet:
        result = fleet.claims.claim(SessionId(session), [path], Terms(), timeout=5.0)
    assert result.status is (Status.CONFIRMED if confirmed else Status.TENTATIVE), result


def _release(fleets: Fleets, clone: str, session: str, path: str) -> None:
    with fleets.open(clone) as fleet:
        fleet.claims.release(SessionId(session), [path], timeout=5.0)


def _go_on_claiming(clone: str) -> Callable[[Fleets], None]:
    def mend(fleets: Fleets) -> None:
        _claim(fleets, clone, f"{clone}-2", "docs/")
        with fleets.open(clone) as fleet:
            held = list(fleet.claims.find(fleet.current(), session=SessionId(f"{clone}-1")))
        if not held:  # it had not been left in the outbox yet
            _claim(fleets, clone, f"{clone}-1", "src/a.py")

    return mend


def _claimed(clone: str, place: str) -> Callable[[Fleets], None]:
    def check(fleets: Fleets) -> None:
        chain = _sound(fleets, clone, place)
        assert chain.holders("src/a.py") == [f"{clone}-1"], chain.claims
        assert chain.holders("docs/") == [f"{clone}-2"], chain.claims

    return check


def _go_on_releasing(fleets: Fleets) -> None:
    _claim(fleets, "ada", "ada-2", "docs/")
    _release(fleets, "ada", "ada-1", "src/a.py")


def _released(fleets: Fleets) -> None:
    chain = _sound(fleets, "ada", "hub.git")
    assert chain.holders("src/a.py") == [], chain.claims
    assert chain.holders("docs/") == ["ada-2"], chain.claims


def _leave_hub(fleets: Fleets) -> None:
    fleets.hub.rename(fleets.root / "away.git")


def _return_hub(fleets: Fleets) -> None:
    if not fleets.hub.exists():
        (fleets.root / "away.git").rename(fleets.hub)


def _work_offline(fleets: Fleets) -> None:
    _leave_hub(fleets)
    for path in ("src/a.py", "src/b.py"):
        _claim(fleets, "ada", "ada-1", path, confirmed=False)
    _return_hub(fleets)
    _claim(fleets, "bob", "bob-1", "src/a.py")


def _sync(fleets: Fleets) -> None:
    with fleets.open("ada") as fleet:
        fleet.ledger.sync()


def _decided(fleets: Fleets) -> None:
    chain = _sound(fleets, "ada", "hub.git")
    assert chain.holders("src/a.py") == ["bob-1"], chain.claims
    assert chain.holders("src/b.py") == ["ada-1"], chain.claims
    with fleets.open("ada") as fleet:
        told = fleet.ledger.notices.kept(SessionId("ada-1"))
    assert len(told) == 1, told
    assert "bob-1" in told[0].text, told


def _go_on_online(fleets: Fleets) -> None:
    _return_hub(fleets)
    _go_on_claiming("ada")(fleets)


def _gate_rules(fleets: Fleets) -> None:
    clone = fleets.clone("alone")
    (clone / "gitfleet.yaml").write_text(
        "version: 1\nqueue: {gate: [test, -f, src/a.py], trust: [session]}\n"
    )
    (clone / "src").mkdir(exist_ok=True)
    (clone / "src/a.py").touch()
    git = discover(str(clone)).here
    git.run("add", "--all")
    git.run("commit", "--quiet", "-m", "rules")
    with fleets.open("alone") as fleet:
        assert policy_file.refresh(fleet.repository, fleet.ledger.node) == []


def _test_again(fleets: Fleets) -> None:
    with fleets.open("alone") as fleet:
        assert fleet.gates.run(fleet.gates.target(), GateTerms(session=SessionId("alone-1"))).word == "passed"
        fleet.ledger.sync()


def _tested(fleets: Fleets) -> None:
    _sound(fleets, "alone", "alone")
    with fleets.open("alone") as fleet:
        found = fleet.gates.standing(fleet.gates.target().tree)
        assert found.word == "passed", found
        assert [one.times for part in found.parts for one in [part.outcome] if one] == [1], (
            "it was run once too often"
        )
        assert list(leases.running(fleet.current().view)) == []


_GATE = "version: 1\ncommits: 'off'\nqueue: {gate: [sh, -c, 'echo $GITFLEET_TREE >>%s; test ! -e bad']}\n"


def _queued(name: str) -> Callable[[Fleets], None]:
    """Two branches that wait, one that fails its gate, and rules that name one."""

    def prepare(fleets: Fleets) -> None:
        place = fleets.clone(name)
        git = discover(str(place)).here
        hub = name != "alone"
        (place / "gitfleet.yaml").write_text(_GATE % (fleets.root.parent / "trees"))
        for branch, path in (("main", ""), ("a", "a.txt"), ("b", "b.txt"), ("c", "bad")):
            if path:
                git.run("checkout", "--quiet", "-b", branch, "main")
                (place / path).write_text(branch)
            git.run("add", "--all")
            git.run("commit", "--quiet", "-m", branch)
            if hub:
                git.run("push", "--quiet", "origin", branch)
        git.run("checkout", "--quiet", "main")
        with fleets.open(name) as fleet:
            fleet.ledger.sync()
            base = refs.resolve(git, "main")
            for branch in ("a", "b", "c"):
                body = {"branch": branch, "head": refs.resolve(git, branch), "target": "main", "base": base}
                ask(fleet.ledger, "queue.add", f"{name}-1", body)
        (fleets.root.parent / "trees").unlink(missing_ok=True)

    return prepare


def _process(name: str) -> Callable[[Fleets], None]:
    def run(fleets: Fleets) -> None:
        os.chdir(fleets.clone(name))
        before, sys.argv = sys.argv, ["gitfleet", "queue", "process"]
        try:
            assert main.main() in {0, 21}
        finally:
            sys.argv = before

    return run


def _processed(name: str, place: str) -> Callable[[Fleets], None]:
    def check(fleets: Fleets) -> None:
        _sound(fleets, name, place)
        folder = fleets.root / place
        git = Git(str(folder if place.endswith(".git") else folder / ".git"))
        form = "--format=%(trailers:key=Fleet-Entry,valueonly)"
        landed = git.run("log", "--first-parent", form, "refs/heads/main").decode().split()
        assert len(landed) == len(set(landed)) == 2, landed
        tested = (fleets.root.parent / "trees").read_text().split()
        (fleets.root.parent / "trees").unlink()
        assert refs.resolve(git, "refs/heads/main^{tree}") in tested
        with fleets.view(place) as view:
            assert model.runs(view) == []
            assert model.queue(view).counts["landed"] == 2
            assert [(one.branch, one.state) for one in model.readable(view)] == [("c", "rejected")]
        if name == "alone":
            assert discover(str(folder)).here.run("status", "--porcelain") == b""

    return check


SCENARIOS = {
    "process": Scenario(_queued("ada"), _process("ada"), _process("ada"), _processed("ada", "hub.git")),
    "process-without-hub": Scenario(
        _queued("alone"), _process("alone"), _process("alone"), _processed("alone", "alone")
    ),
    "gate": Scenario(
        _gate_rules, _command("alone", "gate", "run", "--session", "alone-1"), _test_again, _tested
    ),
    "claim": Scenario(
        _nothing,
        _command("ada", "claim", "src/a.py", "--session", "ada-1"),
        _go_on_claiming("ada"),
        _claimed("ada", "hub.git"),
    ),
    "claim-without-hub": Scenario(
        _nothing,
        _command("alone", "claim", "src/a.py", "--session", "alone-1"),
        _go_on_claiming("alone"),
        _claimed("alone", "alone"),
    ),
    "claim-offline": Scenario(
        _leave_hub,
        _command("ada", "claim", "src/a.py", "--session", "ada-1"),
        _go_on_online,
        _claimed("ada", "hub.git"),
    ),
    "release": Scenario(
        lambda fleets: _claim(fleets, "ada", "ada-1", "src/a.py"),
        _command("ada", "release", "src/a.py", "--session", "ada-1"),
        _go_on_releasing,
        _released,
    ),
    "sync": Scenario(_work_offline, _sync, _sync, _decided),
}


def _sound(fleets: Fleets, clone: str, place: str) -> Chain:
    """What must hold after every crash, whatever the command was."""
    chain = fleets.chain(place, overlaps=False)
    assert fleets.tip(clone) == chain.links[-1].oid
    assert fleets.waiting(clone) == []
    state = fleets.state(clone)
    assert not (state / "outbox/attempt").exists()
    assert not (state / "lock.holder").exists()
    assert len(list((state / "results").glob("*.json"))) <= 2, "results stay behind"
    assert len(list(state.rglob("*.tmp"))) <= 1, "unfinished files stay behind"
    git_dirs = {
        fleets.clone(clone) / ".git",
        fleets.root / place if place.endswith(".git") else fleets.clone(place) / ".git",
    }
    for git_dir in git_dirs:
        assert list(git_dir.rglob("*.lock")) == []
        Git(str(git_dir)).run("fsck", "--strict", "--no-dangling", "--connectivity-only")
    return chain


def _trace(seen: Callable[[Point], None], *, by_lines: bool) -> None:
    """Call `seen` at each traced line: with the file and the line, or with the number of effects so far."""
    effects = 0

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal effects
        if event in EFFECTS or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
            effects += 1

    def local(frame: FrameType, event: str, argument: Any) -> Any:
        del argument
        if event == "line":
            seen((frame.f_code.co_filename, frame.f_lineno) if by_lines else ("effect", effects))
        return local

    def outer(frame: FrameType, event: str, argument: Any) -> Any:
        del event, argument
        return local if frame.f_code.co_filename.startswith(TRACED) else None

    if not by_lines:
        sys.addaudithook(count)
    sys.settrace(outer)


def _record(scenario: Scenario, fleets: Fleets, *, by_lines: bool) -> list[Point]:
    """Where the command may be killed, in the order in which it first comes there."""
    found: dict[Point, None] = {}
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        with _ending_here():
            _trace(lambda point: found.setdefault(point, None), by_lines=by_lines)
            scenario.run(fleets)
            sys.settrace(None)
            with os.fdopen(writer, "w") as file:
                json.dump(list(found), file)
    os.close(writer)
    with os.fdopen(reader) as file:
        text = file.read()
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, "the command fails without any crash"
    return [(name, line) for name, line in json.loads(text)]


def _crash(scenario: Scenario, fleets: Fleets, point: Point) -> tuple[str, str]:
    """Run the command up to `point`. Answers where it was killed, empty when it did not come there; and what it said then."""
    reader, writer = os.pipe()

    def seen(here: Point) -> None:
        if here == point or (here[0] == point[0] == "effect" and here[1] > point[1]):
            frame = sys._getframe(2)
            os.write(writer, f"{frame.f_code.co_filename}:{frame.f_lineno}".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    with tempfile.TemporaryFile() as said:
        pid = os.fork()
        if pid == 0:
            os.dup2(said.fileno(), 2)
            with _ending_here():
                _trace(seen, by_lines=point[0] != "effect")
                scenario.run(fleets)
        os.close(writer)
        with os.fdopen(reader) as file:
            where = file.read()
        _, status = os.waitpid(pid, 0)
        _wait_for_orphans()
        code = os.waitstatus_to_exitcode(status)
        if code == -signal.SIGKILL:
            return where, ""
        said.seek(0)
        return "", f"exit code {code}: {said.read().decode(errors='replace')[-2000:]}"


@contextmanager
def _ending_here() -> Iterator[None]:
    """A forked child's body: silent, and the child ends with it, whatever happens."""
    code = 1
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        yield
        code = 0
    except BaseException:  # noqa: BLE001 - a child must not go on as its parent
        traceback.print_exc()
    finally:
        os._exit(code)


def _wait_for_orphans() -> None:
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        return


def _try(scenario: Scenario, fleets: Fleets, point: Point) -> tuple[str, str]:
    """Where the command was killed at `point`, and what does not hold afterwards; "" and what it said when it did not come there."""
    where, said = _crash(scenario, fleets, point)
    if not where:
        return "", said
    left = [name for clone in ("ada", "alone") for name in fleets.waiting(clone)]
    try:
        scenario.mend(fleets)
        scenario.check(fleets)
    except Exception:  # noqa: BLE001 - whatever it is, it is what the crash has led to
        return where, f"killed at {where} ({point}); left in the outbox: {left}\n{traceback.format_exc()}"
    return where, ""


def _run(template: Path, scenario: Scenario, shard: tuple[int, int], *, by_lines: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="gitfleet-test-") as folder:
        prepared, work = Path(folder, "prepared"), Fleets(Path(folder, "work"))
        shutil.copytree(template, prepared)
        scenario.prepare(Fleets(prepared))
        shutil.copytree(prepared, work.root)
        points = _record(scenario, work, by_lines=by_lines)
        tried = [_fresh(scenario, prepared, work, point) for point in points[shard[0] :: shard[1]]]
        os.chdir("/")
    return {
        "all": len(points),
        "tried": len(tried),
        "missed": [said for _, where, said in tried if not where],
        "failures": [words for _, where, words in tried if where and words],
        "slowest": sorted(tried)[-3:],
    }


def _fresh(scenario: Scenario, prepared: Path, work: Fleets, point: Point) -> tuple[float, str, str]:
    """What `_try` answers, on a fresh copy of the fleet; the seconds that it took come first."""
    shutil.rmtree(work.root)
    subprocess.run(["cp", "-r", prepared, work.root], check=True)
    began = clock.elapsed()
    where, words = _try(scenario, work, point)
    return round(clock.elapsed() - began, 1), where, words


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    number, shards = map(int, sys.argv[3].split("/"))
    outcome = _run(
        Path(sys.argv[1]), SCENARIOS[sys.argv[2]], (number, shards), by_lines="lines" in sys.argv[5:]
    )
    Path(sys.argv[4]).write_text(json.dumps(outcome), encoding="utf-8")

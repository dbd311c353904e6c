"""How the merge queue goes."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from gitfleet.fleet.fleet import Fleet
from gitfleet.gates.model import GateResult
from gitfleet.gates.service import Gates, GateStanding
from gitfleet.gates.verdicts import PublishVerdict, publish
from gitfleet.mergequeue.processor import Processed
from tests.benches.row import Row
from tests.benches.scratch import Scratch, cli, ledger, operation, start_sessions
from tests.queuesim import World, play, wrong

GATE = 'set -- bad*; test ! -e "$1"'
"""A gate that some branches fail, as a shell's script."""
QUEUE_BARS = {
    (0.0, 0.0): 8, (0.0, 0.03): 8, (0.05, 0.0): 2.5, (0.05, 0.03): 2.5,
    (0.1, 0.0): 1.8, (0.1, 0.03): 1.8, (0.2, 0.0): 1, (0.2, 0.03): 1,
}  # fmt: skip
"""By the shares of failing entries and of flaky runs, how many times a serial queue's landings per gate run are wanted."""


class QueueRows(Scratch):
    """The merge queue. Each method without an underscore is a row of the table, or some."""

    def queue_landings(self) -> list[Row]:
        """Landed entries per gate run with one runner, against a serial queue, and what was judged wrongly on the way."""
        rows, mistakes, good, escaped = [], 0, 0, 0
        for (bad, flaky), bar in QUEUE_BARS.items():
            worlds = [World(entries=400, bad=bad, flaky=flaky, seed=seed) for seed in range(4)]
            played = [play(world) for world in worlds]
            runs, landed = sum(one.runs for one in played), sum(len(one.landed) for one in played)
            serial = statistics.mean(world.serial() for world in worlds)
            pairs = list(zip(worlds, played, strict=True))
            mistakes += sum(len(wrong(world, one)) for world, one in pairs)
            escaped += sum(world.is_bad(entry) for world, one in pairs for entry in one.landed)
            good += landed
            name = f"queue, {bad:.0%} failing, {flaky:.0%} flaky: landings per gate run / serial queue"
            note = f"simulated; {runs / landed:.2f} runs per landing, {1 / serial:.2f} serially"
            rows.append(Row(name, landed / runs / serial, bar, at_most=False, note=note))
        note = f"simulated; {mistakes} of {good + mistakes}, all rows above"
        share = 100 * mistakes / (good + mistakes)
        rows.append(Row("queue: good entries wrongly rejected, %", share, 0.2, at_most=True, note=note))
        rows.append(Row("queue: bad entries landed", escaped, 0, at_most=True, note=note.split(";")[0]))
        return rows

    def queue_runners(self) -> list[Row]:
        """Landings of four runners and of one in the same time, a hundred entries always waiting."""
        rows = []
        for bad, bar in ((0.05, 2.5), (0.1, 2.5)):
            landed = {
                runners: sum(
                    len(play(World(entries=10**6, bad=bad, runners=runners, seed=seed), until=100).landed)
                    for seed in range(3)
                )
                for runners in (1, 4)
            }
            note = f"simulated; {landed[4]} against {landed[1]} in the time of 300 gate runs"
            name = f"queue, {bad:.0%} failing: landings of four runners / of one"
            rows.append(Row(name, landed[4] / landed[1], bar, at_most=False, note=note))
        return rows

    def queue_list(self) -> Row:
        """The list of a long queue and of a short one."""
        places = {}
        for count in (500, 5):
            places[count] = self._clone_alone(f"queue{count}")
            with_entries(places[count], count)
        program = [os.path.join(os.path.dirname(sys.executable), "gitfleet"), "queue", "list", "--json"]
        where = places[500], places[5]
        return self._pair("queue list of 500 entries / of 5", program, program, 2, where=where)

    def queue_known(self) -> Row:
        """Gate runs per landing where half of the trees that are asked for have a verdict already."""
        played = [play(World(entries=400, known=0.5, seed=seed)) for seed in range(6)]
        ratio = sum(one.runs for one in played) / sum(len(one.landed) for one in played)
        note = f"simulated; 5 % failing, {sum(one.free for one in played)} verdicts known"
        return Row(
            "queue, half of the trees known: gate runs / landings", ratio, 0.25, at_most=True, note=note
        )

    def queue_wait(self) -> Row:
        """How long the median entry waits of a hundred that are queued at once, in gate runs."""
        waits = [play(World(entries=100, seed=seed)).median_wait for seed in range(40)]
        note = f"simulated; 100 at once, one runner, 5 % failing, mean of {len(waits)} queues"
        return Row(
            "queue at depth 100: median wait in gate runs",
            statistics.mean(waits),
            12,
            at_most=True,
            note=note,
        )

    def queue_process(self) -> list[Row]:
        """What a real runner lands for each run of a real gate, a local hub behind it; and again where half is known."""
        rows = []
        runs, simulated = 0, 0
        for bad, bar in ((3, 2.5), (6, 1.5)):  # of 60: which six fail takes 26 runs at least
            world = next(world for world in worlds(60, bad / 60) if len(failing(world)) == bad)
            place = self._queue(f"process{bad}", GATE, world)
            other = shutil.copytree(place, f"{place}-known", symlinks=True) if bad == 3 else ""
            done = processed(place)
            if len(done.landed) != 60 - bad:
                raise SystemExit(f"{len(done.landed)} landed of {60 - bad} good entries")
            runs, simulated = runs + done.runs, simulated + play(world).runs
            name = f"queue process, {bad} of 60 failing: landings per gate run / serial queue"
            note = f"{done.runs} gate runs for {len(done.landed)} landings, 60 serially"
            rows.append(
                Row(name, len(done.landed) / done.runs / world.serial(), bar, at_most=False, note=note)
            )
            if other:
                rows.append(self._queue_known(other, done.runs))
        name = "queue process: gate runs / those of the simulation"
        note = f"{runs} against {simulated}, on the same two queues"
        return [*rows, Row(name, runs / simulated, 1.1, at_most=True, note=note)]

    def _queue_known(self, place: str, runs: int) -> Row:
        """The same queue anew, where CI has published the verdict of every second tree before a runner asks."""
        clone = os.path.join(place, "c0")
        subprocess.run(
            ["git", "remote", "set-url", "origin", os.path.join(place, "hub.git")], cwd=clone, check=True
        )
        with Fleet.open(clone) as fleet:
            done = fleet.queue.processor(HalfKnown(fleet.repository, fleet.ledger)).work()
        note = f"{done.runs} gate runs for {len(done.landed)} landings, {runs} without; 3 of 60 failing"
        name = "queue process, half of the trees known: gate runs / landings"
        return Row(name, done.runs / len(done.landed), 0.25, at_most=True, note=note)

    def queue_process_runners(self) -> Row:
        """What four runners land, on four clones, and what one lands, in the same time; more entries than either can land."""
        landed: dict[int, int] = {1: 0, 4: 0}
        for seed, runners in itertools.product(range(1 if self.runs < 25 else 3), landed):
            world = World(entries=400, seed=seed)
            place = self._queue(f"runners{runners}-{seed}", f"sleep 4; {GATE}", world, clones=runners)
            landed[runners] += landed_within(place, runners, 40.0)
        name = "queue process, 5 % failing: landings of four runners / of one"
        note = f"{landed[4]} against {landed[1]} in 40 s with a gate of 4 s, {seed + 1} of such queues"
        return Row(name, landed[4] / max(1, landed[1]), 2.5, at_most=False, note=note)

    def queue_idle(self) -> list[Row]:
        """A round in which there is nothing to do, with an entry that came back to its session."""
        place = self._queue("idle", GATE, World(entries=2, bad=1.0))
        clone = os.path.join(place, "c0")
        processed(place)
        log = os.path.join(self.folder, "idle-connections")
        self._far(clone, f"echo . >>{log}")
        done = processed(place)
        with open(log) as file:
            found = len(file.readlines())
        name = "connections of `queue process` with nothing to do"
        note = f"counted; {done.runs} gate runs"
        return [Row(name, found + 100 * done.runs, 1, at_most=True, note=note)]

    def _queue(self, name: str, gate: str, world: World, clones: int = 1) -> str:
        """A folder with a hub and clones c0, c1, …, and a queue of entries of which some fail the gate."""
        chosen = failing(world)
        place = os.path.join(self.folder, name)
        hub = os.path.join(place, "hub.git")
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", hub], check=True)
        rules = f"version: 1\ncommits: off\nqueue:\n  gate: {json.dumps(['sh', '-c', gate])}\n"
        stream = [commit_of("main", ":1", "", {"gitfleet.yaml": rules})]
        for number in range(world.entries):
            file = f"bad{number}" if number in chosen else f"good{number}"
            stream.append(commit_of(f"b{number}", f":{number + 2}", ":1", {file: f"{number}\n"}))
        subprocess.run(
            ["git", "fast-import", "--quiet"], cwd=hub, input="".join(stream), text=True, check=True
        )
        for number in range(clones):
            clone = os.path.join(place, f"c{number}")
            subprocess.run(["git", "clone", "-q", hub, clone], check=True)
            cli(clone, "init")
        self._add(os.path.join(place, "c0"), world.entries)
        return place

    def _add(self, clone: str, entries: int) -> None:
        """Queue branches b0, b1, …, all in one transaction."""
        out = subprocess.check_output(
            ["git", "for-each-ref", "--format=%(objectname) %(refname:lstrip=3)"], cwd=clone, text=True
        )
        heads = {name: oid for oid, _, name in (row.partition(" ") for row in out.splitlines())}
        start_sessions(clone, 1)
        book = ledger(clone, bulk=True)
        more = {"target": "main", "base": heads["main"], "priority": 50}
        bodies = [
            {"branch": f"b{n}", "head": heads[f"b{n}"], "title": f"entry {n}", **more} for n in range(entries)
        ]
        results = book.submit(
            [operation(book.node.id, "queue.add", "s0", body) for body in bodies], timeout=600
        )
        assert all(result.ok for result in results), results
        book.close()


def commit_of(branch: str, mark: str, parent: str, files: dict[str, str]) -> str:
    """A commit for `git fast-import`."""
    rows = [
        f"commit refs/heads/{branch}\nmark {mark}\ncommitter Bench <bench@example.org> 1700000000 +0000\ndata 5\nwork\n"
    ]
    rows += [f"from {parent}\n"] if parent else []
    rows += [f"M 100644 inline {path}\ndata {len(text)}\n{text}\n" for path, text in files.items()]
    return "".join(rows)


class HalfKnown(Gates):
    """Gates of a fleet whose CI has tested every second tree."""

    def quiet(self) -> Gates:
        """Itself."""
        return self

    def standing(self, tree: str) -> GateStanding:
        """What is known by now."""
        found = super().standing(tree)
        if int(tree[:8], 16) % 2 or found.word != "unknown":
            return found
        names = subprocess.check_output(
            ["git", "ls-tree", "--name-only", tree], cwd=self._repository.common_dir
        )
        result: GateResult = "failed" if b"bad" in names else "passed"
        body = PublishVerdict(found.parts[0].subject, result, "ci", tree=found.tree)
        self._ledger.request(publish, self._ledger.itself, body)
        return super().standing(tree)


def processed(place: str) -> Processed:
    """What a runner in the first clone of a queue comes to, until nothing more can be done."""
    with Fleet.open(os.path.join(place, "c0")) as fleet:
        return fleet.queue.processor(fleet.gates).work()


def worlds(entries: int, bad: float) -> Iterator[World]:
    """Queues of that length, with other entries that fail."""
    return (World(entries=entries, bad=bad, seed=seed) for seed in itertools.count())


def failing(world: World) -> set[int]:
    """The numbers of the entries that fail."""
    return {number for number in range(world.entries) if world.is_bad(f"e{number}")}


def landed_within(place: str, runners: int, seconds: float) -> int:
    """How many entries runners in as many clones land in a time, counted from when all of them test."""
    program = [os.path.join(os.path.dirname(sys.executable), "gitfleet"), "queue", "process"]
    count = ["git", "rev-list", "--count", "--first-parent", "main"]
    hub = os.path.join(place, "hub.git")
    started = [
        subprocess.Popen(
            program, cwd=os.path.join(place, f"c{number}"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        for number in range(runners)
    ]
    for one in started:
        assert one.stderr is not None
        one.stderr.readline()
    before = int(subprocess.check_output(count, cwd=hub))
    time.sleep(seconds)
    landed = int(subprocess.check_output(count, cwd=hub)) - before
    for one in started:
        one.terminate()
    for one in started:
        one.communicate()
    return landed


def with_entries(place: str, count: int) -> None:
    """Fill a merge queue, in one transaction."""
    start_sessions(place, 1)
    book = ledger(place, bulk=True)
    heads = [f"{number + 1:040x}" for number in range(count)]
    bodies = [
        {"branch": f"branch-{number}", "head": head, "target": "main", "title": f"Work {number}", "priority": number % 60}
        for number, head in enumerate(heads)
    ]  # fmt: skip
    results = book.submit([operation(book.node.id, "queue.add", "s0", body) for body in bodies], timeout=600)
    assert all(result.ok for result in results), results
    book.close()
    subprocess.run(["git", "repack", "-adq"], cwd=place, check=True)

"""What jobs cost beside their agents."""

from __future__ import annotations

import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time

from gitfleet.jobs.shepherd import control
from gitfleet.jobs.shepherd.records import Spec
from tests import jobbench
from tests.benches.row import Row
from tests.benches.scratch import INTERPRETER, ROOT, Scratch, cli, timed


class JobRows(Scratch):
    """Jobs of agents. Each method without an underscore is a row of the table, or some."""

    def job_output(self) -> Row:
        """An agent that writes as fast as it can, followed by two readers from its first line to its last."""
        folder, size = tempfile.mkdtemp(dir=self.folder), 20_000_000 if self.runs < 25 else 100_000_000
        agent = f"import sys\nfor number in range({size // 100}): sys.stdout.write('%099d\\n' % number)"
        script = (
            f"import sys; sys.path.insert(0, {ROOT!r})\n"
            "from gitfleet.jobs.shepherd import control\nfrom gitfleet.jobs.streams import reader\n"
            "lines = reader.follow(sys.argv[1] + '/stream.jsonl', ended=lambda: not control.alive(sys.argv[1]))\n"
            "print([int(line.raw) for line in lines if line.source == 'stdout'] == list(range(int(sys.argv[2]))))"
        )
        begun = time.perf_counter()
        control.start(folder, Spec((INTERPRETER, "-c", agent), "/", {}))
        argv = [sys.executable, "-c", script, folder, str(size // 100)]
        readers = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        told = [reader.communicate()[0] for reader in readers]
        rate = size / (time.perf_counter() - begun) / 1e6
        whole = told == ["True\n"] * 2
        note = f"{rate:.0f} MB/s, lines of 100 bytes, " + ("nothing lost" if whole else "LINES WERE LOST")
        return Row(
            "agent output with two followers / 10 MB/s", rate / 10 * whole, 1, at_most=False, note=note
        )

    def job_attempt(self) -> Row:
        """An attempt of `true` from its start to its end record, against a start of Python."""

        def attempt() -> float:
            folder = tempfile.mkdtemp(dir=self.folder)
            begun = time.perf_counter()
            shepherd = control.start(folder, Spec(("true",), "/", {"PATH": os.environ["PATH"]}))
            shepherd.wait(60)
            shepherd.close()
            return time.perf_counter() - begun

        bare = [sys.executable, "-c", "pass"]
        pairs = [(attempt(), timed(bare, self.folder, os.devnull)) for _ in range(self.runs + 2)][2:]
        note = f"{statistics.median(one for one, _ in pairs) * 1000:.0f} ms, {self.runs} pairs"
        ratio = statistics.median(one / other for one, other in pairs)
        return Row(
            "a whole attempt of `true` under its shepherd / bare python", ratio, 6, at_most=True, note=note
        )

    def job_overhead(self) -> Row:
        """A job of `true` from its trigger to its end, in a worktree and a session of its own, less the bare command."""
        place = self._with_agent("overhead", "true")
        times = jobbench.measured("one_by_one", place, self.runs + 2)[2:]
        bare, python = (
            statistics.median(timed(argv, self.folder) for _ in range(self.runs))
            for argv in (["true"], [sys.executable, "-c", "pass"])
        )
        took = statistics.median(times)
        note = f"{took * 1000:.0f} ms, through a local hub; `true` {bare * 1000:.0f} ms, python {python * 1000:.0f} ms"
        name = "a job of `true` less bare `true` / bare python"
        return Row(name, (took - bare) / python, 40, at_most=True, note=note)

    def job_dispatch_delay(self) -> list[Row]:
        """From the end of a job, with one place for all, to the start of the next: of this node's own, and of those of the fleet."""
        rows = []
        for kind, more in (("its own", ""), ("the fleet's", "anywhere: true\n")):
            place = self._with_agent(f"delay-{bool(more)}", "true", more=more)
            jobbench.queue(place, "plain", 12)
            gaps = jobbench.measured("some", place, 10)["gaps"]
            cli(place, "session", "start", "--id", "pusher")
            pushes = jobbench.measured("pushes", place, 12)[2:]
            ratio = statistics.median(gaps) / statistics.median(pushes)
            note = f"{statistics.median(gaps) * 1000:.0f} ms against {statistics.median(pushes) * 1000:.0f} ms, {len(gaps)} jobs"
            name = f"from a job's end to the next of {kind} / one ledger push"
            rows.append(Row(name, ratio, 2, at_most=True, note=note))
        return rows

    def job_dispatch_scale(self) -> Row:
        """CPU that a job costs the manager's own process while very many wait, and while few do."""
        costs: dict[int, list[float]] = {10: [], 1000: []}
        for turn, count in itertools.product(range(2 if self.runs < 25 else 5), costs):
            place = self._with_agent(f"scale{count}-{turn}", "true")
            jobbench.queue(place, "plain", count)
            costs[count].append(jobbench.measured("some", place, 10)["cpu"])
        many, few = statistics.median(costs[1000]), statistics.median(costs[10])
        note = f"{many * 1000:.0f} ms against {few * 1000:.0f} ms of CPU each, 10 jobs, {turn + 1} pairs"
        return Row("dispatch of a job at 1,000 queued / at 10", many / few, 1.3, at_most=True, note=note)

    def job_page(self) -> list[Row]:
        """A page of twenty jobs in a long history and in a short one."""
        taken = {}
        for count in (10_000, 100):
            place = self._clone_alone(f"history{count}")
            jobbench.with_history(place, count)
            taken[count] = jobbench.measured("pages", place, self.runs)
        return [
            Row(
                f"a page of 20 {what} among 10,000 / among 100", statistics.median(taken[10_000][kind]) / statistics.median(taken[100][kind]), 2,
                at_most=True, note=f"{statistics.median(taken[10_000][kind]) * 1000:.1f} ms against {statistics.median(taken[100][kind]) * 1000:.1f} ms",
            )
            for kind, what in (("all", "jobs"), ("agent", "jobs of an agent"))
        ]  # fmt: skip

    def job_daemon_memory(self) -> Row:
        """The memory of a manager in the background with fifty agents at work, and of a Python that has run an event loop."""
        place = self._with_agent("fifty", "sleep", "1000", more="concurrency: 50\n")
        jobbench.queue(place, "plain", 50)
        store = jobbench.store_of(place)
        with jobbench.bare() as other, jobbench.daemon(place) as pid:
            jobbench.until(lambda: jobbench.at_work(store) == 50)
            before = jobbench.used(pid)
            time.sleep(20)
            ours, its = jobbench.resident(pid), jobbench.resident(other)
            note = f"{ours / 1e6:.0f} MB against {its / 1e6:.0f} MB; {3 * (jobbench.used(pid) - before):.2f} s of CPU a minute"
        return Row(
            "the manager with 50 agents at work / Python with asyncio, memory",
            ours / its,
            3,
            at_most=True,
            note=note,
        )

    def job_daemon_idle(self) -> Row:
        """How many processes an idle manager starts in a minute, with a hub."""
        place, minutes = self._with_agent("idle-manager", "true"), 2 if self.runs < 25 else 4
        with jobbench.daemon(place) as pid:
            time.sleep(5)
            before, cpu = jobbench.started(place), jobbench.used(pid)
            time.sleep(minutes * 60)
            found, cpu = jobbench.started(place) - before, jobbench.used(pid) - cpu
        note = f"{found} in {minutes} minutes, counted; {cpu / minutes:.2f} s of CPU a minute"
        return Row(
            "processes that an idle manager starts / minutes", found / minutes, 1, at_most=True, note=note
        )

    def _with_agent(self, name: str, *command: str, more: str = "") -> str:
        """A clone of a hub with one agent, whose jobs run one at a time."""
        _, (place,) = self._hub(name, 1)
        git = ("git", "-C", place, "-c", "core.hooksPath=/dev/null")
        for words in (
            ["commit", "-q", "--allow-empty", "-m", "start"],
            ["push", "-q", "origin", "HEAD:main"],
        ):
            subprocess.run([*git, *words], check=True)
        jobbench.agent_file(place, "plain", *command, more=more)
        return place

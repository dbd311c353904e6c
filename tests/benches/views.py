"""What it costs to look: status, page, worktrees, radar; and to stand by while nothing happens."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

from gitfleet.fleet.fleet import Fleet
from gitfleet.worktrees.ensure import Wish
from tests import idlebench, pagebench
from tests.benches.row import Row
from tests.benches.scratch import Scratch, cli, ledger, operation, timed, with_claims
from tests.browser import CHROMIUM


class ViewRows(Scratch):
    """Looking at the fleet. Each method without an underscore is a row of the table, or some."""

    def status(self) -> Row:
        """Status of 500 sessions."""
        place = self._clone_alone("status")
        with_claims(place, sessions=500, claims=2000)
        program = [os.path.join(os.path.dirname(sys.executable), "gitfleet"), "status", "--json"]
        return self._pair(
            "status of 500 sessions / bare python",
            program,
            [sys.executable, "-c", "pass"],
            15,
            where=(place, place),
        )

    def status_history(self) -> list[Row]:
        """Status of five live sessions, with many that have ended and with none."""
        program = [os.path.join(os.path.dirname(sys.executable), "gitfleet"), "status", "--json"]
        none = self._clone_alone("past0")
        with_claims(none, sessions=5, claims=50)
        rows = []
        for count in (100, 1000 if self.runs < 25 else 5000):
            place = self._clone_alone(f"past{count}")
            with_past(place, count)
            with_claims(place, sessions=5, claims=50)
            name = f"status of 5 sessions with {count:,} past ones / with none"
            rows.append(self._pair(name, program, program, 1.2, where=(place, none)))
        return rows

    def idle(self) -> list[Row]:
        """What goes on by itself in a clone of 500 sessions while nothing happens, without a hub and with one."""
        rows = []
        for where, place in (("", self._clone_alone("idle")), (" with a hub", self._hub("idlehub", 1)[1][0])):
            started, cpu, words = idlebench.told(
                idlebench.measured(place, 500, idlebench.ROUND * (1 if self.runs < 25 else 2))
            )
            for name, found in (("processes a minute", started), ("% of a core", cpu)):
                title = f"idle{where}, with page, watch, manager, maintainer: {name}"
                rows.append(Row(title, found, 1, at_most=True, note=words))
        return rows

    def page(self) -> list[Row]:
        """The page of `gitfleet web` with 500 sessions, in Chromium: milliseconds, by the clock of the page's own thread."""
        if not CHROMIUM:
            return []
        found = pagebench.measured(self._clone_alone("page"), 500, 240 if self.runs > 20 else 40)
        change = "page, 50 of 500 rows change: ms of script, style and layout"
        return [
            Row(f"{change}, median", found["median"], 3, True, f"at most {found['most']:.1f}"),
            Row(f"{change}, 95 %", found["p95"], 16, True, ""),
            Row("page, first paint of 500 rows: ms", found["first"], 100, True, "wall time, median"),
        ]

    def worktree_status(self) -> Row:
        """What the status of managed worktrees costs for each of them, at many and at few."""
        few, many = 20, 200
        places = {count: self._with_worktrees(count) for count in (few, many)}
        each: dict[int, list[float]] = {few: [], many: []}
        for turn in range(self.runs // 3 + 1):
            for count, place in places.items():
                with Fleet.open(place) as fleet:
                    start = time.perf_counter()
                    rows, _ = fleet.worktrees.status()
                    taken = time.perf_counter() - start
                if len(rows) != count:
                    raise SystemExit(f"{len(rows)} worktrees in place of {count}")
                if turn:
                    each[count].append(taken / count)
        ratio = statistics.median(a / b for a, b in zip(each[many], each[few], strict=True))
        costs = [statistics.median(each[count]) * 1000 for count in (many, few)]
        name = f"worktree status: cost per worktree at {many} / at {few}"
        note = f"{costs[0]:.1f} ms against {costs[1]:.1f} ms each, {len(each[few])} pairs"
        return Row(name, ratio, 1.3, at_most=True, note=note)

    def ensure_at_once(self) -> Row:
        """Ten worktrees asked for at once, in a repository of 3,000 files, and one that git makes."""
        place = self._repository("ensured")
        for number in range(3000):
            path = os.path.join(place, f"d{number % 100}", f"f{number}.txt")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(f"{number}\n" * 20)
        for command in (["git", "add", "-A"], ["git", "commit", "-q", "-m", "files"]):
            subprocess.run(command, cwd=place, check=True)
        cli(place, "init")
        program = os.path.join(os.path.dirname(sys.executable), "gitfleet")
        ratios, walls = [], []
        for turn in range(4):
            plain = timed(
                ["git", "worktree", "add", "-q", f"{place}-plain{turn}", "-b", f"plain{turn}"], place
            )
            start = time.perf_counter()
            asked = [
                subprocess.Popen(
                    [program, "worktree", "ensure", "--agent", f"a{turn}-{number}"],
                    cwd=place,
                    stdout=subprocess.DEVNULL,
                )
                for number in range(10)
            ]
            codes = [each.wait() for each in asked]
            if any(codes):
                raise SystemExit("a worktree was not made")
            walls.append(time.perf_counter() - start)
            ratios.append(walls[-1] / plain)
        name = "ten worktree ensure at once / one git worktree add"
        note = f"3,000 files; {statistics.median(walls):.1f} s for ten, 4 turns"
        return Row(name, statistics.median(ratios), 30, at_most=True, note=note)

    def radar(self) -> list[Row]:
        """A hundred branches off one trunk: merges for all, what merging every pair finds, and one new commit."""
        from tests.radar import corpus, forest

        place = self._clone_alone("radar")
        git = ("git", "-C", place, "-c", "core.hooksPath=/dev/null")
        subprocess.run([*git, "checkout", "--quiet", "--detach"], check=True)
        forest.forest(place, 7, 100, files=300, most=3)
        subprocess.run([*git, "checkout", "--quiet", "--force", "main"], check=True)
        with Fleet.open(place) as fleet:
            began = time.perf_counter()
            first = fleet.radar.look().findings
            wall = time.perf_counter() - began
            found = {(clash.one.name, clash.two.name) for clash in first.clashes}
            real = corpus.conflicts(place, first)
            again, spent = [], []
            for number in range(0, 100, 20):
                forest.edit_branch(place, f"agent/b{number:03d}", number)
                began = time.perf_counter()
                again.append(fleet.radar.look().findings.effort.merges)
                spent.append(time.perf_counter() - began)
        effort, score = first.effort, corpus.watched(300 if self.runs < 20 else 1500)
        note = f"{effort.merges:,} merges for {effort.pairs:,} pairs, {wall:.1f} s"
        return [
            Row("radar, 100 branches: merges / all pairs", effort.merges / effort.pairs, 0.1, at_most=True, note=note),
            Row(
                "the same: conflicts found / found by merging all pairs", len(found & real) / max(1, len(found | real)), 1,
                at_most=False, note=f"{len(found)} found, {len(real)} by {effort.pairs:,} merges",
            ),
            Row(
                "a new commit among 100 branches: merges / of the first round", statistics.mean(again) / effort.merges,
                0.05, at_most=True, note=f"{statistics.mean(again):.1f} merges, {statistics.mean(spent):.2f} s; 5 branches",
            ),
            Row(
                "radar's tier watch: right / reported", score.right / max(1, score.right + score.wrong), 0.95, at_most=False,
                note=f"{score.right} of {score.doubled} doubled definitions, {score.wrong} of {score.single} that are none",
            ),
        ]  # fmt: skip

    def _with_worktrees(self, count: int) -> str:
        """A clone with managed worktrees that each have a commit of their own and a changed file."""
        place = self._clone_alone(f"worktrees{count}")
        with Fleet.open(place) as fleet:
            for number in range(count):
                made = fleet.worktrees.ensure(Wish(agent="bench", session=f"bench-{number}")).managed
                commit = ["git", "commit", "-q", "--no-verify", "--allow-empty", "-m", f"work {number}"]
                subprocess.run(commit, cwd=made.path, check=True)
                with open(os.path.join(made.path, "draft"), "w") as file:
                    file.write("draft")
        return place


def with_past(place: str, count: int) -> None:
    """Sessions that claimed ten paths each, committed nothing, and have ended; a hundred at a time."""
    for first in range(0, count, 100):
        with_claims(place, sessions=100, claims=1000)
        book = ledger(place, bulk=True)
        results = book.submit(
            [operation(book.node.id, "session.end", f"s{number}", {}) for number in range(100)], timeout=600
        )
        assert all(result.ok for result in results), (first, results)
        book.close()

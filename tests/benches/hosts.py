"""What looking at hosts costs, and how good its judgement is."""

from __future__ import annotations

import os
import pathlib
import statistics

from tests import hostbench, leakbench, scanbench
from tests.benches.row import Row
from tests.benches.scratch import Scratch
from tests.onhost import calibration
from tests.onhost.corpus_form import corpus


class HostRows(Scratch):
    """Processes of hosts. Each method without an underscore is a row of the table, or some."""

    def triage_leaks(self) -> list[Row]:
        """What thirty killed agents leave behind, in ten ways, beside bystanders: whose it is, and who is taken for a leak."""
        place = os.path.join(self.folder, "leaks")
        os.mkdir(place)
        found = leakbench.measured(pathlib.Path(place), 30)
        note = f"{found.ended} of {found.leaks} selected to be ended"
        return [
            Row("leaks of 30 agent runs: attributed to their session / all", found.attributed / found.leaks, 1, False, note),
            Row("the same: bystanders selected", found.harmed, 0, True, f"{found.bystanders} other processes"),
        ]  # fmt: skip

    def triage_hosts(self) -> Row:
        """A plan over 32 hosts, 16 at a time, against what two rounds take: each real sshd, on the cores of this machine."""
        place = os.path.join(self.folder, "hosts")
        os.mkdir(place)
        found = hostbench.measured(pathlib.Path(place), pathlib.Path(self._clone_alone("hosts-clone")), 32)
        note = f"{found.all:.1f} s against 2 x {found.one:.1f} s; a scan takes {hostbench.WAITS} s longer, which costs no core"
        return Row("plan over 32 hosts, 16 at a time / the slowest of one host, twice", found.all / (2 * found.one), 1.3, True, note)  # fmt: skip

    def triage_calibration(self) -> Row:
        """How well the model's probabilities agree with the labels of the corpus."""
        cases = calibration.judged(corpus())
        said = "; ".join(
            f"{row.cases}: said {row.said:.2f}, true {row.true:.2f}" for row in calibration.reliability(cases)
        )
        return Row("processes of the corpus: Brier score", calibration.brier(cases), 0.06, True, said)

    def scan(self) -> list[Row]:
        """A scan of this host with 200 more processes, and psutil with the same attributes and all connections."""
        taken = scanbench.measured(200, self.runs)
        names = {"samples": "scan of one host, both samples", "whole": "scan of one host, with judgements"}
        return [
            Row(
                f"{name} / psutil with the same attributes",
                statistics.median(a / b for a, b in zip(taken[kind], taken["psutil"], strict=True)), 1.3, at_most=True,
                note=f"{statistics.median(taken[kind]) * 1000:.0f} ms against {statistics.median(taken['psutil']) * 1000:.0f} ms, {self.runs} pairs",
            )
            for kind, name in names.items()
        ]  # fmt: skip

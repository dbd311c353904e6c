"""Fairness between nodes that push at the same moment, without asking anybody.

Of several concurrent pushes one always lands, so losing costs others nothing; what has to be prevented is that one
node loses for ever. So the usual back-off is turned round: whoever has lost little waits long, whoever has lost much
waits short, and a node that has just taken part in a race lets others go first before it starts the next one. So does a
node that publishes in a row while others do, for it would win each race: its push takes less than the fetch and the push of
those who lost. As it never hears of them either, it leaves a gap for them in each long row. Pauses are random, but for the
gap; those of losers, and the gap, scale with how long an attempt takes here (`scripts/bench contention` measures the outcome).
"""

from __future__ import annotations

import os

from gitfleet.base import clock, files
from gitfleet.base.text import counted

MOMENT = 0.05
"""Seconds after publishing in which the next turn is one in a row: no command of its own starts as soon."""
ROW = 1.0
"""Seconds of publishing in a row after which a gap is left, and no less than `ROW_TURNS` attempts take, where others are about fewer."""
ROW_TURNS = 12
ROW_AMONG_OTHERS = 4
ABOUT = 60.0
"""Seconds since others have published in which they are about."""
GAP = 2.5
"""Attempts that a gap is long: whoever has lost can fetch and push in it."""
RECENT = 2.0
SPREAD = 4.0
MAX_PAUSE = 4.0
FIRST_STALL = 0.05
MOST_STALLS = 4
"""Stalls after which a ref beside the ledger's is given up: others wait as long."""


class Contention:
    """One turn's view of the races that its node takes part in.

    Files say by their times when it last lost one (`mark`), when other nodes had last published something new (`others`),
    when its last attempt began (`tried`) and when one last published (`published`), and since when it does so in a row (`row`).
    """

    def __init__(self, mark: str, others: str, tried: str, published: str, row: str) -> None:
        self._mark, self._others = mark, others
        self._tried, self._published, self._row = tried, published, row
        self._began = clock.elapsed()
        self._tip = ""
        self.losses = 0
        self.stalls = 0

    def enter(self) -> None:
        """Before the first attempt of a turn: let others go first if this node was in a race a moment ago, or has long published in a row."""
        published = files.changed_at(self._published)
        took = min(MAX_PAUSE, max(0.0, (published - files.changed_at(self._tried)) / 1e9))
        in_row = _is_younger(self._published, max(MOMENT, took))
        if not in_row:
            files.touch(self._row)
        if in_row and _is_younger(self._others, RECENT):
            self._pause(0.3)
        elif _is_younger(self._mark, RECENT):
            self._pause(0.1)
        elif in_row and not _is_younger(self._row, max(ROW, took * self._most_turns())):
            clock.wait(min(MAX_PAUSE, GAP * took))
            files.touch(self._row)
        self._begin()

    def _most_turns(self) -> int:
        return ROW_AMONG_OTHERS if _is_younger(self._others, ABOUT) else ROW_TURNS

    def _begin(self) -> None:
        files.touch(self._tried)
        self._began = clock.elapsed()

    def published(self) -> None:
        """Note that an attempt has published."""
        files.touch(self._published)
        self.losses = 0

    def met_others(self) -> None:
        """Note that other nodes have published since this one looked."""
        files.touch(self._others)

    def lost(self, tip: str) -> None:
        """Count a lost attempt, which started from the state `tip`.

        When that is still the state of the attempt before, nobody has won: the hub's ref is locked, or hidden. Those
        are `stalls`.
        """
        self.stalls = self.stalls + 1 if tip == self._tip else 0
        self._tip = tip
        self.losses += 1
        files.touch(self._mark)

    @property
    def is_stuck(self) -> bool:
        """Whether nobody has won for so often that it will hardly change soon."""
        return self.stalls >= MOST_STALLS

    def words(self, *, lost: bool) -> str:
        """Why nothing came of our attempts, the last of which was `lost`; "" where this tells nothing."""
        if self.stalls and lost:
            return "its ref stays where it is although nobody else moves it: it is locked there, or hidden. "
        return f"other nodes won the race {counted(self.losses, 'time')}. " if lost else ""

    def wait(self) -> None:
        """Wait before the next attempt, the less the more often we lost, and start to measure it.

        After stalls each wait is twice as long as the last, so that such a hub is not hammered.
        """
        took = clock.elapsed() - self._began
        if self.stalls:
            self._pause(FIRST_STALL * 2 ** min(self.stalls, 10))
        else:
            self._pause(took * SPREAD / self.losses if self.losses < 4 else 0.0)
        self._begin()

    def _pause(self, ceiling: float) -> None:
        clock.wait(min(MAX_PAUSE, ceiling) * int.from_bytes(os.urandom(2), "big") / 65536)


def _is_younger(path: str, seconds: float) -> bool:
    """Whether a file was touched within the last `seconds`."""
    try:
        return -0.01 <= clock.milliseconds() / 1000 - os.stat(path).st_mtime < seconds
    except FileNotFoundError:
        return False

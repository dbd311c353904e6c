"""The polite end of an agent that talks: it is told to stop, then its input ends; only then come signals.

Half of the time is for its answer, a quarter for its end once its input has ended, the last quarter for the time between TERM
and KILL. Moments in seconds of one clock.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gitfleet.jobs.adapters.protocol import Adapter
    from gitfleet.jobs.shepherd.agent import AgentProcess

TIMES = 2
"""What the whole takes at most, in times of grace: as long for words as for signals."""


class Parting:
    """One farewell to `agent`, within `whole` seconds. Its adapter has not hung up yet."""

    def __init__(self, adapter: Adapter, agent: AgentProcess, whole: float, now: float) -> None:
        self._adapter, self._agent, self._whole = adapter, agent, whole
        self._answer_by, self._end_by = now + whole / 2, now + whole * 3 / 4
        self._hung_up = False
        agent.say(adapter.farewell(), last=adapter.hangs_up)

    @property
    def due(self) -> float:
        """When to look again."""
        return self._end_by if self._hung_up else self._answer_by

    @property
    def grace(self) -> float:
        """Seconds between TERM and KILL."""
        return self._whole / 4

    def hurry(self, whole: float, now: float) -> None:
        """So many seconds are left for all of it, if that is less."""
        self._whole = min(self._whole, whole)
        self._answer_by = min(self._answer_by, now + whole / 2)
        self._end_by = min(self._end_by, now + whole * 3 / 4)

    def over(self, now: float) -> bool:
        """Whether it is time for signals."""
        if not self._adapter.hangs_up and now >= self._answer_by:
            self._agent.say(self._adapter.farewell(), last=True)
        if self._adapter.hangs_up and not self._hung_up:
            self._hung_up = True
            self._end_by = min(self._end_by, now + self._whole / 4)
        return now >= self._end_by

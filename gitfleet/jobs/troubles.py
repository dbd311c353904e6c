"""Jobs whose attempt could not be begun, started, watched or concluded for a reason of this machine's own, such as a full disk."""

from __future__ import annotations

from collections.abc import Collection

from gitfleet.base import clock

_FIRST, _LONGEST = 5.0, 300.0
_OFTEN = 4


class Troubles:
    """Each is looked after again, after a pause in seconds that doubles."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, float, str]] = {}

    def met(self, job_id: str, why: object = "") -> float:
        """One more with this job; seconds until it is tried again."""
        times = self._known[job_id][0] + 1 if job_id in self._known else 1
        pause: float = min(_FIRST * 2.0 ** min(times - 1, 16), _LONGEST)
        self._known[job_id] = times, clock.elapsed() + pause, str(why)
        return pause

    def rests(self, job_id: str) -> bool:
        """Whether the job's next try is still to come."""
        return job_id in self._known and clock.elapsed() < self._known[job_id][1]

    def why(self, job_id: str) -> str:
        """Why it is not tried now; "" where it may be."""
        return f"{self._known[job_id][2]}; that is tried again" if self.rests(job_id) else ""

    def over(self, job_id: str) -> None:
        """It went well."""
        self._known.pop(job_id, None)

    def keep(self, job_ids: Collection[str]) -> None:
        """Forget those of all other jobs: they have ended."""
        self._known = {job_id: one for job_id, one in self._known.items() if job_id in job_ids}

    @property
    def pressing(self) -> bool:
        """Whether some may soon be over: one that was tried in vain for a while is not waited for."""
        return any(times <= _OFTEN for times, *_ in self._known.values())

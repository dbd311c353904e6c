"""Which action costs least, by the losses of the model, among those that what is known allows.

Statistics choose only within limits that no evidence moves: who is supervised, or belongs to a live session, is neither paused nor
ended; and without a record of an end (a session that has ended, a worker without its runner, a folder that has been removed) nothing
is done that is felt at once. What still works hard, and is no test, is paused at most: somebody may wait for its result; and so is what nobody knows, which may be
a window with unsaved work in it. So nobody's process is judged by its age, its idleness or the lack of a terminal alone.
"""

from __future__ import annotations

from typing import Mapping

from gitfleet.onhost import likelihoods as model
from gitfleet.onhost.records import ABANDONED, ACTIONS, KEEP, RENICE, TERMINATE, THROTTLE, USEFUL_BAD

_GENTLE = frozenset([KEEP, RENICE, THROTTLE])


def allowed(
    observed: Mapping[str, str], *, kept: bool, careful: bool = False, awaited: bool = False
) -> frozenset[str]:
    """The actions that are open for what was `observed`; `kept`: none but to keep it; `careful`: none that cannot be
    undone; `awaited`: it waits for an editor that may still be there, and is neither paused nor ended.
    """
    if kept:
        return frozenset([KEEP])
    origin = observed.get("provenance", observed.get("provenance of a worker", model.SUPERVISED))
    if awaited or origin in (model.LIVE, model.SUPERVISED, model.ENDED_SUPERVISED):
        return _GENTLE
    if origin in model.RECORDS or observed.get("folder") == "removed":
        return frozenset(ACTIONS) - {TERMINATE} if careful else frozenset(ACTIONS)
    return _GENTLE


def choose(
    posterior: Mapping[str, float], open_to: frozenset[str], share: float | None = None
) -> tuple[str, dict[str, float]]:
    """The action of least expected loss, and the expected loss of each that is open; of equal ones the one of least effect.

    `share` is what the group uses of a core. To renice or throttle what is idle frees nothing: it then costs what keeping costs,
    and the effort.
    """
    losses = {action: _expected(posterior, action, share) for action in ACTIONS if action in open_to}
    return min(losses, key=lambda action: (losses[action], ACTIONS.index(action))), losses


def _expected(posterior: Mapping[str, float], action: str, share: float | None) -> float:
    total = 0.0
    for name, probability in posterior.items():
        loss = model.LOSSES[name][action]
        if (
            action in (RENICE, THROTTLE)
            and share is not None
            and share < model.BUSY
            and name in (ABANDONED, USEFUL_BAD)
        ):
            loss = model.LOSSES[name][KEEP] + 1.0
        total += probability * loss
    return round(total, 4)

"""Which plans have been shown to somebody in this clone: what nobody has seen is not applied without asking.

A plan counts as seen when its whole list of candidates was printed here: by the command that made it, or by one that shows it. What is
noted is the plan's commit, so that another plan of the same name counts as unseen.
"""

from __future__ import annotations

import os

from gitfleet.base import files
from gitfleet.base.ids import is_oid

_FOLDER = os.path.join("triage", "seen")


def note(state: str, fleet_session: str, oid: str) -> None:
    """Note that a plan was shown. `state` is the folder of what this clone keeps for itself. Raises LocalStorage."""
    folder = files.folder(os.path.join(state, _FOLDER), mode=0o700)
    files.replace(os.path.join(folder, fleet_session), oid.encode(), mode=0o600, durable=False)


def seen(state: str, fleet_session: str) -> str:
    """The commit of the plan that was shown under this name; "" for none."""
    found = (files.read(os.path.join(state, _FOLDER, fleet_session)) or b"").decode("ascii", "replace")
    return found if is_oid(found) else ""


def forget(state: str, fleet_session: str) -> None:
    """Forget it, with the plan."""
    files.remove(os.path.join(state, _FOLDER, fleet_session))

"""Why queued jobs do not start, as the manager that runs last saw it: a file in the state directory, for whoever asks."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from itertools import islice

from gitfleet.base import files

NAME = "waiting.json"
MOST = 200
"""Jobs of which it is told: with many, one reason is as good as all of them."""


def save(state: str, reasons: Mapping[str, str]) -> None:
    """Keep the reasons, by the ids of jobs. Raises LocalStorage."""
    told = dict(islice(reasons.items(), MOST))
    files.replace(os.path.join(state, NAME), json.dumps(told).encode(), mode=0o600, durable=False)


def load(state: str) -> Mapping[str, str]:
    """The reasons, by the ids of jobs; none where no manager runs, or it has none."""
    try:
        found = json.loads(files.read(os.path.join(state, NAME)) or b"{}")
    except ValueError:
        return {}
    return {str(job): str(why) for job, why in found.items()} if isinstance(found, dict) else {}


def remove(state: str) -> None:
    """No manager runs any more."""
    files.remove(os.path.join(state, NAME))

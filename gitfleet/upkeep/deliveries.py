"""The work of jobs in upkeep: what waits to be delivered, and what came back, in a clone where nobody runs jobs just now."""

from __future__ import annotations

import os

from gitfleet.base import files
from gitfleet.clone import Clone
from gitfleet.ledger import own_node


def look_after(clone: Clone) -> list[str]:
    """Go on with it, as far as that can be done now; what has happened, a line each. Costs a look at one folder where nothing waits."""
    folder = own_node.jobs_folder(clone.repository.common_dir)
    if not files.names(os.path.join(folder, "expecting")):
        return []
    from gitfleet.jobs.delivery.following import WorkFollowing  # agent files need pydantic: 90 ms
    from gitfleet.jobs.records.store import JobStore

    return WorkFollowing(JobStore(folder)).look()

"""Which sessions wait for an answer: the agents of this clone's jobs that ask something."""

from __future__ import annotations

from collections.abc import Mapping

from gitfleet.fleet.views.asking_rows import AskingRow
from gitfleet.ledger import own_node
from gitfleet.web.page.moment import PageMoment


def by_session(moment: PageMoment) -> Mapping[str, AskingRow]:
    """What each session asks, where one does."""
    asking = {row["job"]: row for row in moment.status.answer["asking"]}
    if not asking:
        return {}
    from gitfleet.jobs.records.store import JobStore  # only where an agent asks

    store = JobStore(own_node.jobs_folder(moment.fleet.repository.common_dir))
    found: dict[str, AskingRow] = {}
    for job in store.those(sorted(asking)):
        if job.attempts and (session := job.attempts[-1].session):
            found[session] = asking[job.id]
    return found

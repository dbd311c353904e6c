"""`job answer`: what agents ask a person, and the answers."""

from __future__ import annotations

from typing import Annotated

from gitfleet.cli import jobs
from gitfleet.cli.answer import Reply
from gitfleet.cli.declaring import Option
from gitfleet.fleet.views import job_rows
from gitfleet.jobs.archives import jobs_elsewhere
from gitfleet.jobs.attempts import answering

Allow = Annotated[
    bool | None, Option("--allow/--reject", help="Answer yes or no; without either, the question is shown.")
]
Question = Annotated[str, Option("--question", metavar="ID", help="Which question, where there are several.")]


def answer(
    job: jobs.JobId, allow: Allow = None, question: Question = "", state_dir: jobs.StateDir = ""
) -> Reply:
    """Answer what the agent of a job asks: whether it may do something. Until then it waits, and its idle limit does not count."""
    store = jobs.store_at(state_dir)
    jobs_elsewhere.own(store, ".", job, "answer_job")
    said = []
    if allow is not None:
        answering.answer(store, job, allow=allow, question=question)
        said = [f"{job}: {'allowed' if allow else 'rejected'}"]
    known = answering.questions(store, store.get(job))
    rest = [f"it waits for an answer ({one}): {words}" for one, words in known.items()]
    return Reply(job_rows.questions(job, known), [*said, *rest] or ["it asks nothing"])

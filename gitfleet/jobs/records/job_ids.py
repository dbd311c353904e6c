"""Ids of jobs: `job-` and a ULID in small letters, so that they sort by the time at which they were made."""

from __future__ import annotations

from typing import TypeGuard

from gitfleet.base import advice, ids
from gitfleet.base.digests import sha256
from gitfleet.base.text import display
from gitfleet.jobs.errors import JobNotFoundError

PREFIX = "job-"
_MINUTES, _SECOND = 6, 8
"""Characters of a ULID up to some 17 minutes, and up to a second."""


def new() -> str:
    """A new id; within one process they rise strictly."""
    return PREFIX + ids.ulid().lower()


def derived(milliseconds: int, seed: str) -> str:
    """The id of a moment (since 1970) and a text: the same wherever it is made of the same."""
    digest = sha256(seed.encode("utf-8", "surrogateescape")).digest()
    return PREFIX + ids.at(milliseconds, digest[:10]).lower()


def is_id(text: object) -> TypeGuard[str]:
    """Whether `text` is the id of a job in full, and hence safe in a path."""
    if not isinstance(text, str):  # a library's user may have anything
        return False
    word = text.removeprefix(PREFIX)
    return text.startswith(PREFIX) and word == word.lower() and ids.is_ulid(word.upper())


def check(text: str) -> str:
    """`text`, which is the id of a job. Raises JobNotFoundError."""
    if not is_id(text):
        raise missing(text)
    return text


def made_at(text: str) -> int:
    """When a job of this id was made, by its maker's clock, in milliseconds since 1970."""
    return ids.made_at(check(text).removeprefix(PREFIX).upper())


def missing(text: str) -> JobNotFoundError:
    """The error for an id that names no job here."""
    return JobNotFoundError(
        f"There is no job '{display(str(text)[:80])}' here.",
        hint=f"List the jobs: {advice.JOBS}. One of another clone is known here after an exchange with the hub: run {advice.SYNC}.",
        job_id=str(text)[:200],
    )


def unreadable(text: str, path: str) -> JobNotFoundError:
    """The error for a job whose record is there, and is of no use."""
    return JobNotFoundError(
        f"The record of {text} cannot be read. It is kept as it is: {display(path)}.",
        hint="Repair that file, or remove it; its attempts are in the folders beside it.",
        job_id=text,
    )


def place(text: str) -> tuple[str, str]:
    """The two folders, one in the other, in which a job of this id is filed: by time, so that the newest are found without the rest."""
    word = check(text).removeprefix(PREFIX)
    return word[:_MINUTES], word[_MINUTES:_SECOND]

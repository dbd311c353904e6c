"""What requests may say: queries and bodies, each field checked before anything is done.

Unknown fields are refused, since a misspelled one would be passed over without a word.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gitfleet.errors import UsageError
from gitfleet.mergequeue.model import MAX_TITLE

_Asked = TypeVar("_Asked", bound=BaseModel)
MOST_PATHS = 1000
MOST_LINES = 10_000


def _decimal(value: object) -> object:
    """A number as a query spells it; what is not plain digits is left for the check to refuse."""
    return (
        int(value)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 9
        else value
    )


class RequestFields(BaseModel):
    """The fields of a request: no others, each of its own type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


SessionName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", min_length=1, max_length=64, description="The id of a session.")
]  # fmt: skip
Lines = Annotated[
    int, BeforeValidator(_decimal), Field(ge=0, le=MOST_LINES, description="At most so many lines, the last ones.")
]  # fmt: skip
Path = Annotated[str, Field(min_length=1, max_length=4096)]


class NothingAsked(RequestFields):
    """No parameters."""


class StatusQuery(RequestFields):
    """`tail` adds that many lines of each session's log."""

    tail: Lines = 0


class LogsQuery(RequestFields):
    """Whose log, and how much of it."""

    session_id: SessionName
    tail: Lines = 200


class ClaimsQuery(RequestFields):
    """`session_id`: only the claims of this session."""

    session_id: SessionName = ""


class ClaimBody(RequestFields):
    """Paths to be claimed for a session: all of them, or nothing."""

    session_id: SessionName
    paths: list[Path] = Field(
        min_length=1, max_length=MOST_PATHS, description="Files, folders or globs, from the root of the repository; `res:NAME`."
    )  # fmt: skip
    mode: Literal["exclusive", "shared"] | None = Field(
        None, description="null: exclusive, unless the fleet's rules say shared."
    )
    reason: str = Field("", max_length=1000, description="Why; shown to those who are refused.")


class ReleaseBody(RequestFields):
    """Claims to be released."""

    session_id: SessionName
    paths: list[Path] | None = Field(
        None, min_length=1, max_length=MOST_PATHS, description="What to release, with all below it; null: everything that the session holds."
    )  # fmt: skip


class QueueBody(RequestFields):
    """A branch to be queued for landing."""

    session_id: SessionName
    branch: str = Field("", max_length=1000, description='The branch; "": that of the session.')
    priority: int | None = Field(
        None, ge=0, le=100, description="80-100 hotfix, 60-79 security, 40-59 feature, 0-39 backlog; null: as before, else 50."
    )  # fmt: skip
    title: str | None = Field(
        None,
        max_length=MAX_TITLE,
        description="What it is, in one line; null: as before, else that of the session.",
    )


def of_query(kind: type[_Asked], pairs: Sequence[tuple[str, str]]) -> _Asked:
    """The query of a request. Raises UsageError."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise UsageError(f"'{name[:80]}' was given twice.", hint="Say it once.")
        found[name] = value
    return _checked(lambda: kind.model_validate(found))


def of_body(kind: type[_Asked], data: bytes) -> _Asked:
    """The body of a request, a JSON object. Raises UsageError, also for a name that stands in it twice."""
    found = _checked(lambda: kind.model_validate_json(data))
    json.loads(data, object_pairs_hook=_once)
    return found


def _once(pairs: Sequence[tuple[str, object]]) -> None:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"'{name[:80]}' was given twice.", hint="Say it once.")


def _checked(read: Callable[[], _Asked]) -> _Asked:
    try:
        return read()
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part)[:80] for part in first["loc"])
        words = f"{where}: {first['msg']}." if where else f"{first['msg']}."
        raise UsageError(f"The request is not valid: {words}", hint="See /openapi.json.") from None

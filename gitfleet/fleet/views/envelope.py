"""The form that every answer has as JSON, and what it holds when a request failed.

Within one `schema_version` fields are added, never taken away or given another meaning: readers should pass over
fields that they do not know. Times are seconds, moments are seconds since 1970 (UTC).
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict


class Envelope(TypedDict):
    """What every command prints with `--json`: one JSON document on standard output."""

    schema_version: Literal["1"]
    """The version of this form and of all data."""
    command: str
    """Which command answers, e.g. `session start`."""
    status: str
    """`ok`, or what else is true of the answer; the name of the error when the command failed."""
    data: dict[str, Any]
    """The command's own data; `{"error": ...}` when it failed."""
    warnings: list[str]
    """What people should know besides."""


class ErrorRow(TypedDict):
    """Why a command failed. Further fields are the facts of this kind of error, such as `conflicts`."""

    message: str
    """What happened, and what is unharmed."""
    hint: str
    """One next step; may be empty."""


class FailureAnswer(TypedDict):
    """The data of every command that failed (exit code and `status` say how)."""

    error: ErrorRow

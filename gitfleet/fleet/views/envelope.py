"""The form that every answer has as JSON, and what it holds when a request failed.

Within one `schema_version` fields are added, never taken away or given another meaning: readers should pass over
fields that they do not know. Times are seconds, moments are seconds since 1970 (UTC).
"""

import json
from collections.abc import Iterable, Mapping
from typing import Literal, TypedDict, cast


class Envelope(TypedDict):
    """What every command prints with `--json`: one JSON document on standard output."""

    schema_version: Literal["1", "1.0.0"]
    """The version of this form and of all data. `1.0.0`: the commands of `fleet`, whose `status` is `success`, `partial` or `error`."""
    command: str
    """Which command answers, e.g. `session start`."""
    status: str
    """`ok`, or what else is true of the answer; the name of the error when the command failed."""
    data: dict[str, object]
    """The command's own data; `{"error": ...}` when it failed."""
    warnings: list[str]
    """What people should know besides."""


class ErrorRow(TypedDict):
    """Why a command failed. Further fields are the facts of this kind of error, such as `conflicts`."""

    message: str
    """What happened."""
    unharmed: str
    """What is as it was before; empty where something may have changed."""
    hint: str
    """One next step; may be empty."""


class FailureAnswer(TypedDict):
    """The data of every command that failed (exit code and `status` say how)."""

    error: ErrorRow


_OVER_HOSTS = "fleet "
"""What commands over hosts begin with: their form was agreed on before there was ours."""
SUCCESS, PARTIAL, ERROR = "success", "partial", "error"


def envelope(command: str, status: str, data: Mapping[str, object], warnings: Iterable[str] = ()) -> Envelope:
    """An answer in the form that all have."""
    if command.startswith(_OVER_HOSTS):
        return _over_hosts(command, status, data, warnings)
    return {
        "schema_version": "1", "command": command, "status": status, "data": dict(data), "warnings": list(warnings),
    }  # fmt: skip


def _over_hosts(command: str, status: str, data: Mapping[str, object], warnings: Iterable[str]) -> Envelope:
    """The same in the form of commands over hosts: which error it was is told in the error."""
    told = dict(data)
    error = told.get("error")
    if isinstance(error, dict):
        told["error"] = {**error, "kind": status}
    word = {"ok": SUCCESS, "tentative": SUCCESS}.get(status, status)
    return {
        "schema_version": "1.0.0", "command": command, "status": word if word in {SUCCESS, PARTIAL} else ERROR,
        "data": told, "warnings": list(warnings),
    }  # fmt: skip


def failure(
    message: str, hint: str = "", unharmed: str = "", facts: Mapping[str, object] | None = None
) -> FailureAnswer:
    """Why a request failed. Facts that JSON cannot say become text."""
    plain = json.loads(json.dumps(dict(facts or {}), default=str))
    return {"error": cast(ErrorRow, {"message": message, "unharmed": unharmed, "hint": hint, **plain})}

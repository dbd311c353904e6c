"""What failed because of an agent's sandbox is said so, in one line; anything else stays as it is."""

from __future__ import annotations

import errno

import pytest

from gitfleet.base import advice
from gitfleet.clients import confined
from gitfleet.errors import FleetError, HubUnreachable, LocalStorage, UsageError
from gitfleet.git.program import GitFailed

CODEX = {"CODEX_SESSION_ID": "x"}
CUT = {**CODEX, "CODEX_SANDBOX_NETWORK_DISABLED": "1"}
HUB = HubUnreachable(
    "The hub 'origin' could not be reached.", hint="Try again.", hub="origin", output="Could not resolve host"
)
GIT = GitFailed("`git fetch` ended with 1", output="fatal: cannot open '.git/FETCH_HEAD': Read-only file system")  # fmt: skip


def storage(number: int) -> LocalStorage:
    """What `files.storage` makes of an error of the system."""
    error = LocalStorage("Could not write /x.", hint="Make room.", path="/x")
    error.__cause__ = OSError(number, "refused")
    return error


@pytest.mark.parametrize(
    ("error", "environment", "words"),
    [
        (storage(errno.EROFS), CODEX, "keeps the folder of git read-only"),
        (storage(errno.EPERM), CODEX, "keeps the folder of git read-only"),
        (storage(errno.EROFS), {"CLAUDE_CODE_SESSION_ID": "x"}, "The sandbox of claude"),
        (GIT, CODEX, "keeps the folder of git read-only"),
        (HUB, CUT, "no command reach the network"),
    ],
)
@pytest.mark.parametrize("command", ["claim", "release", "sync", "session start", "commit", "break"])
def test_error_of_a_sandbox_is_one_line_with_what_to_do(
    error: FleetError, environment: dict[str, str], words: str, command: str
) -> None:
    told = confined.explained(error, command, environment)
    assert (type(told), told.exit_code, told.facts) == (type(error), error.exit_code, error.facts)
    assert words in told.message
    assert "\n" not in told.message
    assert told.hint == ""
    assert told.unharmed == error.unharmed
    assert told.message.count(". ") >= 1
    assert (advice.OPEN_SANDBOX in told.message) == ("CODEX_SESSION_ID" in environment)
    assert confined.reason(error, environment) != ""


@pytest.mark.parametrize(
    ("error", "environment"),
    [
        (storage(errno.EROFS), {}),
        (storage(errno.EROFS), {"CODEX_SESSION_ID": ""}),
        (storage(errno.ENOSPC), CODEX),
        (HUB, CODEX),
        (HUB, {"CODEX_SANDBOX_NETWORK_DISABLED": "1"}),
        (UsageError("no"), CUT),
    ],
)
def test_any_other_error_stays_as_it_is(error: FleetError, environment: dict[str, str]) -> None:
    assert confined.explained(error, "claim", environment) is error
    assert confined.reason(error, environment) == ""

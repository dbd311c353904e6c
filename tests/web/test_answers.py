"""What an answer says of what was changed."""

from __future__ import annotations

import json

import pytest

from gitfleet.web import answers


@pytest.mark.parametrize(
    ("status", "unharmed"),
    [(400, "Nothing was changed."), (403, "Nothing was changed."), (404, "Nothing was changed."), (500, "")],
)
def test_failed_says_that_nothing_was_changed_only_where_that_is_known(status: int, unharmed: str) -> None:
    got = answers.failed("word", status, "It failed.", "Look.")
    assert json.loads(bytes(got.body))["data"]["error"]["unharmed"] == unharmed
    assert got.status_code == status

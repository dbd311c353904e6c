"""What requests may say."""

from __future__ import annotations

import sys

import pytest

from gitfleet.cli.web import web
from gitfleet.errors import UsageError
from gitfleet.web.requests import ClaimBody, QueueBody, StatusQuery, of_body, of_query


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"\xff", b"{}", b'{"session_id": 1, "paths": ["x"]}',
        b'{"session_id": "a/b", "paths": ["x"]}', b'{"session_id": "a\\n", "paths": ["x"]}',
        b'{"session_id": "\\ud800", "paths": ["x"]}', b'{"session_id": "a", "paths": []}',
        b'{"session_id": "a", "paths": "x"}', b'{"session_id": "a", "paths": [""]}',
        b'{"session_id": "a", "paths": ["x"], "mode": "none"}', b'{"session_id": "a", "paths": ["x"], "more": 1}',
        b'{"session_id": "a", "paths": ["x"], "paths": ["y"]}',
    ],
)  # fmt: skip
def test_of_body_that_is_no_such_request_raises_usage_error(body: bytes) -> None:
    with pytest.raises(UsageError):
        of_body(ClaimBody, body)


@pytest.mark.parametrize("priority", [-1, 101, 1.5, "70", True])
def test_of_body_with_a_priority_that_is_none_raises_usage_error(priority: object) -> None:
    text = (
        f'{{"session_id": "a", "priority": {str(priority).lower() if priority is True else repr(priority)}}}'
    )
    with pytest.raises(UsageError):
        of_body(QueueBody, text.replace("'", '"').encode())


@pytest.mark.parametrize("value", ["", "x", "-1", "+1", "1_0", " 1", "1.0", "10001", "٣", "9" * 5000])
def test_of_query_with_a_number_that_is_none_raises_usage_error(value: str) -> None:
    with pytest.raises(UsageError):
        of_query(StatusQuery, [("tail", value)])


def test_of_query_takes_each_name_once() -> None:
    assert of_query(StatusQuery, [("tail", "20")]).tail == 20
    for pairs in ([("tail", "1"), ("tail", "2")], [("more", "1")]):
        with pytest.raises(UsageError):
            of_query(StatusQuery, pairs)


def test_web_without_its_framework_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gitfleet.web.server", None)
    with pytest.raises(UsageError) as raised:
        next(web().replies)
    assert "`pip install '.[web]'`" in raised.value.hint

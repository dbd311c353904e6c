"""JSON of other programs."""

from __future__ import annotations

import pytest

from gitfleet.base import plain_json


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100_000, "no", b'{"a": 1} more', b"1" * 5000])
def test_value_that_cannot_be_read_raises_value_error_and_nothing_else(data: bytes | str) -> None:
    with pytest.raises(ValueError, match=r"."):
        plain_json.load(data)


def test_value_is_what_json_says_floats_included() -> None:
    assert plain_json.load(b'{"a": [1.5, null, "\xc3\xa9"]}') == {"a": [1.5, None, "\u00e9"]}

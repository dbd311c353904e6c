"""One spelling for each record: what is written reads back, and what cannot be written again is not read."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitfleet.base import canonical

TEXT = st.text() | st.binary().map(os.fsdecode)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)
RECORDS = st.dictionaries(TEXT, VALUES)


@given(RECORDS)
def test_record_of_any_shape_reads_back_and_any_json_reader_accepts_it(record: dict[str, object]) -> None:
    data = canonical.dump(record)
    again = canonical.load(data)
    assert canonical.dump(again) == data
    assert again == record
    assert json.loads(data) == record
    assert data.count(b"\n") == 1
    assert data.endswith(b"\n")


@given(st.dictionaries(TEXT, st.integers(), min_size=2))
def test_record_in_another_order_is_spelled_alike(record: dict[str, int]) -> None:
    assert canonical.dump(dict(reversed(record.items()))) == canonical.dump(record)


@given(st.binary() | st.text().map(str.encode) | RECORDS.map(json.dumps).map(str.encode))
def test_whatever_is_read_can_be_written(data: bytes) -> None:
    try:
        record = canonical.load(data)
    except ValueError:
        return
    assert canonical.load(canonical.dump(record)) == record


def nested(depth: int, opening: bytes = b'{"a":', closing: bytes = b"}") -> bytes:
    return opening * depth + b"1" + closing * depth


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"1",
        b"null",
        b'"text"',
        b"{",
        b'{"a":1}x',
        b'{"a":\xff}',
        b'{"a":1.5}',
        b'{"a":1e3}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":' + b"9" * 5000 + b"}",
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        nested(65),
        nested(500),
        nested(100_000),
        b'{"a":' + nested(100, b"[", b"]") + b"}",
        b'{"a":"' + b"x" * canonical.MAX_BYTES + b'"}',
    ],
    ids=lambda data: data[:12].decode("latin-1"),
)
def test_load_of_what_is_no_record_raises_valueerror(data: bytes) -> None:
    with pytest.raises(ValueError):
        canonical.load(data)


def test_load_of_the_deepest_record_and_of_many_braces_in_text_works() -> None:
    assert canonical.load(nested(64))
    assert canonical.load(b'{"a":"' + b"[{" * 1000 + b'"}')
    wide = {"rows": [{"n": number} for number in range(1000)]}
    assert canonical.load(canonical.dump(wide)) == wide


@pytest.mark.parametrize("value", [1.5, float("nan"), [1.0], {"x": {"y": 2.0}}])
def test_dump_of_a_float_raises_typeerror(value: object) -> None:
    with pytest.raises(TypeError):
        canonical.dump({"a": value})

"""A JSON text is changed in one place, and what was put in and taken out again leaves every byte as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitfleet.githooks.agents import jsontext

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3), max_leaves=12
)  # fmt: skip
OBJECTS = st.dictionaries(st.text(max_size=4), VALUES, max_size=4)
BLANKS = st.text(alphabet=" \t\n", max_size=3)


def spelled(value: Any, draw: Any, newline: str) -> str:
    """JSON for `value` with blanks anywhere."""

    def blank() -> str:
        return str(draw(BLANKS)).replace("\n", newline)

    if isinstance(value, dict):
        inside = ",".join(
            f"{blank()}{json.dumps(key)}{blank()}:{blank()}{spelled(item, draw, newline)}{blank()}"
            for key, item in value.items()
        )
        return "{" + (inside or blank()) + "}"
    if isinstance(value, list):
        return (
            "["
            + (",".join(blank() + spelled(item, draw, newline) + blank() for item in value) or blank())
            + "]"
        )
    return json.dumps(value, ensure_ascii=draw(st.booleans()))


@given(value=OBJECTS, data=st.data(), indent=st.sampled_from([None, 2, 4, "\t", "wild"]), crlf=st.booleans())
def test_item_that_was_appended_is_removed_without_a_trace(
    value: dict[str, Any], data: st.DataObject, indent: Any, crlf: bool
) -> None:
    newline = "\r\n" if crlf else "\n"
    if indent == "wild":
        text = spelled(value, data.draw, newline)
    else:
        text = json.dumps(value, indent=indent).replace("\n", newline) + newline
    entry = {"matcher": "x", "hooks": [{"type": "command"}]}
    key = data.draw(st.text(max_size=4).filter(lambda name: name not in value))

    longer = jsontext.append(text, jsontext.parse(text), entry, key)

    assert json.loads(longer) == {**json.loads(text), key: entry}
    root = jsontext.parse(longer)
    assert jsontext.remove(longer, root, root.place(key)) == text


@given(items=st.lists(VALUES, max_size=3), indent=st.sampled_from([None, 2, "\t"]), data=st.data())
def test_item_of_a_list_within_is_put_in_last_and_removed_without_a_trace(
    items: list[Any], indent: Any, data: st.DataObject
) -> None:
    del data
    text = json.dumps({"a": 1, "list": items, "z": {}}, indent=indent)
    where = jsontext.parse(text).get("list")
    assert where is not None
    longer = jsontext.append(text, where, {"new": [1]})
    assert json.loads(longer)["list"] == [*items, {"new": [1]}]
    where = jsontext.parse(longer).get("list")
    assert where is not None
    assert jsontext.remove(longer, where, len(items)) == text


@given(items=st.lists(VALUES, min_size=1, max_size=4), data=st.data(), indent=st.sampled_from([None, 2]))
def test_any_item_can_be_removed_or_replaced(items: list[Any], data: st.DataObject, indent: Any) -> None:
    text = json.dumps(items, indent=indent)
    index = data.draw(st.integers(0, len(items) - 1))
    rest = items[:index] + items[index + 1 :]
    assert json.loads(jsontext.remove(text, jsontext.parse(text), index)) == rest
    changed = [*items[:index], {"new": True}, *items[index + 1 :]]
    assert json.loads(jsontext.replace(text, jsontext.parse(text), index, {"new": True})) == changed


def test_new_parts_follow_the_text_s_own_style() -> None:
    text = '{\n\t"a": 1\n}\n'
    assert jsontext.append(text, jsontext.parse(text), [1], "b") == '{\n\t"a": 1,\n\t"b": [\n\t\t1\n\t]\n}\n'
    assert jsontext.append('{"a": 1}', jsontext.parse('{"a": 1}'), [1], "b") == '{"a": 1, "b": [1]}'
    assert jsontext.append("{}", jsontext.parse("{}"), 1, "b") == '{\n  "b": 1\n}'


def test_key_that_stands_twice_means_the_last_one() -> None:
    root = jsontext.parse('{"a": 1, "a": [2]}')
    part = root.get("a")
    assert part is not None
    assert (part.kind, root.place("a")) == ("[", 1)


@pytest.mark.parametrize("text", ["", "{", '{"a": 1,}', "// c\n{}", "[" * 100_000, '{"a"}'])
def test_text_that_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        jsontext.parse(text)

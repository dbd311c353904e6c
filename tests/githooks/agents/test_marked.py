"""A marked block is put at the end of a text, and taken out again without a trace."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitfleet.githooks.agents import marked
from gitfleet.githooks.agents.marked import MARKDOWN, SHELL

TEXTS = (
    st.none()
    | st.binary(max_size=20)
    | st.sampled_from([b"", b"# A\n", b"# A", b"a\r\nb\r\n", b"\n\n", b"a\r\n"])
)
BODY = b"one\ntwo\n"


@given(text=TEXTS, style=st.sampled_from([MARKDOWN, SHELL]))
def test_block_is_put_in_once_and_taken_out_without_a_trace(text: bytes | None, style: marked.Style) -> None:
    longer = marked.put(text, "codex", style, BODY)
    assert longer.startswith(text or b"")
    assert marked.put(longer, "codex", style, BODY) == longer
    assert marked.without(longer, "codex", style) == text


@given(text=TEXTS)
def test_blocks_of_two_names_come_and_go_in_any_order(text: bytes | None) -> None:
    both = marked.put(marked.put(text, "codex", SHELL, BODY), "claude", SHELL, b"/x\n")
    for first, second in (("codex", "claude"), ("claude", "codex")):
        rest = marked.without(both, first, SHELL)
        assert rest is not None
        assert marked.without(rest, second, SHELL) == (
            text or b"" if first == "codex" or text is not None else None
        )


def test_block_follows_a_new_text_in_its_place() -> None:
    old = marked.put(b"# A\n", "codex", MARKDOWN, BODY) + b"after\n"
    new = marked.put(old, "codex", MARKDOWN, b"three\n")
    assert b"one" not in new
    assert new.endswith(b"after\n")
    assert marked.without(new, "codex", MARKDOWN) == b"# A\nafter\n"


def test_block_that_was_emptied_is_filled_in_its_place() -> None:
    whole = marked.put(b"A\n", "codex", SHELL, BODY)
    assert marked.put(whole.replace(BODY, b""), "codex", SHELL, BODY) == whole
    assert marked.put(whole.replace(BODY, b"\n"), "codex", SHELL, BODY) == whole


def test_what_was_added_to_a_file_that_the_block_made_stays() -> None:
    text = marked.put(None, "codex", MARKDOWN, BODY)
    assert marked.without(text + b"mine\n", "codex", MARKDOWN) == b"mine\n"
    assert marked.without(b"mine\n", "codex", MARKDOWN) == b"mine\n"


def test_line_that_was_added_behind_the_block_stays_a_line_of_its_own() -> None:
    for newline in (b"\n", b"\r\n"):
        text = marked.put(b"# A" + newline + b"no end", "codex", MARKDOWN, BODY) + b"mine" + newline
        assert (
            marked.without(text, "codex", MARKDOWN)
            == b"# A" + newline + b"no end" + newline + b"mine" + newline
        )


def test_block_without_an_end_is_refused() -> None:
    text = marked.put(b"# A\n", "codex", MARKDOWN, BODY).replace(b"gitfleet:end", b"gone")
    with pytest.raises(ValueError, match="gitfleet:end codex"):
        marked.without(text, "codex", MARKDOWN)

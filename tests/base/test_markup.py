"""What a template puts into a page is text, unless our own templates made it."""

from __future__ import annotations

import pytest
from markupsafe import Markup

from gitfleet.base import markup


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "plain"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("\x1b[31mred\u202e", "\\x1b[31mred\\u202e"),
        (Markup("<b>ours</b>"), "<b>ours</b>"),
        (None, ""),
        (7, "7"),
    ],
)
def test_value_in_a_page_is_displayable_text_unless_it_is_markup_of_ours(value: object, shown: str) -> None:
    assert markup.environment("page").from_string("{{ value }}").render(value=value) == shown

"""Templates that become HTML. Whatever was written by others is text in them: never markup, never a control character.

One door: each value that a template puts into a page is made displayable, then escaped.
"""

from __future__ import annotations

import os

import jinja2

from gitfleet.base import clock, resources, text


def environment(folder: str) -> jinja2.Environment:
    """What renders the templates of a folder of ours (`report`, `page`); its user adds filters of their own."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(os.path.join(resources.folder("templates"), folder)),
        autoescape=True, undefined=jinja2.StrictUndefined, finalize=_plain, trim_blocks=True, lstrip_blocks=True,
        auto_reload=False,
    )  # fmt: skip
    found.filters.update(amount=text.amount, counted=text.counted, duration=text.duration, iso=clock.iso)
    return found


def _plain(value: object) -> object:
    """What stands in the page for a value: markup of our own templates as it is, all else as displayable text."""
    if (type(value) is str and value.isascii() and value.isprintable()) or hasattr(value, "__html__"):
        return value
    return "" if value is None else text.display(str(value))

"""Pages from templates. Whatever was written by others is text in them: never markup, never a control character, never a link (`base.markup`).

A policy in the page's head forbids scripts and whatever would be loaded, and styles other than its own; so what got past that door
would do nothing.
"""

from __future__ import annotations

import base64
import hashlib
import math
import os
import re
from collections.abc import Iterable
from functools import cache

import jinja2

from gitfleet.base import files, markup, resources, text
from gitfleet.errors import Blocked

_MARK = b"<!doctype html>\n<!-- gitfleet report -->\n"
_WORD = re.compile(r"[a-z][a-z-]{0,31}")


def render(template: str, **values: object) -> str:
    """The page of that template (`plan.html`, `scan.html`). Raises LocalStorage where the installation lacks it."""
    style = resources.read("templates", "report/style.css").decode()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    made = _environment().get_template(template).render(
        style=style,
        style_digest=f"sha256-{digest}",
        **values,
    )  # fmt: skip
    return f"{made}\n"


def write(path: str, page: str) -> None:
    """Put a page there, for this user alone (0600). A report that is there is replaced, and nothing else is: raises Blocked for that."""
    there = files.read(path)
    if there and not there.startswith(_MARK):
        raise Blocked(
            f"{text.display(path)} is there, and is no report: it was left as it is.",
            hint="Name another file.",
        )
    files.replace(os.path.abspath(path), page.encode(), mode=0o600)


@cache
def _environment() -> jinja2.Environment:
    found = markup.environment("report")
    found.filters.update(
        some=_some,
        slug=_slug,
        two=_two,
        rough="{:.2g}".format,
        share=_share,
        probability=_probability,
        width=_width,
    )
    return found


def _slug(word: str) -> str:
    """A word as the name of a class; one that is none has no class of its own."""
    return word if _WORD.fullmatch(word) else "other"


def _some(items: Iterable[object]) -> str:
    return text.some([str(one) for one in items], 8)


def _two(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".") if math.isfinite(number) else "any number of"


def _share(number: float) -> str:
    return f"{number * 100:.3g}%"


def _probability(number: float) -> str:
    return f"{number:.4f}" if 0 < number < 0.01 else f"{number:.2f}"


def _width(share: float) -> str:
    return f"{min(1.0, max(0.0, share)) * 100:.1f}"

"""Views become HTML here, once for first paint and for patches. Whatever was written by others is text: never markup, never a control character (`base.markup`).

The policy that goes with the page forbids scripts and styles other than its own files, and whatever would be loaded from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from hashlib import blake2b

import jinja2

from gitfleet.base import commands, markup, shellwords, text
from gitfleet.codec import Struct
from gitfleet.web.page import words
from gitfleet.web.page.queue_acts import possible

BLOCK, ROW = "block_", "row_"


class PageParts(Struct):
    """A page as it stands: HTML by block, a row's block being `LIST:KEY`, and the order of each list. `id` is a digest of all."""

    id: str
    title: str
    blocks: Mapping[str, str]
    lists: Mapping[str, Sequence[str]]


class Rendered:
    """What was rendered of one template, by row: a row that is the same again is not rendered again."""

    def __init__(self, template: str) -> None:
        self._module = _environment().get_template(f"{template}.html").module
        names = [name for name in vars(self._module) if name.startswith((BLOCK, ROW))]
        self._blocks = [name.removeprefix(BLOCK) for name in names if name.startswith(BLOCK)]
        self._lists = [name.removeprefix(ROW) for name in names if name.startswith(ROW)]
        self._rows: dict[str, tuple[object, str]] = {}

    def blocks(self, view: object) -> Iterator[tuple[str, str]]:
        """Each block and its HTML."""
        for name in self._blocks:
            yield name, str(getattr(self._module, BLOCK + name)(view)).strip()

    def lists(self, view: object) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        """Each list, and the block and HTML of each of its rows."""
        known: dict[str, tuple[object, str]] = {}
        for name in self._lists:
            macro, found = getattr(self._module, ROW + name), []
            for row in getattr(view, name):
                key = f"{name}:{row.key}"
                before = self._rows.get(key)
                html = before[1] if before and before[0] == row else str(macro(row)).strip()
                known[key] = row, html
                found.append((key, html))
            yield name, found
        self._rows = {**self._rows, **known} if len(self._rows) < 4 * len(known) + 64 else known


def parts(title: str, *rendered: tuple[Rendered, object]) -> PageParts:
    """What these templates make of their views, together. Raises jinja2.TemplateError for a template that is wrong."""
    blocks: dict[str, str] = {}
    lists: dict[str, Sequence[str]] = {}
    for one, view in rendered:
        blocks.update(one.blocks(view))
        for name, rows in one.lists(view):
            lists[name] = tuple(key for key, _ in rows)
            blocks.update(rows)
    digest = blake2b(digest_size=12)
    for piece in (title, *blocks, *blocks.values(), *(f"{name} {keys}" for name, keys in lists.items())):
        digest.update(piece.encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    return PageParts(digest.hexdigest(), title, blocks, lists)


def difference(before: PageParts, after: PageParts) -> dict[str, object]:
    """What has to be done to `before` to have `after`: changed blocks, changed orders, and blocks that are gone."""
    return {
        "title": after.title,
        "blocks": {key: html for key, html in after.blocks.items() if before.blocks.get(key) != html},
        "lists": {name: list(keys) for name, keys in after.lists.items() if before.lists.get(name) != keys},
        "gone": [key for key in before.blocks if key not in after.blocks],
    }


def whole(shown: PageParts) -> dict[str, object]:
    """All of a page."""
    lists = {name: list(keys) for name, keys in shown.lists.items()}
    return {"title": shown.title, "blocks": dict(shown.blocks), "lists": lists}


def document(template: str, **values: object) -> str:
    """A template that is a document of its own."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> jinja2.Environment:
    found = markup.environment("page")
    found.filters.update(
        json=words.as_json, tabbed=words.tabbed, some=text.some,
        spoken=words.spoken, step=words.only_step, took=words.length, stepped=commands.spoken, word=shellwords.word,
    )  # fmt: skip
    found.globals.update(possible_acts=possible, state_of=words.state, path_parts=words.path_parts)
    return found

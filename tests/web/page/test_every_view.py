"""Every view of the page with hostile words in it: accessible in each theme and size, never wider than the screen, and never more than text."""

from __future__ import annotations

import importlib.resources
import importlib.util
import json
from typing import Any

import pytest

from tests.browser import needs_browser
from tests.web.page.showing import Shown, seen

__all__ = ["seen"]
pytestmark = needs_browser
VIEWS = (
    "/overview", "/sessions", "/sessions?id=worker", "/sessions?id=worker&tab=review", "/sessions?id=nobody", "/claims",
    "/claims?q=src/api/a.py", "/claims?q=free.txt", "/queue", "/queue?id=one", "/queue?id=two", "/queue?id=three", "/radar", "/jobs",
    "/hosts", "/log", "/log?q=worker",
)  # fmt: skip
needs_axe = pytest.mark.skipif(
    importlib.util.find_spec("axe_playwright_python") is None,
    reason="needs axe-core (requirements/alone.lock)",
)
SIZES = ((1440, 900), (390, 844))
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDE = """
(() => {
  const parts = [...document.querySelectorAll('main, .lwrap, .pn-b, .pn-h, .pn-f')], over = [];
  if (document.documentElement.scrollWidth <= innerWidth && parts.every(one => one.scrollWidth <= one.clientWidth + 1)) return '[]';
  for (const one of document.querySelectorAll('#view *'))
    if (one.getBoundingClientRect().right > innerWidth + 1 && !one.closest('.hunk, pre, .tail, .chips'))
      over.push(`${one.tagName}.${one.className}`);
  return JSON.stringify(over.slice(0, 5).concat('wide'));
})()
"""
"""What stands over the edge; `[]` where the page is not wider than the screen."""


def violations(shown: Shown) -> list[Any]:
    """What axe finds in the view that is open, which has its script."""
    asked = f"axe.run(document, {{runOnly: {json.dumps(RULES)}}}).then(found => JSON.stringify("
    asked += (
        "found.violations.map(one => [one.id, one.nodes.slice(0, 3).map(node => node.html.slice(0, 200))])))"
    )
    found = shown.page.call("Runtime.evaluate", expression=asked, awaitPromise=True, returnByValue=True)
    told: list[Any] = json.loads(found["result"]["value"])
    return told


@pytest.fixture(scope="module")
def axe() -> str:
    """The script of axe-core."""
    return (importlib.resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


@needs_axe
@pytest.mark.sample(3)
@pytest.mark.parametrize("view", VIEWS)
def test_view_has_no_axe_violation_in_any_theme_and_size(seen: Shown, axe: str, view: str) -> None:
    seen.open(view)
    seen.page.value(axe)
    for width, height in SIZES:
        seen.page.widen(width, height)
        for scheme in ("light", "dark"):
            seen.page.theme(scheme)
            assert violations(seen) == [], (width, scheme)


@needs_axe
@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("view", "act"),
    [
        ("/queue?id=four", "drop"), ("/queue", "pause"), ("/claims?q=free.txt", "claim"), ("/sessions?id=waiter", "tell"),
        ("/sessions?id=worker&tab=review", "accept"),
    ],
)  # fmt: skip
def test_dialog_has_no_axe_violation_and_fits(seen: Shown, axe: str, view: str, act: str) -> None:
    seen.open(view)
    page = seen.page
    page.until(f"document.querySelector('[data-act={act}]')")
    page.value(f"document.querySelector('[data-act={act}]').click()")
    page.until("document.querySelector('#act[open] form')")
    page.value(axe)
    for width, height in (*SIZES, (320, 640)):
        page.widen(width, height)
        for scheme in ("light", "dark"):
            page.theme(scheme)
            assert violations(seen) == [], (width, scheme)
        assert page.value(
            "document.querySelector('#act').scrollWidth <= document.querySelector('#act').clientWidth"
        )


@pytest.mark.sample(4)
@pytest.mark.parametrize("view", VIEWS)
def test_view_is_never_wider_than_the_screen(seen: Shown, view: str) -> None:
    seen.open(view, width=320, height=640)
    for width in (320, 360, 390, 480, 540, 700, 820, 821, 1000, 1100, 1180, 1280, 1680):
        seen.page.widen(width)
        assert seen.page.until(WIDE) == "[]", width


@pytest.mark.sample(4)
@pytest.mark.parametrize("view", VIEWS)
def test_words_of_others_are_text_and_load_nothing(seen: Shown, view: str) -> None:
    seen.open(view)
    page = seen.page
    assert page.said == []
    assert [one for one in page.asked if not one.startswith(seen.url)] == []
    assert page.value("document.querySelectorAll('#view script, #view img, #view b > i > *').length") == 0
    text = page.value("document.body.textContent")
    assert not {char for char in text if ord(char) < 32 and char not in "\t\n\r"}
    assert not {"\u202e", "\u2066"} & set(text)
    assert page.value("document.querySelectorAll('[style]').length") == page.value(
        "[...document.querySelectorAll('[style]')].filter(one => [...one.style].every(name => name.startsWith('--'))).length"
    )

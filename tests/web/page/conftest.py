"""A real fleet behind a real page: a server in a clone, and Chromium that looks at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.browser import Browser, browser
from tests.cli.conftest import Cli
from tests.web.conftest import Site

HOME = "document.querySelector('#view h1')"


@dataclass(frozen=True, slots=True)
class Shown:
    """The page of a fleet in a browser that has its token."""

    site: Site
    cli: Cli
    page: Browser

    def at(self, path: str, *, width: int = 1280, height: int = 800, scheme: str = "light") -> None:
        """Open an address of it."""
        self.page.open(f"{self.site.started['data']['url']}{path}", width=width, height=height, scheme=scheme)
        self.page.until(HOME)

    def text(self, selector: str) -> str:
        """The text of the first element of that kind; "" for none."""
        return str(self.page.value(f"document.querySelector({selector!r})?.innerText ?? ''"))

    def says(self, selector: str, words: str) -> None:
        """Wait until an element says these words."""
        self.page.until(
            f"[...document.querySelectorAll({selector!r})].some(one => one.checkVisibility() && one.innerText.includes({words!r}))"
        )

    def click(self, selector: str) -> None:
        """Click the first element of that kind."""
        self.page.value(f"document.querySelector({selector!r}).click()")

    def focused(self) -> str:
        """The text of what has the focus."""
        return str(self.page.value("document.activeElement.innerText ?? document.activeElement.tagName"))


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture
def show(serve: Callable[..., Site], chromium: Browser) -> Iterator[Callable[..., Shown]]:
    """`show(cli)` starts a server in a clone and has the browser signed in there."""

    def start(cli: Cli, *options: str, token: str = "") -> Shown:
        site = serve(cli, *options)
        shown = Shown(site, cli, chromium)
        shown.at(f"/#token={token or site.token}")
        return shown

    yield start
    chromium.open("about:blank")

"""The page of a real fleet in a real browser. The fleet, its server and the browser are there once for the tests of a module."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.browser import CHROMIUM, Browser, browser
from tests.fleetbench import Fleets
from tests.web.page import stage
from tests.workbench import PATIENCE, Git, overlaid, seen_now


@dataclass(frozen=True, slots=True)
class Shown:
    """A page that is open: the clone behind it, its address, and its tokens."""

    page: Browser
    fleets: Fleets
    url: str
    token: str
    read_only: str

    def open(self, path: str, *, width: int = 1440, height: int = 900, scheme: str = "light") -> None:
        """Show an address of the page, and wait until all that it is about is there."""
        self.page.open(f"{self.url}{path}", width=width, height=height, scheme=scheme)
        self.page.until("document.querySelector('#view h1') && document.body.dataset.live === 'live'")
        if "id=" in path:
            self.page.until("document.querySelector('#panel:not([hidden]) h2')")

    def sign_in(self, token: str) -> None:
        """Have the browser use a token from now on."""
        self.page.open("about:blank")
        self.page.open(f"{self.url}/overview#token={token}")
        self.page.until("document.querySelector('#view h1')")


@contextmanager
def shown(prepared: Path, git: Git) -> Iterator[Shown]:
    """A fleet with everything in it, served, and a browser that is signed in."""
    if not CHROMIUM:
        pytest.skip("needs Chromium (scripts/system-packages)")
    with ExitStack() as until:
        folder = until.enter_context(tempfile.TemporaryDirectory(prefix="gitfleet-test-"))
        root = Path(folder, "fleet")
        shutil.copytree(prepared, root, symlinks=True)
        fleets = Fleets(root)
        seen_now(root / "alone")
        clone = stage.build(fleets, git)
        argv = [sys.executable, "-m", "gitfleet", "web", "--port", "0", "--json"]
        env = overlaid({"GITFLEET_SESSION": None, "PYTHONPATH": os.getcwd()})
        process = until.enter_context(
            subprocess.Popen(argv, cwd=clone, env=env, stdout=subprocess.PIPE, text=True)
        )
        until.callback(process.wait, PATIENCE)
        until.callback(process.terminate)
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())["data"]
        full, read = (Path(told[name]).read_text().strip() for name in ("token_file", "read_only_token_file"))
        page = until.enter_context(browser(Path(folder, "browser")))
        made = Shown(page, fleets, told["url"], full, read)
        made.sign_in(full)
        yield made


@pytest.fixture(scope="module")
def seen(prepared_fleet: Path, git: Git) -> Iterator[Shown]:
    """The page of a fleet that the tests of a module share."""
    with shown(prepared_fleet, git) as made:
        yield made

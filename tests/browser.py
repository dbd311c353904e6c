"""A real browser, by its debugging protocol over two pipes: pages are looked at as people see them. Nothing is downloaded for it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
needs_browser = pytest.mark.skipif(not CHROMIUM, reason="needs Chromium (scripts/system-packages)")
_OPTIONS = (
    "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--hide-scrollbars", "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip

_START = """
import fcntl, os, sys
into, out = (fcntl.fcntl(int(one), fcntl.F_DUPFD, 10) for one in sys.argv[1:3])
os.dup2(into, 3)  # what the protocol reads from
os.dup2(out, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Browser:
    """One page. `asked` are the addresses that it wanted since it was opened, its own left out; `said` what its console says."""

    def __init__(self, into: int, out: int) -> None:
        self._into, self._out, self._rest, self._last = into, out, b"", 0
        self._session, self._loaded = "", False
        self.asked: list[str] = []
        self.said: list[str] = []

    def call(self, method: str, **params: Any) -> Mapping[str, Any]:
        """Send one command and await its answer; what happens meanwhile is noted."""
        self._last += 1
        order: dict[str, Any] = {"id": self._last, "method": method, "params": params}
        if self._session:
            order["sessionId"] = self._session
        os.write(self._into, json.dumps(order).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == self._last:
                assert "error" not in told, told["error"]
                result: Mapping[str, Any] = told["result"]
                return result

    def attach(self) -> None:
        """Make the page that is spoken to."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def open(
        self,
        path: Path | str,
        *,
        width: int = 1000,
        height: int = 800,
        scheme: str = "light",
        media: str = "",
    ) -> None:
        """Show a file, or an address, at that width, and wait until it is loaded."""
        address = path if isinstance(path, str) else path.as_uri()
        self.widen(width, height)
        self.theme(scheme, media=media)
        self.asked.clear()
        self.said.clear()
        self._loaded = False
        began = self.call("Page.navigate", url=address)
        while not self._loaded and "loaderId" in began:  # else only the fragment is another
            self._next()
        self.asked[:] = [one for one in self.asked if one != address]

    def theme(self, scheme: str, *, media: str = "") -> None:
        """Have the page think that this is what the user prefers: `light` or `dark`."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)

    def widen(self, width: int, height: int = 800) -> None:
        """Show the page at another width."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 700
        )  # fmt: skip

    def until(self, expression: str, *, within: float = 30.0) -> Any:
        """What a piece of JavaScript comes to there, once that is something: it is asked anew with each frame. For at most so many seconds."""
        wait = (
            f"new Promise((done, fail) => {{ const end = performance.now() + {within * 1000}; (function look() {{ let v; "
            f"try {{ v = ({expression}) }} catch (e) {{ v = null }} if (v) done(v); else if (performance.now() > end) "
            "fail(new Error('not within time')); else setTimeout(look, 16) })() })"
        )
        found = self.call("Runtime.evaluate", expression=wait, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, (expression, self.said, self.value("document.body.innerText"))
        return found["result"].get("value")

    def press(self, *keys: str) -> None:
        """Press keys one after the other, each by its name in the DOM (`j`, `Enter`, `ArrowDown`)."""
        for key in keys:
            text = key if len(key) == 1 else "\r" if key == "Enter" else ""
            code = {"Enter": 13, "Tab": 9, "Escape": 27, "ArrowDown": 40, "ArrowUp": 38, "ArrowLeft": 37, "ArrowRight": 39}.get(key, 0)  # fmt: skip
            shared: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": code, "code": key if code else ""}
            self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **shared)
            self.call("Input.dispatchKeyEvent", type="keyUp", **shared)

    def value(self, expression: str) -> Any:
        """What a piece of JavaScript comes to there."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """All of the page, or what is seen of it, as PNG."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def paper(self, path: Path) -> None:
        """All of the page, printed, as PDF."""
        path.write_bytes(base64.b64decode(self.call("Page.printToPDF", printBackground=False)["data"]))

    def _next(self) -> Any:
        while b"\0" not in self._rest:
            data = os.read(self._out, 1 << 20)
            assert data, "the browser has gone"
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\0")
        told = json.loads(line)
        if told.get("method") == "Network.requestWillBeSent":
            self.asked.append(told["params"]["request"]["url"])
        elif told.get("method") == "Page.loadEventFired":
            self._loaded = True
        elif told.get("method") == "Log.entryAdded":
            self.said.append(told["params"]["entry"]["text"])
        elif told.get("method") in {
            "Runtime.consoleAPICalled",
            "Runtime.exceptionThrown",
            "Page.javascriptDialogOpening",
        }:
            self.said.append(line.decode())
        return told


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser with a profile of its own in `folder`; it ends with the block."""
    into, orders = os.pipe()
    answers, out = os.pipe()
    process = subprocess.Popen(
        [
            sys.executable, "-I", "-S", "-c", _START, str(into), str(out), CHROMIUM, *_OPTIONS, f"--user-data-dir={folder}",
        ],
        pass_fds=(into, out), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    os.close(into)
    os.close(out)
    try:
        found = Browser(orders, answers)
        found.attach()
        yield found
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # it and all its helpers
        process.wait()
        os.close(orders)
        os.close(answers)

"""A clone with the server running in it, and a client that sends exactly what a test wants sent."""

from __future__ import annotations

import http.client
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gitfleet.web.routes import API
from tests.cli.conftest import Cli, cli, hub_cli
from tests.workbench import PATIENCE, overlaid

__all__ = ["cli", "hub_cli"]


@dataclass(frozen=True, slots=True)
class Got:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Site:
    """A server that runs, and requests to it: with its token, unless a test says otherwise."""

    def __init__(
        self, cli: Cli, *options: str, session: str | None = None, place: Path | None = None
    ) -> None:
        args = cli.gitfleet.argv("web", "--port", "0", "--json", *options)
        env = overlaid({**cli.gitfleet.environment(), "GITFLEET_SESSION": session})
        self.process = subprocess.Popen(
            args, cwd=place or cli.clone.path, env=env, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.started = json.loads(self.process.stdout.readline())
        told = self.started["data"]
        self.port = int(told["url"].rpartition(":")[2])
        self.token = Path(told["token_file"]).read_text().strip()
        self.read_only = Path(told["read_only_token_file"]).read_text().strip()

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Got:
        """Send a request; a header with an empty value is left out."""
        asked = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            wanted = {name: value for name, value in asked.items() if value}
            connection.request(method, path, body, wanted)
            answer = connection.getresponse()
            return Got(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Got:
        """`GET` of a path below the API."""
        return self.ask("GET", f"{API}{path}", headers)

    def post(self, path: str, body: Any, **headers: str) -> Got:
        """`POST` of JSON to a path below the API."""
        kind = {"Content-Type": "application/json", **headers}
        return self.ask("POST", f"{API}{path}", kind, json.dumps(body).encode())

    def close(self) -> None:
        """Leave nothing behind."""
        self.process.terminate()
        self.process.wait(PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Site]]:
    """`serve(cli, "--read-only")` starts a server in a clone; `place` is another folder of it."""
    sites: list[Site] = []

    def start(cli: Cli, *options: str, session: str | None = None, place: Path | None = None) -> Site:
        sites.append(Site(cli, *options, session=session, place=place))
        return sites[-1]

    yield start
    for site in sites:
        site.close()

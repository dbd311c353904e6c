"""Pages from outside, without a browser: who gets what, and how it is told that something has changed."""

from __future__ import annotations

import http.client
import json
import os
import pty
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from gitfleet.web.page import documents, pages
from tests.cli.conftest import Cli
from tests.web.conftest import Site
from tests.workbench import PATIENCE, overlaid

Serve = Callable[..., Site]
HTML = {"Accept": "text/html", "Authorization": ""}


class Told:
    """A stream that is read event by event."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self._answer = answer

    def event(self) -> tuple[str, str, Any]:
        """The next one: its kind, id and data."""
        while True:
            lines: list[str] = []
            while line := self._answer.readline().decode().rstrip("\n"):
                lines.append(line)
            fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
            if fields:
                return fields["event"], fields["id"], json.loads(fields["data"])

    def rest(self) -> bytes:
        """All that comes until the server ends the stream. Raises IncompleteRead where it is cut off."""
        return self._answer.read()


@contextmanager
def live(site: Site, page: str, seen: str = "") -> Iterator[Told]:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE)
    headers = {"Authorization": f"Bearer {site.token}", **({"Last-Event-ID": seen} if seen else {})}
    connection.request("GET", f"/page/{page}", headers=headers)
    try:
        yield Told(connection.getresponse())
    finally:
        connection.close()


def test_the_files_of_the_page_are_for_everybody_and_what_it_shows_is_not(serve: Serve, cli: Cli) -> None:
    site = serve(cli)
    for path in documents.everything():
        got = site.ask("GET", path, HTML)
        assert got.status == 200, path
        assert got.headers["content-security-policy"] == documents.POLICY
        assert site.token.encode() not in got.body
        assert cli.clone.session.encode() not in got.body
        assert site.ask("GET", path, {**HTML, "If-None-Match": got.headers["etag"]}).status == 304
    for path in ("/page/overview", "/page/overview/live", "/page/nothing", "/openapi.json", "/static/../x"):
        assert site.ask("GET", path, HTML).status == 401, path
    assert site.ask("GET", "/", {"Authorization": ""}).status == 401
    assert site.ask("GET", "/overview", {**HTML, "Host": "attacker.example"}).status == 403
    assert site.ask("POST", "/overview", HTML).status == 401
    assert site.ask("GET", "/page/nothing").status == 404


@pytest.mark.parametrize("page", [page.name for page in pages.PAGES])
def test_a_page_of_a_real_fleet_has_what_its_places_are_for(serve: Serve, cli: Cli, page: str) -> None:
    cli("claim", "src/").ok()
    site = serve(cli)
    got = site.ask("GET", f"/page/{page}", {"Authorization": f"Bearer {site.read_only}"})
    assert got.status == 200
    shown = got.json
    assert "<h1" in shown["blocks"]["page"]
    assert set().union(*shown["lists"].values()) <= shown["blocks"].keys()
    assert shown["title"].startswith(next(one.title for one in pages.PAGES if one.name == page))


def test_a_stream_tells_all_once_and_then_what_has_changed(serve: Serve, cli: Cli) -> None:
    site = serve(cli)
    with live(site, "sessions/live") as stream:
        kind, first, shown = stream.event()
        assert kind == "whole"
        cli("claim", "src/").ok()
        kind, second, patch = stream.event()
        assert kind == "patch"
        assert f"sessions:{cli.clone.session}" in patch["blocks"]
        assert f"sessions:{cli.clone.other}" not in patch["blocks"]
        assert patch["blocks"].items() <= {**shown["blocks"], **patch["blocks"]}.items()
    with live(site, "sessions/live", seen=second) as stream:
        cli("release", "src/").ok()
        kind, third, patch = stream.event()
        assert (kind, third != first) == ("patch", True)
    with live(site, f"sessions/live?id={cli.clone.session}", seen=third) as stream:
        kind, _, patch = stream.event()
        assert kind == "patch"
        assert "panel" in patch["blocks"]
        assert not patch["lists"]
    with live(site, "sessions/live", seen="somebody else's") as stream:
        assert stream.event()[0] == "whole"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_streams_of_a_server_that_is_stopped_come_to_their_end(
    serve: Serve, cli: Cli, number: signal.Signals
) -> None:
    site = serve(cli)
    with live(site, "overview/live") as page, live(site, "sessions/live") as other:
        assert page.event()[0] == other.event()[0] == "whole"
        site.process.send_signal(number)
        page.rest()  # to its end: nothing was cut off
        other.rest()
    site.process.wait(PATIENCE)


def test_a_link_with_the_token_is_for_a_terminal_only(serve: Serve, cli: Cli) -> None:
    site = serve(cli)
    assert site.token not in json.dumps(site.started)
    ours, theirs = pty.openpty()
    env = overlaid({**cli.gitfleet.environment(), "GITFLEET_SESSION": None, "COLUMNS": "400"})
    argv = cli.gitfleet.argv("web", "--port", "0")
    with subprocess.Popen(
        argv, cwd=cli.clone.path, env=env, stdout=theirs, stderr=subprocess.DEVNULL
    ) as process:
        os.close(theirs)
        said = b""
        while b"Ctrl-C" not in said or b"look only" not in said:
            said += os.read(ours, 4096)
        process.terminate()
    os.close(ours)
    assert f"/#token={site.token}" in said.decode()

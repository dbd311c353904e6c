"""Server-sent events, from outside."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from gitfleet.web.routes import API
from tests.cli.conftest import Cli
from tests.web.conftest import Site
from tests.workbench import PATIENCE


@contextmanager
def listening(site: Site, seen: str = "") -> Iterator[Callable[[], tuple[str, Any]]]:
    """Gives a function that waits for the next event: its id and data."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE)
    headers = {"Authorization": f"Bearer {site.token}", **({"Last-Event-ID": seen} if seen else {})}
    connection.request("GET", f"{API}/events", headers=headers)
    answer = connection.getresponse()
    assert answer.status == 200

    def following() -> tuple[str, Any]:
        lines = [answer.readline().decode().rstrip("\n")]
        while lines[-1] or lines[0].startswith(":"):
            lines = (
                [answer.readline().decode().rstrip("\n")]
                if not lines[-1]
                else [*lines, answer.readline().decode().rstrip("\n")]
            )
        fields = dict(line.split(": ", 1) for line in lines[:-1])
        assert fields["event"] == "ledger"
        return fields["id"], json.loads(fields["data"])

    try:
        yield following
    finally:
        connection.close()


def test_events_tell_each_listener_of_a_change_and_who_comes_back_of_what_it_missed(
    serve: Callable[..., Site], cli: Cli
) -> None:
    site = serve(cli)
    with listening(site) as one, listening(site) as two:
        first, data = one()
        assert two()[0] == first
        cli("claim", "src/").ok()
        second, changed = one()
        assert (two()[0], changed["generation"]) == (second, data["generation"] + 1)
    with listening(site, seen=first) as late:
        assert late()[0] == second
    with listening(site, seen=second) as current:
        cli("release", "src/").ok()
        assert current()[1]["generation"] == data["generation"] + 2


def test_events_end_when_the_ledger_has_gone_and_begin_again_once_it_is_back(
    serve: Callable[..., Site], cli: Cli
) -> None:
    site = serve(cli)
    tip = cli.clone.out("rev-parse", "refs/fleet/coord")
    with listening(site) as ending:
        first, _ = ending()
        cli.clone.out("update-ref", "-d", "refs/fleet/coord")
        with pytest.raises(KeyError):  # the end, which says nothing
            ending()
    cli.clone.out("update-ref", "refs/fleet/coord", tip)
    with listening(site) as again:
        assert again()[0] == first

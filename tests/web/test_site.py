"""The server from outside, in a clone of a fleet: each endpoint of the runbook, and who may ask."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable
from typing import Any

import pytest

from gitfleet.fleet.views import schema
from gitfleet.fleet.views.envelope import Envelope, FailureAnswer
from gitfleet.web.routes import API, ROUTES
from tests.cli.conftest import Cli
from tests.web.conftest import Got, Site
from tests.workbench import PATIENCE

Serve = Callable[..., Site]


def held(got: Got, method: str, path: str) -> Any:
    """The data of an answer, held against what the route says of it."""
    (route,) = [one for one in ROUTES if (one.method, one.path) == (method, f"{API}{path}")]
    schema.validate(Envelope, got.json)
    assert got.json["command"] == route.command
    if got.status < 300:
        schema.validate(route.answer, got.json["data"])
    else:
        schema.validate(FailureAnswer, got.json["data"], more=True)
    return got.json["data"]


@pytest.mark.always
def test_the_endpoints_of_the_runbook_answer_as_their_commands_do(serve: Serve, hub_cli: Cli) -> None:
    site, own, other = serve(hub_cli), hub_cli.clone.session, hub_cli.clone.other
    wanted = {"session_id": own, "paths": ["src/", "docs/x.md"]}
    claimed = site.post("/claims", wanted)
    assert claimed.status == 200
    assert {one["pattern"] for one in held(claimed, "POST", "/claims")["granted"]} == {"src/", "docs/x.md"}

    before = hub_cli("claims", "--json").ok().json()["data"]["claims"]
    refused = site.post("/claims", {"session_id": other, "paths": ["lib/", "src/a.py"]})
    assert refused.status == 409
    error = held(refused, "POST", "/claims")["error"]
    assert (error["exit_code"], error["conflicts"][0]["session"]) == (10, own)
    told = held(site.get("/claims"), "GET", "/claims")["claims"]
    assert [one["id"] for one in told] == [one["id"] for one in before]
    assert held(site.get(f"/claims?session_id={other}"), "GET", "/claims")["claims"] == []

    released = site.post("/claims/release", {"session_id": own, "paths": ["docs/"]})
    assert [one["pattern"] for one in held(released, "POST", "/claims/release")["released"]] == ["docs/x.md"]

    hub_cli.clone.git("switch", "-q", "-c", "codex/my-branch").ok()
    hub_cli.clone.write("src/a.py")
    hub_cli.clone.commit().ok()
    entry = {"session_id": own, "branch": "codex/my-branch", "priority": 70, "title": "claim API"}
    added = held(site.post("/merge-queue", entry), "POST", "/merge-queue")
    assert (added["entry"]["priority"], added["entry"]["title"]) == (70, "claim API")
    queue = held(site.get("/merge-queue"), "GET", "/merge-queue")["entries"]
    assert [(one["branch"], one["position"]) for one in queue] == [("codex/my-branch", 1)]

    status = held(site.get("/status?tail=5"), "GET", "/status")["sessions"]
    assert {one["id"] for one in status} >= {own, other}
    assert all(one["orchestration_pattern"] for one in status)
    logs = held(site.get(f"/logs?session_id={own}"), "GET", "/logs")
    assert (logs["session"], logs["log_tail"]) == (own, [])
    assert site.get("/logs?session_id=nobody").status == 404


def test_a_request_without_its_token_host_or_origin_is_refused_from_outside(serve: Serve, cli: Cli) -> None:
    site, body = serve(cli), {"session_id": cli.clone.session, "paths": ["src/"]}
    refused = site.get("/status", Authorization="")
    assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert site.get("/status", Authorization="Bearer nonsense").status == 401
    assert site.get("/status", Host="attacker.example").status == 403
    assert site.post("/claims", body, Origin="http://attacker.example").status == 403
    shared = {"Authorization": f"Bearer {site.read_only}"}
    assert site.post("/claims", body, **shared).status == 403
    assert site.get("/claims", **shared).json["data"]["claims"] == []
    assert (
        site.get("/status", Host=f"localhost:{site.port}", Origin=f"http://localhost:{site.port}").status
        == 200
    )
    for path in (site.started["data"]["token_file"], site.started["data"]["read_only_token_file"]):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_a_server_to_look_only_changes_nothing_for_any_token(serve: Serve, cli: Cli) -> None:
    site = serve(cli, "--read-only")
    assert site.post("/claims", {"session_id": cli.clone.session, "paths": ["src/"]}).status == 403
    assert site.get("/claims").json["data"]["claims"] == []


def test_a_body_that_is_not_what_it_should_be_is_refused_and_changes_nothing(serve: Serve, cli: Cli) -> None:
    site = serve(cli)
    table = [
        (b"{", "application/json", 400),
        (b'{"session_id": "alone-1", "path": ["x"]}', "application/json", 400),
        (b'{"session_id": "alone-1", "paths": ["../x"]}', "application/json", 400),
        (b'{"session_id": "nobody", "paths": ["x"]}', "application/json", 404),
        (b'{"session_id": "alone-1", "paths": ["x"]}', "text/plain", 415),
        (b" " * (1 << 20) + b"{}", "application/json", 413),
    ]
    for body, kind, status in table:
        got = site.ask("POST", f"{API}/claims", {"Content-Type": kind}, body)
        assert got.status == status
        schema.validate(Envelope, got.json)
    assert site.get("/claims").json["data"]["claims"] == []


def test_a_body_that_is_announced_as_too_large_is_refused_before_it_comes(serve: Serve, cli: Cli) -> None:
    site = serve(cli)
    kind = {"Content-Type": "application/json", "Content-Length": str(1 << 40)}
    assert site.ask("POST", f"{API}/claims", kind).status == 413


def test_what_is_no_route_is_told_in_the_same_form(serve: Serve, cli: Cli) -> None:
    site = serve(cli)
    assert site.get("/nothing").status == 404
    assert site.ask("DELETE", f"{API}/claims").status == 405
    slashed = site.get("/status/")
    assert (slashed.status, slashed.json["status"]) == (404, "bad-request")
    assert site.get("/status?tail=x").status == 400
    assert site.get("/status?tail=1&tail=1").status == 400
    assert {one["path"] for one in site.ask("GET", "/").json["data"]["routes"]} == {
        one.path for one in ROUTES
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_server_leaves_what_was_done_and_starts_again_with_the_same_token(
    serve: Serve, cli: Cli, number: signal.Signals
) -> None:
    site = serve(cli)
    site.post("/claims", {"session_id": cli.clone.session, "paths": ["src/"]})
    site.process.send_signal(number)
    site.process.wait(PATIENCE)
    assert [one["pattern"] for one in cli("claims", "--json").ok().json()["data"]["claims"]] == ["src/"]
    cli("fsck").ok()
    assert serve(cli).token == site.token

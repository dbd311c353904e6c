"""What people do through the server: each act as its command does it, by the person of the clone, and refused with nothing changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from gitfleet.base.names import SessionId
from gitfleet.fleet.views import schema
from gitfleet.fleet.views.envelope import Envelope
from gitfleet.ledger.notices import LOST
from gitfleet.sessions.service import Start
from gitfleet.web.routes import API, ROUTES
from tests.cli.conftest import Cli
from tests.gatebench import Gated
from tests.web.conftest import Got, Site

Serve = Callable[..., Site]


@pytest.fixture
def person(cli: Cli) -> SessionId:
    """A person at work in the clone."""
    with cli.clone.open() as fleet:
        fleet.sessions.start(Start(id="mira", person=True))
    return SessionId("mira")


@pytest.fixture
def head(cli: Cli) -> str:
    """The commit of a branch `feat` that is the work of the clone's session."""
    cli.clone.out("switch", "--quiet", "--create", "feat", "main")
    cli.clone.claim("feat.txt")
    cli.clone.write("feat.txt")
    cli.clone.commit("-m", "feat").ok()
    return cli.clone.out("rev-parse", "HEAD")


def done(got: Got, path: str, status: int = 200) -> Any:
    """The data of an answer, held against what its route says of it."""
    assert got.status == status, got.body
    schema.validate(Envelope, got.json)
    if status >= 300:
        return got.json["data"]["error"]
    (route,) = [one for one in ROUTES if one.path == f"{API}{path}" and one.command == got.json["command"]]
    schema.validate(route.answer, got.json["data"])
    return got.json["data"]


def entries(site: Site) -> list[Any]:
    found: list[Any] = site.get("/merge-queue").json["data"]["entries"]
    return found


def test_work_that_was_reviewed_is_accepted_by_the_person_above_the_ceiling_of_sessions(
    serve: Serve, cli: Cli, person: SessionId, head: str
) -> None:
    with cli.clone.open() as fleet:
        session = fleet.sessions.start(Start(id="worker", agent="codex", pid=os.getpid())).session.id
    site = serve(cli)
    found = done(site.get(f"/review?session_id={session}&diff=1"), "/review")
    assert (found["head"], found["next"]) == (head, f"gitfleet queue accept {session}")
    assert "+new" in found["diff"]
    body = {"session_id": session, "branch": found["branch"], "head": head, "priority": 95}
    entry = done(site.post("/merge-queue/accept", body), "/merge-queue/accept")["entry"]
    assert (entry["session"], entry["by"], entry["priority"], entry["head"]) == (session, person, 95, head)
    moved = {**body, "head": "0" * 40}
    refused = done(site.post("/merge-queue/accept", moved), "/merge-queue/accept", 409)
    assert refused["unharmed"] == "Nothing was changed."
    assert [one["id"] for one in entries(site)] == [entry["id"]]


def test_an_entry_is_held_raised_let_go_and_dropped_and_the_log_says_by_whom(
    serve: Serve, cli: Cli, person: SessionId, head: str
) -> None:
    assert head
    site = serve(cli)
    added = site.post("/merge-queue", {"session_id": cli.clone.session, "branch": "feat"}).json["data"]
    name = added["entry"]["id"]

    def act(verb: str, status: int = 200, **more: Any) -> Any:
        path = f"/merge-queue/{verb}"
        return done(site.post(path, {"entry": name, **more}), path, status)

    assert act("hold", reason="not today")["entry"]["state"] == "held"
    assert act("hold", 409, reason="again")["state"] == "held"
    assert entries(site)[0]["why"].count("not today") == 1
    assert act("unhold")["entry"]["state"] == "queued"
    assert act("bump", priority=90)["entry"]["priority"] == 90
    assert act("bump", 403, priority=90, by=cli.clone.session)["exit_code"] == 16
    assert act("retry", 409)["unharmed"] == "Nothing was changed."
    assert act("approve", 409)["unharmed"] == "Nothing was changed."
    dropped = act("drop", reason="done elsewhere")
    assert (dropped["session"], dropped["entry"]["state"], dropped["entry"]["by"]) == (
        person,
        "dropped",
        person,
    )
    assert act("drop", 409)["state"] == "dropped"
    assert done(site.post("/merge-queue/drop", {"entry": "nothing"}), "", 404)
    log = cli("log", "--limit", "1").ok().stdout
    assert "mira drops feat" in log
    assert "done elsewhere" in log


def test_the_queue_is_kept_back_with_a_reason_and_goes_on(serve: Serve, cli: Cli, person: SessionId) -> None:
    site = serve(cli)
    kept = done(site.post("/merge-queue/pause", {"reason": "release day", "floor": 80}), "/merge-queue/pause")
    assert (kept["pause"]["mode"], kept["pause"]["floor"], kept["pause"]["by"]) == ("paused", 80, person)
    done(site.post("/merge-queue/pause", {}), "", 400)
    done(site.post("/merge-queue/resume", {}), "/merge-queue/resume")
    assert site.get("/merge-queue").json["data"]["pause"]["mode"] == ""


def test_a_message_of_the_person_reaches_the_session(serve: Serve, cli: Cli, person: SessionId) -> None:
    site = serve(cli)
    done(site.post("/tell", {"session_id": cli.clone.session, "text": "keep it small"}), "/tell")
    said = cli("claims").ok().stderr
    assert person in said
    assert "keep it small" in said


def test_a_session_is_ended_and_its_claims_are_free(serve: Serve, cli: Cli) -> None:
    cli.clone.claim("src/")
    site = serve(cli)
    ended = done(site.post("/sessions/end", {"session_id": cli.clone.session}), "/sessions/end")
    assert [one["pattern"] for one in ended["released"]] == ["src/"]
    done(site.post("/sessions/end", {"session_id": cli.clone.session}), "", 404)
    assert site.get("/claims").json["data"]["claims"] == []


def test_a_session_of_a_lost_machine_is_ended_by_the_person_for_a_reason(
    serve: Serve, ada: Gated, bob: Gated, hub_cli: Cli
) -> None:
    with ada.open() as fleet:
        fleet.sessions.start(Start(id="mira", person=True))
        gone = bob.session
        fleet.sync()
        site = serve(hub_cli)
        for more in ({}, {"lost": True}, {"reason": "x"}, {"by": "mira"}):
            assert site.post("/sessions/end", {"session_id": gone, **more}).status in {400, 409}
        refused = site.post(
            "/sessions/end", {"session_id": gone, "lost": True, "reason": "x", "by": ada.session}
        )
        assert (refused.status, refused.json["data"]["error"]["exit_code"]) == (403, 16)
        body = {"session_id": gone, "lost": True, "reason": "stolen"}
        ended = done(site.post("/sessions/end", body), "/sessions/end")
        assert (ended["session"]["id"], ended["tentative"]) == (gone, False)
        done(site.post("/sessions/end", body), "", 404)
        assert "stolen" in fleet.log(limit=1)[0].subject


def test_a_round_of_the_radar_is_made_and_kept_for_who_looks(serve: Serve, cli: Cli, head: str) -> None:
    cli.clone.out("branch", "other", "main")
    site = serve(cli)
    found = done(site.post("/radar", {"tell": False}), "/radar")
    assert [one["commit"] for one in found["order"]] == [head]
    assert found["told"] == []
    with cli.clone.open() as fleet:
        last = fleet.radar.rounds.last()
        assert last is not None
        assert last.base == found["base"]
    done(site.post("/radar", {"fetch": "yes"}), "", 400)


def test_items_of_the_inbox_are_read_and_unread_again(serve: Serve, cli: Cli) -> None:
    with cli.clone.open() as fleet:
        fleet.ledger.notices.leave(SessionId("gone-1"), "a/ was lost", kind=LOST, about="a")
    site = serve(cli)
    (item,) = done(site.get("/inbox?kind=lost"), "/inbox")["items"]
    body = {"ids": [item["id"][:6]]}
    for path, read in (
        ("/inbox/read", True),
        ("/inbox/read", True),
        ("/inbox/unread", False),
        ("/inbox/unread", False),
    ):
        assert [one["read"] for one in done(site.post(path, body), path)["items"]] == [read]
        assert site.get("/inbox").json["data"]["unread"] == 1 - read
    assert len(done(site.post("/inbox/read", {"kind": "lost"}), "/inbox/read")["items"]) == 1
    for wrong in ({}, {"ids": ["nope"]}, {"ids": body["ids"], "kind": "lost"}, {"kind": "nope"}):
        done(site.post("/inbox/read", wrong), "", 400)
    assert cli("inbox", "unread", item["id"]).ok().stdout == f"unread: {item['id']} lost gone-1\n"


def test_what_nobody_is_there_to_ask_for_is_refused_and_says_how_to_be_there(serve: Serve, cli: Cli) -> None:
    site = serve(cli)
    data = done(site.post("/merge-queue/pause", {"reason": "x"}), "", 404)
    assert "gitfleet init" in data["hint"]


def test_a_server_that_an_agent_started_acts_for_the_agent(
    serve: Serve, cli: Cli, person: SessionId, head: str
) -> None:
    assert person
    assert head
    site = serve(cli, session=cli.clone.session)
    body = {"session_id": cli.clone.session, "priority": 30}
    done(site.post("/merge-queue/accept", body), "", 403)
    assert entries(site) == []
    kept = done(site.post("/merge-queue/pause", {"reason": "x"}), "/merge-queue/pause")
    assert kept["session"] == cli.clone.session


def test_no_act_is_done_for_who_may_only_look(serve: Serve, cli: Cli) -> None:
    site = serve(cli)
    for path in sorted({one.path.removeprefix(API) for one in ROUTES if one.method == "POST"}):
        got = site.post(path, {}, Authorization=f"Bearer {site.read_only}")
        assert (got.status, got.json["status"]) == (403, "read-only"), path

"""Telling people: once for each item, after its dwell, not in quiet hours, whatever crashes; by programs and by webhooks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base import advice, canonical, clock
from gitfleet.base.names import SessionId
from gitfleet.fleet.attention import notifying, sending, told_items
from gitfleet.fleet.attention.item import item
from gitfleet.fleet.attention.notifying import TRIES, NotifyRound
from gitfleet.fleet.attention.people_inbox import PeopleInbox
from gitfleet.fleet.attention.sending import NotSent, PeopleMessage
from gitfleet.fleet.attention.told_items import ToldItem, ToldItems
from gitfleet.ledger.notices import LOST
from gitfleet.sessions import told_conflicts
from gitfleet.sessions.told_conflicts import Alert, Alerts
from gitfleet.trunk.notify_policy import NotifyPolicy
from tests.fleetbench import Fleets
from tests.workbench import PATIENCE, overlaid

MESSAGE = PeopleMessage("1 item for you", "lost: <a> & b", ({"id": "x"},))


class Bench:
    """A clone whose rules tell a program, which appends each message to `log`."""

    def __init__(self, fleets: Fleets, folder: Path) -> None:
        self.fleets, self.log = fleets, folder / "told"
        self.program = folder / "tell"
        self.program.write_text(f'#!/bin/sh\nprintf "%s|" "$1" >>{self.log}; cat >>{self.log}\n{{more}}')
        self.says()

    def says(self, more: str = "") -> None:
        self.program.write_text(f'#!/bin/sh\nprintf "%s|" "$1" >>{self.log}; cat >>{self.log}\n{more}\n')
        self.program.chmod(0o755)

    def rules(self, **more: Any) -> None:
        known = NotifyPolicy(**{"command": (str(self.program), "{title}"), "dwell": 0, **more})
        (self.fleets.state("alone") / "policy.json").write_bytes(canonical.dump({"notify": known.encode()}))

    def lose(self, *names: str) -> None:
        with self.fleets.open("alone") as fleet:
            for name in names:
                fleet.ledger.notices.leave(SessionId("alone-1"), f"{name} was lost", kind=LOST, about=name)

    def run(self) -> NotifyRound:
        with self.fleets.open("alone") as fleet:
            return notifying.run(fleet)

    def told(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    @property
    def state(self) -> str:
        return str(self.fleets.state("alone"))


@pytest.fixture
def bench(fleets: Fleets, tmp_path: Path) -> Bench:
    made = Bench(fleets, tmp_path)
    made.rules()
    return made


def test_people_are_told_of_an_item_once(bench: Bench) -> None:
    bench.lose("a")
    (told,) = bench.run().told
    assert (told.kind, told.who) == ("lost", "alone-1")
    title, text = bench.told().split("|")
    assert title.startswith("1 item for you in alone on ")
    assert text == f"{title}\nlost: alone-1: a was lost\n  next: gitfleet sync\n"
    assert (len(bench.run().told), bench.run().words) == (0, "nothing new to tell")
    bench.lose("b")
    assert len(bench.run().told) == 1
    assert bench.told().count("a was lost") == 1


def test_many_items_are_one_message(bench: Bench) -> None:
    bench.lose(*(f"n{number:02}" for number in range(30)))
    assert len(bench.run().told) == 30
    assert bench.told().count("|") == 1
    assert "and 20 more: gitfleet inbox" in bench.told()


def test_text_of_long_items_is_no_longer_than_services_take_whole() -> None:
    one = item("rejected", ("x",), who="w" * 200, what="é" * 400, since=0, step=advice.QUEUE_WHY.of("x"))
    found = notifying.message("here", [one] * 9)
    assert 3000 < len(found.text.encode()) < 4096
    assert found.text.endswith("gitfleet inbox")
    assert found.text.count("rejected:") + int(found.text.splitlines()[-1].split()[1]) == len(found.rows) == 9


@pytest.mark.parametrize(
    ("folder", "name"), [("/x/caf\udce9\x1b[31m", "caf\\xe9\\x1b[31m"), ("/", "this clone"), ("/é", "é")]
)
def test_folder_with_an_odd_name_is_told_in_characters_that_can_be_sent(folder: str, name: str) -> None:
    assert notifying.place(os.path.join(folder, ".git"), "n") == f"{name} on n"


def test_nobody_is_told_without_rules_of_what_was_read_or_of_what_can_wait(bench: Bench) -> None:
    with bench.fleets.open("alone") as fleet:
        told = Alert("p1", ("a", "b"), ("alone-1", ""), ("x",), SessionId("alone-1"), "they conflict")
        fleet.ledger.request(told_conflicts.tell, fleet.ledger.itself, Alerts((told,)))
    bench.lose("a")
    bench.rules(command=())
    assert "names nobody" in bench.run().words
    bench.rules()
    with bench.fleets.open("alone") as fleet:
        PeopleInbox(fleet).mark_all(kind="lost")
    assert not bench.run().told
    bench.rules(what="all")
    assert [one.kind for one in bench.run().told] == ["conflict"]


def test_what_other_nodes_know_as_well_is_told_by_the_one_that_it_comes_from(
    fleets: Fleets, tmp_path: Path
) -> None:
    with fleets.open("ada") as fleet:
        told = Alert("p1", ("a", "b"), ("ada-1", ""), ("x",), SessionId("ada-1"), "they conflict")
        fleet.ledger.request(told_conflicts.tell, fleet.ledger.itself, Alerts((told,)))
    seen = {}
    for name in ("ada", "bob"):
        rules = NotifyPolicy(command=("true",), dwell=0, what="all")
        with fleets.open(name) as fleet:
            fleet.ledger.sync()
            (fleets.state(name) / "policy.json").write_bytes(canonical.dump({"notify": rules.encode()}))
            seen[name] = len(PeopleInbox(fleet).look().items), len(notifying.run(fleet).told)
    assert seen == {"ada": (1, 1), "bob": (1, 0)}


def test_item_is_told_when_it_has_been_there_for_its_dwell(bench: Bench) -> None:
    bench.lose("a")
    bench.rules(dwell=3600)
    assert (bench.run().waiting, bench.told()) == (1, "")
    ((id_, known),) = told_items.load(bench.state).items.items()
    told_items.save(bench.state, ToldItems({id_: ToldItem(known.first - 3600)}))
    assert len(bench.run().told) == 1


def test_nobody_is_told_in_quiet_hours_and_is_afterwards(bench: Bench) -> None:
    now = time.localtime(clock.now())
    minute = now.tm_hour * 60 + now.tm_min
    bench.lose("a")
    bench.rules(quiet=((minute - 60) % 1440, (minute + 60) % 1440))
    done = bench.run()
    assert (done.waiting, bench.told()) == (1, "")
    assert "quiet hours" in done.words
    bench.rules(quiet=((minute + 120) % 1440, (minute + 180) % 1440))
    assert len(bench.run().told) == 1


def test_program_that_fails_is_tried_again_a_few_times_and_the_inbox_says_so(bench: Bench) -> None:
    bench.lose("a")
    bench.says("echo 'no \033[31mdesktop' >&2; exit 3")
    for _ in range(TRIES):
        done = bench.run()
        assert not done.told
        assert "exit code 3: no \\x1b[31mdesktop; people were not told" in done.fault
    with bench.fleets.open("alone") as fleet:
        (fault,) = (one for one in PeopleInbox(fleet).look().items if one.kind == "maintainer")
    assert "exit code 3" in fault.what
    bench.says()
    assert not bench.run().told
    bench.lose("b")
    assert len(bench.run().told) == 1
    assert not told_items.load(bench.state).fault


def test_program_that_is_not_there_is_a_fault_and_told_when_it_is(bench: Bench) -> None:
    bench.lose("a")
    bench.rules(command=("/nowhere/tell",))
    assert "could not be run: No such file" in bench.run().fault
    bench.rules()
    assert len(bench.run().told) == 1


def test_round_that_is_killed_while_it_tells_tells_nobody_twice(bench: Bench, tmp_path: Path) -> None:
    bench.lose("a")
    for name in ("begun", "end"):
        os.mkfifo(tmp_path / name)
    bench.says(f": >{tmp_path}/begun; exec cat {tmp_path}/end")
    code = f"from gitfleet.fleet.attention import notifying\nfrom gitfleet.fleet.fleet import Fleet\nnotifying.run(Fleet.open({str(bench.fleets.clone('alone'))!r}))"
    round_ = subprocess.Popen([sys.executable, "-c", code], env=overlaid({}))
    (tmp_path / "begun").read_bytes()  # it has been told, and does not come back
    assert bench.run().words == "another round goes on"
    round_.send_signal(signal.SIGKILL)
    assert round_.wait(PATIENCE) == -signal.SIGKILL
    (tmp_path / "end").write_bytes(b"")  # the program that it left ends
    bench.says()
    done = bench.run()
    assert (len(done.told), done.fault) == (0, "a round was killed while it told of 1 item")
    assert bench.told().count("a was lost") == 1
    assert not bench.run().told


@pytest.fixture
def server() -> Iterator[Callable[..., tuple[str, list[tuple[Mapping[str, str], bytes]]]]]:
    """`server(code, headers)` is the address of one that answers so, and what it was sent."""
    made: list[ThreadingHTTPServer] = []

    def serve(code: int = 200, **headers: str) -> tuple[str, list[tuple[Mapping[str, str], bytes]]]:
        seen: list[tuple[Mapping[str, str], bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                seen.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        made.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=made[-1].serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{made[-1].server_address[1]}/topic", seen

    yield serve
    for one in made:
        one.shutdown()
        one.server_close()


Serve = Callable[..., tuple[str, list[tuple[Mapping[str, str], bytes]]]]


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("text", b"lost: <a> & b"),
        ("slack", json.dumps({"text": "*1 item for you*\nlost: &lt;a&gt; &amp; b"}).encode()),
        (
            "json",
            json.dumps({"title": "1 item for you", "text": "lost: <a> & b", "items": [{"id": "x"}]}).encode(),
        ),
    ],
)
def test_webhook_is_sent_the_message_in_its_form(
    server: Serve, form: str, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, seen = server()
    monkeypatch.setenv("HOOK_URL", url)
    monkeypatch.setenv("TOKEN", "s3cret")
    rules = NotifyPolicy.decode(
        {"webhook": "${HOOK_URL}", "headers": {"Authorization": "Bearer ${TOKEN}"}, "format": form}
    )
    sending.send(rules, MESSAGE, "/")
    ((headers, sent),) = seen
    assert (headers["Authorization"], sent) == ("Bearer s3cret", body)
    assert ("Title" in headers) == (form == "text")


@pytest.mark.parametrize("code", [302, 401, 500])
def test_webhook_that_does_not_take_it_is_no_delivery_and_secrets_are_in_no_words(
    server: Serve, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere, seen = server()
    url, _ = server(code, Location=elsewhere)
    monkeypatch.setenv("HOOK_URL", f"{url}?s3cret")
    with pytest.raises(NotSent) as error:
        sending.send(NotifyPolicy(webhook="${HOOK_URL}"), MESSAGE, "/")
    assert str(error.value) == f"the webhook answers {code}"
    assert seen == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "the variable HOOK_URL has nothing that can be sent"),
        ("http://example.org/s3cret", "the address of the webhook is not an https one"),
        ("https://[s3cret", "the address of the webhook, or a header, cannot be used"),
        ("http://127.0.0.1:1/s3cret", "the webhook cannot be reached"),
    ],
)
def test_address_that_cannot_be_used_is_no_delivery(
    value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_URL", value)
    with pytest.raises(NotSent, match=words) as error:
        sending.send(NotifyPolicy(webhook="${HOOK_URL}"), MESSAGE, "/")
    assert "s3cret" not in str(error.value)

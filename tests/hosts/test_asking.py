from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import aclosing
from pathlib import Path

import pytest

from gitfleet.hosts import inventory
from gitfleet.hosts.asking import Reach
from gitfleet.hosts.connection import HostFailed, HostLimits, HostRefused
from tests.hosts.asked import QUICK, ask, sent, speaks, statuses
from tests.hosts.sshd import ANCIENT, SHELLS, Hosts, needs_hosts, needs_shells

pytestmark = needs_hosts


def test_hosts_that_are_well_answer_over_one_connection_each(hosts: Hosts) -> None:
    made = [hosts.start(name, tool=speaks()) for name in ("one", "two")]
    answers = ask("one", "two", requests=({"op": "a"}, {"op": "b"}))
    assert [one.status for one in answers] == ["planned", "planned"], answers
    assert [[body["op"] for body in one.answers] for one in answers] == [["a", "b"]] * 2
    assert [one.answers[0]["home"] for one in answers] == [str(host.home) for host in made]
    assert [host.logins() for host in made] == [1, 1]


def test_hosts_that_fail_each_get_their_word_and_stop_nobody(hosts: Hosts) -> None:
    hosts.start("well", tool=speaks())
    hosts.down("down")
    hosts.start("refusing", tool=speaks(), accepts=False)
    hosts.start("bare", tool=None)
    hosts.start("ancient", tool=ANCIENT)
    hosts.start("other", tool=speaks("other-version"))
    hosts.start("dying", tool=speaks("dies"))
    hosts.start("broken", tool="echo no such thing >&2; exit 9\n", login="sleep 1000 &\n")
    hosts.start("killed", tool="kill -9 $$\n")
    names = ["down", "refusing", "bare", "ancient", "other", "dying", "broken", "killed", "well"]
    found = statuses(ask(*names))
    assert {name: word for name, (word, _) in found.items()} == {
        "down": "unreachable",
        "refusing": "blocked",
        "bare": "no-tool",
        "ancient": "version-mismatch",
        "other": "version-mismatch",
        "dying": "died",
        "broken": "error",
        "killed": "died",
        "well": "planned",
    }, found


def test_hosts_that_hang_are_given_up_wherever_they_hang(hosts: Hosts) -> None:
    hosts.silent("before-version")
    hosts.silent("junk", b"a line\r\n" * 3)
    hosts.silent("in-key-exchange", b"SSH-2.0-silent\r\n")
    slow = [
        "AuthorizedKeysCommand /bin/sleep 1000",
        "AuthorizedKeysCommandUser root",
        "AuthorizedKeysFile none",
    ]
    hosts.start("in-authentication", config=slow)
    names = ["before-version", "junk", "in-key-exchange", "in-authentication"]
    found = statuses(ask(*names, patience=QUICK))
    assert [found[name][0] for name in names] == ["unreachable"] * 4, found


def test_host_whose_command_hangs_is_given_up_in_time(hosts: Hosts) -> None:
    hosts.start("in-command", tool=speaks("mute"))
    (answer,) = ask("in-command", limits=HostLimits(hello=1.0))
    assert answer.status == "timeout"
    (answer,) = ask("in-command", limits=HostLimits(deadline=1.0))
    assert answer.status == "timeout"


def test_host_that_hangs_over_an_answer_times_out_and_keeps_what_it_answered(hosts: Hosts) -> None:
    hosts.start("slow", tool=speaks())
    requests = ({"op": "a"}, {"op": "hang"})
    (answer,) = ask("slow", requests=requests, limits=HostLimits(answer=2.0))
    if not answer.answers:  # a busy machine: it had not even come to the first
        (answer,) = ask("slow", requests=requests, limits=HostLimits(answer=30.0))
    assert (answer.status, [body["op"] for body in answer.answers]) == ("timeout", ["a"])
    assert answer.hello["record_version"] == 1


READING = [shell for shell in SHELLS if shell != "dash"]
"""The shells that read a file of the user's for a command."""
NOISE = "echo noise; echo 'noise without an end'; echo noise >&2\n"


@needs_shells
@pytest.mark.parametrize("how", ["installed", "sent"])
def test_noisy_hosts_answer_under_every_login_shell(hosts: Hosts, how: str) -> None:
    names = list(SHELLS)
    for shell in names:
        noise = NOISE + "sleep 1000 &\n"
        hosts.start(shell, shell=shell, login=noise, banner="\x1b[31mBEWARE\x1b[0m\n" * 5, tool=speaks())
    answers = ask(*names, bootstrap=how == "sent", program=sent())
    assert statuses(answers) == dict.fromkeys(names, ("planned", ""))
    assert [one.answers[0]["op"] for one in answers] == ["check"] * len(names)


@needs_shells
def test_hosts_without_the_tool_say_so_under_every_login_shell(hosts: Hosts) -> None:
    names = list(SHELLS)
    for shell in names:
        hosts.start(shell, shell=shell, tool=None, login=NOISE)
    found = statuses(ask(*names))
    assert {word for word, _ in found.values()} == {"no-tool"}, found


WAITS = {"tcsh": "set answer = $<\necho $answer >~/was-read\n"}


@needs_shells
@pytest.mark.parametrize("bootstrap", [False, True])
def test_login_file_that_keeps_our_command_away_is_given_nothing_to_read(
    hosts: Hosts, *, bootstrap: bool
) -> None:
    other = shutil.which("zsh")
    reading = []
    for shell in READING:
        hosts.start(f"{shell}-hands-over", shell=shell, login=f"exec {other}\n", tool=speaks())
        waits = WAITS.get(shell, "read answer\necho $answer >~/was-read\n")
        reading.append(hosts.start(f"{shell}-waits", shell=shell, login=waits, tool=speaks()))
    names = [name for name in hosts.names if name.endswith(("-over", "-waits"))]
    found = statuses(ask(*names, limits=HostLimits(hello=2.0), bootstrap=bootstrap, program=sent()))
    assert {word for word, _ in found.values()} == {"timeout"}, found
    files = [host.home / "was-read" for host in reading]
    assert not [path for path in files if path.exists() and path.read_text().strip()]


@needs_shells
def test_login_file_that_ends_the_session_is_told_with_its_code(hosts: Hosts) -> None:
    names = list(READING)
    for shell in names:
        hosts.start(shell, shell=shell, login="exit 3\n", tool=speaks())
    found = statuses(ask(*names))
    expected = {
        "bash": "error",
        "zsh": "error",
        "fish": "planned",
        "tcsh": "planned",
    }  # these only leave the file
    assert {name: word for name, (word, _) in found.items()} == {name: expected[name] for name in names}
    assert "ended with 3 before our command ran" in found["bash"][1]


NO_ANSWERS = {
    "huge": ("error", "104857600 bytes"),
    "chatter": ("error", "too much"),
    "escapes": ("error", "broken"),
    "denied": ("blocked", "not permitted"),
    "stop": ("died", "stopped before it had answered"),
    "other": ("error", "a question that was not asked"),
    "damaged": ("error", "damaged"),
}


def test_answers_that_are_none_are_told_in_words_that_are_safe(hosts: Hosts) -> None:
    host = hosts.start("hostile", tool=speaks())
    for op in NO_ANSWERS:
        hosts.know(op, host.port, host_key=host.host_key)
    found = statuses(ask(*NO_ANSWERS, requests=lambda spec: [{"op": spec.host}]))
    assert {op: word for op, (word, _) in found.items()} == {op: word for op, (word, _) in NO_ANSWERS.items()}
    assert [words for op, (_, words) in found.items() if NO_ANSWERS[op][1] not in words] == []
    assert all(words.isprintable() for _, words in found.values())


def test_host_that_refuses_one_thing_can_be_asked_another(hosts: Hosts) -> None:
    hosts.start("one", tool=speaks())

    async def run() -> tuple[str, str]:
        async with Reach(os.environ) as reach, reach.connect(inventory.spec("one")) as connection:
            with pytest.raises(HostRefused) as refused:
                await connection.request({"op": "denied"})
            body = await connection.request({"op": "check"})
            return refused.value.problem.status, str(body["op"])

    assert asyncio.run(run()) == ("blocked", "check")


def test_events_come_before_the_answer_that_they_belong_to(hosts: Hosts) -> None:
    hosts.start("one", tool=speaks())
    told: list[str] = []

    async def run() -> None:
        async with Reach(os.environ) as reach:
            spec = inventory.spec("one")
            await reach.ask(
                spec, [{"op": "a"}, {"op": "b"}], on_event=lambda _, body: told.append(str(body["noticed"]))
            )

    asyncio.run(run())
    assert told == ["a", "b"]


def test_host_that_goes_down_meanwhile_has_died(hosts: Hosts) -> None:
    host = hosts.start("falling", tool=speaks())

    async def run() -> str:
        async with Reach(os.environ) as reach, reach.connect(inventory.spec("falling")) as connection:
            await connection.request({"op": "check"})
            await asyncio.to_thread(host.stop)
            with pytest.raises(HostFailed) as failed:
                await connection.request({"op": "check"})
            return f"{failed.value.problem.status}: {failed.value.problem.words}"

    assert asyncio.run(run()).startswith("died: the connection broke")


def test_host_that_does_not_say_goodbye_has_still_answered(hosts: Hosts) -> None:
    hosts.start("staying", tool=speaks("stays"))
    (answer,) = ask("staying", limits=HostLimits(goodbye=0.2))
    assert answer.status == "planned"


def test_answers_come_as_they_are_ready_and_who_stops_listening_ends_the_rest(hosts: Hosts) -> None:
    hosts.start("hanging", tool=speaks("mute"))
    hosts.start("well", tool=speaks())

    async def run() -> str:
        specs = [inventory.spec("hanging"), inventory.spec("well")]
        async with (
            Reach(os.environ) as reach,
            aclosing(reach.ask_all(specs, lambda _: [{"op": "check"}])) as answers,
        ):
            return (await anext(answers)).spec.host_id

    assert asyncio.run(run()) == "well"


def test_hosts_wait_while_as_many_are_asked_as_may_be(hosts: Hosts) -> None:
    host = hosts.start("one", tool=speaks())

    async def run() -> None:
        spec = inventory.spec("one")
        async with Reach(os.environ, at_once=2) as reach:
            async with reach.connect(spec), reach.connect(spec):
                third = asyncio.create_task(reach.ask(spec, [{"op": "check"}]))
                await asyncio.sleep(0)
                before = host.logins()
            answer = await third
        assert (before, host.logins(), answer.status) == (2, 3, "planned")

    asyncio.run(run())


def test_program_on_the_host_ends_when_nobody_asks_any_more(hosts: Hosts) -> None:
    host = hosts.start("one", tool=speaks())

    async def run() -> None:
        async with Reach(os.environ) as reach, reach.connect(inventory.spec("one")) as connection:
            await connection.request({"op": "check"})
            assert "speaking.py" in host.run("ps", "axww").stdout

    asyncio.run(run())
    while "speaking.py" in host.run("ps", "axww").stdout:  # it sees the end of its input
        pass


@pytest.mark.parametrize("python", ["", "3 6"])
def test_host_without_a_python_for_us_says_so(hosts: Hosts, tmp_path: Path, python: str) -> None:
    path = tmp_path / "bin"
    path.mkdir()
    if python:
        (path / "python3").write_text(
            f'#!/bin/sh\necho "$4 ready {python}"; read line; echo "got $line" >&2\n'
        )
        (path / "python3").chmod(0o755)
    hosts.start("old", config=[f"SetEnv PATH={path}"])
    ((status, words),) = statuses(ask("old", bootstrap=True)).values()
    assert status == "no-tool"
    assert words == ("its python3 is 3.6" if python else "it has no python3")


def test_host_is_told_nothing_that_its_login_shell_could_run(hosts: Hosts, tmp_path: Path) -> None:
    """A login file that hands over to another shell: whatever it reads would be run as commands."""
    taken = tmp_path / "taken"
    hosts.start("handing-over", login=f"exec tee {taken}\n", tool=speaks())
    ((status, _),) = statuses(ask("handing-over", bootstrap=True, limits=HostLimits(hello=1.0))).values()
    assert status == "timeout"
    assert taken.read_bytes() == b""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from gitfleet.hosts import bundle, inventory
from gitfleet.hosts.asking import HostAnswer, Reach
from gitfleet.hosts.bundle import SentProgram
from gitfleet.hosts.configuration import Patience
from gitfleet.hosts.connection import HostLimits
from tests.hosts.sshd import ANCIENT, Hosts, needs_hosts, shells
from tests.workbench import ROOT

pytestmark = needs_hosts
SPEAKING = ROOT / "tests/hosts/speaking.py"


def speaks(*faults: str) -> str:
    """A gitfleet that only speaks, with these faults."""
    return f'shift; exec "{sys.executable}" "{SPEAKING}" "$@" {" ".join(faults)}\n'


def sent(*faults: str) -> Any:
    """The same, sent along."""

    def program(nonce: str) -> SentProgram:
        argv = ["x", "--nonce", nonce, *faults]
        code = SPEAKING.read_text().replace("import json\n", f"import json, sys\nsys.argv = {argv!r}\n", 1)
        return bundle.sent(code)

    return program


def ask(
    *names: str, requests: tuple[dict[str, Any], ...] = ({"op": "check"},), **how: Any
) -> list[HostAnswer]:
    """What each of the hosts answers, in the order in which they were named."""

    async def run() -> list[HostAnswer]:
        specs = [inventory.spec(name) for name in names]
        async with Reach(os.environ, **how) as reach:
            found = [one async for one in reach.ask_all(specs, lambda _: requests)]
        return sorted(found, key=lambda one: names.index(one.spec.host_id))

    return asyncio.run(run())


def test_hosts_that_are_well_answer_over_one_connection_each(hosts: Hosts) -> None:
    made = [hosts.start(name, tool=speaks()) for name in ("one", "two")]
    answers = ask("one", "two", requests=({"op": "a"}, {"op": "b"}))
    assert [one.status for one in answers] == ["planned", "planned"], answers
    assert [[body["op"] for body in one.answers] for one in answers] == [["a", "b"]] * 2
    assert [one.answers[0]["home"] for one in answers] == [str(host.home) for host in made]
    assert [host.logins() for host in made] == [1, 1]


SHORT = HostLimits(hello=2.0, answer=1.0, goodbye=0.5)
QUICK = Patience(connect=1, alive=1, misses=1)


def statuses(answers: Sequence[HostAnswer]) -> dict[str, tuple[str, str]]:
    return {one.spec.host_id: (str(one.status), one.problem.words if one.problem else "") for one in answers}


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
    hosts.start("in-command", tool=speaks("mute"))
    names = ["before-version", "junk", "in-key-exchange", "in-authentication", "in-command"]
    found = statuses(ask(*names, limits=HostLimits(hello=4.0), patience=QUICK))
    assert [found[name][0] for name in names] == ["unreachable"] * 4 + ["timeout"], found


def test_host_that_hangs_over_an_answer_times_out_and_keeps_what_it_answered(hosts: Hosts) -> None:
    hosts.start("slow", tool=speaks())
    (answer,) = ask("slow", requests=({"op": "a"}, {"op": "hang"}), limits=HostLimits(answer=1.0))
    assert (answer.status, [body["op"] for body in answer.answers]) == ("timeout", ["a"])
    assert answer.hello["record_version"] == 1


@pytest.mark.parametrize(
    ("op", "words"),
    [("huge", "104857600 bytes"), ("chatter", "too much"), ("escapes", "broken")],
)
def test_host_that_is_hostile_is_refused_in_words_that_are_safe(hosts: Hosts, op: str, words: str) -> None:
    hosts.start("hostile", tool=speaks())
    ((status, said),) = statuses(ask("hostile", requests=({"op": op},))).values()
    assert status == "error"
    assert words in said
    assert said.isprintable()


NOISE = "echo noise; echo 'noise without an end'; echo noise >&2\n"


@pytest.mark.parametrize("shell", shells())
@pytest.mark.parametrize("how", ["installed", "sent"])
def test_noisy_host_answers_under_every_login_shell(hosts: Hosts, shell: str, how: str) -> None:
    noise = NOISE + "sleep 1000 &\n"
    hosts.start("noisy", shell=shell, login=noise, banner="\x1b[31mBEWARE\x1b[0m\n" * 5, tool=speaks())
    if how == "sent":
        (answer,) = ask("noisy", bootstrap=True, program=sent())
    else:
        (answer,) = ask("noisy")
    assert answer.status == "planned", answer
    assert answer.answers[0]["op"] == "check"


@pytest.mark.parametrize("shell", shells())
def test_host_without_the_tool_says_so_under_every_login_shell(hosts: Hosts, shell: str) -> None:
    hosts.start("bare", shell=shell, tool=None, login=NOISE)
    (answer,) = ask("bare")
    assert answer.status == "no-tool", answer


@pytest.mark.parametrize("bootstrap", [False, True])
def test_login_file_that_takes_the_command_away_is_told_and_given_nothing_to_run(
    hosts: Hosts, *, bootstrap: bool
) -> None:
    hosts.start("other-shell", login=f"exec {shutil.which('zsh') or '/bin/sh'}\n", tool=speaks())
    reads = hosts.start("reads", login="read answer; echo $answer >~/was-read\n", tool=speaks())
    hosts.start("ends", login="exit 3\n", tool=speaks())
    names = ["other-shell", "reads", "ends"]
    found = statuses(ask(*names, limits=HostLimits(hello=2.0), bootstrap=bootstrap, program=sent()))
    assert [found[name][0] for name in names] == ["timeout", "timeout", "error"], found
    assert "ended with 3" in found["ends"][1]
    was_read = reads.home / "was-read"
    assert not was_read.exists() or not was_read.read_text().strip()

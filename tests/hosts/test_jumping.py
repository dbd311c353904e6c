from __future__ import annotations

import asyncio
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gitfleet.hosts import inventory
from gitfleet.hosts.asking import Reach
from gitfleet.hosts.configuration import IDLE, Patience
from gitfleet.hosts.connection import HostLimits
from tests.hosts.asked import ask, speaks, statuses
from tests.hosts.sshd import Hosts, needs_hosts
from tests.workbench import ROOT

pytestmark = needs_hosts

BEHIND = ("ProxyJump bastion",)
BRIEF = Patience(shared=0.5)


def test_hosts_behind_one_jump_host_share_one_login_there(hosts: Hosts) -> None:
    bastion = hosts.start("bastion", tool=None, daemon=["MaxStartups 2:100:2"])
    target = hosts.start("target", tool=speaks())
    names = [f"behind-{number}" for number in range(8)]
    for name in names:
        hosts.know(name, target.port, *BEHIND, host_key=target.host_key)
    found = statuses(ask(*names, at_once=8))
    assert {word for word, _ in found.values()} == {"planned"}, found
    assert bastion.logins() == 1
    assert target.logins() == len(names)


def test_hosts_behind_two_jump_hosts_share_one_login_at_each(hosts: Hosts) -> None:
    first = hosts.start("first", tool=None, daemon=["UseDNS no"])
    second = hosts.start("second", tool=None, daemon=["UseDNS no"])
    target = hosts.start("target", tool=speaks())
    for name in ("one", "two"):
        hosts.know(name, target.port, f"ProxyJump first,root@second:{second.port}", host_key=target.host_key)
    found = statuses(ask("one", "two"))
    assert {word for word, _ in found.values()} == {"planned"}, found
    assert (first.logins(), second.logins(), target.logins()) == (1, 1, 2)


def test_jump_host_that_fails_is_tried_once_and_named(hosts: Hosts) -> None:
    bastion = hosts.start("bastion", accepts=False)
    names = ["one", "two", "three"]
    for name in names:
        hosts.know(name, bastion.port, *BEHIND)
    found = statuses(ask(*names))
    assert {word for word, _ in found.values()} == {"blocked"}, found
    assert all(words.startswith("its jump host bastion: it refused our key") for _, words in found.values())
    assert bastion.logins() == 1


def test_jump_host_that_is_down_is_named(hosts: Hosts) -> None:
    hosts.down("bastion")
    hosts.know("target", 1, *BEHIND)
    status, words = statuses(ask("target"))["target"]
    assert status == "unreachable"
    assert words.startswith("its jump host bastion: nothing listens there")


def test_jump_host_with_an_unknown_key_asks_nobody(hosts: Hosts, tmp_path: Path) -> None:
    bastion = hosts.start("bastion")
    hosts.forget("bastion")
    hosts.know("target", bastion.port, *BEHIND)
    asked = tmp_path / "asked"
    program = tmp_path / "askpass"
    program.write_text(f"#!/bin/sh\necho $* >>{asked}\necho yes\n")
    program.chmod(0o755)
    script = (
        "import os\n"
        "from tests.hosts.asked import ask, statuses\n"
        "print(*statuses(ask('bastion')).values(), *statuses(ask('target')).values())\n"
    )
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT), "DISPLAY": ":0", "SSH_ASKPASS": str(program), "SSH_ASKPASS_REQUIRE": "force"},
        stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, start_new_session=True, text=True, timeout=60,
    )  # fmt: skip
    os.close(theirs)
    os.set_blocking(ours, False)
    assert done.stdout.count("'blocked', ") == 2, done.stdout
    assert done.stdout.count("host key is not known here") == 2
    assert not asked.exists()
    with pytest.raises(OSError):  # nothing was written to the terminal
        os.read(ours, 100)
    os.close(ours)


def users_master(hosts: Hosts, name: str, folder: Path) -> int:
    """A shared connection that the user has made for this host; its process."""
    place = folder / "master"
    hosts.say(f"Host {name}\n    ControlPath {place}\n")
    config = Path(os.environ["HOME"]) / ".ssh/config"
    subprocess.run(["ssh", "-F", config, "-MNf", "-o", "ControlPersist=60", name], check=True)
    check = subprocess.run(["ssh", "-S", place, "-O", "check", "x"], capture_output=True, text=True)
    return int(check.stderr.partition("pid=")[2].partition(")")[0])


def test_shared_connection_of_the_user_is_used(hosts: Hosts, short: Path) -> None:
    host = hosts.start("one", tool=speaks())
    master = users_master(hosts, "one", short)
    try:
        assert statuses(ask("one"))["one"][0] == "planned"
        assert host.logins() == 1
    finally:
        os.kill(master, signal.SIGKILL)


def test_shared_connection_of_the_user_needs_no_login_at_the_jump_host(hosts: Hosts, short: Path) -> None:
    jump = hosts.start("bastion", daemon=["UseDNS no"])
    target = hosts.start("target", tool=speaks())
    hosts.know("behind", target.port, *BEHIND, host_key=target.host_key)
    master = users_master(hosts, "behind", short)
    (jump.home / ".ssh/authorized_keys").unlink()
    try:
        assert statuses(ask("behind"))["behind"][0] == "planned"
        assert (jump.logins(), target.logins()) == (1, 1)
    finally:
        os.kill(master, signal.SIGKILL)


@pytest.mark.parametrize("left", ["stale", "beaten"])
def test_connection_to_a_jump_host_at_a_place_of_the_user_is_made_and_leaves_none_of_no_use(
    hosts: Hosts, short: Path, left: str
) -> None:
    jump = hosts.start("bastion", tool=None, daemon=["UseDNS no"])
    target = hosts.start("target", tool=speaks())
    hosts.know("behind", target.port, *BEHIND, host_key=target.host_key)
    place = short / "master"
    hosts.say(f"Host bastion\n    ControlPath {place}\n")
    if left == "stale":
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(place))
    else:  # as if somebody else were first, at the last moment
        place.mkdir()
    assert statuses(ask("behind"))["behind"][0] == "planned"
    wanted, end = int(left == "stale"), time.monotonic() + IDLE / 2
    while len(left_over := our_masters()) != wanted and time.monotonic() < end:
        time.sleep(0.01)  # one that was killed ends in a moment, and sooner than by itself
    assert len(left_over) == wanted
    for one in left_over:
        os.kill(int(one.name), signal.SIGKILL)
    assert jump.logins() == (1 if left == "stale" else 2)


@pytest.mark.parametrize("way", ["direct", "behind"])
def test_shared_connection_that_is_stopped_is_passed_by(hosts: Hosts, short: Path, way: str) -> None:
    jump = hosts.start("bastion", tool=speaks(), daemon=["UseDNS no"])
    if way == "behind":
        target = hosts.start("target", tool=speaks())
        hosts.know("behind", target.port, *BEHIND, host_key=target.host_key)
    master = users_master(hosts, "bastion", short)
    os.kill(master, signal.SIGSTOP)
    try:
        name = "bastion" if way == "direct" else "behind"
        assert statuses(ask(name, patience=BRIEF))[name][0] == "planned"
        assert jump.logins() == 2
    finally:
        os.kill(master, signal.SIGKILL)


def test_master_that_stops_meanwhile_does_not_hang_those_behind_it(hosts: Hosts) -> None:
    hosts.start("bastion", tool=None, daemon=["UseDNS no"])
    target = hosts.start("target", tool=speaks())
    for name in ("first", "second"):
        hosts.know(name, target.port, *BEHIND, host_key=target.host_key)

    stopped: list[Path] = []

    async def run() -> list[str]:
        async with Reach(os.environ, patience=BRIEF) as reach:
            first = await reach.ask(inventory.spec("first"), [{"op": "check"}])
            stopped.extend(stop_masters(reach.folder))
            second = await reach.ask(inventory.spec("second"), [{"op": "check"}], deadline=2.0)
            return [first.status, second.status]

    assert asyncio.run(run()) == ["planned", "timeout"]
    while any(_command(one) for one in stopped):  # it has been killed
        os.sched_yield()


def stop_masters(folder: str) -> list[Path]:
    """Stop our shared connections: the ssh that have their configuration from this folder, and run by themselves."""
    commands = {one: _command(one) for one in Path("/proc").glob("[0-9]*")}
    masters = [
        one for one, words in commands.items() if folder.encode() in words and b"ControlMaster=auto" in words
    ]
    assert masters
    for one in masters:
        os.kill(int(one.name), signal.SIGSTOP)
    return masters


def our_masters() -> list[Path]:
    """The shared connections that were made for this test."""
    home, commands = (
        os.fsencode(os.environ["HOME"]),
        {one: _command(one) for one in Path("/proc").glob("[0-9]*")},
    )
    return [one for one, words in commands.items() if b"-N\0-f" in words and home in words]


def _command(folder: Path) -> bytes:
    try:
        return (folder / "cmdline").read_bytes()
    except OSError:
        return b""


def test_own_connections_end_with_the_run(hosts: Hosts) -> None:
    bastion = hosts.start("bastion", tool=None, daemon=["UseDNS no"])
    target = hosts.start("target", tool=speaks())
    hosts.know("behind", target.port, *BEHIND, host_key=target.host_key)
    folders: list[Path] = []

    async def run() -> None:
        async with Reach(os.environ) as reach:
            await reach.ask(inventory.spec("behind"), [{"op": "check"}])
            folders.append(Path(reach.folder))
            assert [one for one in folders[0].iterdir() if one.is_socket()]

    asyncio.run(run())
    assert not folders[0].exists()
    end = time.monotonic() + IDLE / 2  # sooner than it would end by itself
    while any(str(folders[0]).encode() in _command(one) for one in Path("/proc").glob("[0-9]*")):
        assert time.monotonic() < end
        time.sleep(0.01)  # it has said that it ends, and does so in a moment
    assert bastion.logins() == 1


def test_host_that_drops_what_comes_at_once_is_asked_again(hosts: Hosts) -> None:
    crowded = hosts.start("crowded", tool=speaks(), daemon=["MaxStartups 1:100:1"])
    names = [f"at-once-{number}" for number in range(3)]
    for name in names:
        hosts.know(name, crowded.port, host_key=crowded.host_key)
    limits = HostLimits(pause=0.05, tries=14)

    async def run() -> set[str]:
        async with Reach(os.environ, limits=limits) as reach:
            with socket.create_connection(
                ("127.0.0.1", crowded.port)
            ) as first:  # takes the only place there is
                first.recv(1)
                asking = [
                    asyncio.create_task(reach.ask(inventory.spec(name), [{"op": "check"}])) for name in names
                ]
                while crowded.logins() <= len(names):
                    await asyncio.sleep(0.01)
            return {str((await one).status) for one in asking}

    assert asyncio.run(run()) == {"planned"}


def test_host_that_drops_everything_is_unreachable_after_some_tries(hosts: Hosts) -> None:
    count = hosts.closing("closing")
    ((status, words),) = statuses(ask("closing", limits=HostLimits(pause=0.01, tries=3))).values()
    assert status == "unreachable"
    assert "closed the connection before it said who it is" in words
    assert count() == 3


def test_refused_key_is_never_tried_again(hosts: Hosts) -> None:
    refusing = hosts.start("refusing", accepts=False)
    assert statuses(ask("refusing"))["refusing"][0] == "blocked"
    assert refusing.logins() == 1


def test_host_key_that_has_changed_is_blocked(hosts: Hosts) -> None:
    one, other = hosts.start("one"), hosts.start("other")
    hosts.know("changed", one.port, host_key=other.host_key)
    status, words = statuses(ask("changed"))["changed"]
    assert (status, "not the one that is known" in words) == ("blocked", True)

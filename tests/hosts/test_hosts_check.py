from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.hosts.asked import speaks
from tests.hosts.sshd import ANCIENT, Hosts, needs_hosts
from tests.workbench import Gitfleet


@needs_hosts
def test_hosts_are_checked_with_what_is_to_be_done_about_each(
    hosts: Hosts, gitfleet: Gitfleet, tmp_path: Path
) -> None:
    installed = hosts.start("installed")
    (installed.home / ".config/gitfleet").mkdir(parents=True)
    (installed.home / ".config/gitfleet/protect").write_text("npm run demo\n")
    hosts.start("bare", tool=None, banner="BEWARE\n", login="echo noise\n")
    hosts.start("ancient", tool=ANCIENT)
    hosts.start("refusing", accepts=False)
    hosts.down("down")
    (tmp_path / "fleet-hosts.txt").write_text(
        "# ours\ninstalled\nbare\nancient # old\nrefusing\ndown\ninstalled\n"
    )
    done = gitfleet(tmp_path, "hosts", "check", "--hosts", "fleet-hosts.txt", "--json").ended(21)
    answer = done.json()
    rows = {row["host_id"]: row for row in answer["data"]["hosts"]}
    assert answer["status"] == "partial"
    assert {name: row["status"] for name, row in rows.items()} == {
        "installed": "ready",
        "bare": "no-tool",
        "ancient": "version-mismatch",
        "refusing": "blocked",
        "down": "unreachable",
    }
    assert rows["installed"]["cores"] > 0
    assert rows["installed"]["protects"] == 1
    assert all(row["next"] for row in rows.values() if row["status"] != "ready")
    assert answer["data"]["merged"] == [{"host_id": "installed", "places": ["line 2", "line 7"]}]

    told = gitfleet(tmp_path, "hosts", "check", "--hosts", "bare,ancient", "--bootstrap").ok().stdout
    assert "2 of 2 hosts can be scanned" in told
    assert "BEWARE" not in told


@needs_hosts
def test_hosts_that_tell_odd_things_are_told_of_in_safe_words(
    hosts: Hosts, gitfleet: Gitfleet, tmp_path: Path
) -> None:
    hosts.start("odd", tool=speaks("odd-facts"))
    hosts.start("locked", tool=speaks("locked"))
    done = gitfleet(tmp_path, "hosts", "check", "--hosts", "odd,locked").ended(30)
    assert "its answer cannot be read" in done.stdout
    assert "scans cannot be kept there: \\x1b[31mread-only" in done.stdout
    assert "\x1b[31mread-only" not in done.stdout


@needs_hosts
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_check_that_is_stopped_leaves_no_ssh_behind(
    hosts: Hosts, gitfleet: Gitfleet, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    taken = hosts.silent("silent", b"SSH-2.0-silent\r\n")
    started = gitfleet.start(tmp_path, "hosts", "check", "--hosts", "silent")
    taken.wait()
    started.send(number)
    assert started.ended().returncode == code
    end = time.monotonic() + 5  # sooner than it would give up by itself
    while any(
        map(_is_ours, Path("/proc").glob("[0-9]*/cmdline"))
    ):  # one that was told to end does so in a moment
        assert time.monotonic() < end
        time.sleep(0.01)


def _is_ours(path: Path) -> bool:
    """Whether it is an ssh that asks the host of this test."""
    with suppress(OSError):
        words = path.read_bytes().split(b"\0")
        where = path.with_name("environ").read_bytes()
        return words[0] == b"ssh" and b"silent" in words and os.fsencode(os.environ["HOME"]) in where
    return False


def test_this_machine_is_checked_without_ssh(gitfleet: Gitfleet, tmp_path: Path) -> None:
    rows = gitfleet(tmp_path, "hosts", "check", "--hosts", "localhost", "--json").ok().json()["data"]["hosts"]
    assert [(row["host_id"], row["status"]) for row in rows] == [("localhost", "ready")]


def test_machine_without_ssh_can_still_ask_itself(gitfleet: Gitfleet, tmp_path: Path) -> None:
    done = gitfleet(
        tmp_path, "hosts", "check", "--hosts", "localhost,other", "--json", env={"PATH": "/nowhere"}
    )
    rows = done.ended(21).json()["data"]["hosts"]
    assert [(row["status"], row["why"]) for row in rows] == [("ready", ""), ("error", "There is no ssh here")]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("a,-oProxyCommand=touch pwned", "entry 2 of the list: '-oProxyCommand=touch pwned' is no host"),
        ("missing.txt", "missing.txt cannot be read"),
        ("", "entry 1 of the list: '' is no host"),
    ],
)
def test_hosts_that_are_none_are_refused_before_anything_is_asked(
    gitfleet: Gitfleet, tmp_path: Path, given: str, words: str
) -> None:
    assert words in gitfleet(tmp_path, "hosts", "check", "--hosts", given).ended(2).stderr
    assert not (tmp_path / "pwned").exists()

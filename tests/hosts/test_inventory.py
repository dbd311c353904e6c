from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from gitfleet.errors import UsageError
from gitfleet.hosts import inventory
from gitfleet.hosts.inventory import HostSpec, MergedEntry


@pytest.mark.parametrize(
    ("entry", "user", "host", "port"),
    [
        ("build-01", "", "build-01", 0),
        ("user@devbox-01", "user", "devbox-01", 0),
        ("user@devbox-01:2222", "user", "devbox-01", 2222),
        ("10.0.0.7:22", "", "10.0.0.7", 22),
        ("first.last+x@a_b.example.org.", "first.last+x", "a_b.example.org.", 0),
        ("[::1]", "", "::1", 0),
        ("u@[2001:DB8:0::1]:65535", "u", "2001:db8::1", 65535),
        ("[fe80::1%eth0]:1", "", "fe80::1%eth0", 1),
        ("localhost", "", "localhost", 0),
    ],
)
def test_entry_that_is_a_host_is_taken_apart(entry: str, user: str, host: str, port: int) -> None:
    found = inventory.spec(entry)
    assert (found.user, found.host, found.port) == (user, host, port)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("", "empty"),
        ("-oProxyCommand=touch x", "option"),
        ("-l", "option"),
        ("user@-oProxyCommand=x", "option"),
        ("a b", "space"),
        ("a\tb", "control"),
        ("a\x1b[31m", "control"),
        ("a\x00", "control"),
        ("a\u202eb", "control"),
        ("a\u00a0b", "control"),
        ("häuser", "not ASCII"),
        ("a;b", "may not have ;"),
        ("$(id)", "may not have $ ( )"),
        ("`id`", "may not have `"),
        ("a|b", "may not have |"),
        ("a&b", "may not have &"),
        ("a'b", "may not have '"),
        ('a"b', 'may not have "'),
        ("a\\b", "may not have \\"),
        ("a/b", "may not have /"),
        ("ssh://a", "may not have /"),
        ("a*", "may not have *"),
        ("!a", "may not have !"),
        ("a,b", "may not have ,"),
        ("a>b", "may not have >"),
        ("a%h", "written as"),
        ("a:0", "port"),
        ("a:65536", "port"),
        ("a:99999", "port"),
        ("a:", "written as"),
        ("a:ssh", "written as"),
        ("a:1:2", "brackets"),
        ("::1", "brackets"),
        ("[::1", "written as"),
        ("[1.2.3.4]", "no IPv6"),
        ("[:::::]", "no IPv6"),
        ("@a", "written as"),
        ("a@", "written as"),
        ("a@b@c", "written as"),
        (".a", "written as"),
        ("a-", "written as"),
        ("x" * 400, "more than 320"),
        ("x" * 300, "written as"),
        ("u" * 65 + "@a", "written as"),
    ],
)
def test_entry_that_is_hostile_is_refused_with_the_reason(entry: str, why: str) -> None:
    with pytest.raises(UsageError) as refused:
        inventory.spec(entry)
    assert why in refused.value.message
    assert refused.value.message.isprintable()


def test_file_of_hosts_is_read_without_remarks_and_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "fleet-hosts.txt"
    path.write_bytes(
        b"\xef\xbb\xbf# fleet-hosts.txt\r\nbuild-01\n\n  build-02  # the second\n\tuser@devbox-01\r\n#x\nlocalhost"
    )
    found = inventory.hosts_of(str(path))
    assert [one.host_id for one in found.hosts] == ["build-01", "build-02", "user@devbox-01", "localhost"]
    assert [one.is_local for one in found.hosts] == [False, False, False, True]
    assert found.merged == ()


def test_host_that_is_named_twice_is_asked_once_and_reported(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text("a\nb\nA\nu@a\na # again\n[::1]:22\n[0::1]:22\nU@a\nu@A\n")
    found = inventory.hosts_of(str(path))
    assert [one.host_id for one in found.hosts] == ["a", "b", "u@a", "[::1]:22", "U@a"]
    assert found.merged == (
        MergedEntry("a", ("line 1", "line 3", "line 5")),
        MergedEntry("u@a", ("line 4", "line 9")),
        MergedEntry("[::1]:22", ("line 6", "line 7")),
    )


@pytest.mark.parametrize("entry", ["localhost:22", "me@localhost", "127.0.0.1", "LOCALHOST"])
def test_local_host_with_anything_else_is_reached_by_ssh(entry: str) -> None:
    assert not inventory.spec(entry).is_local


def test_list_with_commas_is_read() -> None:
    found = inventory.hosts_of("a, u@b:7,[::1]")
    assert found.hosts == (
        HostSpec("a", "", "a", 0),
        HostSpec("u@b:7", "u", "b", 7),
        HostSpec("[::1]", "", "::1", 0),
    )


def test_bad_lines_of_a_file_are_all_named_with_their_place(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text("a\n-oProxyCommand=sh\nb c\n\nok\n$(id)\n")
    with pytest.raises(UsageError) as refused:
        inventory.hosts_of(str(path))
    for place in (f"{path}:2:", f"{path}:3:", f"{path}:6:"):
        assert place in refused.value.message
    assert refused.value.unharmed


def test_bad_entry_of_a_list_is_named_with_its_place() -> None:
    with pytest.raises(UsageError, match="entry 2 of the list: ''"):
        inventory.hosts_of("a,,b")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "names no host"),
        (b"# nothing\n\n", "names no host"),
        (b"a\nb\xff\n", "hosts:2: this is not UTF-8"),
        (b"a\n" * 600_000, "larger than"),
        (b"\n".join(b"h%d" % number for number in range(10_001)), "10001 hosts"),
        (b"a\x00b\n", "control characters"),
    ],
)
def test_file_that_is_no_inventory_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "hosts"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=why):
        inventory.hosts_of(str(path))


@pytest.mark.parametrize("given", ["missing.txt", "./missing", "folder/", "nul\0/x"])
def test_file_that_is_not_there_is_not_taken_for_a_host(given: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        inventory.hosts_of(given)


def test_file_is_meant_where_one_has_the_name(tmp_path: Path) -> None:
    (tmp_path / "build").write_text("x\ny\n")
    assert [one.host_id for one in inventory.hosts_of("build").hosts] == ["x", "y"]


def test_pipe_is_read_as_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=("x\n",))
    writer.start()
    found = inventory.hosts_of("./pipe")
    writer.join()
    assert [one.host_id for one in found.hosts] == ["x"]

from __future__ import annotations

import pytest

from gitfleet.hosts.ssh import last_hop


@pytest.mark.parametrize(
    ("jump", "told"),
    [
        ("bastion", ["--", "bastion"]),
        ("ops@bastion:2222", ["-l", "ops", "-p", "2222", "--", "bastion"]),
        ("root@[::1]:33", ["-l", "root", "-p", "33", "--", "::1"]),
        ("[fe80::1%eth0]:22", ["-p", "22", "--", "fe80::1%eth0"]),
        ("[2001:db8::1]", ["--", "2001:db8::1"]),
        ("first,second:23", ["-p", "23", "-J", "first", "--", "second"]),
        ("a@first:1,b@[::2]:2,c@third:3", ["-l", "c", "-p", "3", "-J", "a@first:1,b@[::2]:2", "--", "third"]),
        ("a@b@bastion", ["-l", "a@b", "--", "bastion"]),
    ],
)
def test_last_of_the_jump_hosts_is_told_to_ssh_as_ssh_itself_tells_it(jump: str, told: list[str]) -> None:
    assert list(last_hop(jump)) == told

"""What is acted on together."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gitfleet.onhost import grouping, provenance, snapshot
from gitfleet.onhost.records import HostProcess
from tests.onhost.starting import Programs, table_when
from tests.onhost.tables import host, process

ENDED = "codex-7h3k9q2m"
LEFT: dict[str, Any] = {"ppid": 1, "pgid": 90, "sid": 90, "marker": ENDED}
INIT = process("systemd", 1, uid=0, ppid=0)


def grouped(*members: HostProcess) -> dict[int, tuple[set[int], int, bool]]:
    """By leader the members, the process group, and whether it is an MCP server."""
    table = host(INIT, *members)
    found = grouping.groups(table, provenance.origins(table, {ENDED: "ended"}, {}))
    return {
        one.leader.identity.pid: ({m.identity.pid for m in one.members}, one.pgid, one.mcp) for one in found
    }


def test_process_group_is_one_group_also_without_its_leader() -> None:
    assert grouped(process("node s.js", 5, **LEFT), process("node w.js", 6, **LEFT)) == {
        5: ({5, 6}, 90, False)
    }


def test_process_group_with_a_member_of_another_user_is_not_signalled_as_one() -> None:
    found = grouped(process("node s.js", 5, **LEFT), process("x", 6, uid=7, **LEFT))
    assert found == {5: ({5}, 0, False)}


def test_what_has_left_the_group_of_its_orphaned_parent_goes_with_it() -> None:
    child = process("node s.js", 6, ppid=5, pgid=6, sid=6, marker=ENDED)
    deeper = process("esbuild", 7, ppid=6, pgid=7, sid=7, marker=ENDED)
    assert grouped(process("npm run dev", 5, **LEFT), child, deeper) == {5: ({5, 6, 7}, 0, False)}


@pytest.mark.parametrize("parent", ["claude", "bash"])
def test_what_has_left_the_group_of_somebody_who_lives_stands_alone(parent: str) -> None:
    live = process(parent, 5, ppid=1, sid=5, terminal=34816)
    assert grouped(live, process("node s.js", 6, ppid=5, pgid=6, sid=5)) == {
        5: ({5}, 5, False),
        6: ({6}, 6, False),
    }


def test_zombie_is_alone_and_its_group_does_not_wait_for_it() -> None:
    dead = process("sh", 5, **LEFT, zombie=True, state="Z")
    assert grouped(dead, process("node s.js", 6, **LEFT)) == {5: ({5}, 0, False), 6: ({6}, 90, False)}


TRIO = [
    process("npm exec @modelcontextprotocol/server-filesystem /tmp", 10, ppid=5, pgid=5, sid=5),
    process("sh -c 'mcp-server-filesystem /tmp'", 11, ppid=10, pgid=5, sid=5),
    process("node /h/.npm/_npx/1/node_modules/.bin/mcp-server-filesystem /tmp", 12, ppid=11, pgid=5, sid=5),
    process("node watchdog.js", 13, ppid=12, pgid=13, sid=13),
]


def test_mcp_server_with_wrapper_and_watchdog_is_a_group_of_its_own_in_the_group_of_its_agent() -> None:
    agent = process("claude", 5, pgid=5, sid=5)
    second = process("node /x/node_modules/.bin/mcp-server-git", 20, ppid=5, pgid=5, sid=5)
    assert grouped(agent, *TRIO, second) == {
        5: ({5}, 0, False), 10: ({10, 11, 12, 13}, 0, True), 20: ({20}, 0, True),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("ends", "client"),
    [
        ([("pipe", True, (5,))], True),
        ([("pipe", True, ())], True),
        ([("pipe", True, (10,)), ("pipe", False, ())], False),
        ([("pipe", True, (10, 5))], True),
        ([("pipe", False, ())], False),
        ([("socket", None, ())], None),
        ([("null", None, ())], False),
        ([(None, None, ())], None),
        ([("socket", None, ()), ("pipe", True, (5,))], True),
    ],
)
def test_client_is_whoever_outside_still_holds_the_other_end(
    ends: list[tuple[str | None, bool | None, tuple[int, ...]]], client: bool | None
) -> None:
    members = [
        process("x", 10 + number, pgid=90, sid=90, stdin=stdin, fed=fed, feeders=feeders)
        for number, (stdin, fed, feeders) in enumerate(ends)
    ]
    table = host(INIT, *members)
    assert [one.client for one in grouping.groups(table, provenance.origins(table, {}, {}))][-1] is client


WRAPPER = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import sys; sys.stdin.read()"])
print("ready", child.pid, flush=True)
child.wait()
"""


def test_real_mcp_server_has_its_client_until_that_closes(start: Programs, tmp_path: Path) -> None:
    program = tmp_path / "mcp-server-fake"
    program.write_text(f"#!{os.path.realpath(sys.executable)} -IS\n{WRAPPER}")
    program.chmod(0o755)
    one = start(["/bin/sh", "-c", f"{program}; true"], stdin=subprocess.PIPE)
    server = int(start.heard(one))
    os.kill(server, 19)
    for client in (True, False):
        table = snapshot.take(0)
        found = grouping.groups(table, provenance.origins(table, {}, {}))
        group = next(each for each in found if any(m.identity.pid == server for m in each.members))
        assert (group.mcp, group.client, group.leader.identity.pid) == (True, client, one.pid)
        assert len(group.members) == 3
        if client and one.stdin is not None:
            one.stdin.close()


def test_real_wrapper_that_has_ended_leaves_its_server_in_one_group(start: Programs) -> None:
    text = """
        import subprocess, sys
        sleep = ["sleep", "600"]
        first = subprocess.Popen(sleep, stdout=subprocess.DEVNULL)
        second = subprocess.Popen(sleep, stdout=subprocess.DEVNULL)
        print("ready", first.pid, second.pid, flush=True)
    """
    one = start.python(text, env={**os.environ, "GITFLEET_SESSION": ENDED})
    left = {int(word) for word in start.said.split()}
    table = table_when(one.pid, "Z")
    found = grouping.groups(table, provenance.origins(table, {ENDED: "ended"}, {}))
    group = next(each for each in found if each.leader.identity.pid in left)
    assert ({m.identity.pid for m in group.members}, group.pgid) == (left, one.pid)

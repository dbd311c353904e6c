from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from gitfleet.hosts import bundle, inventory
from gitfleet.hosts.asking import HostAnswer, Reach
from gitfleet.hosts.bundle import SentProgram
from tests.hosts.sshd import Hosts, needs_hosts
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
        return bundle.sent(f"import sys\nsys.argv = {argv!r}\n{SPEAKING.read_text()}")

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

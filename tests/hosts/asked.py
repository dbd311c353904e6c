"""Asking hosts, as tests do it: by name, with programs that speak and do something wrong."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Any

from gitfleet.hosts import bundle, inventory
from gitfleet.hosts.asking import HostAnswer, Reach
from gitfleet.hosts.bundle import SentProgram
from gitfleet.hosts.configuration import Patience
from tests.workbench import ROOT

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


def ask(*names: str, requests: Any = ({"op": "check"},), **how: Any) -> list[HostAnswer]:
    """What each of the hosts answers, in the order in which they were named. `requests`: for all of them, or a function of each."""
    asked = requests if callable(requests) else lambda _: requests

    async def run() -> list[HostAnswer]:
        specs = [inventory.spec(name) for name in names]
        async with Reach(os.environ, **how) as reach:
            found = [one async for one in reach.ask_all(specs, asked)]
        return sorted(found, key=lambda one: names.index(one.spec.host_id))

    return asyncio.run(run())


QUICK = Patience(connect=1, alive=1, misses=1)


def statuses(answers: Sequence[HostAnswer]) -> dict[str, tuple[str, str]]:
    return {one.spec.host_id: (str(one.status), one.problem.words if one.problem else "") for one in answers}

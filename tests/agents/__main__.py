"""`make test-agents`: run the scenarios with the real clients, and print the table for docs/guides/agents.md.

Arguments: names of scenarios (`codex`, `claude`, `codex.held`); without any, all. Exit code 1 when one fails.
"""

from __future__ import annotations

import signal
import sys
import time
import traceback
from collections.abc import Sequence

from tests.agents import (  # noqa: F401 - they take themselves up
    acp_scenarios,
    claude_scenarios,
    claude_windows,
    clients,
    codex_edits,
    codex_sandbox,
    codex_sessions,
    codex_windows,
    job_scenarios,
    tool_scenarios,
)
from tests.agents.scenario import SCENARIOS, Scenario
from tests.agents.world import World


def main(wanted: Sequence[str]) -> int:
    """Run the scenarios; the exit code."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has what it runs beside it ignore this
    chosen = [
        one for one in SCENARIOS if not wanted or {one.client, f"{one.client}.{one.name}"} & set(wanted)
    ]
    failed = {one for one in chosen if not passes(one)}
    print()
    print("\n".join(table(chosen, failed)))
    return 1 if failed else 0


def passes(one: Scenario) -> bool:
    """Run one scenario, and say how it went."""
    begun = time.monotonic()
    fault = ""
    try:
        world = World()
        try:
            one.play(world)
        finally:
            world.close()
    except Exception:  # noqa: BLE001 - whatever it is, the others run
        fault = traceback.format_exc()
    took = time.monotonic() - begun
    print(f"{'FAILED' if fault else 'ok':6} {one.client}.{one.name} ({took:.1f} s)", flush=True)
    if fault:
        print(fault[-6000:], flush=True)
    return not fault


def table(chosen: Sequence[Scenario], failed: set[Scenario]) -> list[str]:
    """The rows for the guide."""
    day = time.strftime("%Y-%m-%d", time.gmtime())
    versions = ", ".join(f"{name} {clients.version(name)}" for name in sorted({one.client for one in chosen}))
    rows = [f"Tried on {day} with {versions}.", "", "| client | what was seen | |", "| --- | --- | --- |"]
    return rows + [
        f"| {one.client} | {one.says} | {'**no**' if one in failed else 'yes'} |" for one in chosen
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

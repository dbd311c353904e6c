"""The table of adapters, by the word in an agent's file."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gitfleet.jobs.adapters.protocol import Adapter

RUNTIMES = {
    "acp": "acp.client.AcpAdapter",
    "claude": "claude.ClaudeAdapter",
    "codex": "codex.CodexAdapter",
    "command": "command.CommandAdapter",
}
"""`docker` is none: in its container runs one of these."""


def for_runtime(name: str, *, model: str = "") -> Adapter:
    """A new adapter for one attempt. Raises KeyError for a word that is not in the table."""
    module, _, kind = RUNTIMES[name].rpartition(".")  # loaded when asked for: a shepherd needs one of them
    made: Adapter = getattr(import_module(f"gitfleet.jobs.adapters.{module}"), kind)()
    made.model = model
    return made

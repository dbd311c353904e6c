"""The kinds of programs, how long such a process usually lives, and which kinds are always left alone.

Lives are what a person would expect of the kind, not of the program: they say only from when on age begins to speak.
"""

from __future__ import annotations

MINUTE, HOUR = 60.0, 3600.0

DEV_SERVER, TEST_RUNNER, BUILD_TOOL, WATCHER = "dev-server", "test-runner", "build-tool", "watcher"
AGENT, AGENT_DAEMON, MCP_SERVER, LANGUAGE_SERVER = "agent", "agent-daemon", "mcp-server", "language-server"
DATABASE, EDITOR, SHELL, MULTIPLEXER, TERMINAL = "database", "editor", "shell", "multiplexer", "terminal"
BROWSER, CONTAINER, DESKTOP, SYSTEM, OURS = "browser", "container", "desktop", "system", "gitfleet"
INTERPRETER, UNKNOWN = "interpreter", "unknown"

LIVES = {
    DEV_SERVER: 8 * HOUR,
    TEST_RUNNER: 30 * MINUTE,
    BUILD_TOOL: 30 * MINUTE,
    WATCHER: 8 * HOUR,
    AGENT: 12 * HOUR,
    MCP_SERVER: 12 * HOUR,
    LANGUAGE_SERVER: 12 * HOUR,
    BROWSER: 1 * HOUR,
}
"""How long a process of a kind usually lives, in seconds. Kinds that are not here have no usual life: their age says nothing."""

KEPT = {
    AGENT: "an agent: it is a session of its own, and ends by its own door",
    AGENT_DAEMON: "an agent's own daemon, which its other sessions share",
    DATABASE: "a database: what it holds may be nowhere else",
    EDITOR: "an editor: it may hold text that was never saved",
    SHELL: "a shell: somebody may come back to it",
    MULTIPLEXER: "a terminal multiplexer: it holds other people's terminals",
    TERMINAL: "a terminal, or the connection to one",
    BROWSER: "a browser that a person may be looking at",
    CONTAINER: "a part of a container engine, which looks after its own",
    DESKTOP: "a part of the desktop",
    SYSTEM: "a part of the system",
    OURS: "a part of gitfleet",
}
"""Kinds that are never acted on, and why."""

WEIGHTS = {
    SHELL: 0,
    UNKNOWN: 0,
    INTERPRETER: 1,
    SYSTEM: 2,
    BUILD_TOOL: 3,
    WATCHER: 4,
    TEST_RUNNER: 5,
    LANGUAGE_SERVER: 5,
    BROWSER: 5,
    DEV_SERVER: 6,
    MCP_SERVER: 7,
    TERMINAL: 8,
    CONTAINER: 8,
    DESKTOP: 8,
    MULTIPLEXER: 8,
    EDITOR: 9,
    AGENT: 9,
    AGENT_DAEMON: 9,
    DATABASE: 9,
    OURS: 9,
}
"""Which member names a group: the heaviest."""

"""The agents that were tried, as data: what each needs, what it leaves out, and where it differs from the protocol.

An agent that is not in the table is taken by the protocol's word, with more doubt. What a row says holds for its `version`; the
agents change quickly, so each fact is one that costs little where it does not hold any more.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

_ALL_TURN, _LAST_REQUEST, _UNKNOWN = "turn", "last request", ""


class AcpAgent(NamedTuple):
    """One agent. `version`: the one that was tried, of the npm package `package`.

    `programs`: what its program is called; `names`: what it calls itself (lower case). `asks`: the mode in which it asks before it
    edits and runs commands, set where the agent file names none ("": its default is one). `passed`: names and patterns of variables
    that it needs of its user's environment; `gets`: variables that it is given, `without`: those that it must not see.
    `loads`: session/load shows the old messages before its answer, and not after. `counts`: what the usage in an answer is of:
    the whole turn, or the last request only. `errors`: how a message begins that the agent itself makes up when its turn has
    failed; `asides`: the same for remarks, which are no answer.
    """

    name: str
    package: str = ""
    version: str = ""
    programs: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    asks: str = ""
    passed: tuple[str, ...] = ()
    gets: Mapping[str, str] = {}
    without: tuple[str, ...] = ()
    loads: bool = True
    counts: str = _ALL_TURN
    errors: tuple[str, ...] = ()
    asides: tuple[str, ...] = ()

    @property
    def tells_usage(self) -> bool:
        """A turn that it has really done has usage in its answer."""
        return self.counts != _UNKNOWN

    @property
    def counts_last_only(self) -> bool:
        """Its usage is that of the turn's last request."""
        return self.counts == _LAST_REQUEST


AGENTS = (
    AcpAgent(
        "gemini", "@google/gemini-cli", "0.61.0", ("gemini",), ("gemini-cli",),
        passed=("GEMINI_*", "GOOGLE_*"),
        # It starts itself again as a child, which then hears no signal; and untrusted folders have no modes.
        gets={"GEMINI_CLI_NO_RELAUNCH": "true", "GEMINI_CLI_TRUST_WORKSPACE": "true"},
        without=("GEMINI_CLI",),
        loads=False,  # it answers before the old messages are through, and has lost recordings
    ),
    AcpAgent(
        "opencode", "opencode-ai", "1.18.33", ("opencode",), ("opencode",),
        passed=("OPENCODE_*", "XDG_STATE_HOME"),  # it speaks to many services: the file names whose key it gets
        # It asks nobody unless it is told to; the file's `env` can tell otherwise.
        gets={"OPENCODE_PERMISSION": '{"edit":"ask","bash":"ask","webfetch":"ask"}', "OPENCODE_DISABLE_AUTOUPDATE": "true"},
        counts=_LAST_REQUEST,
    ),
    AcpAgent(
        "copilot", "@github/copilot", "1.0.102", ("copilot",), ("copilot",),
        passed=("COPILOT_*",),
        gets={"COPILOT_AUTO_UPDATE": "false"},
        errors=("Error: ",), asides=("Info: ",),
    ),
    AcpAgent(
        "claude", "@agentclientprotocol/claude-agent-acp", "0.101.0", ("claude-agent-acp", "claude-code-acp"),
        ("@agentclientprotocol/claude-agent-acp", "@zed-industries/claude-code-acp"),
        asks="default",
        passed=("CLAUDE_CONFIG_DIR", "ANTHROPIC_*", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_MAX_RETRIES", "CLAUDE_CODE_USE_*"),
        without=("CLAUDECODE", "CLAUDE_PID", "AI_AGENT", "CLAUDE_CODE_SESSION_ID", "CLAUDE_CODE_ENTRYPOINT",
                 "CLAUDE_CODE_CHILD_SESSION", "CLAUDE_CODE_CHILD_NOTES_DIR", "CLAUDE_CODE_EXECPATH",
                 "CLAUDE_CODE_MESSAGING_SOCKET", "CLAUDE_CODE_MESSAGING_TOKEN", "CLAUDE_PROJECT_DIR", "CLAUDE_ENV_FILE"),
        errors=("API Error: ",), asides=("**Warning:** ",),
    ),
    AcpAgent(
        "codex", "@agentclientprotocol/codex-acp", "2.6.0", ("codex-acp",),
        ("@agentclientprotocol/codex-acp", "@zed-industries/codex-acp"),
        asks="read-only",
        passed=("CODEX_HOME", "CODEX_API_KEY", "OPENAI_API_KEY"),
        without=("CODEX_SESSION_ID", "CODEX_THREAD_ID", "CODEX_TOOL_CALL_ID", "CODEX_CI", "CODEX_SANDBOX",
                 "CODEX_PERMISSION_PROFILE"),
        asides=("Config warning: ",),
    ),
)  # fmt: skip
OTHER = AcpAgent("other", counts=_UNKNOWN, errors=("Error: ",))
"""Any agent that is not in the table."""
NAMES = tuple(one.name for one in AGENTS)
_RUNNERS = ("npx", "bunx", "pnpx", "pnpm", "yarn", "node", "bun", "env", "nice")
_VERBS = ("dlx", "exec", "run", "x")
_BY_NAME = {one.name: one for one in (*AGENTS, OTHER)}


def named(name: str) -> AcpAgent:
    """The row of that name; `OTHER` where there is none."""
    return _BY_NAME.get(name, OTHER)


def of_command(command: Sequence[str]) -> AcpAgent:
    """The agent that a command starts: by its program's name, or by what a runner such as npx is told to run."""
    words = list(command)
    while words and os.path.basename(words[0]) in _RUNNERS:
        words = [word for word in words[1:] if not word.startswith("-") and word not in _VERBS]
    return _by_program(words[0]) if words else OTHER


def _by_program(word: str) -> AcpAgent:
    program = os.path.basename(word).removesuffix(".js").removesuffix(".cmd")
    package = word[: word.index("@", 1)] if "@" in word[1:] else word
    for agent in AGENTS:
        if program in agent.programs or package in (agent.package, *agent.names[1:]):
            return agent
    return OTHER


def introduced(name: str, fallback: AcpAgent) -> AcpAgent:
    """The agent that gives this name for itself; else the one that it was taken for."""
    return next((one for one in AGENTS if name.lower() in one.names), fallback)

"""How Claude Code is called: its options, what it needs of the environment, and what it must not see there."""

from __future__ import annotations

from gitfleet.jobs.adapters import flags
from gitfleet.jobs.adapters.flags import ClientFlag
from gitfleet.jobs.adapters.protocol import Task

OPTIONS = (
    ClientFlag("model", "--model"),
    ClientFlag("fallback_model", "--fallback-model"),
    ClientFlag(
        "permission_mode",
        "--permission-mode",
        words=("default", "acceptEdits", "plan", "bypassPermissions", "dontAsk"),
    ),
    ClientFlag("allowed_tools", "--allowedTools", "list"),
    ClientFlag("disallowed_tools", "--disallowedTools", "list"),
    ClientFlag("tools", "--tools", "list"),
    ClientFlag("max_turns", "--max-turns", "number"),
    ClientFlag("max_budget_usd", "--max-budget-usd", "number"),
    ClientFlag("system_prompt", "--system-prompt"),
    ClientFlag("append_system_prompt", "--append-system-prompt"),
    ClientFlag("mcp_config", "--mcp-config"),
    ClientFlag("strict_mcp_config", "--strict-mcp-config", "switch"),
    ClientFlag("settings", "--settings"),
    ClientFlag("setting_sources", "--setting-sources", "list"),
    ClientFlag("add_dirs", "--add-dir", "each"),
    ClientFlag("effort", "--effort"),
    ClientFlag("bare", "--bare", "switch"),
    ClientFlag("skip_permissions", "--dangerously-skip-permissions", "switch"),
)
ENVIRONMENT = (
    "HOME", "PATH", "LANG", "LC_*", "TERM", "TMPDIR", "CLAUDE_CONFIG_DIR", "ANTHROPIC_*",
    "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_MAX_RETRIES", "CLAUDE_CODE_USE_*",
)  # fmt: skip
"""Names (and patterns) that the client needs of its user's environment."""
NOT_PASSED = (
    "CLAUDECODE", "CLAUDE_PID", "AI_AGENT", "CLAUDE_CODE_SESSION_ID", "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_CHILD_SESSION", "CLAUDE_CODE_CHILD_NOTES_DIR", "CLAUDE_CODE_EXECPATH",
    "CLAUDE_CODE_MESSAGING_SOCKET", "CLAUDE_CODE_MESSAGING_TOKEN", "CLAUDE_PROJECT_DIR", "CLAUDE_ENV_FILE",
)  # fmt: skip
"""What a Claude Code sets for its commands: with it, the agent would take itself for a part of the other."""


def argv(task: Task) -> list[str]:
    """The program and its arguments. The prompt goes by standard input. Raises UnusableOption."""
    call = [*(task.command or ("claude",)), "-p", "--output-format=stream-json", "--verbose"]
    call += flags.arguments(OPTIONS, task)
    if task.resume:
        return [*call, f"--resume={flags.conversation(task.resume)}"]
    chosen = task.conversation
    return [*call, f"--session-id={flags.conversation(chosen)}"] if chosen else call

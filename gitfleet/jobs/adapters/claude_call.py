"""How Claude Code is called: its options, what it needs of the environment, and what it must not see there."""

from __future__ import annotations

from gitfleet.jobs.adapters import flags
from gitfleet.jobs.adapters.flags import Flag
from gitfleet.jobs.adapters.protocol import Task

OPTIONS = (
    Flag("model", "--model"),
    Flag("fallback_model", "--fallback-model"),
    Flag(
        "permission_mode",
        "--permission-mode",
        words=("default", "acceptEdits", "plan", "bypassPermissions", "dontAsk"),
    ),
    Flag("allowed_tools", "--allowedTools", "list"),
    Flag("disallowed_tools", "--disallowedTools", "list"),
    Flag("tools", "--tools", "list"),
    Flag("max_turns", "--max-turns", "number"),
    Flag("max_budget_usd", "--max-budget-usd", "number"),
    Flag("system_prompt", "--system-prompt"),
    Flag("append_system_prompt", "--append-system-prompt"),
    Flag("mcp_config", "--mcp-config"),
    Flag("strict_mcp_config", "--strict-mcp-config", "switch"),
    Flag("settings", "--settings"),
    Flag("setting_sources", "--setting-sources", "list"),
    Flag("add_dirs", "--add-dir", "each"),
    Flag("effort", "--effort"),
    Flag("bare", "--bare", "switch"),
    Flag("skip_permissions", "--dangerously-skip-permissions", "switch"),
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

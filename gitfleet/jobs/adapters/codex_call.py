"""How Codex is called: its options, what it needs of the environment, and what it must not see there."""

from __future__ import annotations

from gitfleet.jobs.adapters import flags
from gitfleet.jobs.adapters.flags import Flag
from gitfleet.jobs.adapters.protocol import Task

OPTIONS = (
    Flag("model", "--model"),
    Flag("sandbox", "--sandbox", words=("read-only", "workspace-write", "danger-full-access")),
    Flag("profile", "--profile"),
    Flag("config", "--config", "settings"),
    Flag("add_dirs", "--add-dir", "each"),
    Flag("output_schema", "--output-schema"),
    Flag("skip_git_repo_check", "--skip-git-repo-check", "switch"),
    Flag("bypass_sandbox", "--dangerously-bypass-approvals-and-sandbox", "switch"),
    Flag("ephemeral", "--ephemeral", "switch", since="0.90"),
)
ENVIRONMENT = (
    "HOME",
    "PATH",
    "LANG",
    "LC_*",
    "TERM",
    "TMPDIR",
    "CODEX_HOME",
    "CODEX_API_KEY",
    "OPENAI_API_KEY",
)
"""Names (and patterns) that the client needs of its user's environment."""
NOT_PASSED = (
    "CODEX_SESSION_ID",
    "CODEX_THREAD_ID",
    "CODEX_TOOL_CALL_ID",
    "CODEX_CI",
    "CODEX_SANDBOX",
    "CODEX_PERMISSION_PROFILE",
)
"""What a Codex sets for its commands: from within one, the agent must not seem to be the other."""


def argv(task: Task) -> list[str]:
    """The program and its arguments. The prompt goes by standard input (`-`). Raises UnusableOption."""
    call = [*(task.command or ("codex",)), "exec", "--json", *flags.arguments(OPTIONS, task)]
    return [*call, "resume", flags.conversation(task.resume), "-"] if task.resume else [*call, "-"]

"""The git program: how it is called, and what its errors say.

Owns the argv, environment and time limit of every git call. Plumbing commands only. Leaves the meaning of each
command to the module of its noun (`refs`, `remote`, `git_worktrees`, …).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence

from gitfleet.base import advice, processes
from gitfleet.base.text import display
from gitfleet.codec import TEXT, field
from gitfleet.errors import Blocked

# What a caller's shell or an outer git command may have set, and which would turn our calls to another
# repository, index or object store. Configuration that is passed by environment stays: it carries credentials.
_FOREIGN = frozenset([
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR",
    "GIT_NAMESPACE", "GIT_PREFIX", "GIT_QUARANTINE_PATH", "GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS", "GIT_REF_PARANOIA", "GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS", "GIT_TRACE_SETUP",
    "GIT_SHALLOW_FILE", "GIT_INTERNAL_SUPER_PREFIX", "GIT_REFLOG_ACTION", "GIT_DEFAULT_HASH", "GIT_DEFAULT_REF_FORMAT",
    "GIT_FLUSH",
])  # fmt: skip
# Hooks come from a folder and, from git 2.54 on, from the configuration as well; core.hooksPath does not reach the
# latter. Git 2.55 and later switch them off event by event; older ones pass over what they do not know. Those that git
# runs where somebody else's push arrives are left out: they are that repository's, and git forgets our settings there.
_EVENTS = (
    "applypatch-msg", "pre-applypatch", "post-applypatch", "pre-commit", "pre-merge-commit", "prepare-commit-msg", "commit-msg",
    "post-commit", "pre-rebase", "post-checkout", "post-merge", "pre-push", "reference-transaction", "pre-auto-gc", "post-rewrite",
    "sendemail-validate", "fsmonitor-watchman", "post-index-change",
)  # fmt: skip
_FIXED = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_REPLACE_OBJECTS": "1"}
_STYLING = r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])"
_PRIVATE = r"(?<=://)[^/\s]*@|(?i:(?<=authorization: )\S+ \S+)|(?i:(?<=token=)[^\s&]+)"


TIMEOUT = 60.0
"""Seconds that a git command may take, unless its caller says otherwise."""


class GitFailed(Blocked):
    """A git command ended with an error that its caller did not expect.

    `command` is its argv without secrets, `code` its exit code, `output` what it said (secrets taken out).
    """

    unharmed = ""

    output: str = field(TEXT, default="")


def environment(extra: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """The environment of a git call: ours, without what points elsewhere, with answers that can be parsed.

    A variable that is None in `extra` is taken out.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    laid = {**kept, **_FIXED, **(extra or {})}
    return {name: value for name, value in laid.items() if value is not None}


def with_settings(env: Mapping[str, str], settings: Sequence[tuple[str, str]]) -> dict[str, str]:
    """`env` with settings of git, which command lines do not show, behind those that it has already."""
    before = env.get("GIT_CONFIG_COUNT", "") or "0"
    if not before.isdecimal():  # git refuses it, in its own words
        return dict(env)
    start = int(before)
    laid = {**env, "GIT_CONFIG_COUNT": str(start + len(settings))}
    for number, (key, value) in enumerate(settings, start):
        laid |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return laid


def without_configured_hooks(env: Mapping[str, str]) -> dict[str, str]:
    """`env`, and in it the settings by which git passes over hooks from the configuration."""
    return with_settings(env, [(f"hook.{event}.enabled", "false") for event in _EVENTS])


def redact(text: str) -> str:
    """`text` without passwords, tokens and terminal escapes, safe to show; tabs are blanks."""
    plain = re.sub(_STYLING, "", re.sub(_PRIVATE, "", text)).replace("\t", " ")
    return "\n".join(display(line) for line in plain.splitlines())


class Git:
    """git for one git directory. Costs a process a call (1 to 3 ms). `env` is added to the environment of every call.

    The user's own hooks, of whatever origin, never run because of us, but where a call makes a commit in the user's name
    (`hooks`).
    """

    def __init__(
        self,
        git_dir: str,
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        hooks: bool = False,
    ) -> None:
        self.git_dir = git_dir
        self.cwd = cwd or git_dir
        self.env = dict(env or {})
        self._hooks = hooks

    @property
    def quiet(self) -> Git:
        """The same without the user's hooks."""
        return Git(self.git_dir, cwd=self.cwd, env=self.env)

    def argv(self, *arguments: str) -> list[str]:
        """The whole command line of a call."""
        settings = () if self._hooks else ("-c", "core.hooksPath=/dev/null")
        return ["git", *settings, f"--git-dir={self.git_dir}", *arguments]

    def ask(
        self,
        *arguments: str,
        data: bytes = b"",
        timeout: float = TIMEOUT,
        own_session: bool = False,
        leaves: bool = False,
        env: Mapping[str, str | None] | None = None,
    ) -> processes.Completed:
        """Run git and answer whatever came of it; the caller reads the exit code (124 when it took longer than `timeout`)."""
        argv = self.argv(*arguments)
        laid = environment({**self.env, **(env or {})})
        try:
            return processes.run(
                argv,
                cwd=self.cwd,
                env=laid if self._hooks else without_configured_hooks(laid),
                data=data,
                timeout=timeout,
                own_session=own_session,
                leaves=leaves,
            )
        except processes.TimedOut as error:
            return processes.Completed(tuple(argv), 124, b"", str(error).encode())

    def run(
        self, *arguments: str, data: bytes = b"", timeout: float = TIMEOUT, own_session: bool = False,
        env: Mapping[str, str | None] | None = None,
    ) -> bytes:  # fmt: skip
        """Run git and answer its output. Raises GitFailed unless it ended with 0."""
        done = self.ask(*arguments, data=data, timeout=timeout, own_session=own_session, env=env)
        if done.code:
            raise failed(done)
        return done.stdout

    def line(self, *arguments: str) -> str | None:
        """The one line that git answers, or None when it ended with an error (a name that does not exist)."""
        done = self.ask(*arguments)
        return os.fsdecode(done.stdout).rstrip("\n") if done.code == 0 else None


def nul_ended(names: Iterable[str]) -> bytes:
    """Names as git reads them with `-z`."""
    return b"".join(os.fsencode(name) + b"\0" for name in names)


def failed(done: processes.Completed) -> GitFailed:
    """The error for a git call that should have worked."""
    output = redact(done.stderr.decode("utf-8", "replace")).strip()
    command = redact(" ".join(done.argv))
    return GitFailed(
        f"`{command}` ended with {done.code}: {output or 'no message'}",
        hint=f"If git's own words do not help, run {advice.DOCTOR}.",
        command=command,
        code=done.code,
        output=output,
    )

"""Who looks after processes: programs that stand for a person, an agent or a manager that is still there.

What has one of them above it is not left behind. Data; who is above whom is in `provenance`.
"""

from __future__ import annotations

import posixpath

from gitfleet.onhost import program_names
from gitfleet.onhost.records import HostProcess

MULTIPLEXERS = frozenset(
    ("tmux", "tmux: server", "screen", "zellij", "dtach", "abduco", "tmate", "byobu", "mosh-server", "ttyd")
)
LOGINS = frozenset(
    ("sshd", "sshd-session", "dropbear", "login", "su", "sudo", "doas", "runuser", "machinectl")
)
MANAGERS = frozenset((
    "cron", "crond", "anacron", "atd", "supervisord", "runsv", "runsvdir", "s6-supervise", "monit", "circusd",
    "pm2", "god", "foreman", "overmind", "honcho", "containerd", "containerd-shim", "containerd-shim-runc-v2",
    "dockerd", "conmon", "crio", "lxc-start", "systemd-nspawn", "gitlab-runner", "runner.listener",
    "runner.worker", "buildkite-agent", "buildbot", "woodpecker-agent", "act_runner", "slurmstepd", "watchman",
))  # fmt: skip
AGENTS = frozenset((
    "claude", "@anthropic-ai/claude-code", "codex", "@openai/codex", "gemini", "@google/gemini-cli", "opencode",
    "opencode-ai", "aider", "cursor-agent", "goose", "crush", "amp", "@sourcegraph/amp", "copilot",
    "@github/copilot", "qwen", "@qwen-code/qwen-code", "droid", "kiro-cli", "auggie", "cline", "openhands", "vibe",
))  # fmt: skip
DESKTOP = frozenset((
    "code", "code-insiders", "code-server", "codium", "cursor", "windsurf", "zed", "zed-editor", "idea", "pycharm",
    "webstorm", "goland", "clion", "rustrover", "fleet", "emacs", "nvim", "vim", "jupyter-lab", "jupyter-notebook",
    "gnome-terminal-server", "konsole", "kitty", "alacritty", "wezterm-gui", "wezterm-mux-server", "xterm", "foot",
    "ghostty", "terminator", "tilix", "xfce4-terminal", "gnome-shell", "plasmashell", "kwin_wayland", "sway", "i3",
))  # fmt: skip
KNOWN = MULTIPLEXERS | LOGINS | MANAGERS | AGENTS | DESKTOP

REAPERS = frozenset(
    (
        "systemd",
        "init",
        "tini",
        "dumb-init",
        "catatonit",
        "docker-init",
        "s6-svscan",
        "runit",
        "launchd",
        "podman-init",
    )
)
"""What children are handed to when their parent has ended. To be below one of these is to be below nobody."""


def supervises(one: HostProcess) -> bool:
    """Whether what it starts is looked after for as long as it lives. Ourselves included: what runs jobs sees to their ends."""
    return not KNOWN.isdisjoint(program_names.names(one)) or ours(one)


def ours(one: HostProcess) -> bool:
    """Whether it is a process of gitfleet."""
    names = program_names.names(one)
    path = program_names.script(one).split("/")
    return (
        bool(names & {"gitfleet", "git-fleet"}) or "gitfleet" in path[:-1] or path[0].startswith("gitfleet.")
    )


def reaps(one: HostProcess) -> bool:
    """Whether it is init, or a user's service manager."""
    return one.identity.pid == 1 or (
        one.name in REAPERS and posixpath.basename(program_names.program(one)) in REAPERS
    )


def known_init(one: HostProcess) -> bool:
    """Whether it only takes children over, and starts none that are to be looked after but as units."""
    return one.name in REAPERS

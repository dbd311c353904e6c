"""Programs that run others, as data: shells, wrappers, package runners and interpreters, with the options that take a value."""

from __future__ import annotations

SHELLS = frozenset(
    ["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "fish", "tcsh", "csh", "nu", "pwsh", "elvish"]
)
SHELL_VALUED = frozenset(["--rcfile", "--init-file", "--init-command"])
"""Options of shells before the word that they run, which take a value."""

# wrapper -> options that take a value of their own
WRAPPERS = {
    "env": {"-u", "-C", "-S", "--unset", "--chdir"},
    "nice": {"-n", "--adjustment"},
    "ionice": {"-c", "-n", "--class", "--classdata"},
    "chrt": set(),
    "taskset": set(),
    "nohup": set(),
    "setsid": set(),
    "stdbuf": {"-i", "-o", "-e"},
    "timeout": {"-k", "-s", "--kill-after", "--signal"},
    "time": {"-f", "-o"},
    "sudo": {"-u", "-g", "-C", "-h", "-p", "-T"},
    "doas": {"-u", "-C"},
    "runuser": {"-u", "-g"},
    "unbuffer": set(),
    "xvfb-run": {"-n", "-s", "-e", "-f", "-p", "-w"},
    "dbus-run-session": set(),
    "dumb-init": set(),
    "tini": set(),
    "flock": {"-w", "-E"},
    "strace": {"-o", "-e", "-p", "-s"},
    "caffeinate": {"-t", "-w"},
    "direnv": set(),
    "dotenv": {"-e", "-f"},
    "dotenvx": {"-f"},
    "cross-env": set(),
    "corepack": set(),
}
WORDS_BEFORE = {"timeout": 1, "flock": 1, "chrt": 1, "taskset": 1}
"""Words of the wrapper's own between its options and the program."""

# package runner -> (words that make it run a program, options that take a value)
RUNNERS = {
    "npx": ((), {"-p", "--package", "-c", "--call", "-w", "--workspace"}),
    "bunx": ((), {"-p", "--package"}),
    "pnpx": ((), {"--package"}),
    "uvx": ((), {"--from", "--with", "-p", "--python", "--index-url", "--directory"}),
    "npm": (("exec", "x"), {"-p", "--package", "-c", "--call", "-w", "--workspace", "--prefix"}),
    "pnpm": (("exec", "dlx"), {"-C", "--dir", "--package", "--filter", "-F"}),
    "yarn": (("exec", "dlx"), {"-p", "--package", "--cwd"}),
    "bun": (("x",), {"--cwd"}),
    "uv": (("run", "tool"), {"--from", "--with", "-p", "--python", "--directory", "--project", "--extra"}),
    "pipx": (("run",), {"--spec", "--python"}),
    "poetry": (("run",), {"-C", "-P", "--directory", "--project"}),
    "pdm": (("run",), {"-p", "--project"}),
    "pipenv": (("run",), set()),
    "hatch": (("run",), {"-e", "--env"}),
    "rye": (("run",), set()),
    "bundle": (("exec",), set()),
    "mise": (("exec", "x"), set()),
    "direnv": (("exec",), set()),
}

# interpreter -> (options that take a value, options whose value is the program text)
INTERPRETERS = {
    "node": (
        {"-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions"},
        {"-e", "--eval", "-p", "--print"},
    ),
    "nodejs": ({"-r", "--require", "--import", "--loader"}, {"-e", "--eval", "-p", "--print"}),
    "deno": ({"-c", "--config", "--import-map"}, set()),
    "ruby": ({"-I", "-r", "-C"}, {"-e"}),
    "perl": ({"-I"}, {"-e", "-E"}),
    "php": ({"-d", "-c", "-t"}, {"-r"}),
    "python": ({"-X", "-W", "-Q"}, {"-c"}),
}

TRIVIAL = frozenset([
    "cd", "pwd", "export", "source", ".", "set", "true", "false", "echo", "shopt", "test", "[", "umask", "ulimit", "unset", "wait", "trap", "printf", "read",
    "exit", "return", "local", "setopt", "unsetopt", "builtin", "hash", "alias", "sleep", ":",
])  # fmt: skip

"""What a command line is: by whole words, seen through shells, runners, interpreters and titles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitfleet.onhost.call_data import SHELLS
from gitfleet.onhost.calls import DEPTH, calls
from gitfleet.onhost.categories import KEPT, LIVES, SHELL, UNKNOWN, WEIGHTS
from gitfleet.onhost.records import ProcessGroup
from gitfleet.onhost.signature_data import SIGNATURES
from gitfleet.onhost.signatures import kind_of, kind_of_command, kind_of_group, pattern_of
from tests.onhost.tables import process
from tests.workbench import ROOT

CLAUDE_SHELL = "source /home/ada/.claude/snap.sh && eval 'npm run dev' \\< /dev/null && pwd -P >| /tmp/cwd"
XDIST = "import sys;exec(eval(sys.stdin.readline()))"
SPAWN = "from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=5, pipe_handle=7)"

KINDS: list[tuple[list[str], str, str]] = [
    # command, category, name
    (["vite"], "dev-server", "vite"),
    (["bash", "--init-file", "/x/shellIntegration-bash.sh"], "shell", "bash"),
    (["/bin/bash", "--rcfile", "/x/rc", "-i"], "shell", "bash"),
    (["fish", "--init-command", "set x"], "shell", "fish"),
    (["bash", "--noprofile", "--norc", "-eo", "pipefail", "/w/vite.sh"], "interpreter", "shell script"),
    (["bash", "-o", "pipefail", "-c", "vite | tee log"], "dev-server", "vite"),
    (["/home/ada/.local/share/claude/versions/2.0.1", "--resume"], "agent", "claude"),
    (
        ["/s/cursor-agent/versions/2025.11/node", "/s/cursor-agent/versions/2025.11/index.js"],
        "agent",
        "agent",
    ),
    (["node", "/u/.nvm/versions/node/v20.1/bin/vite"], "dev-server", "vite"),
    (["/home/ada/.pyenv/versions/3.11.7/bin/python", "app.py"], "interpreter", "Python"),
    (["npx", "@zed-industries/claude-code-acp"], "agent", "agent"),
    (["/usr/bin/vim.gtk3", "notes"], "editor", "vim"),
    (["visudo"], "editor", "editor"),
    (["node", "/w/node_modules/.bin/pm2-runtime", "x"], "system", "service manager"),
    (["Xtigervnc", ":1"], "desktop", "desktop"),
    (["vite", "build"], "build-tool", "vite build"),
    (["node", "/w/node_modules/.bin/vite", "--port", "3000"], "dev-server", "vite"),
    (["node", "/w/node_modules/vite/bin/vite.js"], "dev-server", "vite"),
    (["sh", "-c", "vite --port 3000"], "dev-server", "vite"),
    (["sh", "-c", "cd web && PORT=1 exec vite"], "dev-server", "vite"),
    (["/bin/bash", "-c", "-l", CLAUDE_SHELL], "dev-server", "package script server"),
    (["npm run dev", "", ""], "dev-server", "package script server"),
    (["npm", "start"], "dev-server", "package script server"),
    (["pnpm", "dev"], "dev-server", "package script server"),
    (["yarn", "run", "dev:web"], "dev-server", "package script server"),
    (["npx", "-y", "vite@8"], "dev-server", "vite"),
    (["next-server (v16.0.1)"], "dev-server", "next"),
    (["node", "/w/node_modules/next/dist/bin/next", "dev"], "dev-server", "next"),
    (["node", "/w/node_modules/.bin/webpack", "serve"], "dev-server", "webpack serve"),
    (["node", "/w/node_modules/.bin/webpack", "--watch"], "watcher", "tsx watch"),
    (["python3.12", "-m", "http.server", "8000"], "dev-server", "http.server"),
    (["python", "-u", "-m", "flask", "--app", "shop", "run"], "dev-server", "flask"),
    (["/v/bin/python", "/v/bin/uvicorn", "shop:app", "--reload"], "dev-server", "uvicorn"),
    (["python", "manage.py", "runserver"], "dev-server", "Django"),
    (["python", "manage.py", "test"], "test-runner", "Django tests"),
    (["ruby", "bin/rails", "server"], "dev-server", "rails"),
    (["puma 6.4.2 (tcp://localhost:3000) [shop]"], "dev-server", "puma"),
    (["php", "artisan", "serve"], "dev-server", "artisan serve"),
    (["php", "-S", "localhost:80"], "dev-server", "php server"),
    (["node", "server.js"], "dev-server", "server script"),
    (["node", "/w/node_modules/foo/server.js"], "interpreter", "node"),
    (["timeout", "-k", "5", "60", "env", "A=1", "cargo", "test"], "test-runner", "cargo test"),
    (["go", "test", "./..."], "test-runner", "go test"),
    (["/tmp/go-build1/b001/api.test", "-test.timeout=10m"], "test-runner", "go test"),
    (["/w/target/debug/deps/shop-0123456789abcdef", "--nocapture"], "test-runner", "cargo test"),
    (["make", "test"], "test-runner", "make test"),
    (["make", "-j8"], "build-tool", "make"),
    (["/usr/lib/gcc/x86_64-linux-gnu/12/cc1", "-quiet"], "build-tool", "compiler"),
    (["gcc-12", "-c", "a.c"], "build-tool", "compiler"),
    (
        ["java", "-cp", "x.jar", "org.gradle.launcher.daemon.bootstrap.GradleDaemon", "8"],
        "build-tool",
        "Gradle daemon",
    ),
    (["uv", "run", "pytest"], "test-runner", "pytest"),
    (["[pytest-xdist running] tests/test_a.py::test_b"], "test-runner", "pytest worker"),
    (["/v/bin/python", "-u", "-c", XDIST], "test-runner", "Python test worker"),
    (["python", "-c", SPAWN, "--multiprocessing-fork"], "build-tool", "Python worker process"),
    (["node", "/w/node_modules/jest/bin/jest.js"], "test-runner", "jest"),
    (["node", "/w/node_modules/jest-worker/build/workers/processChild.js"], "test-runner", "jest worker"),
    (["node (vitest 1)"], "test-runner", "vitest"),
    (["node", "--test"], "test-runner", "node test"),
    (["node", "/w/node_modules/.bin/nodemon", "app.js"], "watcher", "nodemon"),
    (["node", "--watch", "app.js"], "watcher", "node watch"),
    (["npx", "@modelcontextprotocol/server-filesystem@2026.1", "/"], "mcp-server", "MCP server"),
    (["npm exec @modelcontextprotocol/server-everything"], "mcp-server", "MCP server"),
    (["node", "/root/.npm/_npx/1/node_modules/.bin/mcp-server-everything"], "mcp-server", "MCP server"),
    (["uvx", "--from", "git+x", "mcp-server-git"], "mcp-server", "MCP server"),
    (["uv", "tool", "run", "mcp-server-git"], "mcp-server", "MCP server"),
    (["node", "/w/node_modules/@playwright/mcp/cli.js"], "mcp-server", "MCP server"),
    (["claude", "mcp", "serve"], "mcp-server", "agent as MCP server"),
    (["claude", "--resume"], "agent", "claude"),
    (["node", "/usr/lib/node_modules/@openai/codex/bin/codex.js"], "agent", "codex"),
    (["codex", "app-server"], "agent-daemon", "codex app server"),
    (["opencode", "serve"], "agent-daemon", "opencode server"),
    (["node", "/w/node_modules/typescript/lib/tsserver.js"], "language-server", "tsserver"),
    (["gopls", "serve"], "language-server", "gopls"),
    (["bash-language-server", "start"], "language-server", "language server"),
    (["/usr/lib/postgresql/15/bin/postgres", "-D", "/data"], "database", "postgres"),
    (["postgres: walwriter "], "database", "postgres"),
    (["redis-server *:6379"], "database", "redis"),
    (["vim", "server.js"], "editor", "vim"),
    (["nano", "vite.config.js"], "editor", "editor"),
    (["less", "pytest.log"], "editor", "pager"),
    (["-bash"], "shell", "bash"),
    (["zsh", "-l"], "shell", "zsh"),
    (["bash", "watch.sh"], "interpreter", "shell script"),
    (["bash", "-c", "while true; do vite build; done"], "interpreter", "shell script"),
    (["tmux", "new-session", "-d", "vite"], "multiplexer", "tmux"),
    (["sshd: ada@pts/0"], "terminal", "remote terminal"),
    (["ssh: /home/ada/.ssh/cm-hub [mux]"], "terminal", "remote terminal"),
    (["ssh: /run/user/1000/gitfleet-ssh/e4114e0f271066df [mux]", "", ""], "gitfleet", "shared connection"),
    (["ssh: /tmp/gitfleet-ssh-1000/e4114e0f271066df [mux]"], "gitfleet", "shared connection"),
    (["chrome", "--headless", "--remote-debugging-port=0"], "browser", "headless browser"),
    (["firefox"], "browser", "browser"),
    (["/opt/google/chrome/chrome", "--remote-debugging-pipe"], "browser", "browser"),
    (["/opt/google/chrome/chrome", "--type=renderer", "--lang=en"], "browser", "part of a browser"),
    (["gitfleet", "daemon"], "gitfleet", "gitfleet"),
    (["python", "-I", "-S", "/v/site-packages/gitfleet/jobs/shepherd/run.py", "/a"], "gitfleet", "gitfleet"),
    (["python", "/home/ada/gitfleet/server.py"], "dev-server", "server script"),
    (["python", "-I", "-m", "gitfleet", "on-host"], "gitfleet", "gitfleet"),
    (["node", "index.js"], "interpreter", "node"),
    (["sleep", "600"], "interpreter", "small tool"),
    (["obsidian"], "unknown", "unknown"),
    (["java", "-cp", "a.jar", "com.intellij.idea.Main"], "editor", "JetBrains"),
    (["java", "-jar", "shop.jar"], "interpreter", "interpreter"),
    (["bazel(shop)", "-XX:+UseG1GC"], "build-tool", "bazel server"),
    (["node", "/w/node_modules/nx/src/daemon/server/start.js"], "build-tool", "build daemon"),
    (["git", "fsmonitor--daemon", "run"], "build-tool", "git daemon"),
    (["git", "gc"], "build-tool", "git"),
    (["gopls", "serve", "-listen=unix;/tmp/a"], "language-server", "gopls daemon"),
    # a source file of one's own is what it is called only where that keeps it
    (["python3", "/home/ada/watch.py"], "interpreter", "Python"),
    (["node", "vite.js"], "interpreter", "node"),
    (["python3", "/usr/share/nodejs/npm/bin/npm-cli.js", "test"], "test-runner", "package script test"),
    (["node", ".yarn/releases/yarn-4.9.cjs", "dev"], "dev-server", "package script server"),
    (["python3", "claude.py"], "agent", "claude"),
    (["node", "/home/ada/.vscode-server/bin/0/out/server-main.js"], "editor", "VS Code"),
    (
        ["node", "/home/ada/.vscode/extensions/eslint/out/eslintServer.js"],
        "language-server",
        "language server",
    ),
    # parts of words are no words
    (["viteless"], "unknown", "unknown"),
    (["python", "vite_report.py"], "interpreter", "Python"),
    (["cat", "vite"], "interpreter", "small tool"),
    (["grep", "-r", "jest", "."], "interpreter", "small tool"),
    (["sshfs", "h:/srv", "/mnt"], "system", "mounted files"),
    (["mcphail"], "unknown", "unknown"),
]


@pytest.mark.parametrize(("command", "category", "name"), KINDS, ids=lambda value: " ".join(value)[:60])
def test_kind_of_a_command_is_that_of_its_innermost_known_program(
    command: list[str], category: str, name: str
) -> None:
    kind = kind_of_command(tuple(command))

    assert (kind.category, kind.name) == (category, name)


HOSTILE = [
    [],
    [""],
    ["", ""],
    [" "],
    ["/"],
    ["-"],
    ["sh", "-c"],
    ["sh", "-c", ""],
    ["sh", "-c", "'"],
    ["sh", "-c", "eval eval eval eval eval x"],
    ["env"] * 10_000,
    ["sh", "-c", "x;" * 100_000],
    ["python", "-m"],
    ["python", "-c"],
    ["npx", "@"],
    ["npx", "--package"],
    ["java", "-cp"],
    ["node_modules/"],
    ["\udcff\x1b[2J\n", "\0"],
    ["\0module"],
    ["\0class", "x"],
    ["("],
]


@pytest.mark.parametrize("command", HOSTILE, ids=lambda value: repr(value)[:40])
def test_any_command_line_is_read_within_bounds(command: list[str]) -> None:
    assert len(calls(command)) <= DEPTH
    assert kind_of_command(tuple(command)).category in WEIGHTS
    assert len(pattern_of(command)) <= 80


WORDS = [
    "sh",
    "-c",
    "env",
    "npx",
    "node",
    "python",
    "-m",
    "uv",
    "run",
    "java",
    "-cp",
    "eval x",
    "'",
    "a=b",
    "/",
    "",
    "--",
    "vite",
    "\0module",
]


@given(st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=20)), max_size=12))
def test_no_command_line_raises(command: list[str]) -> None:
    assert len(calls(command)) <= DEPTH
    assert kind_of_command(tuple(command)).category in WEIGHTS
    assert len(pattern_of(command)) <= 80


@pytest.mark.parametrize(
    ("command", "pattern"),
    [
        (["node", "/home/ada/secret/server.js", "--token=abc"], "node server.js"),
        (["npm run dev"], "npm run dev"),
        (["npm", "run", "deploy-to-customer"], "npm run"),
        (["node", "/w/node_modules/vite/bin/vite.js", "--port", "3000"], "vite"),
        (["python3", "-m", "http.server", "8000"], "http.server"),
        (["cargo", "test", "hunter"], "cargo test"),
        (["login", "hunter"], "login"),
        (["python", "-c", "password = 'abc'"], "python -c"),
        ([], "unknown"),
    ],
)
def test_pattern_holds_the_program_and_known_words_only(command: list[str], pattern: str) -> None:
    assert pattern_of(command) == pattern


def test_kind_without_a_command_line_goes_by_the_name() -> None:
    assert kind_of(process(name="node", zombie=True)).category == "interpreter"
    assert kind_of(process(name="postgres")).category == "database"


@pytest.mark.parametrize(
    ("exe", "folder", "category"),
    [
        ("/home/ada/shop/target/debug/shop", "/home/ada/shop", "interpreter"),
        ("/home/ada/shopping/shop", "/home/ada/shop", "unknown"),
        ("/usr/bin/gimp", "/usr", "unknown"),
        ("/usr/bin/gimp", "/", "unknown"),
        (None, "/home/ada/shop", "unknown"),
        ("/home/ada/shop/shop", None, "unknown"),
    ],
)
def test_kind_of_an_unknown_program_is_that_of_the_folder_that_it_was_built_in(
    exe: str | None, folder: str | None, category: str
) -> None:
    assert kind_of(process("shop", exe=exe, cwd=folder)).category == category


def test_kind_of_a_kernel_thread_or_the_first_process_is_the_system_and_kept() -> None:
    for one in (process(name="kworker/0:1", kernel=True), process("vite", pid=1)):
        assert kind_of(one).category == "system"
        assert kind_of(one).kept


def test_kind_of_a_group_is_its_most_telling_member() -> None:
    members = (process("sh -c x.sh", 1_000), process("npm run dev", 1_001), process("node index.js", 1_002))

    assert kind_of_group(ProcessGroup(members[0], members)).category == "dev-server"


@pytest.mark.parametrize("kept", ["vim notes.md", "postgres", "claude", "tmux"])
def test_kind_of_a_group_with_a_member_that_is_kept_is_kept(kept: str) -> None:
    members = (process("npm run dev", 1_000), process(kept, 1_001))

    assert kind_of_group(ProcessGroup(members[0], members)).kept


def test_kind_of_a_browser_is_kept_by_its_first_process_and_not_by_its_parts() -> None:
    parts = (process("chrome --type=zygote", 1_001), process("chrome --type=renderer", 1_002))
    window, headless = process("chrome", 1_000), process("chrome --headless", 1_000)

    assert kind_of_group(ProcessGroup(window, (window, *parts))).kept
    assert not kind_of_group(ProcessGroup(headless, (headless, *parts))).kept


def test_kind_of_a_group_that_a_shell_started_is_not_kept_for_the_shell() -> None:
    members = (process("bash", 1_000), process("vite", 1_001))

    assert not kind_of_group(ProcessGroup(members[0], members)).kept


@pytest.mark.parametrize("shell", sorted(SHELLS))
def test_shell_without_a_command_is_a_shell(shell: str) -> None:
    assert kind_of_command((shell,)).category == SHELL
    assert kind_of_command((f"-{shell}",)).category == SHELL


def test_every_category_has_its_weight_and_every_signature_its_category() -> None:
    categories = {one.category for one in SIGNATURES} | {SHELL, UNKNOWN}

    assert categories == WEIGHTS.keys()
    assert KEPT.keys() <= categories
    assert LIVES.keys() <= categories


def test_guide_names_every_category() -> None:
    guide = (ROOT / "docs/guides/judging.md").read_text(encoding="utf-8")

    assert [category for category in WEIGHTS if f"`{category}`" not in guide] == []


def test_no_signature_stands_behind_one_that_takes_all_of_its_commands() -> None:
    taken: set[str] = set()
    for one in SIGNATURES:
        assert not (one.programs <= taken), one.name
        if not (one.verbs or one.flags or one.words or one.parts or one.script):
            taken |= one.programs

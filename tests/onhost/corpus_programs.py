"""The programs of the corpus, as data: how each is started in the work folder, and what it holds. Read by `make_corpus`."""

from __future__ import annotations

from typing import NamedTuple


class Program(NamedTuple):
    """One program: a shell line that `exec`s it. `held`: it is of use to somebody whoever started it. `piped`: it is spoken to by
    its standard input, which stays open. `terminal`: it wants one. `spins`: it uses a whole core; `bad`: for nothing.
    """

    name: str
    line: str
    held: bool = False
    piped: bool = False
    terminal: bool = False
    spins: bool = False
    bad: bool = False


DEV_SERVERS = (
    Program("vite", "exec node_modules/.bin/vite --port 0"),
    Program("npm-run-dev", "exec npm run dev"),
    Program("npm-start", "exec npm start"),
    Program("npx-vite", "exec npx vite --port 0"),
    Program("node-server", "exec node server.js"),
    Program("node-index", "exec node index.js"),
    Program("webpack-serve", "exec node_modules/.bin/webpack serve --mode development --port auto"),
    Program("http-server", "exec node_modules/.bin/http-server -p 0"),
    Program("serve", "exec node_modules/.bin/serve -l 0"),
    Program("python-http", "exec python3 -m http.server 0"),
    Program("flask", "exec venv/bin/flask --app shop run --port 0"),
    Program("flask-debug", "exec venv/bin/flask --app shop run --port 0 --debug"),
    Program("uvicorn", "exec venv/bin/uvicorn asgi:app --port 0"),
    Program("uvicorn-reload", "exec venv/bin/uvicorn asgi:app --port 0 --reload"),
    Program("sh-c-server", "exec sh -c 'cd . && node server.js & wait'"),
)
WATCHERS = (
    Program("nodemon", "exec node_modules/.bin/nodemon server.js"),
    Program("npm-run-watch", "exec npm run watch"),
    Program("tsx-watch", "exec node_modules/.bin/tsx watch app.ts"),
    Program("tsc-watch", "exec node_modules/.bin/tsc -w --noEmit app.ts"),
    Program("concurrently", "exec node_modules/.bin/concurrently 'node server.js' 'node index.js'"),
    Program("webpack-watch", "exec node_modules/.bin/webpack --watch --mode development"),
    Program("node-watch", "exec node --watch index.js"),
    Program("tail", "exec tail -f package.json"),
    Program("watchmedo", "exec venv/bin/watchmedo shell-command ."),
    Program("bash-loop", "exec bash watch.sh"),
    Program("sleep", "exec sleep 1000000"),
)
TEST_RUNNERS = (
    Program("jest", "exec node_modules/.bin/jest --maxWorkers 2 tests/hang"),
    Program("npm-test", "exec npm test"),
    Program("vitest", "exec node_modules/.bin/vitest run --pool forks tests/vitest"),
    Program(
        "mocha",
        "exec node_modules/.bin/mocha --parallel --jobs 2 --timeout 0 tests/mocha/a.cjs tests/mocha/b.cjs",
    ),
    Program("node-test", "exec node --test tests/node"),
    Program("pytest", "exec venv/bin/pytest -q tests/python"),
    Program("pytest-xdist", "exec venv/bin/pytest -q -n 2 tests/python"),
    Program("unittest", "exec python3 -m unittest tests/python/test_hang.py"),
    Program("multiprocessing", "exec python3 pool.py"),
    Program("make-test", "exec make test"),
)
SERVERS_ON_PIPES = (
    Program("mcp-everything", "exec node_modules/.bin/mcp-server-everything", piped=True),
    Program("mcp-npx", "exec npx mcp-server-filesystem .", piped=True),
    Program("mcp-git", "exec venv/bin/mcp-server-git", piped=True),
)
MCP_OVER_HTTP = (
    Program("mcp-http", "exec env PORT=0 node_modules/.bin/mcp-server-everything streamableHttp"),
)
BROWSERS = (
    Program(
        "chromium",
        "exec chromium --headless --no-sandbox --disable-gpu --user-data-dir=$PWD/profile --remote-debugging-port=0",
    ),
)
LANGUAGE_SERVERS = (
    Program(
        "typescript-language-server",
        "exec node_modules/.bin/typescript-language-server --stdio",
        piped=True,
        held=True,
    ),
    Program("pyright", "exec node_modules/.bin/pyright-langserver --stdio", piped=True, held=True),
    Program("gopls", "exec gopls", piped=True, held=True),
    Program("clangd", "exec clangd", piped=True, held=True),
    Program("pylsp", "exec venv/bin/pylsp", piped=True, held=True),
)
DATABASES = (
    Program("redis", "exec redis-server --port 0 --unixsocket redis.sock", held=True),
    Program("postgres", "exec postgres -D pgdata -k . -p 54321 -c listen_addresses=", held=True),
    Program("nginx", "exec nginx -p . -e nginx.log -c nginx.conf", held=True),
    Program("ssh-agent", "exec ssh-agent -D -a agent.sock", held=True),
)
ON_TERMINALS = (
    Program("vim", "exec vim -u NONE -n notes.md", held=True, terminal=True),
    Program("nano", "exec nano notes.md", held=True, terminal=True),
    Program("emacs", "exec emacs -nw -Q notes.md", held=True, terminal=True),
    Program("less", "exec less notes.md", held=True, terminal=True),
    Program("python-prompt", "exec python3 -q -i", held=True, terminal=True),
    Program("sqlite", "exec python3 -m sqlite3 shop.db || exec python3 -i", held=True, terminal=True),
    Program("bash", "exec bash -i", held=True, terminal=True),
    Program("zsh", "exec zsh -f -i", held=True, terminal=True),
    Program("fish", "exec fish -N -i", held=True, terminal=True),
    Program("top", "exec top", held=True, terminal=True),
)
AGENTS = (
    Program("claude", "exec bin/claude", held=True),
    Program("codex-app-server", "exec bin/codex app-server", held=True),
    Program("opencode-serve", "exec bin/opencode serve", held=True),
    Program("gemini", "exec bin/gemini", held=True),
    Program("copilot-server", "exec bin/copilot --server", held=True),
    Program("tmux", "exec tmux -S tmux.sock -f /dev/null new-session -d 'sleep 1000000'", held=True),
    Program("screen", "exec env SCREENDIR=$PWD/screen screen -c /dev/null -D -m sleep 1000000", held=True),
)
RUNAWAYS = (
    Program("pytest-spins", "exec venv/bin/pytest -q tests/spin/test_spin.py", spins=True, bad=True),
    Program("jest-spins", "exec node_modules/.bin/jest -i tests/spin", spins=True, bad=True),
    Program("unittest-spins", "exec python3 -m unittest tests/spin/test_spin.py", spins=True, bad=True),
    Program("tsx-spins", "exec node --watch spin.js", spins=True, bad=True),
)
COMPUTING = (
    Program("train", "exec python3 train.py", spins=True),
    Program("training-shell", "exec sh train.sh", spins=True),
)

WITH_ZOMBIES = (Program("zombies", "exec python3 zombies.py"),)
STOPPED = (
    Program("vite-stopped", "exec node_modules/.bin/vite --port 0"),
    Program("vim-stopped", "exec vim -u NONE -n notes.md", held=True, terminal=True),
    Program("pytest-stopped", "exec venv/bin/pytest -q tests/python"),
)

FILES = {
    "package.json": '{"name": "shop", "private": true, "scripts": {"dev": "vite --port 0", "start": "node server.js", '
    '"watch": "node --watch index.js", "test": "jest --maxWorkers 2 tests/hang"}}',
    "index.html": "<p>shop</p>",
    "server.js": "require('http').createServer((q, a) => a.end('shop')).listen(0, '127.0.0.1')",
    "index.js": "setInterval(() => {}, 1 << 30)",
    "spin.js": "for (;;) {}",
    "app.ts": "setInterval(() => {}, 1 << 30)",
    "src/index.js": "console.log(1)",
    "shop.py": "from flask import Flask\napp = Flask(__name__)",
    "asgi.py": "async def app(scope, receive, send):\n    pass",
    "train.py": "while True:\n    sum(range(10**6))",
    "train.sh": "while :; do :; done",
    "pool.py": "import multiprocessing, time\nif __name__ == '__main__':\n"
    "    multiprocessing.set_start_method('spawn')\n    multiprocessing.Pool(2).map(time.sleep, [10**6] * 2)",
    "zombies.py": "import os, signal\nfor name in ('true', 'node', 'vite'):\n    if os.fork() == 0:\n"
    "        os.execvp('true', [name])\nwhile True:\n    signal.pause()",
    "watch.sh": "while sleep 1000000; do :; done",
    "Makefile": "test:\n\tsleep 1000000\n",
    "notes.md": "# notes\n",
    "nginx.conf": "daemon off; pid nginx.pid; events {} http { access_log off; client_body_temp_path .; proxy_temp_path .; "
    "fastcgi_temp_path .; uwsgi_temp_path .; scgi_temp_path .; server { listen unix:nginx.sock; } }",
    "tests/hang/a.test.js": "test('hangs', () => new Promise(() => setInterval(() => {}, 1e9)), 1e9)",
    "tests/hang/b.test.js": "test('hangs', () => new Promise(() => setInterval(() => {}, 1e9)), 1e9)",
    "tests/spin/spin.test.js": "test('spins', () => { for (;;) {} })",
    "tests/spin/test_spin.py": "import unittest\nclass Spins(unittest.TestCase):\n    def test_it(self):\n        while True: pass",
    "tests/vitest/a.test.js": "import { test } from 'vitest'\ntest('hangs', () => new Promise(() => setInterval(() => {}, 1e9)), 1e9)",
    "tests/mocha/a.cjs": "it('hangs', (done) => { setInterval(() => {}, 1e9) })",
    "tests/mocha/b.cjs": "it('hangs', (done) => { setInterval(() => {}, 1e9) })",
    "tests/node/a.test.cjs": "require('node:test')('hangs', () => new Promise(() => setInterval(() => {}, 1e9)))",
    "tests/python/test_hang.py": "import time, unittest\nclass Hangs(unittest.TestCase):\n"
    "    def test_a(self):\n        time.sleep(10**6)\n    def test_b(self):\n        time.sleep(10**6)",
}
"""The work folder."""

MARKED, MARKED_GONE, LIVE, KEPT_ON, TYPED, RUNNER_KILLED = (
    "left by a session",
    "left by a session, worktree removed",
    "of a live session",
    "kept on by a user",
    "on a user's terminal",
    "runner killed",
)

BATCHES: tuple[tuple[str, str, tuple[Program, ...], float], ...] = (
    # name, how they are started, what, age in seconds
    ("leaked-servers", MARKED, DEV_SERVERS, 3 * 86400.0),
    ("leaked-watchers", MARKED, WATCHERS, 26 * 3600.0),
    ("leaked-tests", MARKED, TEST_RUNNERS, 5 * 3600.0),
    ("fresh-leaks", MARKED, (*DEV_SERVERS[:8], *WATCHERS[:4]), 240.0),
    ("leaked-pipes", MARKED, (*SERVERS_ON_PIPES, *MCP_OVER_HTTP, *BROWSERS), 2 * 86400.0),
    ("removed-worktrees", MARKED_GONE, (*DEV_SERVERS[1:6], *WATCHERS[1:4], *TEST_RUNNERS[:2]), 9 * 3600.0),
    ("session-holds", MARKED, (*DATABASES, *AGENTS), 2 * 86400.0),
    ("live-session", LIVE, (*DEV_SERVERS[:6], *WATCHERS[:3], *TEST_RUNNERS[:4]), 2 * 3600.0),
    ("live-pipes", LIVE, (*SERVERS_ON_PIPES, *MCP_OVER_HTTP, *LANGUAGE_SERVERS), 30 * 3600.0),
    ("kept-servers", KEPT_ON, (*DEV_SERVERS, *MCP_OVER_HTTP), 4 * 86400.0),
    ("kept-watchers", KEPT_ON, (*WATCHERS, *DATABASES, *COMPUTING), 20 * 86400.0),
    ("kept-agents", KEPT_ON, AGENTS, 12 * 86400.0),
    ("typed-servers", TYPED, DEV_SERVERS[:10], 6 * 3600.0),
    ("typed-tests", TYPED, (*TEST_RUNNERS[:8], *WATCHERS[:4]), 40 * 60.0),
    ("terminals", TYPED, ON_TERMINALS, 9 * 86400.0),
    ("killed-runners", RUNNER_KILLED, TEST_RUNNERS[:4], 3 * 3600.0),
    ("runaways", TYPED, RUNAWAYS, 30 * 3600.0),
    ("computing", TYPED, (*COMPUTING, *WITH_ZOMBIES), 60 * 3600.0),
    ("stopped", TYPED, STOPPED, 70 * 3600.0),
)

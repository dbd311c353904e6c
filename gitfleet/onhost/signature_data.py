"""The signatures of programs, as data: what each is called, and how long such a process usually lives.

Lives are what a person would expect of the kind, not of the program: they say only from when on age begins to speak. Where a
program does several things, the more particular signature stands first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, FrozenSet, Optional

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

MCP_WORDS = frozenset(["mcp", "modelcontextprotocol"])
COMMON_FILES = frozenset("bin cli dist index lib main run server start worker processchild forks __main__".split())
"""File names that say nothing of their package."""

LANGUAGE_SERVER_WORDS = frozenset(["lsp", "languageserver", "ls-server"])


@dataclass(frozen=True)
class ProgramSignature:
    """One way to know a program: by its name, and by all of the other conditions that are not empty (of each, any word will do).

    `verbs`: its first word; `flags`: options; `words`: any words; `parts`: folders of its path; `script`: a file of the user's
    own, run by an interpreter. `kept` and `free` override what its category says about being left alone.
    """

    category: str
    name: str
    programs: FrozenSet[str]
    verbs: FrozenSet[str] = frozenset()
    flags: FrozenSet[str] = frozenset()
    words: FrozenSet[str] = frozenset()
    parts: FrozenSet[str] = frozenset()
    script: bool = False
    life: Optional[float] = None
    worker: bool = False
    kept: str = ""
    free: bool = False


def _one(category: str, name: str, programs: str = "", **conditions: Any) -> ProgramSignature:
    sets = ("verbs", "flags", "words", "parts")
    split = {key: frozenset(value.split()) if key in sets else value for key, value in conditions.items()}
    return ProgramSignature(category, name, frozenset((programs or name).split()), **split)


_PACKAGE_MANAGERS = "npm npm-cli pnpm yarn yarnpkg bun deno"
_MULTIPROCESSING = "spawn_main resource_tracker semaphore_tracker forkserver"

SIGNATURES = (
    # ourselves
    _one(OURS, "gitfleet", "gitfleet git-fleet gitfleet.__main__"),
    # agents, and what they keep running for themselves
    _one(MCP_SERVER, "agent as MCP server", "claude codex opencode copilot", verbs="mcp-server", worker=True),
    _one(MCP_SERVER, "agent as MCP server", "claude codex", verbs="mcp", words="serve", worker=True),
    _one(AGENT_DAEMON, "codex app server", "codex", verbs="app-server exec-server cloud"),
    _one(AGENT_DAEMON, "opencode server", "opencode", verbs="serve web attach"),
    _one(AGENT_DAEMON, "claude daemon", "claude", verbs="daemon remote-control server", life=None),
    _one(AGENT_DAEMON, "copilot server", "copilot", flags="--server --acp --headless"),
    _one(AGENT_DAEMON, "gemini server", "gemini gemini-cli-a2a-server a2a-server", flags="--experimental-acp --acp", life=None),
    _one(AGENT_DAEMON, "agent daemon", "gemini-cli-a2a-server a2a-server codex-app-server opencode-server cursor-server amp-server goosed ollama"),
    _one(AGENT, "claude", "claude claude-code @anthropic-ai/claude-code"),
    _one(AGENT, "codex", "codex codex-linux-sandbox @openai/codex"),
    _one(AGENT, "gemini", "gemini gemini-cli @google/gemini-cli"),
    _one(AGENT, "opencode", "opencode opencode-ai"),
    _one(AGENT, "copilot", "copilot @github/copilot github-copilot-cli"),
    _one(AGENT, "agent", "aider goose amp cursor-agent crush qwen droid auggie kimi cline plandex openhands swe-agent"),
    # MCP servers that do not say so in their name
    _one(MCP_SERVER, "MCP server", "mcp fastmcp mcp-remote mcpo supergateway", worker=True),
    # test workers: they serve the runner that started them
    _one(TEST_RUNNER, "jest worker", "jest-worker processChild", worker=True),
    _one(TEST_RUNNER, "vitest worker", "vitest tinypool forks", parts="workers worker", worker=True),
    _one(TEST_RUNNER, "vitest worker", "vitest", words="workers", worker=True),
    _one(TEST_RUNNER, "mocha worker", "mocha workerpool", parts="nodejs src", words="worker worker.js", worker=True),
    _one(TEST_RUNNER, "pytest worker", "[pytest-xdist pytest-xdist", worker=True),
    _one(TEST_RUNNER, "Python test worker", "python-text", words="readline", worker=True),
    # test runners
    _one(TEST_RUNNER, "jest", "jest jest-cli"),
    _one(WATCHER, "vitest watch", "vitest", flags="--watch -w --ui"),
    _one(TEST_RUNNER, "vitest", "vitest"),
    _one(TEST_RUNNER, "mocha", "mocha _mocha"),
    _one(TEST_RUNNER, "ava", "ava tap karma jasmine cypress Cypress playwright wdio testcafe qunit c8 nyc tape"),
    _one(TEST_RUNNER, "node test", "node nodejs bun deno", flags="--test"),
    _one(TEST_RUNNER, "bun test", "bun deno", verbs="test"),
    _one(TEST_RUNNER, "pytest", "pytest py.test nose2 nosetests stestr unittest behave robot"),
    _one(TEST_RUNNER, "tox", "tox nox", life=HOUR),
    _one(TEST_RUNNER, "rspec", "rspec minitest cucumber phpunit pest bats shellspec ctest gtest-parallel busted"),
    _one(WATCHER, "test watcher", "ptw pytest-watch pytest-watcher guard"),
    _one(TEST_RUNNER, "cargo test", "cargo", verbs="test nextest bench miri"),
    _one(TEST_RUNNER, "go test", "go", verbs="test"),
    _one(TEST_RUNNER, "make test", "make gmake ninja just task", words="test tests check e2e"),
    _one(TEST_RUNNER, "Gradle test worker", "GradleWorkerMain", worker=True),
    _one(TEST_RUNNER, "Surefire", "surefire ForkedBooter JUnitStarter", worker=True),
    _one(TEST_RUNNER, "Django tests", "manage django-admin", verbs="test"),
    _one(TEST_RUNNER, "package script test", _PACKAGE_MANAGERS, verbs="test t tst"),
    _one(TEST_RUNNER, "package script test", _PACKAGE_MANAGERS, verbs="run run-script", words="test test:unit test:e2e test:watch e2e"),
    _one(TEST_RUNNER, "dotnet test", "dotnet", verbs="test"),
    # dev servers
    _one(BUILD_TOOL, "vite build", "vite", verbs="build optimize"),
    _one(DEV_SERVER, "vite", "vite"),
    _one(BUILD_TOOL, "next build", "next", verbs="build lint export"),
    _one(DEV_SERVER, "next", "next next-server next-router-worker start-server"),
    _one(DEV_SERVER, "webpack serve", "webpack webpack-cli", verbs="serve server s"),
    _one(DEV_SERVER, "webpack-dev-server"),
    _one(BUILD_TOOL, "astro build", "astro nuxt nuxi svelte-kit remix gatsby ng vue-cli-service react-scripts", verbs="build check"),
    _one(TEST_RUNNER, "ng test", "ng react-scripts vue-cli-service", verbs="test test:unit"),
    _one(DEV_SERVER, "astro", "astro nuxt nuxi svelte-kit remix gatsby ng vue-cli-service react-scripts react-router"),
    _one(DEV_SERVER, "storybook", "storybook start-storybook sb histoire ladle"),
    _one(DEV_SERVER, "expo", "expo metro react-native wrangler workerd netlify vercel amplify"),
    _one(DEV_SERVER, "static server", "serve http-server live-server browser-sync json-server lite-server sirv"),
    _one(DEV_SERVER, "parcel", "parcel snowpack turbopack rsbuild rspack farm", verbs="serve dev"),
    _one(DEV_SERVER, "flask", "flask", verbs="run"),
    _one(DEV_SERVER, "flask", "flask", words="run"),
    _one(DEV_SERVER, "uvicorn", "uvicorn hypercorn daphne granian"),
    _one(DEV_SERVER, "gunicorn", "gunicorn waitress-serve waitress"),
    _one(DEV_SERVER, "fastapi", "fastapi", verbs="dev run"),
    _one(DEV_SERVER, "Django", "manage django-admin", verbs="runserver runserver_plus"),
    _one(DEV_SERVER, "http.server", "http.server SimpleHTTPServer"),
    _one(DEV_SERVER, "streamlit", "streamlit gradio panel dash chainlit marimo"),
    _one(DEV_SERVER, "notebook", "jupyter jupyter-lab jupyter-notebook jupyterlab notebook", kept="a notebook: it may hold results that were never saved"),
    _one(INTERPRETER, "notebook kernel", "ipykernel_launcher ipykernel", kept="a notebook's kernel: it holds results that were never saved"),
    _one(DEV_SERVER, "mkdocs", "mkdocs", verbs="serve"),
    _one(DEV_SERVER, "docs server", "sphinx-autobuild jekyll hugo zola eleventy docusaurus vitepress mdbook", words="serve server s dev start"),
    _one(DEV_SERVER, "rails", "rails puma unicorn rackup thin webrick", verbs="server s"),
    _one(DEV_SERVER, "puma", "puma unicorn rackup foreman overmind hivemind"),
    _one(DEV_SERVER, "php server", "php", flags="-S"),
    _one(DEV_SERVER, "artisan serve", "artisan", verbs="serve"),
    _one(DEV_SERVER, "phoenix", "mix", verbs="phx.server"),
    _one(DEV_SERVER, "air", "air reflex realize gin fresh"),
    _one(DEV_SERVER, "port forward", "kubectl", verbs="port-forward proxy"),
    _one(DEV_SERVER, "tunnel", "ngrok cloudflared localtunnel lt", life=8 * HOUR),
    _one(DEV_SERVER, "package script server", _PACKAGE_MANAGERS, verbs="start dev serve"),
    _one(DEV_SERVER, "package script server", _PACKAGE_MANAGERS, verbs="run run-script task", words="dev start serve server preview storybook develop dev:web dev:api dev:server start:dev start:web"),
    _one(DEV_SERVER, "server script", "server serve dev-server devserver dev_server run_server runserver mock-server mock_server fake_server api-server", script=True),
    # watchers
    _one(WATCHER, "nodemon"),
    _one(WATCHER, "tsx watch", "tsx ts-node-dev ts-node tsup swc esbuild rollup webpack tailwindcss sass postcss", words="watch --watch -w"),
    _one(WATCHER, "tsc watch", "tsc", flags="-w --watch"),
    _one(WATCHER, "node watch", "node nodejs", flags="--watch --watch-path"),
    _one(WATCHER, "runner of several", "concurrently npm-run-all run-p run-s wireit turbo nx lerna pm2-dev"),
    _one(WATCHER, "file watcher", "chokidar onchange watchexec entr fswatch inotifywait inotifywatch watchman watchmedo watchfiles hivemind cargo-watch bacon", life=8 * HOUR),
    _one(WATCHER, "cargo watch", "cargo", verbs="watch"),
    _one(WATCHER, "package script watch", _PACKAGE_MANAGERS, verbs="watch"),
    _one(WATCHER, "package script watch", _PACKAGE_MANAGERS, verbs="run run-script", words="watch watch:css watch:js watch:ts build:watch typecheck:watch"),
    _one(WATCHER, "tail", "tail", flags="-f -F --follow -fn"),
    _one(WATCHER, "watch", "watch viddy"),
    # language servers
    _one(LANGUAGE_SERVER, "tsserver", "tsserver typingsInstaller vtsls typescript-language-server"),
    _one(LANGUAGE_SERVER, "pyright", "pyright-langserver langserver basedpyright-langserver pylance pylsp pyls jedi-language-server ruff-lsp"),
    _one(LANGUAGE_SERVER, "ruff server", "ruff ty biome deno oxlint", verbs="server lsp lsp-proxy"),
    _one(LANGUAGE_SERVER, "gopls"),
    _one(LANGUAGE_SERVER, "rust-analyzer", "rust-analyzer rust-analyzer-proc-macro-srv rls"),
    _one(LANGUAGE_SERVER, "clangd", "clangd ccls"),
    _one(LANGUAGE_SERVER, "language server", "jdtls solargraph sorbet lua-language-server zls elixir-ls metals omnisharp OmniSharp eslintServer cssServerMain jsonServerMain htmlServerMain marksman taplo texlab intelephense phpactor nil nixd hls haskell-language-server bash-language-server sourcekit-lsp copilot-language-server"),
    # build tools
    _one(BUILD_TOOL, "esbuild service", "esbuild", flags="--service --ping", worker=True, life=8 * HOUR),
    _one(BUILD_TOOL, "Gradle daemon", "GradleDaemon KotlinCompileDaemon", life=3 * HOUR),
    _one(BUILD_TOOL, "gradle", "gradle gradlew GradleWrapperMain mvn mvnw Launcher sbt bazel bazelisk buck ant"),
    _one(BUILD_TOOL, "cargo", "cargo rustc rustdoc clippy-driver cargo-clippy sccache"),
    _one(BUILD_TOOL, "go", "go compile link vet golangci-lint"),
    _one(BUILD_TOOL, "make", "make gmake ninja cmake meson just task scons"),
    _one(BUILD_TOOL, "compiler", "cc gcc g++ c++ clang clang++ cc1 cc1plus as ld ld.lld mold collect2 lto1 ccache javac kotlinc swiftc zig nvcc ghc"),
    _one(BUILD_TOOL, "tsc", "tsc tsup swc esbuild rollup webpack webpack-cli parcel babel terser tailwindcss sass postcss"),
    _one(BUILD_TOOL, "linter", "eslint prettier biome stylelint ruff black mypy dmypy pylint flake8 isort pre-commit rubocop shellcheck"),
    _one(BUILD_TOOL, "package installer", "pip pip3 uv poetry pdm pipenv apt apt-get dpkg brew gem composer npm-install"),
    _one(BUILD_TOOL, "package installer", _PACKAGE_MANAGERS, verbs="install i ci add update upgrade"),
    _one(BUILD_TOOL, "package script build", _PACKAGE_MANAGERS, verbs="run run-script build", words="build lint typecheck format compile build:prod"),
    _one(BUILD_TOOL, "git", "git git-remote-https git-upload-pack git-receive-pack git-lfs", life=10 * MINUTE),
    _one(BUILD_TOOL, "Python worker process", "python-text", words=_MULTIPROCESSING, worker=True, life=HOUR),
    # databases and queues
    _one(DATABASE, "postgres", "postgres postmaster pg_ctl pgbouncer pg_dump"),
    _one(DATABASE, "mysql", "mysqld mariadbd mysqld_safe mariadbd-safe"),
    _one(DATABASE, "redis", "redis-server valkey-server keydb-server redis-sentinel memcached dragonfly"),
    _one(DATABASE, "mongo", "mongod mongos"),
    _one(DATABASE, "database", "clickhouse clickhouse-server cockroach influxd etcd consul vault neo4j cassandra CassandraDaemon rqlited surreal qdrant weaviate chroma milvus duckdb sqlite3 minio couchdb beam.smp"),
    _one(DATABASE, "search engine", "elasticsearch Elasticsearch opensearch OpenSearch meilisearch typesense-server solr"),
    _one(DATABASE, "queue", "rabbitmq-server kafka Kafka QuorumPeerMain nats-server mosquitto"),
    _one(DATABASE, "database client", "psql mysql mariadb mongosh redis-cli litecli pgcli"),
    # editors
    _one(EDITOR, "vim", "vim vi nvim view vimdiff gvim neovim ex vim.basic vim.tiny vim.nox"),
    _one(EDITOR, "emacs", "emacs emacs-nox emacs-gtk emacsclient emacs-nox-28 emacs-28.2"),
    _one(EDITOR, "editor", "nano pico micro helix hx kak kakoune joe ed mcedit mc ne jed zed zed-editor subl sublime_text gedit kate"),
    _one(EDITOR, "VS Code", "code code-insiders codium cursor windsurf code-server code-tunnel bootstrap-fork extensionHost server-main"),
    _one(EDITOR, "JetBrains", "idea idea64 pycharm webstorm goland clion rustrover rider phpstorm com.intellij.idea.Main fsnotifier"),
    _one(EDITOR, "pager", "less more most man bat", kept="a pager: somebody reads in it"),
    # shells, terminals, multiplexers
    _one(MULTIPLEXER, "tmux", "tmux tmux:server"),
    _one(MULTIPLEXER, "screen", "screen SCREEN"),
    _one(MULTIPLEXER, "multiplexer", "zellij byobu dtach abduco mosh-server tmate dvtm wezterm-mux-server"),
    _one(TERMINAL, "terminal", "gnome-terminal-server gnome-terminal konsole xterm alacritty kitty wezterm wezterm-gui ghostty foot tilix terminator urxvt st ptyxis xfce4-terminal iTerm2 Terminal"),
    _one(TERMINAL, "remote terminal", "sshd sshd-session sshd-auth ssh mosh-client scp sftp sftp-server rsync login agetty getty ttyd et etserver autossh"),
    # browsers
    _one(BROWSER, "headless browser", "chrome chromium chromium-browser google-chrome headless_shell chrome-headless-shell firefox msedge", flags="--headless --remote-debugging-pipe -headless", free=True),
    _one(BROWSER, "headless browser", "headless_shell chrome-headless-shell chromedriver geckodriver", free=True),
    _one(BROWSER, "browser", "chrome chromium chromium-browser google-chrome firefox firefox-esr msedge brave vivaldi opera safari epiphany"),
    # containers and machines
    _one(CONTAINER, "container engine", "dockerd docker docker-proxy docker-compose containerd containerd-shim containerd-shim-runc-v2 runc crun podman conmon buildkitd buildah kubelet minikube k3s kind lima limactl colima qemu-system-x86_64 firecracker"),
    # the system and the desktop
    _one(SYSTEM, "service manager", "systemd init launchd s6-svscan s6-supervise runsvdir runsv supervisord runit openrc monit pm2 PM2 forever circusd"),
    _one(SYSTEM, "system service", "(sd-pam) dbus-daemon dbus-broker dbus-broker-launch polkitd cron crond anacron atd rsyslogd systemd-journald systemd-logind systemd-udevd systemd-resolved systemd-timesyncd NetworkManager wpa_supplicant dhclient chronyd ntpd avahi-daemon udisksd upowerd accounts-daemon fwupd snapd unattended-upgr tailscaled"),
    _one(SYSTEM, "key agent", "ssh-agent gpg-agent scdaemon gnome-keyring-daemon keyboxd dirmngr ssh-pageant keychain"),
    _one(SYSTEM, "web server", "nginx apache2 httpd caddy haproxy traefik envoy"),
    _one(SYSTEM, "backup", "restic borg duplicity rclone syncthing"),
    _one(DESKTOP, "desktop", "Xorg X Xwayland Xvfb gnome-shell gnome-session-binary plasmashell kwin_x11 kwin_wayland sway i3 hyprland pipewire wireplumber pulseaudio xdg-desktop-portal gvfsd gvfsd-fuse ibus-daemon fcitx5 dconf-service gsd-color at-spi-bus-launcher goa-daemon evolution-source-registry tracker-miner-fs-3 slack Slack discord spotify zoom thunderbird"),
    # whatever runs something that is not known
    _one(INTERPRETER, "node", "node nodejs deno bun tsx ts-node electron"),
    _one(INTERPRETER, "Python", "python pypy python-text ipython"),
    _one(INTERPRETER, "interpreter", "ruby perl php lua java Rscript R julia elixir erl ghci scala irb bpython octave awk gawk"),
    _one(INTERPRETER, "package script", _PACKAGE_MANAGERS + " npx bunx pnpx uvx pipx"),
)

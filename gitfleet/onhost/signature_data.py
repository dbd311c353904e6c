"""The signatures of programs, as data: what each is called. Where a program does several things, the more particular one stands first."""

from __future__ import annotations

from gitfleet.onhost.categories import (
    AGENT,
    AGENT_DAEMON,
    BUILD_TOOL,
    DEV_SERVER,
    HOUR,
    INTERPRETER,
    LANGUAGE_SERVER,
    MCP_SERVER,
    MINUTE,
    OURS,
    TEST_RUNNER,
    WATCHER,
)
from gitfleet.onhost.signature_form import one
from gitfleet.onhost.standing_data import STANDING

MCP_WORDS = frozenset(["mcp", "modelcontextprotocol"])
INSTALLED_FOLDERS = frozenset(["usr", "opt", "snap", "nix", "Applications", "Library", "lib"])
"""Folders at the root where nothing is a user's own file."""

OWN_FOLDERS = frozenset(["agenthooks", "base", "githooks", "jobs", "launching", "onhost", "upkeep"])
"""Folders of gitfleet whose files are started by their paths."""

COMMON_FILES = frozenset([
    "bin", "cli", "dist", "index", "lib", "main", "run", "server", "start", "worker", "processchild", "forks", "__main__",
])  # fmt: skip
"""File names that say nothing of their package."""

LANGUAGE_SERVER_WORDS = frozenset(["lsp", "languageserver", "ls-server", "langserver"])
LANGUAGE_SERVER_ENDS = ("-ls", "_ls", "lsp")

_PACKAGE_MANAGERS = "npm npm-cli pnpm yarn yarnpkg bun deno"
_SHARED = "a daemon that is started by whoever needs it first, and then serves others"
_MULTIPROCESSING = "spawn_main resource_tracker semaphore_tracker forkserver"

SIGNATURES = (
    *STANDING,
    # ourselves
    one(OURS, "gitfleet", "gitfleet git-fleet gitfleet.__main__"),
    # agents, and what they keep running for themselves
    one(MCP_SERVER, "agent as MCP server", "claude codex opencode copilot", verbs="mcp-server", worker=True),
    one(MCP_SERVER, "agent as MCP server", "claude codex", verbs="mcp", words="serve", worker=True),
    one(AGENT_DAEMON, "codex app server", "codex", verbs="app-server exec-server cloud"),
    one(AGENT_DAEMON, "opencode server", "opencode", verbs="serve web attach"),
    one(AGENT_DAEMON, "claude daemon", "claude", verbs="daemon remote-control server", life=None),
    one(AGENT_DAEMON, "copilot server", "copilot", flags="--server --acp --headless"),
    one(AGENT_DAEMON, "gemini server", "gemini gemini-cli-a2a-server a2a-server", flags="--experimental-acp --acp", life=None),
    one(AGENT_DAEMON, "agent daemon", "gemini-cli-a2a-server a2a-server codex-app-server opencode-server cursor-server amp-server goosed ollama"),
    one(AGENT, "claude", "claude claude-code @anthropic-ai/claude-code"),
    one(AGENT, "codex", "codex codex-linux-sandbox @openai/codex"),
    one(AGENT, "gemini", "gemini gemini-cli @google/gemini-cli"),
    one(AGENT, "opencode", "opencode opencode-ai"),
    one(AGENT, "copilot", "copilot @github/copilot github-copilot-cli"),
    one(AGENT, "agent",
        "aider goose amp cursor-agent crush qwen droid auggie kimi cline plandex openhands swe-agent qwen-code claude-code-acp codex-acp"),
    # MCP servers that do not say so in their name
    one(MCP_SERVER, "MCP server", "mcp fastmcp mcp-remote mcpo supergateway", worker=True),
    # test workers: they serve the runner that started them
    one(TEST_RUNNER, "jest worker", "jest-worker processChild", worker=True),
    one(TEST_RUNNER, "vitest worker", "vitest tinypool forks", parts="workers worker", worker=True),
    one(TEST_RUNNER, "vitest worker", "vitest", words="workers", worker=True),
    one(TEST_RUNNER, "mocha worker", "mocha workerpool", parts="nodejs src", words="worker worker.js", worker=True),
    one(TEST_RUNNER, "pytest worker", "[pytest-xdist pytest-xdist", worker=True),
    one(TEST_RUNNER, "Python test worker", "python-text", verbs="execnet", worker=True),
    # test runners
    one(TEST_RUNNER, "jest", "jest jest-cli"),
    one(WATCHER, "vitest watch", "vitest", flags="--watch -w --ui"),
    one(TEST_RUNNER, "vitest", "vitest"),
    one(TEST_RUNNER, "mocha", "mocha _mocha"),
    one(TEST_RUNNER, "ava", "ava tap karma jasmine cypress Cypress playwright wdio testcafe qunit c8 nyc tape"),
    one(TEST_RUNNER, "node test", "node nodejs bun deno", flags="--test"),
    one(TEST_RUNNER, "bun test", "bun deno", verbs="test"),
    one(TEST_RUNNER, "pytest", "pytest py.test nose2 nosetests stestr unittest behave robot"),
    one(TEST_RUNNER, "tox", "tox nox", life=HOUR),
    one(TEST_RUNNER, "rspec", "rspec minitest cucumber phpunit pest bats shellspec ctest gtest-parallel busted"),
    one(WATCHER, "test watcher", "ptw pytest-watch pytest-watcher guard"),
    one(TEST_RUNNER, "cargo test", "cargo", verbs="test nextest bench miri"),
    one(TEST_RUNNER, "go test", "go", verbs="test"),
    one(TEST_RUNNER, "make test", "make gmake ninja just task", words="test tests check e2e"),
    one(TEST_RUNNER, "Gradle test worker", "GradleWorkerMain", worker=True),
    one(TEST_RUNNER, "Surefire", "surefire ForkedBooter JUnitStarter", worker=True),
    one(TEST_RUNNER, "Django tests", "manage", verbs="test", script=True),
    one(TEST_RUNNER, "Django tests", "django-admin", verbs="test"),
    one(TEST_RUNNER, "package script test", _PACKAGE_MANAGERS, verbs="test t tst"),
    one(TEST_RUNNER, "package script test", _PACKAGE_MANAGERS, verbs="run run-script", words="test test:unit test:e2e test:watch e2e"),
    one(TEST_RUNNER, "dotnet test", "dotnet", verbs="test"),
    # dev servers
    one(BUILD_TOOL, "vite build", "vite", verbs="build optimize"),
    one(DEV_SERVER, "vite", "vite"),
    one(BUILD_TOOL, "next build", "next", verbs="build lint export"),
    one(DEV_SERVER, "next", "next next-server next-router-worker start-server"),
    one(DEV_SERVER, "webpack serve", "webpack webpack-cli", verbs="serve server s"),
    one(DEV_SERVER, "webpack-dev-server"),
    one(BUILD_TOOL, "astro build", "astro nuxt nuxi svelte-kit remix gatsby ng vue-cli-service react-scripts", verbs="build check"),
    one(TEST_RUNNER, "ng test", "ng react-scripts vue-cli-service", verbs="test test:unit"),
    one(DEV_SERVER, "astro", "astro nuxt nuxi svelte-kit remix gatsby ng vue-cli-service react-scripts react-router"),
    one(DEV_SERVER, "storybook", "storybook start-storybook sb histoire ladle"),
    one(DEV_SERVER, "expo", "expo metro react-native wrangler workerd netlify vercel amplify"),
    one(DEV_SERVER, "static server", "serve http-server live-server browser-sync json-server lite-server sirv"),
    one(DEV_SERVER, "parcel", "parcel snowpack turbopack rsbuild rspack farm", verbs="serve dev"),
    one(DEV_SERVER, "flask", "flask", verbs="run"),
    one(DEV_SERVER, "flask", "flask", words="run"),
    one(DEV_SERVER, "uvicorn", "uvicorn hypercorn daphne granian"),
    one(DEV_SERVER, "gunicorn", "gunicorn waitress-serve waitress"),
    one(DEV_SERVER, "fastapi", "fastapi", verbs="dev run"),
    one(DEV_SERVER, "Django", "manage", verbs="runserver runserver_plus", script=True),
    one(DEV_SERVER, "Django", "django-admin", verbs="runserver runserver_plus"),
    one(DEV_SERVER, "http.server", "http.server SimpleHTTPServer"),
    one(DEV_SERVER, "streamlit", "streamlit gradio chainlit marimo"),
    one(DEV_SERVER, "notebook",
        "jupyter jupyter-lab jupyter-notebook jupyterlab notebook", kept="a notebook: it may hold results that were never saved"),
    one(INTERPRETER, "notebook kernel", "ipykernel_launcher ipykernel", kept="a notebook's kernel: it holds results that were never saved"),
    one(DEV_SERVER, "mkdocs", "mkdocs", verbs="serve"),
    one(DEV_SERVER, "docs server", "sphinx-autobuild jekyll hugo zola eleventy docusaurus vitepress mdbook", words="serve server s dev start"),
    one(DEV_SERVER, "rails", "rails puma unicorn rackup thin webrick", verbs="server s"),
    one(DEV_SERVER, "puma", "puma unicorn rackup foreman overmind hivemind"),
    one(DEV_SERVER, "php server", "php", flags="-S"),
    one(DEV_SERVER, "artisan serve", "artisan", verbs="serve"),
    one(DEV_SERVER, "phoenix", "mix", verbs="phx.server"),
    one(DEV_SERVER, "air", "air reflex realize gin fresh"),
    one(DEV_SERVER, "port forward", "kubectl", verbs="port-forward proxy"),
    one(DEV_SERVER, "tunnel", "ngrok cloudflared localtunnel lt", life=8 * HOUR),
    one(DEV_SERVER, "package script server", _PACKAGE_MANAGERS, verbs="start dev serve"),
    one(DEV_SERVER, "package script server",
        _PACKAGE_MANAGERS, verbs="run run-script task", words="dev start serve server preview storybook develop dev:web dev:api dev:server start:dev start:web"),
    one(DEV_SERVER, "server script",
        "server serve dev-server devserver dev_server run_server runserver mock-server mock_server fake_server api-server", script=True),
    # daemons that serve others, too
    one(BUILD_TOOL, "build daemon", "turbo nx", verbs="daemon", kept=_SHARED),
    one(BUILD_TOOL, "build daemon", "start nx", parts="daemon", kept=_SHARED),
    # watchers
    one(WATCHER, "nodemon"),
    one(WATCHER, "tsx watch", "tsx ts-node-dev ts-node tsup swc esbuild rollup webpack tailwindcss sass postcss", words="watch --watch -w"),
    one(WATCHER, "tsc watch", "tsc", flags="-w --watch"),
    one(WATCHER, "node watch", "node nodejs", flags="--watch --watch-path"),
    one(WATCHER, "runner of several", "concurrently npm-run-all run-p run-s wireit turbo nx lerna pm2-dev"),
    one(WATCHER, "file watcher",
        "chokidar onchange watchexec entr fswatch inotifywait inotifywatch watchmedo watchfiles hivemind cargo-watch bacon", life=8 * HOUR),
    one(WATCHER, "cargo watch", "cargo", verbs="watch"),
    one(WATCHER, "package script watch", _PACKAGE_MANAGERS, verbs="watch"),
    one(WATCHER, "package script watch",
        _PACKAGE_MANAGERS, verbs="run run-script", words="watch watch:css watch:js watch:ts build:watch typecheck:watch"),
    one(WATCHER, "tail", "tail", flags="-f -F --follow -fn"),
    one(WATCHER, "watch", "watch viddy"),
    # language servers
    one(LANGUAGE_SERVER, "tsserver", "tsserver typingsInstaller vtsls typescript-language-server"),
    one(LANGUAGE_SERVER, "pyright", "pyright-langserver langserver basedpyright-langserver pylance pylsp pyls jedi-language-server ruff-lsp"),
    one(LANGUAGE_SERVER, "ruff server", "ruff ty biome deno oxlint", verbs="server lsp lsp-proxy"),
    one(LANGUAGE_SERVER, "gopls daemon", "gopls", flags="-listen -listen.timeout", kept=_SHARED),
    one(LANGUAGE_SERVER, "gopls"),
    one(LANGUAGE_SERVER, "rust-analyzer", "rust-analyzer rust-analyzer-proc-macro-srv rls"),
    one(LANGUAGE_SERVER, "clangd", "clangd ccls"),
    one(LANGUAGE_SERVER, "jdtls", "java", flags="-Declipse.application"),
    one(LANGUAGE_SERVER, "language server",
        "jdtls solargraph sorbet lua-language-server zls elixir-ls metals omnisharp OmniSharp eslintServer cssServerMain jsonServerMain htmlServerMain marksman taplo texlab intelephense phpactor nil nixd hls haskell-language-server bash-language-server sourcekit-lsp copilot-language-server svelteserver ngserver fsautocomplete perlnavigator tinymist sqls efm-langserver"),
    # build tools
    one(BUILD_TOOL, "esbuild service", "esbuild", flags="--service --ping", worker=True, life=8 * HOUR),
    one(BUILD_TOOL, "Gradle daemon", "GradleDaemon KotlinCompileDaemon", kept=_SHARED),
    one(BUILD_TOOL, "build daemon",
        "watchman sccache bloop pantsd buck2d buckd dmypy adb distccd fsnotifier eslint_d prettierd nxd turbod", kept=_SHARED),
    one(BUILD_TOOL, "bazel server", "bazel( blaze(", kept=_SHARED),
    one(BUILD_TOOL, "git daemon", "git", verbs="fsmonitor--daemon credential-cache--daemon daemon", kept=_SHARED),
    one(BUILD_TOOL, "git daemon", "git-credential-cache--daemon git-fsmonitor--daemon", kept=_SHARED),
    one(BUILD_TOOL, "gradle", "gradle gradlew GradleWrapperMain mvn mvnw Launcher sbt bazel bazelisk buck ant"),
    one(BUILD_TOOL, "cargo", "cargo rustc rustdoc clippy-driver cargo-clippy"),
    one(BUILD_TOOL, "go", "go compile link vet golangci-lint"),
    one(BUILD_TOOL, "make", "make gmake ninja cmake meson just task scons"),
    one(BUILD_TOOL, "compiler", "cc gcc g++ c++ clang clang++ cc1 cc1plus as ld ld.lld mold collect2 lto1 ccache javac kotlinc swiftc zig nvcc ghc"),
    one(BUILD_TOOL, "tsc", "tsc tsup swc esbuild rollup webpack webpack-cli parcel babel terser tailwindcss sass postcss"),
    one(BUILD_TOOL, "linter", "eslint prettier biome stylelint ruff black mypy pylint flake8 isort pre-commit rubocop shellcheck"),
    one(BUILD_TOOL, "package installer", "pip pip3 uv poetry pdm pipenv apt apt-get dpkg brew gem composer npm-install"),
    one(BUILD_TOOL, "package installer", _PACKAGE_MANAGERS, verbs="install i ci add update upgrade"),
    one(BUILD_TOOL, "package script build", _PACKAGE_MANAGERS, verbs="run run-script build", words="build lint typecheck format compile build:prod"),
    one(BUILD_TOOL, "git", "git git-remote-https git-upload-pack git-receive-pack git-lfs", life=10 * MINUTE),
    one(BUILD_TOOL, "Python worker process", "python-text", words=_MULTIPROCESSING, worker=True, life=HOUR),
    # whatever runs something that is not known
    one(INTERPRETER, "node", "node nodejs deno bun tsx ts-node electron"),
    one(INTERPRETER, "Python", "python pypy python-text ipython"),
    one(INTERPRETER, "interpreter", "ruby perl php lua java Rscript R julia elixir erl ghci scala irb bpython octave awk gawk"),
    one(INTERPRETER, "small tool", "sleep cat yes tee xargs socat nc ncat netcat curl wget find grep rg sed true pv"),
    one(INTERPRETER, "package script", _PACKAGE_MANAGERS + " npx bunx pnpx uvx pipx"),
)  # fmt: skip

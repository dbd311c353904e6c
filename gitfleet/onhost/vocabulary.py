"""Words of command lines that say what a program is, and nothing about who runs it or on what. Data.

With the profile safe only these leave a host; all others are hashed.
"""

from __future__ import annotations

import re

from gitfleet.onhost.call_data import SHELLS

_PROGRAMS = """
node nodejs npm npx pnpm pnpx yarn bun bunx deno tsx ts-node python python2 python3 pypy pypy3 pip uv uvx pipx poetry pdm hatch
ruby bundle rake rails perl php java javac gradle gradlew mvn mvnw kotlin scala sbt go cargo rustc rust-analyzer gopls make cmake
ninja bazel gcc g++ clang cc ld dotnet swift swiftc elixir mix beam.smp erl ghc stack cabal zig git git-lfs ssh sshd scp sftp
rsync curl wget docker docker-compose podman containerd kubectl helm terraform ansible systemd init cron crond tmux screen zellij
vim nvim vi emacs nano helix hx code cursor codium less more man top htop btop watch tail head cat grep rg find sleep tee xargs
sed awk env nohup setsid timeout nice sudo su login postgres postgresql psql mysqld mariadbd mysql redis redis-server redis-cli
mongod mongo sqlite3 memcached rabbitmq elasticsearch kafka zookeeper etcd minio nginx httpd apache2 caddy traefik haproxy
claude codex gemini opencode aider cursor-agent goose crush amp copilot qwen droid gitfleet git-fleet
chrome chromium chrome-headless-shell firefox playwright puppeteer selenium chromedriver geckodriver electron
"""
_TOOLS = """
vite vitest webpack webpack-dev-server rollup esbuild parcel turbo turbopack next nuxt remix astro svelte-kit gatsby expo metro
react-scripts vue-cli-service ng nx lerna nodemon concurrently ts-node-dev tsc tsserver tsserver.js eslint eslint_d prettier biome
storybook start-storybook jest mocha ava karma cypress jasmine tap tape c8 nyc wrangler serve http-server live-server json-server
browser-sync pm2 forever ngrok cloudflared supabase firebase vercel netlify prisma nest fastify express
pytest py.test tox nox unittest mypy dmypy pyright pylsp jedi-language-server ruff black flake8 pylint celery flower gunicorn
uvicorn hypercorn daphne waitress flask django manage.py runserver fastapi streamlit gradio jupyter jupyter-lab jupyter-notebook
ipython ipykernel ipykernel_launcher http.server xdist multiprocessing.spawn multiprocessing.forkserver spawn_main airflow dagster
watchman watchexec entr fswatch chokidar air reflex guard rspec minitest puma unicorn sidekiq spring phpunit artisan
rls clangd jdtls typescript-language-server vscode-langservers bash-language-server yaml-language-server lua-language-server
intelephense solargraph metals mcp mcp-server mcp-server-fetch mcp-server-git mcp-server-filesystem mcp-server-github
@modelcontextprotocol server-filesystem server-memory server-everything server-github server-puppeteer server-sequential-thinking
playwright-mcp context7-mcp chrome-devtools-mcp mcp-remote app-server
"""
_FILES = """
server.js server.ts server.mjs server.py app.js app.ts app.py main.js main.ts main.py main.go index.js index.ts index.mjs cli.js
worker.js worker.py dev.js start.js test.js build.js watch.js run.py wsgi.py asgi.py conftest.py setup.py package.json
vite.js vitest.mjs jest.js mocha.js next-server npm-cli.js npx-cli.js pnpm.cjs yarn.js nodemon.js webpack.js
processChild.js jest-worker threads.js forks.js child.js Makefile makefile Dockerfile docker-compose.yml
node_modules .bin .venv venv bin sbin lib lib64 libexec usr local opt dist build src test tests app apps packages public static
target debug release scripts cmd internal server client api web frontend backend tmp var run dev home root etc srv mnt
site-packages dist-packages .cache .npm .nvm .pyenv shims versions worktrees .git workspace workspaces
"""
_OPTIONS = """
-m -c -e -p -i -l -v -q -n -x -s -d -f -h -t -w -j -u -r -a -b -I -S -P -O -X -W -y -g
--port --host --hostname --bind --workers --worker --watch --watchAll --inspect --inspect-brk --reload --debug --verbose --quiet
--help --version --json --silent --yes --config --mode --env --require --import --loader --experimental-loader --max-old-space-size
--expose-gc --enable-source-maps --no-warnings --open --https --strictPort --turbo --headless --remote-debugging-port --no-sandbox
--runInBand --maxWorkers --coverage --ci --pool --run --reporter --project --noEmit --incremental --parallel --numprocesses --dist
--login --norc --noprofile --stdio --node-ipc --clientProcessId --pid --foreground --daemon --no-daemon --print --model
--dangerously-skip-permissions --resume --continue --experimental-vm-modules --trace-warnings --title --interactive --nonce
PORT HOST NODE_ENV NODE_OPTIONS PYTHONPATH PATH CI DEBUG
"""
_VERBS = """
run start dev serve server test tests build watch exec x dlx install ci lint preview deploy up down compose logs shell worker
beat celery migrate runserver check fmt doc bench stdio sse http https localhost 127.0.0.1 0.0.0.0 ::1 development production
true false yes no on off auto all main master tcp udp ipv4 ipv6 session agent job status claim daemon gateway proxy client
"""

WORDS = frozenset(" ".join((_PROGRAMS, _TOOLS, _FILES, _OPTIONS, _VERBS)).split()) | SHELLS
"""All of them."""

_VERSIONED = re.compile(
    r"(python|pypy|node|ruby|php|perl|lua|gcc|clang|java)-?[0-9]{1,2}(\.[0-9]{1,3}){0,2}\Z"
)


def known(word: str) -> bool:
    """Whether a word is one of them, a version of a program that is, or an empty one."""
    return word in WORDS or not word or bool(_VERSIONED.match(word))

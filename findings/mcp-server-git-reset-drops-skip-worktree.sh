#!/bin/sh
# mcp-server-git 2026.10.19 (PyPI, with GitPython 3.2.1) and its tool `git_reset`, "Unstages all staged changes", where entries of the index are
# marked as not to be looked at (git 2.39.5 and 2.55.0):
# - It writes the index anew from HEAD (`repo.index.reset()`), without `skip-worktree` and `assume-unchanged`. `git reset` keeps both marks.
# - Files whose local changes were hidden so then show as modified, and the tools `git_add` of `.` and `git_commit` put what was to stay
#   on this machine into a commit.
# - In a sparse checkout (`git sparse-checkout set a`) each file outside of it then shows as deleted. `git sparse-checkout reapply` mends that.
# A good guess was that it does what `git reset` does, as its name says, or nothing but what its description says.
# Output seen: `git: marks S h, committed a/file, deleted none; mcp-server-git: marks H H, committed a/assumed a/file a/local, deleted b/file;
# reapplied: deleted none` (S: skipped, h: assumed unchanged, H: neither).
set -eu
command -v git >/dev/null && command -v python3 >/dev/null || { echo "needs git, python3"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/home"
export HOME="$work/home" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TEMPLATE_DIR= GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org \
    GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q --disable-pip-version-check install mcp-server-git==2026.10.19 GitPython==3.2.1 2>/dev/null
cat >"$work/call.py" <<'SCRIPT'
import asyncio, json, os, sys
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

async def main(repo, *calls):
    server = StdioServerParameters(command=sys.executable, args=["-m", "mcp_server_git", "--repository", repo], env=dict(os.environ))
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        for call in calls:
            tool, arguments = json.loads(call)
            result = await session.call_tool(tool, {"repo_path": repo} | arguments)
            print(tool, result.content[0].text.splitlines()[0], file=sys.stderr)

asyncio.run(main(*sys.argv[1:]))
SCRIPT
call() { "$work/venv/bin/python" "$work/call.py" "$work/main" "$@" 2>"$work/log" || { cat "$work/log"; exit 2; }; }
start() { # two files whose local changes are hidden, and a staged one
    cd "$work"
    rm -rf main
    git init -q -b main main
    cd main
    mkdir a b
    for file in a/file a/local a/assumed b/file; do echo 1 >"$file"; done
    git add .
    git commit -q -m first
    echo 2 >a/file
}
hide() {
    git update-index --skip-worktree a/local
    git update-index --assume-unchanged a/assumed
    echo 'only here' >a/local
    echo 'only here' >a/assumed
    git add a/file
}
marks() { for file; do git ls-files -v "$file" | cut -c 1; done | paste -s -d ' '; }
deleted() {
    gone=$(git ls-files --deleted | paste -s -d ' ')
    echo "${gone:-none}"
}
committed() { git diff --name-only HEAD~ HEAD | paste -s -d ' '; }
start
hide
git reset -q
told="git: marks $(marks a/local a/assumed)"
git add .
git commit -q -m second
told="$told, committed $(committed)"
start
git sparse-checkout set a
git add a/file
git reset -q
told="$told, deleted $(deleted)"
start
hide
call '["git_reset", {}]'
told="$told; mcp-server-git: marks $(marks a/local a/assumed)"
call '["git_add", {"files": ["."]}]' '["git_commit", {"message": "second"}]'
told="$told, committed $(committed)"
start
git sparse-checkout set a
git add a/file
call '["git_reset", {}]'
told="$told, deleted $(deleted)"
git sparse-checkout reapply
told="$told; reapplied: deleted $(deleted)"
echo "$told"
[ "$told" = "git: marks S h, committed a/file, deleted none; mcp-server-git: marks H H, committed a/assumed a/file a/local, deleted b/file; \
reapplied: deleted none" ] || { echo "this has changed"; exit 1; }

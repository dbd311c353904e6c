#!/bin/sh
# @openai/codex 0.171.0, in a linked git worktree, and the hooks of a project (`.codex/hooks.json`), which it was asked for by
# `hooks/list` of its app server:
# - The worktree's own `.codex/hooks.json` is never read. The main checkout's is, but only where the worktree has a folder
#   `.codex` of its own, be it empty. git shows no empty folder, so two worktrees that look the same to git differ.
# - So hooks that a tool writes into each worktree never run, and an empty folder puts those of the main checkout in force,
#   with the trust that they have there (the key of a trusted hook is the main checkout's file).
# A good guess was that each worktree reads its own file, or that all read the main checkout's.
# Output seen: `none: 0 hooks`, `own file: 0 hooks` (main has none), `main, no folder: 0 hooks`, `main, empty folder: 1 hook from main`.
set -eu
command -v npm >/dev/null && command -v git >/dev/null && command -v python3 >/dev/null || { echo "needs npm, git, python3"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm install --silent --no-audit --no-fund --prefix "$work/npm" @openai/codex@0.171.0 >/dev/null
export HOME="$work/home" CODEX_HOME="$work/home/.codex" GIT_CONFIG_NOSYSTEM=1
mkdir -p "$CODEX_HOME"
git init -q "$work/main"
git -C "$work/main" -c user.name=t -c user.email=t@example.org commit -q --allow-empty -m first
git -C "$work/main" worktree add -q "$work/tree" 2>/dev/null
for place in main tree; do
    printf '[projects."%s"]\ntrust_level = "trusted"\n' "$work/$place" >>"$CODEX_HOME/config.toml"
done
cat >"$work/ask.py" <<'EOF'
import json, subprocess, sys
program, folder = sys.argv[1:]
server = subprocess.Popen([program, "app-server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
for line in (
    {"id": 0, "method": "initialize", "params": {"clientInfo": {"name": "finding", "version": "1"}}},
    {"method": "initialized"},
    {"id": 1, "method": "hooks/list", "params": {"cwds": [folder]}},
):
    server.stdin.write(json.dumps(line) + "\n")
    server.stdin.flush()
answer = next(told for told in map(json.loads, server.stdout) if told.get("id") == 1)
server.stdin.close()
server.wait()
hooks = answer["result"]["data"][0]["hooks"]
print(len(hooks), *sorted({hook["sourcePath"].split("/")[-3] for hook in hooks}))
EOF
ask() { python3 "$work/ask.py" "$work/npm/node_modules/.bin/codex" "$work/tree"; }
hooks='{"hooks": {"PreToolUse": [{"matcher": "*", "hooks": [{"type": "command", "command": "true"}]}]}}'
none=$(ask)
mkdir "$work/tree/.codex"
echo "$hooks" >"$work/tree/.codex/hooks.json"
own=$(ask)
rm -r "$work/tree/.codex"
mkdir "$work/main/.codex"
echo "$hooks" >"$work/main/.codex/hooks.json"
absent=$(ask)
mkdir "$work/tree/.codex"
empty=$(ask)
echo "none: $none; own file: $own; main, no folder: $absent; main, empty folder: $empty"
[ "$none" = 0 ] && [ "$own" = 0 ] && [ "$absent" = 0 ] && [ "$empty" = "1 main" ] || { echo "this has changed"; exit 1; }

#!/bin/sh
# opencode 1.18.33 (npm opencode-ai), `opencode serve`, and two clones of one repository besides a linked worktree, each opened once (here by
# `GET /vcs`, as any client does first):
# - A project is its root commit, so the second clone belongs to the first one's project; that is known (anomalyco/opencode#23868, #40599).
#   What follows from it: `GET /experimental/worktree`, "List all sandbox worktrees", lists the clone beside the worktree.
# - `DELETE /experimental/worktree`, "Remove a git worktree and delete its branch", with that clone deletes its whole folder, the
#   repository and all, with commits that were never pushed and files that were never added. It answers `true`.
# - With the linked worktree it does what it says, also where `git worktree remove` and `git branch -d` refuse: unsaved files go, and so do
#   commits that are nowhere else.
# - So whoever tidies up by that list asks git first: `git worktree list` does not have the clone.
# A good guess was that what it lists are worktrees, and that something else is refused by the removal (it has a status 400).
# Output seen: `git lists: first tree; opencode lists: second tree; git: remove refused, branch -d refused; DELETE of the clone: 200 true, folder
# gone; of the worktree: 200 true, folder gone, branch gone`. No model is asked.
set -eu
for tool in npm git curl; do
    command -v "$tool" >/dev/null || { echo "needs $tool"; exit 2; }
done
work=$(mktemp -d)
server=''
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
npm install --silent --no-audit --no-fund --prefix "$work/npm" opencode-ai@1.18.33 >/dev/null
mkdir "$work/home"
unset XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME XDG_CACHE_HOME OPENCODE_SERVER_PASSWORD
export HOME="$work/home" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TEMPLATE_DIR= GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org \
    GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org OPENCODE_DISABLE_AUTOUPDATE=1
cd "$work"
git init -q -b mine hub
git -C hub commit -q --allow-empty -m root
git clone -q hub first
git clone -q hub second
git -C first worktree add -q -b topic ../tree 2>/dev/null
for folder in second tree; do
    git -C "$folder" commit -q --allow-empty -m 'nowhere else'
    echo unsaved >"$folder/unsaved"
done
"$work/npm/node_modules/.bin/opencode" serve --hostname 127.0.0.1 --port 0 >"$work/log" 2>&1 &
server=$!
url=''
while [ -z "$url" ]; do
    kill -0 "$server" 2>/dev/null || { cat "$work/log"; exit 2; }
    sleep 0.2
    url=$(sed -n 's/.*listening on \(http[^ ]*\).*/\1/p' "$work/log")
done
listed=$(git -C first worktree list --porcelain | sed -n "s|^worktree $work/||p" | paste -s -d ' ' -)
for folder in first second tree; do curl -sfG "$url/vcs" --data-urlencode "directory=$work/$folder" >/dev/null; done
theirs=$(curl -sfG "$url/experimental/worktree" --data-urlencode "directory=$work/first" | tr -d '[]"' | tr , '\n' | sed "s|^$work/||" | sort | paste -s -d ' ' -)
git -C first worktree remove ../tree 2>/dev/null && remove=done || remove=refused
git -C tree checkout -q --detach HEAD~1
git -C first branch -q -d topic 2>/dev/null && branch=done || branch=refused
git -C tree checkout -q topic
delete() {
    answer=$(curl -s -X DELETE -w ' %{http_code}' -H 'content-type: application/json' -d "{\"directory\": \"$work/$1\"}" "$url/experimental/worktree?directory=$work/first")
    [ -e "$1" ] && folder=there || folder=gone
    echo "${answer#* } ${answer% *}, folder $folder"
}
clone=$(delete second)
tree=$(delete tree)
git -C first rev-parse -q --verify topic >/dev/null && left=there || left=gone
echo "git lists: $listed; opencode lists: $theirs; git: remove $remove, branch -d $branch; DELETE of the clone: $clone; of the worktree: $tree, branch $left"
[ "$listed; $theirs; $remove $branch; $clone; $tree, $left" = "first tree; second tree; refused refused; 200 true, folder gone; 200 true, folder gone, gone" ] ||
    { echo "this has changed"; exit 1; }

#!/bin/sh
# simple-git 4.0.2 (npm), with git 2.39.5 and 2.55.0, in linked worktrees and where no branch is checked out:
# - In a worktree that was made by `git worktree add --detach`, and in any checkout while a rebase has stopped, `branchLocal()` answers
#   `detached: false`, `current: "(no"`, and lists `(no` as a branch. git says "(no branch)" and "(no branch, rebasing topic)" there;
#   "(HEAD detached at …)", as after `git checkout --detach`, is understood. `status()` says `detached: true` in both.
# - `checkIsRepo("root")` is false at the top of each linked worktree and true at the top of the main checkout. So what asks it before it
#   makes a repository, or to find the top, takes a worktree for a folder somewhere within a repository.
# - git's own `rev-parse --show-toplevel` and `symbolic-ref -q HEAD` tell both.
# A good guess was that `detached` tells whether a branch is checked out, as in `status()`, and that the top of a worktree is a root.
# Output seen: see `expected` below; "listed" names what is in the list of branches and is none.
set -eu
for tool in git npm node; do command -v "$tool" >/dev/null || { echo "needs $tool"; exit 2; }; done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/home" "$work/npm"
export HOME="$work/home" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TEMPLATE_DIR= GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org \
    GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work/npm" simple-git@4.0.2 >/dev/null 2>&1
cat >"$work/npm/ask.mjs" <<'SCRIPT'
import { simpleGit } from 'simple-git';
const git = simpleGit(process.argv[2]);
const { current, detached, all } = await git.branchLocal();
const status = await git.status();
const listed = all.filter(name => !/^[a-z]+$/.test(name));
console.log(`root ${await git.checkIsRepo('root')}, current ${current}, detached ${detached}, listed ${listed.join(' ') || 'all right'}, status detached ${status.detached}`);
SCRIPT
ask() { node "$work/npm/ask.mjs" "$1"; }
cd "$work"
git init -q -b main main
cd main
echo 1 >file
git add .
git commit -q -m first
git worktree add -q -b topic ../linked 2>/dev/null
git worktree add -q --detach ../fresh 2>/dev/null
told="main: $(ask .)
linked: $(ask ../linked)
worktree add --detach: $(ask ../fresh)"
git checkout -q --detach
told="$told
detached by checkout: $(ask . | sed 's/current [0-9a-f]*,/current a commit,/; s/listed [0-9a-f]*/listed a commit/')"
git checkout -q main
echo 2 >file
git commit -q -a -m second
git checkout -q -b other HEAD~
echo 3 >file
git commit -q -a -m third
git rebase main >/dev/null 2>&1 || :
told="$told
rebasing: $(ask .)"
echo "$told"
expected='main: root true, current main, detached false, listed all right, status detached false
linked: root false, current topic, detached false, listed all right, status detached false
worktree add --detach: root false, current (no, detached false, listed (no, status detached true
detached by checkout: root true, current a commit, detached true, listed a commit, status detached true
rebasing: root true, current (no, detached false, listed (no, status detached true'
[ "$told" = "$expected" ] || { echo "this has changed"; exit 1; }

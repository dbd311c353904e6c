#!/bin/sh
# pygit2 1.21.0 (with libgit2 1.9.7), dulwich 1.2.21 and isomorphic-git 1.44.19 in a checkout that has a linked worktree in an untracked folder
# (`git worktree add agents/one`) and another repository (`own`), with unsaved files in both:
# - pygit2's `stash(…, include_untracked=True)` deletes the worktree, also a locked one (`git worktree lock`). The stash does not have it:
#   `stash_pop()` brings back the other untracked files and nothing of it. So does a checkout with `REMOVE_UNTRACKED`.
#   The repository stays: it has a `.git` folder, where the worktree has a file.
# - dulwich's `porcelain.clean` deletes all folders within both, and leaves their `.git`, so that they look like worktrees in which
#   everything was deleted.
# - dulwich's `porcelain.add(".")` and isomorphic-git's `add` of `.` put the files of both, also the unsaved ones, into the index of the
#   checkout around them.
# - `git stash -u`, `git clean -f -d` and `git add` keep out of both ("Ignoring path agents/one/"; `add` records a commit).
# - A worktree in a folder that is ignored (`.worktrees/` in `.gitignore`) is left alone by all of these.
# A good guess was that a library which tells of worktrees (`list_worktrees`, `worktree_list`) knows one when it is about to delete it.
# Output seen: see `expected` below: what is there of `agents/one`, of `own` and of the ignored worktree afterwards, and what is in the index.
set -eu
for tool in git npm node python3; do command -v "$tool" >/dev/null || { echo "needs $tool"; exit 2; }; done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/home" "$work/npm"
export HOME="$work/home" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TEMPLATE_DIR= GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org \
    GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q --disable-pip-version-check install pygit2==1.21.0 dulwich==1.2.21 2>/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work/npm" isomorphic-git@1.44.19 >/dev/null 2>&1
start() {
    cd "$work"
    rm -rf main
    git init -q -b main main
    cd main
    mkdir src
    echo 1 >src/file
    echo .worktrees/ >.gitignore
    git add .
    git commit -q -m first
    for place in agents/one .worktrees/two; do git worktree add -q "$place" 2>/dev/null; done
    git worktree lock agents/one
    git clone -q . own
    for place in agents/one own .worktrees/two; do echo 2 >"$place/src/unsaved"; done
    : >plain
}
left() { # of agents/one, own, .worktrees/two
    for place in agents/one own .worktrees/two; do
        if [ -e "$place/src/unsaved" ]; then echo all; elif [ -e "$place/.git" ]; then echo .git; else echo none; fi
    done | paste -s -d ' '
}
index() { git ls-files | grep -v -e '^\.gitignore$' -e '^plain$' -e '^src/' | paste -s -d ' '; }
pygit2() {
    "$work/venv/bin/python" - "$1" <<'SCRIPT'
import sys
import pygit2
from pygit2.enums import CheckoutStrategy
repo = pygit2.Repository(".")
if sys.argv[1] == "stash":
    repo.stash(pygit2.Signature("t", "t@example.org"), "by pygit2", include_untracked=True)
    repo.stash_pop()
else:
    repo.checkout_head(strategy=CheckoutStrategy.FORCE | CheckoutStrategy.REMOVE_UNTRACKED)
SCRIPT
}
dulwich() { "$work/venv/bin/python" -c "from dulwich import porcelain; porcelain.$1" >/dev/null; }
start
git stash -q -u 2>/dev/null
git stash pop -q >/dev/null 2>&1
git clean -q -f -d
told="git: stash and pop, clean: $(left)"
git add . 2>/dev/null
told="$told; add: $(index)
"
start
pygit2 stash
told="${told}pygit2: stash and pop: $(left), plain $([ -e plain ] && echo there || echo gone)"
start
pygit2 checkout
told="$told; checkout: $(left)
"
start
dulwich 'clean(".", ".")'
told="${told}dulwich: clean: $(left)"
start
dulwich 'add(".")'
told="$told; add: $(index)
"
start
cat >"$work/npm/add.mjs" <<'SCRIPT'
import fs from 'fs';
import git from 'isomorphic-git';
await git.add({ fs, dir: '.', filepath: '.' });
SCRIPT
node "$work/npm/add.mjs"
told="${told}isomorphic-git: add: $(index)"
echo "$told"
expected="git: stash and pop, clean: all all all; add: agents/one own
pygit2: stash and pop: none all all, plain there; checkout: none all all
dulwich: clean: .git .git all; add: agents/one/src/file agents/one/src/unsaved own/src/file own/src/unsaved
isomorphic-git: add: agents/one/.gitignore agents/one/src/file agents/one/src/unsaved own/.gitignore own/src/file own/src/unsaved"
[ "$told" = "$expected" ] || { echo "this has changed"; exit 1; }

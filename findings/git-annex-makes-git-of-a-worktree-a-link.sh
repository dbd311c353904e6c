#!/bin/sh
# git-annex 10.20261026 (PyPI), in a repository with it (`git annex init`), and `git worktree add` (git 2.39.5 and 2.55.0):
# - The new worktree's `.git` is no file but a symbolic link to its folder in the repository: git-annex's filter or hook, which git runs at
#   the checkout, puts it in place. Nobody called git-annex in the worktree.
# - `git worktree remove` and `git worktree move` then refuse the worktree, also with --force: "'…/.git' is not a .git file". `list`,
#   `lock` and `status` work. Nor can `git worktree prune` take it: it is there.
# - Way out: `git rev-parse --absolute-git-dir` in it, then write `gitdir: FOLDER` into `.git` in the link's place; `remove` works then.
# - dulwich 1.2.21 finds no repository there; pygit2 1.21.0 does.
# A good guess was that a worktree of git's own making is one that git can remove.
# Output seen: `without: file, removed; with git-annex: link, remove refused, remove --force refused, move refused; dulwich: none; pygit2:
# opened; with the file written anew: removed`.
set -eu
for tool in git python3; do command -v "$tool" >/dev/null || { echo "needs $tool"; exit 2; }; done
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
mkdir "$work/home"
export HOME="$work/home" GIT_CONFIG_NOSYSTEM=1 GIT_TEMPLATE_DIR= GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org \
    GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org PATH="$work/venv/bin:$PATH"
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_CONFIG_GLOBAL
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check git-annex==10.20261026 dulwich==1.2.21 pygit2==1.21.0 2>/dev/null
git init -q "$work/main"
cd "$work/main"
echo text >text
git add text
git commit -q -m first
add() { git worktree add -q "$1" >"$work/log" 2>&1 || { cat "$work/log"; exit 2; }; }
kind() { [ -L "$1/.git" ] && echo link || { [ -f "$1/.git" ] && echo file; }; }
try() { git worktree "$@" 2>"$work/log" && echo done || grep -o 'is not a .git file' "$work/log"; }
opened() { (cd "$work/tree" && "$work/venv/bin/python" -c "$1" 2>/dev/null && echo opened || echo none); }
add "$work/plain"
plain="$(kind "$work/plain"), $(try remove "$work/plain")"
git annex init >"$work/log" 2>&1 || { cat "$work/log"; exit 2; }
add "$work/tree"
annex=$(kind "$work/tree")
remove=$(try remove "$work/tree")
force=$(try remove --force "$work/tree")
move=$(try move "$work/tree" "$work/other")
dulwich=$(opened 'from dulwich.repo import Repo; Repo(".")')
pygit2=$(opened 'import pygit2; pygit2.Repository(".")')
folder=$(git -C "$work/tree" rev-parse --absolute-git-dir)
rm "$work/tree/.git"
echo "gitdir: $folder" >"$work/tree/.git"
anew=$(try remove "$work/tree")
echo "without: $plain; with git-annex: $annex; remove: $remove; remove --force: $force; move: $move; dulwich: $dulwich; pygit2: $pygit2; with the file written anew: $anew"
not="is not a .git file"
[ "$plain; $annex; $remove; $force; $move; $dulwich; $pygit2; $anew" = "file, done; link; $not; $not; $not; none; opened; done" ] ||
    { echo "this has changed"; exit 1; }

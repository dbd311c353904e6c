#!/bin/sh
# husky 9.1.7 in a linked git worktree, with any git:
# - husky sets `core.hooksPath=.husky/_`. The setting is of the repository, so it holds in each worktree; the folder that it names is
#   sought in each worktree by itself, and `.husky/_` is ignored by git (by a file that husky writes), so a new worktree has none.
# - git takes a hooks folder that is not there as one without hooks: a commit in a new worktree passes unchecked, without a word,
#   although the committed `.husky/pre-commit` is there.
# - It lasts until husky has run in that worktree (npm's `prepare`, mostly with `npm install`).
# - lefthook 2.2.2 and plain scripts in `.git/hooks` do run in each worktree, since that folder is shared.
# A good guess was that hooks which are in force in the main checkout are in force in its worktrees.
# Output seen: `main: refused; linked: passed, its .husky/pre-commit is there; linked after husky: refused; lefthook, linked: refused`.
set -eu
command -v npm >/dev/null && command -v git >/dev/null || { echo "needs npm, git"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work/npm" husky@9.1.7 lefthook@2.2.2 >/dev/null
mkdir "$work/home"
export HOME="$work/home" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TEMPLATE_DIR= GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org \
    GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org LEFTHOOK_BIN="$work/npm/node_modules/.bin/lefthook"
unset HUSKY LEFTHOOK CI
husky() { (cd "$1" && "$work/npm/node_modules/.bin/husky" >/dev/null); }
commit() { git -C "$1" commit -q --allow-empty -m x >/dev/null 2>&1 && echo passed || echo refused; }
repository() {
    git init -q "$1"
    echo "$3" >"$work/content"
    mkdir -p "$(dirname "$1/$2")"
    cp "$work/content" "$1/$2"
    git -C "$1" add "$2"
    git -C "$1" commit -q -m first
}
repository "$work/main" .husky/pre-commit 'exit 1'
husky "$work/main"
git -C "$work/main" worktree add -q "$work/tree" 2>/dev/null
main=$(commit "$work/main")
linked=$(commit "$work/tree")
there=$([ -f "$work/tree/.husky/pre-commit" ] && echo there || echo missing)
husky "$work/tree"
after=$(commit "$work/tree")
repository "$work/other" lefthook.yml 'pre-commit: {commands: {no: {run: "false"}}}'
(cd "$work/other" && "$LEFTHOOK_BIN" install >/dev/null)
git -C "$work/other" worktree add -q "$work/other-tree" 2>/dev/null
echo change >"$work/other-tree/file"
git -C "$work/other-tree" add file
lefthook=$(commit "$work/other-tree")
echo "main: $main; linked: $linked, its .husky/pre-commit is $there; linked after husky: $after; lefthook, linked: $lefthook"
[ "$main $linked $there $after $lefthook" = "refused passed there refused refused" ] || { echo "this has changed"; exit 1; }

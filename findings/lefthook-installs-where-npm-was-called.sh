#!/bin/sh
# lefthook 2.2.2 from npm, installed into a folder outside of every repository (`npm install --prefix ELSEWHERE lefthook`) by a shell
# that stands in a linked worktree of a repository without lefthook:
# - Its install script sets up the repository that npm was called in, not the one that it is installed into: it writes `lefthook.yml`
#   into that worktree, and a `prepare-commit-msg` into the hooks folder that all worktrees of the repository share. `--silent` hides it all.
# - The hook names the folder of the install. Once that is gone, each commit in each worktree seeks lefthook by a dozen tools, says
#   "Can't find lefthook in PATH", and passes. A `git add -A` commits the file.
# - `--ignore-scripts` prevents it, and so does CI=true in the environment; so it is never seen in CI.
# A good guess was that an install with --prefix touches that folder only.
# Output seen: `ignored scripts: nothing; CI: nothing; else: lefthook.yml prepare-commit-msg; commit in main: passed, Can't find lefthook in PATH`.
set -eu
command -v npm >/dev/null && command -v git >/dev/null || { echo "needs npm, git"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/home"
export HOME="$work/home" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TEMPLATE_DIR= GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org \
    GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org
unset CI LEFTHOOK LEFTHOOK_BIN INIT_CWD
git init -q "$work/main"
git -C "$work/main" commit -q --allow-empty -m first
git -C "$work/main" worktree add -q "$work/tree" 2>/dev/null
cd "$work/tree"
install() { npm install --silent --no-audit --no-fund --prefix "$work/$1" lefthook@2.2.2 $2 >/dev/null; }
left() {
    for file in "$work/tree"/lefthook.yml "$work/main/.git/hooks"/*; do
        [ ! -e "$file" ] || basename "$file"
    done | paste -s -d ' ' -
}
install one --ignore-scripts
ignored=$(left)
CI=true install two ''
ci=$(left)
install three ''
else=$(left)
rm -r "$work/three"
cd "$work/main"
said=$(PATH="$(dirname "$(command -v git)"):/usr/bin:/bin" git commit --allow-empty -m second 2>&1 >/dev/null) && passed=passed || passed=refused
said=$(echo "$said" | grep -o "Can't find lefthook in PATH" | head -n 1)
echo "ignored scripts: ${ignored:-nothing}; CI: ${ci:-nothing}; else: $else; commit in main: $passed, $said"
[ -z "$ignored$ci" ] && [ "$else" = "lefthook.yml prepare-commit-msg" ] && [ "$passed" = passed ] && [ -n "$said" ] || { echo "this has changed"; exit 1; }

#!/bin/sh
# dulwich 1.2.21 and its commands on linked worktrees, compared with git (2.39.5 and 2.55.0):
# - `porcelain.worktree_remove(repo, path)` and `dulwich worktree remove` delete a worktree with changed, staged and untracked files, without
#   a word. The docstring has a ValueError where there are local changes, and `force=True` to remove it in spite of them. Only a
#   locked worktree is refused.
# - `porcelain.branch_delete` deletes a branch that is checked out in another worktree, merged or not. That worktree is then on a branch
#   without commits, all its files are staged as new, and its next commit has no parent.
# - `porcelain.checkout` checks a branch out that is checked out elsewhere; two worktrees then move one branch.
#   `porcelain.worktree_add` refuses such a branch by name.
# - So ask git before: `git worktree remove`, `git branch -d` and `git checkout` refuse all of it.
# A good guess was that commands with the names, options and errors of git's refuse where git's do.
# Output seen: `git: changed refused, staged refused, untracked refused, locked refused, branch refused, checkout refused, add refused; dulwich:
# changed removed, staged removed, untracked removed, locked refused, branch deleted, checkout made, add refused; its command: removed; next commit
# in the worktree: 0 parents`.
set -eu
command -v git >/dev/null && command -v python3 >/dev/null || { echo "needs git, python3"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/home"
export HOME="$work/home" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TEMPLATE_DIR= GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org \
    GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q --disable-pip-version-check install dulwich==1.2.21 2>/dev/null
start() { # main on `main`, linked on `topic`, which has a commit of its own
    cd "$work"
    rm -rf main linked third
    git init -q -b main main
    cd main
    echo 1 >file
    git add .
    git commit -q -m first
    git worktree add -q -b topic ../linked 2>/dev/null
    git -C ../linked commit -q --allow-empty -m second
}
with() { # what is in linked
    start
    case $1 in
    changed) echo 2 >../linked/file ;;
    staged) echo 2 >../linked/file && git -C ../linked add file ;;
    untracked) echo 2 >../linked/new ;;
    locked) git worktree lock ../linked ;;
    esac
}
quiet() { "$@" >"$work/log" 2>&1; }
git_() {
    case $1 in
    remove) quiet git worktree remove ../linked ;;
    branch) quiet git branch -d topic ;;
    checkout) quiet git checkout topic ;;
    add) quiet git worktree add ../third topic ;;
    esac
}
dulwich_() {
    case $1 in
    remove) call='worktree_remove(".", "../linked")' ;;
    branch) call='branch_delete(".", b"topic")' ;;
    checkout) call='checkout(".", "topic")' ;;
    add) call='worktree_add(".", "../third", branch=b"topic")' ;;
    esac
    quiet "$work/venv/bin/python" -c "from dulwich import porcelain; porcelain.$call"
}
each() { # git_ or dulwich_
    told=''
    for state in changed staged untracked locked; do
        with "$state"
        "$1" remove || :
        told="$told$state $([ -e ../linked ] && echo refused || echo removed), "
    done
    start
    "$1" branch || :
    told="${told}branch $(git rev-parse -q --verify refs/heads/topic >/dev/null && echo refused || echo deleted), "
    start
    told="${told}checkout $("$1" checkout || :; [ "$(git symbolic-ref HEAD)" = refs/heads/topic ] && echo made || echo refused), "
    start
    echo "${told}add $("$1" add || :; [ -e ../third/.git ] && echo made || echo refused)"
}
by_git=$(each git_)
by_dulwich=$(each dulwich_)
with changed
quiet "$work/venv/bin/dulwich" worktree remove ../linked || :
command=$([ -e ../linked ] && echo refused || echo removed)
start
dulwich_ branch
git -C ../linked commit -q -m next
parents=$(git -C ../linked cat-file commit HEAD | grep -c '^parent ') || :
told="git: $by_git; dulwich: $by_dulwich; its command: $command; next commit in the worktree: $parents parents"
echo "$told"
[ "$told" = "git: changed refused, staged refused, untracked refused, locked refused, branch refused, checkout refused, add refused; \
dulwich: changed removed, staged removed, untracked removed, locked refused, branch deleted, checkout made, add refused; \
its command: removed; next commit in the worktree: 0 parents" ] || { echo "this has changed"; exit 1; }

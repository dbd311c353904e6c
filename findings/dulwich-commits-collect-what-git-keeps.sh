#!/bin/sh
# dulwich 1.2.21 and its `porcelain.commit`, which ends with an automatic gc as `git commit` does (from `gc.auto` loose objects on, by
# default 6700; 1 here), in a repository with a linked git worktree and objects that are twenty days old; `git gc` for comparison:
# - It keeps what refs and the HEAD of the worktree that it works in hold, and deletes all else that is older than two weeks: commits on
#   the detached HEAD of another worktree, what is staged there, what only reflogs hold, and so all stash entries but the newest. git
#   keeps each of them.
# - Nobody called a gc, and no word is said. After it git says "bad object HEAD" in the other worktree.
# - `porcelain.gc` does the same when called, and deletes what is staged where it is called, too.
# - `gc.auto=0` prevents it. Its function that seeks what is to be kept has an argument
#   `include_reflogs`, True by default, with no effect.
# A good guess was that a gc with the names and settings of git's keeps what git's keeps, or at least what is in the index.
# Output seen: `git gc: all kept; commit: branch kept, detached elsewhere deleted, staged elsewhere deleted, reflog deleted, newest stash
# kept, older stash deleted, staged here kept (committed); other: bad object HEAD; gc: staged here deleted; commit, gc.auto=0: all kept`.
set -eu
command -v git >/dev/null && command -v python3 >/dev/null || { echo "needs git, python3"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/home"
export HOME="$work/home" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TEMPLATE_DIR= GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org \
    GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org
unset GIT_AUTO_GC
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q --disable-pip-version-check install dulwich==1.2.21 2>/dev/null
start() { # main and other are worktrees of one repository
    cd "$work"
    rm -rf main other
    git init -q -b mine main
    cd main
    echo 1 >file
    git add .
    git commit -q -m first
    git worktree add -q --detach ../other
    cd ../other
    git commit -q --allow-empty -m 'on no branch'
    detached=$(git rev-parse HEAD)
    echo elsewhere >elsewhere
    git add .
    elsewhere=$(git rev-parse :elsewhere)
    cd ../main
    git commit -q --allow-empty -m before
    amended=$(git rev-parse HEAD)
    git commit -q --allow-empty --amend -m after
    branch=$(git rev-parse HEAD)
    for text in 2 3; do
        echo "$text" >file
        git stash -q
    done
    first=$(git rev-parse 'stash@{1}') second=$(git rev-parse 'stash@{0}')
    echo here >here
    git add .
    here=$(git rev-parse :here)
    find .git/objects -type f -exec touch -d '20 days ago' {} +
}
kept() { git cat-file -e "$1" 2>/dev/null && echo kept || echo deleted; }
left() {
    each="branch $(kept "$branch"), detached elsewhere $(kept "$detached"), staged elsewhere $(kept "$elsewhere"), \
reflog $(kept "$amended"), newest stash $(kept "$second"), older stash $(kept "$first"), staged here $(kept "$here")"
    case $each in *deleted*) echo "$each" ;; *) echo "all kept" ;; esac
}
dulwich() { "$work/venv/bin/python" -c "from dulwich import porcelain; porcelain.$1" 2>"$work/log" || cat "$work/log"; }
commit='commit(".", message=b"by dulwich")'

start
git gc -q
by_git=$(left)
start
git config gc.auto 1
dulwich "$commit"
auto=$(left)
other=$(git -C ../other log 2>&1 | grep -o 'bad object HEAD')
start
dulwich 'gc(".")'
called=$(left | grep -o 'staged here .*')
start
git config gc.auto 0
dulwich "$commit"
off=$(left)
echo "git gc: $by_git; commit: $auto (committed); other: $other; gc: $called; commit, gc.auto=0: $off"
[ "$by_git; $auto; $other; $called; $off" = "all kept; branch kept, detached elsewhere deleted, staged elsewhere deleted, reflog deleted, \
newest stash kept, older stash deleted, staged here kept; bad object HEAD; staged here deleted; all kept" ] || { echo "this has changed"; exit 1; }

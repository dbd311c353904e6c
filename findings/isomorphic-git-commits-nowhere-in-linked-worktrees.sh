#!/bin/sh
# isomorphic-git 1.44.11, in a linked git worktree (`dir` is the worktree; git 2.39.5 and 2.55.0):
# - It follows the worktree's `.git` file, and takes the folder that this names (`.git/worktrees/NAME`) for the whole repository: it
#   does not look at `commondir` there. `currentBranch` is right, and `statusMatrix` of a clean worktree gives each file as new.
# - `add` and `commit` work, with an id and no error. Blob, commit and branch go into folders `objects` and `refs` that are made in
#   `.git/worktrees/NAME`, where git never looks; the commit has no parent.
# - For git the branch is where it was, and the object is missing. The change stays staged in the index, which both share.
# - `git worktree remove` takes the folder, and the commits with it.
# - In the main checkout all is as with git.
# A good guess was that a library which finds the repository from a worktree can use it, or else refuses.
# Output seen: `main: a 1 1 1, commit with 1 parents, git: on the branch; linked: a 0 2 2, commit with 0 parents, git: missing, M  a, kept in
# worktrees/linked; after git worktree remove: kept nowhere`.
set -eu
for tool in npm node git; do command -v "$tool" >/dev/null || { echo "needs $tool"; exit 2; }; done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/home"
export HOME="$work/home" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TEMPLATE_DIR= GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org \
    GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work/npm" isomorphic-git@1.44.11 >/dev/null
cat >"$work/npm/commit.mjs" <<'SCRIPT'
import fs from 'node:fs'
import git from 'isomorphic-git'

const dir = process.argv[2]
const status = (await git.statusMatrix({ fs, dir })).map((row) => row.join(' ')).join(', ')
fs.writeFileSync(`${dir}/a`, 'changed\n')
await git.add({ fs, dir, filepath: 'a' })
const oid = await git.commit({ fs, dir, message: 'by isomorphic-git', author: { name: 't', email: 't@example.org' } })
const { commit } = await git.readCommit({ fs, dir, oid })
console.log(`${oid} ${status}, commit with ${commit.parent.length} parents`)
SCRIPT
git init -q "$work/main"
cd "$work/main"
echo first >a
git add a
git commit -q -m first
git worktree add -q "$work/linked" 2>/dev/null
seen() { # what git and the folders tell of the commit $2 in the folder $1
    if [ "$(git -C "$1" rev-parse HEAD)" = "$2" ]; then
        echo "on the branch"
    else
        git -C "$1" cat-file -e "$2" 2>/dev/null && object=there || object=missing
        echo "$object, $(git -C "$1" status --porcelain)"
    fi
}
kept() { # the folder below .git whose `objects` has the commit $1
    find "$work/main/.git" -path "*/objects/$(echo "$1" | cut -c 1-2)/$(echo "$1" | cut -c 3-)" | sed "s#^$work/main/.git/##; s#/*objects/.*##" | grep . || echo nowhere
}
main=$(node "$work/npm/commit.mjs" "$work/main")
linked=$(node "$work/npm/commit.mjs" "$work/linked")
told="main: ${main#* }, git: $(seen "$work/main" "${main%% *}"); linked: ${linked#* }, git: $(seen "$work/linked" "${linked%% *}"), kept in $(kept "${linked%% *}")"
git -C "$work/linked" reset -q --hard
git worktree remove "$work/linked"
told="$told; after git worktree remove: kept $(kept "${linked%% *}")"
echo "$told"
expected="main: a 1 1 1, commit with 1 parents, git: on the branch; linked: a 0 2 2, commit with 0 parents, git: missing, M  a, kept in worktrees/linked; after git worktree remove: kept nowhere"
[ "$told" = "$expected" ] || { echo "this has changed"; exit 1; }

#!/bin/sh
# isomorphic-git 1.44.11, `add` and `commit` of one new file, in a checkout whose index git keeps in one of its shorter forms: sparse
# (`git sparse-checkout set --sparse-index`, which `scalar clone` sets up too) or split (`core.splitIndex`, `git update-index --split-index`);
# git 2.39.5 and 2.55.0:
# - Both succeed, with an id. Of a split index only its own part is read: the commit deletes every file that is in the shared part.
# - An entry that stands for more than a file (a folder outside of the sparse checkout; a changed file of a split index) becomes an entry
#   with an empty name in a tree. git cannot read such a commit: `diff`, `ls-tree` and `checkout` end with "empty filename in tree entry", and a
#   hub with `receive.fsckObjects` refuses it.
# - Both forms are marked by an extension (`sdir`, `link`) that a reader who does not know it must refuse, by the index format.
#   pygit2 1.21.0 refuses it by name. GitPython 3.2.1 and dulwich 1.2.21 fail too: "Invalid repository path", "Checksum mismatch".
# - An index of version 4 isomorphic-git does refuse.
# A good guess was that it writes what git would, or refuses.
# Output seen: `plain: 4 files; sparse: empty filename in tree entry, push refused; split: 1 files; split, used: empty filename in tree
# entry, push refused; v4: Unsupported dircache version; others: pygit2 refuses refuses, GitPython fails fails, dulwich fails fails`.
set -eu
for tool in git npm node python3; do
    command -v "$tool" >/dev/null || { echo "needs $tool"; exit 2; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/home"
export HOME="$work/home" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TEMPLATE_DIR= GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org \
    GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work/npm" isomorphic-git@1.44.11 >/dev/null
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q --disable-pip-version-check install pygit2==1.21.0 gitpython==3.2.1 dulwich==1.2.21 2>/dev/null
cat >"$work/npm/commit.js" <<'JS'
const fs = require("fs");
const git = require("isomorphic-git");
(async () => {
    await git.add({ fs, dir: ".", filepath: "a/new" });
    await git.commit({ fs, dir: ".", message: "new", author: { name: "t", email: "t@example.org" } });
})().catch((error) => console.log(error.message));
JS
start() {
    cd "$work"
    rm -rf main hub
    git init -q -b mine main
    git init -q --bare hub
    git -C hub config receive.fsckObjects true
    cd main
    mkdir a b
    for file in a/1 b/1 top; do echo "$file" >"$file"; done
    touch -d "1 hour ago" a/1 b/1 top # so that git need not look at them again
    git add .
    git commit -q -m first
    case $1 in
        sparse) git sparse-checkout set --cone --sparse-index a ;;
        split | used) git update-index --split-index ;;
        v4) git update-index --index-version 4 ;;
    esac
    [ "$1" != used ] || { echo again >b/1 && git commit -q -a -m again; }
    echo new >a/new
}
committed() {
    start "$1"
    said=$(node "$work/npm/commit.js")
    [ -z "$said" ] || { echo "$said" | grep -o 'Unsupported dircache version'; return; }
    git diff HEAD~1 HEAD >/dev/null 2>"$work/log" && { git ls-tree -r HEAD | wc -l | sed 's/ *$/ files/'; return; }
    error=$(sed 's/fatal: //' "$work/log")
    git push -q ../hub HEAD:mine 2>/dev/null && push=taken || push=refused
    echo "$error, push $push"
}
other() {
    start "$1"
    "$work/venv/bin/python" -c "$2" >"$work/log" 2>&1 && echo works && return
    grep -q 'unsupported mandatory extension' "$work/log" && echo refuses || echo fails
}
pygit2='import pygit2; pygit2.Repository(".").index.add("a/new")'
gitpython='import git; index = git.Repo(".").index; index.add(["a/new"]); index.commit("new")'
dulwich='from dulwich import porcelain; porcelain.add(".", ["a/new"])'
plain=$(committed plain)
sparse=$(committed sparse)
split=$(committed split)
used=$(committed used)
v4=$(committed v4)
others="pygit2 $(other sparse "$pygit2") $(other split "$pygit2"), GitPython $(other sparse "$gitpython") $(other split "$gitpython"), \
dulwich $(other sparse "$dulwich") $(other split "$dulwich")"
echo "plain: $plain; sparse: $sparse; split: $split; split, used: $used; v4: $v4; others: $others"
[ "$plain; $sparse; $split; $used; $v4; $others" = "4 files; empty filename in tree entry, push refused; 1 files; empty filename in tree entry, \
push refused; Unsupported dircache version; pygit2 refuses refuses, GitPython fails fails, dulwich fails fails" ] || { echo "this has changed"; exit 1; }

#!/bin/sh
# pygit2 1.21.0 (with libgit2 1.9.7), in a sparse checkout that git made (`git sparse-checkout set a`), where nothing was changed:
# - `status()` gives each file that is outside as deleted in the work tree. git says nothing.
# - `index.add_all()`, whose docstring tells of adding and updating only, takes them out of the index; a commit of that index deletes
#   them. `git add --all` leaves them.
# - GitPython 3.2.1 (`is_dirty`, by git itself) and dulwich 1.2.21 (`porcelain.status`) see a clean work tree.
# - So a tool that asks libgit2 whether a worktree is clean never has one here, and one that "commits all" by it takes the files away.
# A good guess was that libgit2 minds the skip-worktree bit, which is in the index that it reads.
# Output seen: `git: clean; GitPython: clean; dulwich: clean; pygit2: b/file WT_DELETED; git add --all: a/file b/file; add_all: a/file`.
set -eu
for tool in git python3; do command -v "$tool" >/dev/null || { echo "needs $tool"; exit 2; }; done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/home"
export HOME="$work/home" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TEMPLATE_DIR= GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org \
    GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check pygit2==1.21.0 gitpython==3.2.1 dulwich==1.2.21 2>/dev/null
git init -q "$work/top"
cd "$work/top"
mkdir a b
echo 1 >a/file
echo 2 >b/file
git add .
git commit -q -m first
git sparse-checkout set a
run() { "$work/venv/bin/python" -c "$1"; }
[ -z "$(git status --porcelain)" ] && clean=clean || clean=changed
gitpython=$(run 'import git; print("changed" if git.Repo(".").is_dirty(untracked_files=True) else "clean")')
dulwich=$(run 'from dulwich import porcelain; s = porcelain.status("."); print("changed" if any([*s.staged.values(), s.unstaged, s.untracked]) else "clean")')
pygit2=$(run 'import pygit2; print(*(f"{path} {flag.name}" for path, flag in pygit2.Repository(".").status().items()))')
git add --all
by_git=$(git ls-files | paste -s -d ' ')
run 'import pygit2; index = pygit2.Repository(".").index; index.add_all(); index.write()'
by_pygit2=$(git ls-files | paste -s -d ' ')
told="git: $clean; GitPython: $gitpython; dulwich: $dulwich; pygit2: $pygit2; git add --all: $by_git; add_all: $by_pygit2"
echo "$told"
[ "$told" = "git: clean; GitPython: clean; dulwich: clean; pygit2: b/file WT_DELETED; git add --all: a/file b/file; add_all: a/file" ] ||
    { echo "this has changed"; exit 1; }

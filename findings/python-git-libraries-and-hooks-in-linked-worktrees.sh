#!/bin/sh
# GitPython 3.2.1 (`repo.index.commit`) and dulwich 1.2.21 (`porcelain.commit`), which run the repository's hooks `pre-commit`,
# `commit-msg` and `post-commit` as `git commit` does, in a linked git worktree:
# - In the main checkout both run all three. In a linked worktree neither runs any, and the commit is made without a word: they seek
#   `hooks` in the worktree's own git folder, where git never has one.
# - With `core.hooksPath` GitPython runs them in both places, dulwich in neither.
# - So a check that refuses a commit in the main checkout does not in a worktree; one that must hold is for the server or for CI.
# A good guess was that a library which runs hooks finds those that git runs.
# Output seen: `hooks folder: git 3 3, GitPython 3 0, dulwich 3 0; core.hooksPath: git 3 3, GitPython 3 3, dulwich 0 0` (main, linked).
set -eu
for tool in git python3; do command -v "$tool" >/dev/null || { echo "needs $tool"; exit 2; }; done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/home"
export HOME="$work/home" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TEMPLATE_DIR= GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org \
    GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check gitpython==3.2.1 dulwich==1.2.21 2>/dev/null
git init -q "$work/main"
cd "$work/main"
git commit -q --allow-empty -m first
git worktree add -q "$work/linked" 2>/dev/null
mkdir -p .git/hooks
for hook in pre-commit commit-msg post-commit; do
    printf '#!/bin/sh\necho run >>"%s/ran"\n' "$work" >".git/hooks/$hook"
    chmod +x ".git/hooks/$hook"
done
cat >"$work/count.py" <<'PYTHON'
import os, subprocess, sys
from pathlib import Path
import git
from dulwich import porcelain

work = Path(sys.argv[1])
WAYS = {
    "git": lambda folder: subprocess.run(["git", "commit", "-q", "--allow-empty", "-m", "x"], check=True),
    "GitPython": lambda folder: git.Repo(folder).index.commit("x"),
    "dulwich": lambda folder: porcelain.commit(str(folder), message=b"x"),
}


def count(commit, folder):
    (work / "ran").write_text("")
    os.chdir(folder)
    commit(folder)
    return len((work / "ran").read_text().split())


print(", ".join(f"{name} {count(way, work / 'main')} {count(way, work / 'linked')}" for name, way in WAYS.items()))
PYTHON
count() { "$work/venv/bin/python" "$work/count.py" "$work"; }
folder=$(count)
mv .git/hooks "$work/hooks"
git config core.hooksPath "$work/hooks"
path=$(count)
told="hooks folder: $folder; core.hooksPath: $path"
echo "$told"
expected="hooks folder: git 3 3, GitPython 3 0, dulwich 3 0; core.hooksPath: git 3 3, GitPython 3 3, dulwich 0 0"
[ "$told" = "$expected" ] || { echo "this has changed"; exit 1; }

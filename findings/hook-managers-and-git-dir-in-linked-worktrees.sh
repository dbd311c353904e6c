#!/bin/sh
# A `pre-commit` hook that makes a repository of its own in a temp folder (`git init`, `git commit`), as a test suite that it calls may do,
# as a plain script and by husky 9.1.7, lefthook 2.2.2, pre-commit 4.7.0 and prek 0.5.10, in a linked git worktree (git 2.39.5 and 2.55.0):
# - In the main checkout git sets no GIT_DIR for it, and all is well. In a linked worktree git does set it, to the worktree's own.
# - There the hook's `git init` makes no repository. It takes the real one for its own and writes `core.bare = true` into the configuration
#   that all worktrees share, so `git status` in the main checkout fails with "this operation must be run in a work tree".
# - The hook's commit goes onto the branch of the worktree, and the commit that was asked for fails ("cannot lock ref 'HEAD'").
# - Only lefthook takes the variable away. husky, pre-commit and prek hand it on to their hooks, as git does to a plain script.
# - A hook is safe with `unset $(git rev-parse --local-env-vars)` before.
# A good guess was that a hook has the same environment in each worktree, and that a hook manager cleans it.
# Output seen, each in a line: `plain: main: committed; linked: bare, of the hook on the branch; status in main: this operation must be run
# in a work tree`; husky, pre-commit, prek: the same; lefthook, and plain with unset: `… linked: committed; status in main: works`.
set -eu
for tool in npm git python3; do command -v "$tool" >/dev/null || { echo "needs $tool"; exit 2; }; done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/home" "$work/made"
export HOME="$work/home" XDG_CACHE_HOME="$work/home/cache" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TEMPLATE_DIR= \
    GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org \
    LEFTHOOK_BIN="$work/npm/node_modules/.bin/lefthook" TMPDIR="$work/made"
unset HUSKY LEFTHOOK CI GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work/npm" husky@9.1.7 lefthook@2.2.2 >/dev/null
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check pre-commit==4.7.0 prek==0.5.10 2>/dev/null
printf 'cd "$(mktemp -d)" && git init -q && git commit -q --no-verify --allow-empty -m "of the hook"\n' >"$work/suite"
pre_commit="repos: [{repo: local, hooks: [{id: suite, name: suite, entry: sh $work/suite, language: system, always_run: true, pass_filenames: false}]}]"
script() {
    printf '#!/bin/sh\n%s\n' "$1" >.git/hooks/pre-commit
    chmod +x .git/hooks/pre-commit
}
prepare() { # sets up one hook manager in the repository of this folder
    mkdir -p .git/hooks
    case $1 in
    plain) script "exec sh $work/suite" ;;
    unset) script "unset \$(git rev-parse --local-env-vars); exec sh $work/suite" ;;
    husky) mkdir .husky && echo "sh $work/suite" >.husky/pre-commit ;;
    lefthook) printf 'pre-commit:\n  jobs:\n    - run: sh %s\n' "$work/suite" >lefthook.yml ;;
    *) echo "$pre_commit" >.pre-commit-config.yaml ;;
    esac
    git add .
    git commit -q --no-verify --allow-empty -m first
    install "$1"
}
install() { # what is needed in each worktree
    case $1 in
    husky) "$work/npm/node_modules/.bin/husky" ;;
    lefthook) "$LEFTHOOK_BIN" install ;;
    pre-commit | prek) "$work/venv/bin/$1" install ;;
    esac >"$work/log" 2>&1 || { cat "$work/log"; exit 2; }
}
outcome() {
    git commit -q --allow-empty -m asked >"$work/log" 2>&1 || true
    case $(git log -1 --format=%s) in asked) told=committed ;; *) told="$(git log -1 --format=%s) on the branch" ;; esac
    [ "$(git config core.bare)" = false ] || told="bare, $told"
    echo "$told"
}
told=$(for manager in plain unset husky lefthook pre-commit prek; do
    git init -q "$work/$manager"
    cd "$work/$manager"
    prepare "$manager"
    main=$(outcome)
    git worktree add -q "$work/$manager-tree" 2>/dev/null
    cd "$work/$manager-tree"
    [ "$manager" != husky ] || install husky
    linked=$(outcome)
    status=$(git -C "$work/$manager" status --porcelain >"$work/log" 2>&1 && echo works || sed 's/^fatal: //' "$work/log")
    echo "$manager: main: $main; linked: $linked; status in main: $status"
done)
echo "$told"
bad="main: committed; linked: bare, of the hook on the branch; status in main: this operation must be run in a work tree"
good="main: committed; linked: committed; status in main: works"
[ "$told" = "plain: $bad
unset: $good
husky: $bad
lefthook: $good
pre-commit: $bad
prek: $bad" ] || { echo "this has changed"; exit 1; }

#!/bin/sh
# @anthropic-ai/claude-code 2.1.332 and `claude --worktree NAME`, compared with `git worktree add` in the same repository:
# - Where the repository's own `.git/config` has any `includeIf`, be its condition false and its file empty, the worktree is refused:
#   "The repository git config has a conditional include (includeIf), so the filter drivers a checkout would load cannot be determined".
# - The same `includeIf` in the user's `~/.gitconfig`, and an unconditional `include.path` in the repository's, are no obstacle.
# - The repository's `post-checkout` hook, which `git worktree add` runs and by which many prepare a worktree, is not run.
# - So a tool that wants worktrees for such repositories makes them by itself and starts claude inside.
# A good guess was that --worktree works wherever `git worktree add` does, with the same hooks.
# Output seen: `plain: made; include in the repository: made; includeIf of the user: made; includeIf in the repository: refused; hook:
# run by git, not by claude`. No model is asked: the worktree is made before, and the address of the model's service is a closed port here.
set -eu
command -v npm >/dev/null && command -v git >/dev/null || { echo "needs npm, git"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm install --silent --no-audit --no-fund --prefix "$work/npm" @anthropic-ai/claude-code@2.1.332 >/dev/null
mkdir "$work/home"
export HOME="$work/home" CLAUDE_CONFIG_DIR="$work/home/.claude" XDG_CONFIG_HOME="$work/home/.config" GIT_CONFIG_NOSYSTEM=1 GIT_TEMPLATE_DIR= \
    ANTHROPIC_API_KEY=none ANTHROPIC_BASE_URL=http://127.0.0.1:9 CLAUDE_CODE_MAX_RETRIES=0 CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1
unset GIT_CONFIG_GLOBAL
git init -q "$work/main"
cd "$work/main"
git -c user.name=t -c user.email=t@example.org commit -q --allow-empty -m first
mkdir -p .git/hooks
printf '#!/bin/sh\necho run >>"%s/hook"\n' "$work" >.git/hooks/post-checkout
chmod +x .git/hooks/post-checkout
: >.git/more
claude() {
    "$work/npm/node_modules/.bin/claude" --worktree "$1" -p hello </dev/null >"$work/log" 2>&1 || true
    [ -e ".claude/worktrees/$1/.git" ] && echo made || echo refused
}
plain=$(claude plain)
git config include.path more
include=$(claude include)
git config --remove-section include
git config --global 'includeIf.onbranch:never.path' "$work/main/.git/more"
user=$(claude user)
rm "$HOME/.gitconfig"
claudes=$([ -e "$work/hook" ] && echo run || echo not)
git config 'includeIf.onbranch:never.path' more
own=$(claude own)
reason=$(grep -o 'conditional include (includeIf)' "$work/log" || head -n 1 "$work/log")
git worktree add -q "$work/tree" 2>/dev/null
gits=$([ -e "$work/hook" ] && echo run || echo not)
echo "plain: $plain; include in the repository: $include; includeIf of the user: $user; includeIf in the repository: $own ($reason); hook: $gits by git, $claudes by claude"
[ "$plain $include $user $own $gits $claudes $reason" = "made made made refused run not conditional include (includeIf)" ] || { echo "this has changed"; exit 1; }

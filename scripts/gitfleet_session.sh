#!/bin/sh
# Starts an agent as a session in a managed worktree of its own:
#
#   scripts/gitfleet_session.sh [--agent NAME] [--managed-dir DIR] [other options] [[--] COMMAND [ARG]...]
#
# Options are those of `gitfleet session start`. Without COMMAND it is the agent's program: codex or claude, whichever
# --agent is named after, else whichever is on PATH. GITFLEET names the gitfleet to use.
set -u
exec "${GITFLEET:-gitfleet}" session start --launch "$@"

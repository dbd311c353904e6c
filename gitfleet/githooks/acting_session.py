"""The session that acts in a worktree, as far as that can be told at once.

The order is that of `sessions.local.whoami`; where that could say something else, nobody is named here. Standard library only.
"""

from __future__ import annotations

import os

from gitfleet.base import fast_json
from gitfleet.base.ids import is_name
from gitfleet.clients import acting
from gitfleet.git import config_text
from gitfleet.githooks.gitdirs import content


def session_here(git_dir: str, common_dir: str) -> str | None:
    """The session that acts here, as far as it can be told at once; the order is that of `sessions.local.whoami`."""
    for client, own in acting.callers(os.environ):
        session = acting.session_of(f"{common_dir}/gitfleet", client, own)
        if session is not None:
            return session
        if acting.anybody(f"{common_dir}/gitfleet"):
            return None  # what the environment says may be another one's
    return os.environ.get("GITFLEET_SESSION") or _marked(git_dir, common_dir)


def _marked(git_dir: str, common_dir: str) -> str | None:
    """The session of this worktree as it was marked, if it lives; None where git's configuration may name one."""
    if "GIT_CONFIG_COUNT" in os.environ or "fleet" in os.environ.get("GIT_CONFIG_PARAMETERS", "").lower():
        return None
    for file in (f"{common_dir}/config", f"{git_dir}/config.worktree"):
        if os.path.exists(file) and config_text.may_name_session(content(file)):
            return None
    mark = f"{git_dir}/gitfleet-session"
    session = os.fsdecode(content(mark)).strip() if os.path.exists(mark) else ""
    return session if is_name(session) and _lives(common_dir, session) else None


def _lives(common_dir: str, session: str) -> bool:
    """Whether a session is at work in this worktree for certain: an agent may have died, and left its mark."""
    here = fast_json.load(content(f"{common_dir}/gitfleet/sessions/{session}.json"))
    if here["worktree"] != os.getcwd():
        return False
    if here["person"] is True:
        return True
    from gitfleet.base.identity import ProcessIdentity, state  # 2 ms, where an agent commits

    process = ProcessIdentity.from_record(here["process"])
    return process is not None and state(process) != "dead"

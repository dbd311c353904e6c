"""The words of the command line for what `base.advice` names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gitfleet.base import advice, shellwords

# "{}": what the step is done to
COMMANDS: Mapping[str, str] = {
    advice.AGENT_NEW: "gitfleet agent new {}",
    advice.ARCHIVES: "gitfleet worktree archive --list",
    advice.CLAIM: "gitfleet claim {}",
    advice.CLAIMS: "gitfleet claims",
    advice.CLEANUP: "gitfleet worktree cleanup",
    advice.COST: "gitfleet cost",
    advice.DOCTOR: "gitfleet doctor",
    advice.DROP_ARCHIVE: "gitfleet worktree archive --drop {}",
    advice.END: "gitfleet session end {}",
    advice.ENSURE: "gitfleet worktree ensure",
    advice.FLEET_APPLY: "gitfleet fleet apply --recommended --session {}",
    advice.FLEET_PLAN: "gitfleet fleet plan --hosts {}",
    advice.FLEET_PLAN_LEFT: "gitfleet fleet plan --hosts localhost --left-by {}",
    advice.FLEET_PLANS: "gitfleet fleet list",
    advice.FLEET_RESUME: "gitfleet fleet resume --session {}",
    advice.FLEET_SHOW: "gitfleet fleet show --session {}",
    advice.FLEET_UNDO: "gitfleet fleet undo --session {}",
    advice.FLEET_VERIFY: "gitfleet fleet verify --session {}",
    advice.FSCK: "gitfleet fsck",
    advice.GATE_STATUS: "gitfleet gate status",
    advice.GATE_STATUS_OF: "gitfleet gate status --commit {}",
    advice.HELP: "gitfleet --help",
    advice.HUB_HOOK: "gitfleet hub-hook install {}",
    advice.HUB_HOOK_OFF: "gitfleet hub-hook uninstall {}",
    advice.INIT: "gitfleet init",
    advice.INIT_HUB: "gitfleet init --hub {}",
    advice.INBOX: "gitfleet inbox",
    advice.INBOX_KIND: "gitfleet inbox --kind {}",
    advice.INBOX_NOTIFY: "gitfleet inbox notify --test",
    advice.JOBS: "gitfleet job list",
    advice.JOBS_LOG: "gitfleet logs",
    advice.JOBS_START: "gitfleet start",
    advice.JOBS_STOP: "gitfleet stop",
    advice.JOB_ANSWER: "gitfleet job answer {}",
    advice.JOB_LOGS: "gitfleet job logs {}",
    advice.JOB_RETRY: "gitfleet job retry {}",
    advice.LOG_OF: "gitfleet log --session {}",
    advice.MAINTAIN: "gitfleet worktree maintain",
    advice.MAINTAINER_LOGS: "gitfleet maintainer logs",
    advice.MAINTAINER_RUN: "gitfleet maintainer run",
    advice.MESSAGE_VERIFY: "gitfleet message verify {}",
    advice.OPEN_SANDBOX: "gitfleet agent install codex --sandbox open",
    advice.POOL_SHOW: "gitfleet pool show {}",
    advice.QUEUE: "gitfleet queue list",
    advice.QUEUE_ACCEPT: "gitfleet queue accept {}",
    advice.QUEUE_ADD: "gitfleet queue add --branch {}",
    advice.QUEUE_APPROVE: "gitfleet queue approve {}",
    advice.QUEUE_DROP: "gitfleet queue drop {}",
    advice.QUEUE_HISTORY: "gitfleet queue history",
    advice.QUEUE_PROCESS: "gitfleet queue process",
    advice.QUEUE_RESUME: "gitfleet queue resume",
    advice.QUEUE_RETRY: "gitfleet queue retry {}",
    advice.QUEUE_SHOW: "gitfleet queue show {}",
    advice.QUEUE_UNHOLD: "gitfleet queue unhold {}",
    advice.QUEUE_WHY: "gitfleet queue why {}",
    advice.RADAR: "gitfleet radar",
    advice.REPAIR: "gitfleet doctor --repair",
    advice.REVIEW: "gitfleet review {}",
    advice.SESSIONS: "gitfleet session list",
    advice.START: "gitfleet session start",
    advice.START_AS: "gitfleet session start --id {}",
    advice.START_COMMITTING: "gitfleet session start --commit",
    advice.START_WITH: "gitfleet session start -- {}",
    advice.SYNC: "gitfleet sync",
    advice.TELL: "gitfleet tell {} TEXT",
    advice.UNINSTALL: "gitfleet uninstall",
    advice.WAIT: "gitfleet claim --wait {}",
    advice.WORKTREES: "gitfleet worktree list",
}


_STEP = r"(⟨[^⟨⟩:]+)(?:: ([^⟨⟩]*))?⟩"


def spoken(text: str) -> str:
    """`text` with a command, between backticks, for each step in it; a text that is a step becomes the bare command.

    Brackets around anything else stay.
    """
    if advice.OPEN not in text:
        return text
    whole = re.fullmatch(_STEP, text)
    return _command(whole) if whole else re.sub(_STEP, lambda found: _command(found, "`"), text)


def _command(found: re.Match[str], quote: str = "") -> str:
    command = COMMANDS.get(found[1] + advice.CLOSE)
    if command is None:
        return found[0]
    what = found[2] and shellwords.word(advice.subject(found[2]))
    return f"{quote}{command.format(what) if what else command.replace(' {}', '')}{quote}"


def spoken_in(value: object) -> object:
    """A JSON value, with that done to each text in it."""
    if isinstance(value, str):
        return spoken(value)
    if isinstance(value, Mapping):
        return {key: spoken_in(item) for key, item in value.items()}
    return [spoken_in(item) for item in value] if isinstance(value, list | tuple) else value

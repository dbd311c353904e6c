"""Everything that an agent's hooks do beyond the quick yes: begin a session, brief it, end it; `edits` judges its edits.

The boundary of these hooks: whatever goes wrong ends here in words.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress

from gitfleet.agenthooks import hook_input, hook_output, identity
from gitfleet.agenthooks.hook_output import PATIENCE
from gitfleet.agenthooks.turn_claims import Turns
from gitfleet.base import delivery, files
from gitfleet.base.console import note, out
from gitfleet.clients.notes import Notes
from gitfleet.errors import FleetError, NoFleet, NoRepository
from gitfleet.fleet import briefing
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import briefing_rows
from gitfleet.git.repository import discover
from gitfleet.launching import committing, draft_claim
from gitfleet.ledger import own_node
from gitfleet.sessions.local import VARIABLE
from gitfleet.trunk import policy_file

GOES_ON = frozenset(["clear", "resume"])
"""Ends of an agent's own session after which the same process goes on with another one."""

ENV_FILES = ("CLAUDE_ENV_FILE", "CODEX_ENV_FILE")
ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE")


def main(arguments: Sequence[str]) -> int:
    """Answer one event; the exit code is 0 whenever an answer could be given."""
    agent, event, *rest = arguments
    for name in ELSEWHERE:  # where a git hook started the agent; the file tells the repository
        os.environ.pop(name, None)
    try:
        text = EVENTS[event](agent, rest)
    except KeyboardInterrupt:
        return 130
    if text:
        out(text)
        delivery.done()
    return 0


def _edit(agent: str, rest: list[str]) -> str:
    from gitfleet.agenthooks import edits  # a tenth of the time of a session's first hook

    return edits.judged(agent, rest)


def _unread(agent: str, rest: list[str]) -> str:
    from gitfleet.agenthooks import edits  # see `_edit`

    return edits.unread(agent, rest)


def _begin(agent: str, rest: list[str]) -> str:
    """An agent's session starts, or goes on: it gets a session of the fleet, and the briefing."""
    del rest
    told = _heard()
    try:
        _enter(told or {})
        with Fleet.open(announce=note, patience=PATIENCE) as fleet:
            if told is None:
                words = f"gitfleet could not start a session: what {agent} said could not be read."
                return hook_output.at_start(words, [words])
            warnings = policy_file.refresh(fleet.repository, fleet.ledger.node)
            own, source = _text(told, "session_id"), _text(told, "source")
            session = identity.session_of(fleet, agent, own, source)
            _export(session)
            briefing.ask(fleet)  # what it cannot tell shows by its age
            words = briefing_rows.gather(fleet, session, agent)["text"]
        return hook_output.at_start(words, warnings)
    except (NoFleet, NoRepository):
        return ""
    except (FleetError, PermissionError) as raised:
        error = files.forbidden(raised) if isinstance(raised, PermissionError) else raised
        delivery.failed()
        words = f"gitfleet could not start a session: {error.message}"
        return hook_output.at_start(f"{words} Next: {error.hint}" if error.hint else words, [words])
    except Exception as error:  # noqa: BLE001 - a bug of ours is said, and keeps no agent from starting
        delivery.failed()
        words = f"gitfleet: internal error in begin, please report it: {type(error).__name__}: {error}"
        return hook_output.at_start(words, [words])


def _export(session: str) -> None:
    """Tell the commands that the agent will run who they act for, where the agent offers a file for that."""
    path = next((os.environ[name] for name in ENV_FILES if os.environ.get(name)), "")
    line = f"export {VARIABLE}={session}\n"
    if not path or os.environ.get(VARIABLE):
        return
    try:
        with open(path, "a+", encoding="utf-8") as file:
            file.seek(0)
            if line not in file.read():
                file.write(line)
    except OSError as error:
        note(f"gitfleet: {path} could not be written: {error.strerror}")


def _end(agent: str, rest: list[str]) -> str:
    """An agent's session ends. Agents wait a second or three at most, so the work goes on by itself."""
    del rest
    told = _heard() or {}
    own = _text(told, "session_id")
    if own and not _text(told, "agent_id"):
        _enter(told)
        if _text(told, "reason") in GOES_ON:
            _leave(agent, own)  # at once: the next session of the process asks for it
        else:
            _go_on(agent, "finish", own)
    return ""


def _turn(agent: str, rest: list[str]) -> str:
    """A turn ends: what was claimed for edits that did not come to be is released, beside the agent."""
    del rest
    told = _heard() or {}
    own = _text(told, "session_id")
    _enter(told)
    with suppress(FleetError):
        if own and Turns(own_node.state_folder(discover().common_dir), agent, own).other_than(""):
            _go_on(agent, "settle", own)
    return ""


def _go_on(agent: str, event: str, own: str) -> None:
    from gitfleet.githooks import handover  # not for the beginning of a session

    with suppress(OSError):
        handover.detach([agent, event, own], "agenthooks")


def _settle(agent: str, rest: list[str]) -> str:
    with suppress(FleetError), Fleet.open() as fleet:
        known = Notes(fleet.ledger.state).get(agent, rest[0])
        if known:
            Turns(fleet.ledger.state, agent, rest[0]).settle(fleet, known.session)
    return ""


def _leave(agent: str, own: str) -> None:
    """The agent's session is left for another one of the same process, which goes on with the fleet's session."""
    with suppress(FleetError):
        Notes(own_node.state_folder(discover().common_dir)).leave(agent, own)


def _finish(agent: str, rest: list[str]) -> str:
    """End the session that our hooks started for an agent; one that somebody else started is theirs to end."""
    with suppress(FleetError), Fleet.open() as fleet:
        notes = Notes(fleet.ledger.state)
        known = notes.get(agent, rest[0])
        turns = Turns(fleet.ledger.state, agent, rest[0])
        if known:
            with suppress(FleetError):
                turns.settle(fleet, known.session)
        turns.forget()
        notes.forget(agent, rest[0])
        if known and known.ours and known.session not in notes.taken():
            committing.finish(fleet, known.session, "ended")
            draft_claim.end(fleet, known.session)
            notes.free(known.session)
    return ""


def _heard() -> dict[str, object] | None:
    """What the agent said; None for what cannot be read."""
    try:
        return hook_input.parse(hook_input.everything())
    except (ValueError, RecursionError):
        return None


def _enter(told: dict[str, object]) -> None:
    folder = _text(told, "cwd")
    if folder:
        with suppress(OSError):
            os.chdir(folder)


def _text(told: dict[str, object], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) and "\0" not in value else ""


EVENTS = {
    "edit": _edit, "unread": _unread, "begin": _begin, "end": _end, "turn": _turn,
    "settle": _settle, "finish": _finish,
}  # fmt: skip

"""What this clone knows of its own sessions: which worktree, which process, and who is meant here.

One small file a session below `<common dir>/gitfleet/sessions`, so that "who am I" asks neither the ledger nor the
network. A worktree's own setting (`git config fleet.session`, by worktree where git is set up for it) is the
user's word and comes before anything found here.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import NamedTuple

from gitfleet.base import canonical, files
from gitfleet.base.identity import ProcessIdentity, state
from gitfleet.base.ids import is_name
from gitfleet.clients import acting
from gitfleet.clients.notes import Notes
from gitfleet.errors import BadName, NoSession
from gitfleet.git.program import Git

VARIABLE = "GITFLEET_SESSION"
CONFIGURED = "fleet.session"
_SCOPES = frozenset(["local", "worktree", "command"])


class Here(NamedTuple):
    """A session that was started in this clone. `log` is the file that its user named, and no record can change."""

    id: str
    worktree: str
    person: bool
    process: ProcessIdentity | None
    log: str = ""

    @property
    def alive(self) -> bool:
        """Whether its process runs, or it is a person's. What cannot be told counts as alive."""
        return self.person or self.process is None or state(self.process) != "dead"


class LocalSessions:
    """The sessions of this clone. `mark` names the file in a worktree's git dir that hooks read first."""

    def __init__(self, node_state: str) -> None:
        self.state = node_state
        self._root = os.path.join(node_state, "sessions")

    def remember(self, session: Here) -> None:
        """Keep the facts of a session. Atomic."""
        record = {
            "id": session.id,
            "worktree": session.worktree,
            "person": session.person,
            "process": dict(session.process.as_record()) if session.process else None,
            "log": session.log,
        }
        files.folder(self._root)
        files.replace(os.path.join(self._root, f"{session.id}.json"), canonical.dump(record))

    def forget(self, session_id: str) -> None:
        """Let the facts of a session go."""
        files.remove(os.path.join(self._root, f"{session_id}.json"))

    def get(self, session_id: str) -> Here | None:
        """The session with this id if it was started in this clone."""
        data = files.read(os.path.join(self._root, f"{session_id}.json")) if is_name(session_id) else None
        try:
            raw = canonical.load(data) if data else None
        except ValueError:
            return None
        if raw is None:
            return None
        process = raw.get("process")
        identity = ProcessIdentity.from_record(process) if isinstance(process, dict) else None
        log = raw.get("log")
        return Here(
            session_id,
            str(raw.get("worktree")),
            raw.get("person") is True,
            identity,
            log if isinstance(log, str) else "",
        )

    def all(self) -> list[Here]:
        """Every session of this clone that is remembered."""
        found = [self.get(name.removesuffix(".json")) for name in files.names(self._root)]
        return [session for session in found if session is not None]

    def in_worktree(self, worktree: str) -> list[Here]:
        """The live sessions of one worktree."""
        return [session for session in self.all() if session.worktree == worktree and session.alive]


def mark(git_dir: str, local: LocalSessions, worktree: str) -> None:
    """Write down for hooks which session is meant in this worktree, or that none is for certain."""
    path = os.path.join(git_dir, "gitfleet-session")
    meant = candidates(local, worktree)
    if len(meant) != 1:
        files.remove(path)
    elif files.read(path) != (line := meant[0].id.encode() + b"\n"):
        files.replace(path, line)


def candidates(local: LocalSessions, worktree: str) -> list[Here]:
    """Who could be meant in a worktree without being named: its live agents, else its person."""
    live = local.in_worktree(worktree)
    return [session for session in live if not session.person] or live


def whoami(
    flag: str | None, environment: Mapping[str, str], git: Git, local: LocalSessions, worktree: str
) -> str:
    """The id of the session that a command acts for. Raises NoSession, BadName.

    In this order: the flag; the client (a coding agent) whose command this is, by its own variables and the note that its
    hooks left; `GITFLEET_SESSION`; the worktree's setting; the only live session of the worktree. An empty variable counts
    as unset. A session is never guessed among several, and none that another client acts for is taken for this one's.
    """
    callers = acting.callers(environment) if flag is None else []
    for client, own in callers:
        note = Notes(local.state).get(client, own)
        if note is not None:
            return note.session
    others = Notes(local.state).taken() if callers else set()
    named, where = _named(flag, environment, git, others)
    if named is not None:
        if not is_name(named):
            words = f"{named[:80]!a}{where} is no session id. Nothing was changed."
            raise BadName(words, hint="See `gitfleet session list`.", name=named)
        return named
    found = [session for session in candidates(local, worktree) if session.id not in others]
    if len(found) == 1:
        return found[0].id
    if not found:
        words = "No session is at work in this worktree."
        raise NoSession(words, hint="Start one: `gitfleet session start`.", candidates=[])
    ids = [session.id for session in found]
    raise NoSession(
        f"{len(ids)} sessions are at work in this worktree ({', '.join(ids)}); which one is meant?",
        hint=f"Name it: `--session ID`, or set {VARIABLE}.",
        candidates=ids,
    )


def _named(
    flag: str | None, environment: Mapping[str, str], git: Git, others: Collection[str]
) -> tuple[str | None, str]:
    """The session that was named, and where; `others` are not what an environment that was handed down can mean."""
    if flag is not None:
        return flag, ""
    said = environment.get(VARIABLE, "")
    if said and said not in others:
        return said, f" ({VARIABLE})"
    return configured(git), f" (git config {CONFIGURED})"


def configured(git: Git) -> str | None:
    """The worktree's own setting, or the clone's. One of the user's would mean the same session in every clone."""
    done = git.ask("config", "--show-scope", "-z", "--get-all", CONFIGURED)
    fields = os.fsdecode(done.stdout).split("\0")
    found = [value for scope, value in zip(fields[::2], fields[1::2], strict=False) if scope in _SCOPES]
    return found[-1] if done.code == 0 and found else None

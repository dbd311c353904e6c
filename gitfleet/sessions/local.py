"""What this clone knows of its own sessions: which worktree, which process, and who is meant here.

One small file a session below `<common dir>/gitfleet/sessions`, so that "who am I" asks neither the ledger nor the
network. A worktree's own setting (`git config fleet.session`, by worktree where git is set up for it) is the
user's word and comes before anything found here.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from gitfleet.base import advice, files, statefile
from gitfleet.base.identity import ProcessIdentity, state
from gitfleet.base.ids import is_name
from gitfleet.base.names import SessionId
from gitfleet.base.statefile import PROCESS
from gitfleet.clients import acting
from gitfleet.codec import FLAG, TEXT, WHOLE, Struct, Text, field, replace
from gitfleet.errors import BadName, LocalStorage, NoSession
from gitfleet.git import config_text, refs
from gitfleet.git.program import Git

VARIABLE = "GITFLEET_SESSION"
CONFIGURED = "fleet.session"
_MARK = "gitfleet-session"
_SCOPES = frozenset(["local", "worktree", "command"])
_BY_ENVIRONMENT = frozenset(["GIT_CONFIG", "GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS"])


class Here(Struct):
    """A session that was started in this clone. `log` is the file that its user named, and no record can change.

    `tree` is the name of git's own folder for its worktree (`.` for the main one), which stays when that is moved, and
    `log_length` how long the log of its HEAD was when the session began (-1: not known).
    """

    id: SessionId = field(Text[SessionId]())
    worktree: str = field(TEXT)
    person: bool = field(FLAG, default=False)
    process: ProcessIdentity | None = field(PROCESS, default=None)
    log: str = field(TEXT, default="")
    tree: str = field(Text(valid=lambda name: "/" not in name), default="")
    log_length: int = field(WHOLE, default=-1)

    @property
    def alive(self) -> bool:
        """Whether its process runs, or it is a person's. What cannot be told counts as alive."""
        return self.person or self.process is None or state(self.process) != "dead"


class LocalSessions:
    """The sessions of this clone. `mark` names the file in a worktree's git dir that hooks read first."""

    def __init__(self, node_state: str) -> None:
        self.state = node_state
        self._root = os.path.join(node_state, "sessions")

    def check(self, session_id: SessionId) -> None:
        """Raise LocalStorage unless the facts of this session could be kept now."""
        files.tryout(self._path(session_id))

    def remember(self, session: Here) -> None:
        """Keep the facts of a session. Atomic."""
        files.folder(self._root)
        statefile.save(self._path(session.id), session)

    def forget(self, session_id: SessionId) -> None:
        """Let the facts of a session go."""
        files.remove(self._path(session_id))

    def get(self, session_id: str) -> Here | None:
        """The session with this id if it was started in this clone."""
        found = statefile.load(Here, self._path(session_id)) if is_name(session_id) else None
        return found and replace(found, id=SessionId(session_id))

    def all(self) -> list[Here]:
        """Every session of this clone that is remembered."""
        found = [self.get(name.removesuffix(".json")) for name in files.names(self._root)]
        return [session for session in found if session is not None]

    def _path(self, session_id: str) -> str:
        return os.path.join(self._root, f"{session_id}.json")

    def in_worktree(self, worktree: str) -> list[Here]:
        """The live sessions of one worktree."""
        return [session for session in self.all() if session.worktree == worktree and session.alive]


def check_mark(git_dir: str, session_id: SessionId) -> None:
    """Raise LocalStorage where a mark stands that could not be changed: hooks would take another session for this one.

    Without a mark hooks find out for themselves, so none is needed where none can be written.
    """
    path = os.path.join(git_dir, _MARK)
    if os.path.lexists(path) and files.read(path) != session_id.encode() + b"\n":
        files.tryout(path)


def mark(git_dir: str, local: LocalSessions, worktree: str) -> None:
    """Write down for hooks which session is meant in this worktree, or that none is for certain.

    A help for hooks, which look whether that session lives: where it cannot be written, they find out by themselves.
    """
    path = os.path.join(git_dir, _MARK)
    meant = candidates(local, worktree)
    with suppress(LocalStorage):
        if len(meant) != 1:
            files.remove(path)
        elif files.read(path) != (line := meant[0].id.encode() + b"\n"):
            files.replace(path, line)


def candidates(local: LocalSessions, worktree: str, *, without: str = "") -> list[Here]:
    """Who could be meant in a worktree without being named: its live agents, else its person; nobody `without`."""
    live = [session for session in local.in_worktree(worktree) if session.id != without]
    return [session for session in live if not session.person] or live


def whoami(
    flag: str | None, environment: Mapping[str, str], git: Git, local: LocalSessions, worktree: str
) -> SessionId:
    """The id of the session that a command acts for. Raises NoSession, BadName.

    In this order: the flag; the client (a coding agent) whose command this is, by its own variables and the note that its
    hooks left; `GITFLEET_SESSION`; the worktree's setting; the only live session of the worktree. An empty variable or
    setting counts as unset; an empty flag is refused: whoever gave it meant somebody. A session is never guessed among
    several, and none that another client acts for is taken for this one's.
    """
    known, others = _known(flag, environment, git, local)
    if known is not None:
        return known
    found = [session for session in candidates(local, worktree) if session.id not in others]
    if len(found) == 1:
        return found[0].id
    if not found:
        words = "No session is at work in this worktree."
        raise NoSession(words, hint=f"Start one: {advice.START}.", candidates=())
    raise _several([session.id for session in found])


def _known(
    flag: str | None, environment: Mapping[str, str], git: Git, local: LocalSessions
) -> tuple[SessionId | None, Collection[str]]:
    """The session that the caller acts for as its client or whoever named it says, and those that other clients act for."""
    callers = acting.callers(environment) if flag is None else []
    others: Collection[str] = ()
    if callers:
        from gitfleet.clients.notes import Notes  # only what a client runs pays for it

        notes = Notes(local.state)
        for client, own in callers:
            note = notes.get(client, own)
            if note is not None:
                return note.session, ()
        others = notes.taken()
    named, where = _named(flag, environment, git, others)
    if named is not None and not is_name(named):
        words = f"{named[:80]!a}{where} is not a session id."
        raise BadName(words, hint=f"See {advice.SESSIONS}.", name=named)
    return None if named is None else SessionId(named), others


def caller(
    flag: str | None, environment: Mapping[str, str], git: Git, local: LocalSessions, worktree: str
) -> SessionId:
    """The id of the session that the caller is in for certain: named as for `whoami`, else the one of a process above it.

    For what must never befall another session. Who else is at work here is then no answer. Raises NoSession, BadName.
    """
    known, _ = _known(flag, environment, git, local)
    if known is not None:
        return known
    here = [session for session in local.all() if session.worktree == worktree]
    from gitfleet.base.callers import ancestors  # a claim takes nobody's session by its processes

    lines = ancestors()
    above = [
        (lines.index(session.process.pid), session.id)
        for session in here
        if session.process and session.process.pid in lines and session.alive
    ]
    own = sorted(name for depth, name in above if depth == min(above)[0])
    if len(own) == 1:
        return own[0]
    if own:
        raise _several(own)
    raise _not_here(here)


def _not_here(known: list[Here]) -> NoSession:
    """The error for a caller that is in no session; `known` are those of its worktree, whose own business they are."""
    agents = sorted((session for session in known if not session.person), key=lambda one: (one.alive, one.id))
    found = [*agents, *(session for session in known if session.person)]
    names = [
        f"{one.id} ({'a person' if one.person else 'at work' if one.alive else 'its process is gone'})"
        for one in found
    ]
    words = "This command does not run in a session"
    if names:
        words += f"; those of this worktree are {', '.join(names)}"
    return NoSession(
        f"{words}.",
        hint=f"Name the one that you mean: {advice.END.of(found[0].id if len(found) == 1 else 'ID')}. "
        f"{advice.SESSIONS} shows all of them.",
        candidates=tuple(one.id for one in found),
    )


def _several(ids: Sequence[str]) -> NoSession:
    return NoSession(
        f"{len(ids)} sessions are at work in this worktree ({', '.join(ids)}); which one is meant?",
        hint=f"Name it: `--session {ids[0]}`, or set {VARIABLE}. {advice.ENSURE} gives each a worktree of its own.",
        candidates=tuple(ids),
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
    """The worktree's own setting, or the clone's; None where that is empty. One of the user's would hold in every clone."""
    if not _may_be_configured(git.git_dir):
        return None
    done = git.ask("config", "--show-scope", "-z", "--get-all", CONFIGURED)
    fields = os.fsdecode(done.stdout).split("\0")
    found = [value for scope, value in zip(fields[::2], fields[1::2], strict=False) if scope in _SCOPES]
    return found[-1] or None if done.code == 0 and found else None


def _may_be_configured(git_dir: str) -> bool:
    """False where git need not be asked: no setting of ours, and nothing that leads to another file, is in what it reads."""
    if not _BY_ENVIRONMENT.isdisjoint(os.environ):
        return True
    places = (os.path.join(refs.common(git_dir), "config"), os.path.join(git_dir, "config.worktree"))
    return any(config_text.may_name_session(files.read(place) or b"") for place in places)

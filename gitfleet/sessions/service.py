"""Starting, adopting and ending sessions, and telling which one a caller is."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from gitfleet.base import files, identity
from gitfleet.base.ids import ALPHABET
from gitfleet.clients.notes import Notes
from gitfleet.errors import Conflict, LocalStorage, NoRepository, NoSession, UsageError
from gitfleet.git import headlog, refs
from gitfleet.git.program import redact
from gitfleet.git.repository import Repository, discover
from gitfleet.ledger.ledger import Ledger
from gitfleet.ledger.model import Result
from gitfleet.sessions import model, orchestration
from gitfleet.sessions.local import Here, LocalSessions, candidates, check_mark, mark
from gitfleet.sessions.reading import Reading

_NAMES = r"(?:[\w-]*[-_])?(?:apikey|key|token|secret|password|passwd)"
_SECRET_OPTION = re.compile(rf"(?i)((?:^|\s){_NAMES}=|(?:^|\s)-{_NAMES}\s)\S+")


@dataclass(frozen=True, slots=True)
class Start:
    """What a caller may say about a session that starts. `command`, where the process has yet to become what it will be."""

    id: str = ""
    agent: str = ""
    title: str = ""
    orchestrator: str = ""
    log: str = ""
    pid: int = 0
    person: bool = False
    command: tuple[str, ...] = ()


class Sessions:
    """The sessions of a fleet, through one node's ledger."""

    def __init__(
        self,
        repository: Repository,
        ledger: Ledger,
        markers: Callable[[], Mapping[str, Any]] = dict,
        leaving: Callable[[str], Sequence[Mapping[str, Any]]] = lambda _: (),
        arrived: Callable[[str], None] = lambda _: None,
        expected: Callable[[str], str] = lambda _: "",
        left: Callable[[str], Mapping[str, Any]] = lambda _: {},
    ) -> None:
        """`markers` tells the orchestrators that the rules add; `leaving` tells what retains the claims of the session with that id when it ends, as `session.end` is told.

        `arrived` hears of the worktree (its git dir) in which a session has begun, `expected` tells the id of the one for which
        that was made and which has not come yet ("": none). `left` tells what of the claims that a session of that id left is
        built upon here, as `session.start` is told.
        """
        self._repository = repository
        self._ledger = ledger
        self._markers = markers
        self._leaving = leaving
        self._arrived = arrived
        self._expected = expected
        self._left = left
        self.local = LocalSessions(ledger.state)

    def start(self, start: Start, *, timeout: float = 30.0) -> Result:
        """Register a session for this worktree; the answer has its record.

        With an id that this node has used before, and whose process is gone, the session goes on with its claims; of two
        that would at once, one does. Without an id it is the session for which this worktree was made, if that has not come
        yet. Raises Conflict when the id is taken, UsageError when the process is not there.
        """
        reserved = "" if start.id or start.person else self._expected(self._repository.git_dir)
        if reserved:
            with suppress(Conflict):  # somebody else is called so by now
                return self._start(replace(start, id=reserved), timeout)
        return self._start(start, timeout)

    def _start(self, start: Start, timeout: float) -> Result:
        worktree = self._repository.worktree
        if worktree is None:
            raise UsageError(
                "A session needs a worktree; this is a bare repository.", hint="Run it in a worktree."
            )
        session_id = start.id or new_id(start.agent or ("person" if start.person else "session"))
        model.folder(session_id)
        process = None if start.person else self._process(start.pid)
        known = self.local.get(session_id)
        resume = known is not None and _may_go_on(known, start, process)
        body = {**self._facts(start, process), "resume": resume, "person": start.person}
        if resume and known and known.process:
            body["was"] = {"pid": known.process.pid, "start": known.process.start}
        tree = self._repository.tree
        based_on = {} if resume or not start.id else self._left(session_id)
        if based_on:
            body["based_on"] = dict(based_on)
        if resume and known and known.tree != tree:  # what it leaves where it was
            body["retain"] = [dict(row) for row in self._leaving(session_id)]
        self.local.check(session_id)
        check_mark(self._repository.git_dir, session_id)
        result = self._ledger.request("session.start", session_id, body, timeout=timeout)
        log = str(body.get("log") or (known.log if known else ""))
        goes_on = resume and known is not None and known.tree == tree
        length = known.log_length if known and goes_on else headlog.length(self._repository.git_dir)
        with files.after(
            f"Session {session_id} has started: the fleet knows it (`gitfleet session end {session_id}`)."
        ):
            self.local.remember(Here(session_id, worktree, start.person, process, log, tree, length))
        with suppress(LocalStorage):  # it ends by itself
            self._arrived(self._repository.git_dir)
        if known and known.worktree != worktree:
            self._mark(known.worktree)
        self._mark(worktree)
        return result

    def end(self, session_id: str, *, timeout: float = 30.0, was: Mapping[str, int] | None = None) -> Result:
        """End a session and release its claims but those that are retained; the answer has both, and the messages that
        it was not shown (`unheard`). Raises NoSession.

        With `was` (the pid and start of its process as the caller knows it) only if nobody has taken it up since: Conflict.
        """
        model.folder(session_id)
        if self.local.get(session_id) is not None:
            self.local.check(session_id)
        body: dict[str, Any] = {} if was is None else {"was": dict(was)}
        seen = Reading(self._ledger.state).seen(session_id)
        if seen:
            body["seen"] = seen
        retain = self._leaving(session_id)
        if retain:
            body["retain"] = [dict(row) for row in retain]
        try:
            result = self._ledger.request("session.end", session_id, body, timeout=timeout)
        except NoSession:
            self.forget(session_id)
            raise
        with files.after(f"Session {session_id} has ended: the fleet has let it go."):
            self.forget(session_id)
        return result

    def others_here(self, session_id: str) -> list[Here]:
        """The other sessions that are at work in this worktree."""
        found = candidates(self.local, self._repository.worktree or "")
        return [session for session in found if session.id != session_id and not session.person]

    def forget(self, session_id: str) -> None:
        """Let go of what this clone remembers of a session that the fleet has no more."""
        here = self.local.get(session_id)
        Notes(self._ledger.state).free(session_id)
        self.local.forget(session_id)
        if here:
            self._mark(here.worktree)

    def _mark(self, worktree: str) -> None:
        if worktree == self._repository.worktree:
            mark(self._repository.git_dir, self.local, worktree)
        elif os.path.isdir(worktree):
            with suppress(NoRepository):  # it has been removed, and the folder is somebody else's
                there = discover(worktree)
                if there.common_dir == self._repository.common_dir:
                    mark(there.git_dir, self.local, worktree)

    def _process(self, pid: int) -> identity.ProcessIdentity:
        found = identity.identify(pid or identity.durable_parent())
        if found is None:
            words = f"There is no process {pid}."
            raise UsageError(words, hint="Pass the pid of the running agent.")
        return found

    def _facts(self, start: Start, process: identity.ProcessIdentity | None) -> dict[str, Any]:
        git = self._repository.here
        argv = list(start.command) or (identity.command_line(process.pid) if process else [])
        names = identity.environment_names(process.pid) if process else set()
        said = {"orchestrator": start.orchestrator, "agent": start.agent}
        inferred = orchestration.infer(said, argv, names, extra=self._markers())
        branch = refs.head(git)
        told = {
            "title": start.title,
            "orchestrator": start.orchestrator,
            "log": os.path.abspath(start.log) if start.log else "",
        }
        return {
            "worktree": self._repository.worktree or "",
            "branch": branch.removeprefix("refs/heads/"),
            "base": refs.loose(self._repository.common_dir, branch)
            or git.line("rev-parse", "--verify", "--quiet", "HEAD")
            or "",
            "agent": start.agent or (identity.program_name(argv[0]) if argv else ""),
            "command": shown_command(argv),
            "user": git.line("config", "--get", "user.name") or "",
            "pattern": inferred.label,
            **{name: text for name, text in told.items() if text},
            **({name: value for name, value in process.as_record().items() if value} if process else {}),
        }


def _may_go_on(known: Here, start: Start, process: identity.ProcessIdentity | None) -> bool:
    """Whether a caller may take up a session that was started here: a person a person's, an agent one that has died."""
    if known.person or start.person:
        return known.person and start.person
    return not known.alive or known.process == process


def shown_command(argv: Sequence[str]) -> str:
    """A command line as the fleet may read it: at most 500 characters, without what options like `--api-key` are given."""
    return redact(_SECRET_OPTION.sub(r"\1***", " ".join(argv)[:4000]))[:500]


def new_id(agent: str) -> str:
    """A short id that says who it is: `codex-7h3k9q2m`. A collision (2^-40) is refused by the ledger, never shared."""
    word = (
        "".join(c for c in os.path.basename(agent).lower() if c.isascii() and c.isalnum())[:24] or "session"
    )
    tail = "".join(ALPHABET[byte & 31] for byte in os.urandom(8)).lower()
    return f"{word}-{tail}"

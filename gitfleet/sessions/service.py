"""Starting, adopting and ending sessions, and telling which one a caller is."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Generic, NamedTuple, TypeVar

from gitfleet.base import advice, callers, files, identity, ids
from gitfleet.base.names import SessionId
from gitfleet.clients.notes import Notes
from gitfleet.errors import Conflict, LocalStorage, NoRepository, NoSession, UsageError
from gitfleet.git import headlog, refs
from gitfleet.git.program import redact
from gitfleet.git.repository import Repository, discover
from gitfleet.ledger.ledger import Ledger
from gitfleet.sessions import interrupted, orchestration, session_records, session_rules
from gitfleet.sessions.local import Here, LocalSessions, candidates, check_mark, mark
from gitfleet.sessions.reading import Reading

_NAMES = r"(?:[\w-]*[-_])?(?:apikey|key|token|secret|password|passwd)"
_SECRET_OPTION = re.compile(rf"(?i)((?:^|\s){_NAMES}=|(?:^|\s)-{_NAMES}\s)\S+")


class Start(NamedTuple):
    """What a caller may say about a session that starts. `command`, where the process has yet to become what it will be."""

    id: str = ""
    agent: str = ""
    title: str = ""
    orchestrator: str = ""
    log: str = ""
    pid: int = 0
    person: bool = False
    command: tuple[str, ...] = ()


class Beginning(NamedTuple):
    """A session that is to start: `body` is what the ledger is told. `moved`: it goes on in another worktree than its own;
    `named`: its id was chosen, and it goes on with nothing that this clone knows of. `takes`: what persons of its worktree give it.
    """

    id: SessionId
    body: session_rules.StartFacts
    moved: bool
    named: bool
    timeout: float
    takes: tuple[str, ...] = ()


class Ending(NamedTuple):
    """A session that is to end; `was`: only if it still has this process. `heard`: the messages that it was shown.

    `gives`: the patterns of what the session `heir` of its worktree gets of that which would stay with the worktree.
    """

    id: SessionId
    was: session_rules.Process | None
    heard: tuple[str, ...]
    timeout: float
    heir: str = ""
    gives: tuple[str, ...] = ()


S = TypeVar("S")
E = TypeVar("E")


class Sessions(Generic[S, E]):
    """The sessions of a fleet, through one node's ledger."""

    def __init__(
        self,
        repository: Repository,
        ledger: Ledger,
        begin: Callable[[Beginning], S],
        finish: Callable[[Ending], E],
        *,
        markers: Callable[[], Mapping[str, object]],
        arrived: Callable[[], None],
        expected: Callable[[], str],
    ) -> None:
        """`begin` and `finish` have the ledger decide, with what becomes of the session's claims.
        `markers` tells the orchestrators that the rules add.

        `arrived` hears that a session has begun in the worktree, `expected` tells the id of the one for which that was made and
        which has not come yet ("": none).
        """
        self._repository = repository
        self._ledger = ledger
        self._markers = markers
        self._begin = begin
        self._finish = finish
        self._arrived = arrived
        self._expected = expected
        self.local = LocalSessions(ledger.state)

    def start(self, start: Start, *, timeout: float = 30.0, takes: tuple[str, ...] = ()) -> S:
        """Register a session for this worktree; the answer has its record. What persons of the worktree claim on exactly the
        patterns `takes` is its from then on.

        With an id that this node has used before, and whose process is gone, the session goes on with its claims; of two
        that would at once, one does. Without an id it is the session for which this worktree was made, if that has not come
        yet. Raises Conflict when the id is taken, UsageError when the process is not there.
        """
        reserved = "" if start.id or start.person else self._expected()
        if reserved:
            with suppress(Conflict):  # somebody else is called so by now
                return self._start(start._replace(id=reserved), timeout, takes)
        return self._start(start, timeout, takes)

    def _start(self, start: Start, timeout: float, takes: tuple[str, ...]) -> S:
        worktree = self._repository.worktree
        if worktree is None:
            raise UsageError(
                "A session needs a worktree; this is a bare repository.", hint="Run it in a worktree."
            )
        session_id = SessionId(start.id) or new_id(start.agent or ("person" if start.person else "session"))
        session_records.folder(session_id)
        process = None if start.person else self._process(start.pid)
        known = self.local.get(session_id)
        resume = known is not None and _may_go_on(known, start, process)
        was = known.process if resume and known else None
        body = self._body(start, process, resume=resume, was=was)
        tree = self._repository.tree
        moved = resume and known is not None and known.tree != tree
        self.local.check(session_id)
        check_mark(self._repository.git_dir, session_id)
        named = bool(start.id) and not resume
        answer = self._begin(Beginning(session_id, body, moved, named, timeout, takes))
        log = body.log or (known.log if known else "")
        length = (
            known.log_length if known and resume and not moved else headlog.length(self._repository.git_dir)
        )
        with files.after(
            f"Session {session_id} has started: the fleet knows it ({advice.END.of(session_id)})."
        ):
            self.local.remember(Here(session_id, worktree, start.person, process, log, tree, length))
        with suppress(LocalStorage):  # it ends by itself
            self._arrived()
            interrupted.forget(self._ledger.state, session_id)
        if known and known.worktree != worktree:
            self._mark(known.worktree)
        self._mark(worktree)
        return answer

    def end(
        self, session_id: SessionId, *, timeout: float = 30.0, was: session_rules.Process | None = None,
        heir: str = "", gives: tuple[str, ...] = (),
    ) -> E:  # fmt: skip
        """End a session and release its claims but those that are retained; the answer has both, and the messages that
        it was not shown (`unheard`). Raises NoSession.

        With `was` (its process as the caller knows it) only if nobody has taken it up since: Conflict. What would stay with the
        worktree alone, and is claimed by exactly the patterns `gives`, passes to the session `heir` there.
        """
        session_records.folder(session_id)
        if self.local.get(session_id) is not None:
            self.local.check(session_id)
        heard = tuple(Reading(self._ledger.state).seen(session_id))
        try:
            answer = self._finish(Ending(session_id, was, heard, timeout, heir, gives))
        except NoSession:
            self.forget(session_id)
            raise
        with files.after(f"Session {session_id} has ended: the fleet has let it go."):
            self.forget(session_id)
        return answer

    def others_here(self, session_id: SessionId) -> list[Here]:
        """The other sessions that are at work in this worktree."""
        found = candidates(self.local, self._repository.worktree or "")
        return [session for session in found if session.id != session_id and not session.person]

    def forget(self, session_id: SessionId) -> None:
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
        found = identity.identify(pid or callers.durable_parent())
        if found is None:
            words = f"There is no process {pid}."
            raise UsageError(words, hint="Pass the pid of the running agent.")
        return found

    def _body(
        self, start: Start, process: identity.ProcessIdentity | None, *, resume: bool, was: identity.ProcessIdentity | None
    ) -> session_rules.StartFacts:  # fmt: skip
        git = self._repository.here
        argv = list(start.command) or (identity.command_line(process.pid) if process else [])
        names = identity.environment_names(process.pid) if process else set()
        said = {"orchestrator": start.orchestrator, "agent": start.agent}
        inferred = orchestration.infer(said, argv, names, extra=self._markers())
        branch = refs.head(git)
        return session_rules.StartFacts(
            worktree=self._repository.worktree or "",
            branch=branch.removeprefix("refs/heads/"),
            base=refs.loose(self._repository.common_dir, branch) or refs.resolve(git, "HEAD") or "",
            agent=start.agent or (identity.program_name(argv[0]) if argv else ""),
            command=shown_command(argv),
            user=git.line("config", "--get", "user.name") or "",
            pattern=inferred.label,
            title=start.title or None,
            orchestrator=start.orchestrator or None,
            log=os.path.abspath(start.log) if start.log else None,
            person=start.person,
            resume=resume,
            was=session_rules.Process(was.pid, was.start) if was else None,
            pid=(process and process.pid) or None,
            start=(process and process.start) or None,
            boot=(process and process.boot) or None,
            namespace=(process and process.namespace) or None,
        )


def _may_go_on(known: Here, start: Start, process: identity.ProcessIdentity | None) -> bool:
    """Whether a caller may take up a session that was started here: a person a person's, an agent one that has died."""
    if known.person or start.person:
        return known.person and start.person
    return not known.alive or known.process == process


def shown_command(argv: Sequence[str]) -> str:
    """A command line as the fleet may read it: at most 500 characters, without what options like `--api-key` are given."""
    return redact(_SECRET_OPTION.sub(r"\1***", " ".join(argv)[:4000]))[:500]


def new_id(agent: str) -> SessionId:
    """A short id that says who it is. A collision is refused by the ledger, never shared."""
    word = "".join(c for c in os.path.basename(agent).lower() if c.isascii() and c.isalnum())[:24]
    return SessionId(ids.named(word or "session"))

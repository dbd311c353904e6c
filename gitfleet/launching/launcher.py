"""A command that works as a session: worktree, registration, claims, terminal, log, and the end of it.

The command's process is made before anything is registered, and waits: so the session has from its first moment the
process that it lives and dies with, and the command does not run a line before its claims are granted. Whatever goes
wrong until then is taken back. Should we be killed, the system tells the command (its terminal is gone), and upkeep ends
the session once its process is dead; nothing of ours has to survive for that.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from gitfleet.base import advice, clock, files, identity, shellwords, terminal
from gitfleet.base.children import Child, Program
from gitfleet.base.identity import program_name
from gitfleet.base.ids import is_name
from gitfleet.base.names import SessionId
from gitfleet.base.recording import Recording
from gitfleet.base.relay import Relay
from gitfleet.base.stopping import StopRequests
from gitfleet.base.text import display
from gitfleet.claims import orphans, retained_claims
from gitfleet.clients import acting, claude
from gitfleet.clients.notes import Notes
from gitfleet.clone import Clone
from gitfleet.errors import Conflict, FleetError, LocalStorage, NoSession, UsageError
from gitfleet.git import git_worktrees, refs
from gitfleet.git.repository import Repository
from gitfleet.launching import afterwards, committing, draft_claim, keep_alive
from gitfleet.launching.committing import Made
from gitfleet.launching.keep_alive import KeepAlive
from gitfleet.ledger.model import Status
from gitfleet.obstacles import Obstacle
from gitfleet.sessions import interrupted, left_running, session_records
from gitfleet.sessions.local import VARIABLE
from gitfleet.sessions.service import Start, new_id
from gitfleet.sessions.session_records import Session
from gitfleet.sessions.session_rules import Process
from gitfleet.telling import remarks, succession
from gitfleet.worktrees.model import Managed
from gitfleet.worktrees.notes import TreeNotes

AGENTS = ("codex", "claude")
LOGS = "gitfleet-logs"
KEPT_LOGS = 10
_FOREIGN = frozenset(["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX", "OLDPWD"])
"""What would lead the command to another worktree than its own."""
_CALLERS = frozenset([*acting.VARIABLES, claude.PROCESS, "CLAUDE_ENV_FILE"])
"""What names the agent that starts another one: that one is a session of its own."""
_SAY_NOTHING = frozenset([claude.NAME])
"""Clients that end with 0 when they are interrupted."""
PATIENCE = 40.0
"""Seconds for a renewal that is under way when the command ends; a request gives up by itself after 30."""


class Launch(NamedTuple):
    """What is to be started, and as whom. `claims` are paths from the top of the worktree; `commit`: its work, when it ends."""

    command: Sequence[str]
    id: SessionId = SessionId("")
    agent: str = ""
    title: str = ""
    orchestrator: str = ""
    claims: Sequence[str] = ()
    commit: bool = False


class LaunchPlace(NamedTuple):
    """The worktree to work in. `made` is set where it was made for this: then it goes again if nothing comes of it."""

    path: str
    made: Managed | None = None


class LaunchEnd(NamedTuple):
    """How it went: the exit code of the command, what became of the claims, and what people should know.

    `interrupted` where the command said nothing of that itself; `goes_on` where its agent works on in another process; `made`
    is the commit of its work, where one was wanted.
    """

    session: Session
    worktree: str
    log: str
    code: int
    answer: retained_claims.Ended | None = None
    warnings: Sequence[str] = ()
    interrupted: bool = False
    goes_on: bool = False
    made: Made | None = None


def program(command: Sequence[str], agent: str = "") -> list[str]:
    """The command to run: as given, or without any the agent's program, as it is found on PATH.

    That is the one that `agent` is named after (`codex-ci`: codex), else the first of AGENTS. Raises UsageError when
    there is no such program; nothing has been made by then.
    """
    if command:
        _find(command[0])
        return list(command)
    named = [name for name in AGENTS if agent == name or agent.startswith(f"{name}-")]
    for name in named or AGENTS:
        if shutil.which(name):
            return [name]
    raise UsageError(
        f"No command was given, and PATH has no {' or '.join(named or AGENTS)}.",
        hint=f"Name the command: {advice.START_WITH.of('COMMAND')}.",
    )


def agent_of(command: Sequence[str]) -> str:
    """What an agent is called that is started by `command`: its program's name, as far as that may be a name."""
    word = "".join(c for c in program_name(command[0]) if c.isascii() and (c.isalnum() or c in "._-"))[
        :40
    ].strip("._-")
    return word if is_name(word) else "agent"


class Launcher:
    """Starts one command as a session in a worktree. `announce` is told what happens, for people."""

    def __init__(self, place: LaunchPlace, announce: Callable[[str], None]) -> None:
        self._place = place
        self._announce = announce
        self._stops = StopRequests()

    def run(self, launch: Launch) -> LaunchEnd:
        """Run it to its end. Raises Conflict and whatever else refuses registration or claims, with nothing left behind.

        So does a request to stop that comes before the command runs. Those that come after it do not keep the session
        from its end. For the main thread.
        """
        with self._stops:
            return self._run(launch)

    def _run(self, launch: Launch) -> LaunchEnd:
        try:
            child, record, log, repository = self._start(launch)
        except BaseException:
            self._unmake()
            raise
        session = record.id
        self._announce(f"session {session} at work in {display(self._place.path)}")
        alive = KeepAlive(session, self._place.path, repository.git_dir)
        log.write(_line(f"session {session}: {shellwords.line(launch.command)}"))
        relay = Relay(child, keep_alive.counting(alive, log.write), alive.tick, every=keep_alive.EVERY)
        code = relay.run(self._stops.kept)
        self._stops.ignore()
        interrupted = code == 0 and relay.interrupted and program_name(launch.command[0]) in _SAY_NOTHING
        code = 128 + signal.SIGINT if interrupted else code
        log.write(_line(f"session {session} ended with {code}", before=b"\n"))
        log.close()
        alive.stop(PATIENCE)
        so_far = LaunchEnd(record, self._place.path, log.path, code, interrupted=interrupted)
        end = self._end(repository, launch._replace(id=session), so_far)
        faults = [fault for fault in (log.fault, alive.fault, *end.warnings) if fault]
        return end._replace(warnings=[*faults, *(end.answer.unheard if end.answer else ())])

    def _start(self, launch: Launch) -> tuple[Child, Session, Recording, Repository]:
        with Clone.open(self._place.path, announce=self._announce) as clone:
            launch = launch._replace(id=launch.id or _fresh_id(clone, launch.agent))
            _check_free(clone, launch.id)
            log, fresh = _log(clone.repository, launch.id, {here.id for here in clone.sessions.local.all()})
            try:
                child = self._make(clone.repository, launch.command)
                return child, self._register(clone, launch, child, log), log, clone.repository
            except BaseException:
                log.close()
                if fresh:
                    files.remove(log.path)
                raise

    def _make(self, repository: Repository, command: Sequence[str]) -> Child:
        """The process of the command, which waits."""
        where = repository.worktree or self._place.path
        env = {name: value for name, value in os.environ.items() if name not in _FOREIGN | _CALLERS}
        what = Program(_find(command[0], where), command, where, {**env, "PWD": where})
        return Child(what, terminal=terminal.interactive(), apart=not terminal.attached())

    def _register(self, clone: Clone, launch: Launch, child: Child, log: Recording) -> Session:
        """Register the session, claim, and let the command go; the session. Or nothing of it."""
        start = Start(
            launch.id, launch.agent, launch.title, launch.orchestrator, log.path, child.pid,
            command=tuple(launch.command),
        )  # fmt: skip
        registered = False
        try:
            Notes(clone.ledger.state).free(launch.id)
            started, _ = draft_claim.begin(clone, start)
            registered = True
            for words in succession.told(clone):
                self._announce(words)
            if launch.claims:
                self._claim(clone, launch)
            if launch.commit:
                committing.ask(clone, launch.id)
            self._stops.keep()
            _go(child, launch)
        except BaseException as error:
            process = identity.identify(child.pid)
            child.abandon()
            if registered or (
                process and (isinstance(error, LocalStorage) or not isinstance(error, FleetError))
            ):  # it may be registered all the same
                was = Process(process.pid, process.start) if process else None
                with suppress(FleetError):  # then upkeep ends it: its process is dead
                    committing.forget(clone.ledger.state, launch.id)
                    clone.sessions.end(launch.id, was=was)
            raise
        return started.session

    def _claim(self, clone: Clone, launch: Launch) -> None:
        try:
            claimed = clone.claims.claim(launch.id, launch.claims)
        except Conflict as error:  # its hint is for somebody who has a session
            again = "Start it again when they are free, or with other paths."
            freed = orphans.advice(error.conflicts)
            raise error.again(hint=f"{freed} {again}".lstrip()) from error
        if claimed.status is Status.TENTATIVE:
            self._announce("the hub is out of reach: the claims are tentative until it agrees")
        for words in remarks.of_grant(clone, claimed.granted).words(clone.ledger.node.hub):
            self._announce(f"warning: {words}")

    def _end(self, repository: Repository, launch: Launch, end: LaunchEnd) -> LaunchEnd:
        """End the session unless its client works on elsewhere, its work committed before if that is wanted.

        Its worktree may be gone by now.
        """
        session = launch.id
        how = "was interrupted" if end.interrupted else f"ended with exit code {end.code}"
        own: dict[str, str] = {session: self._place.path if self._place.made else ""}
        behind = left_running.left_running(own, [self._place.path, repository.main])[session]
        words: list[str] = []
        try:
            common = Repository(repository.common_dir, repository.common_dir, repository.main)
            with Clone.of(common, announce=self._announce) as clone:
                process = afterwards.handed_over(clone, session, launch.agent, launch.command)
                if process is not None:
                    words += [
                        f"session {session} goes on: its agent works in process {process.pid}, and ends it"
                    ]
                    return end._replace(warnings=words, goes_on=True)
                words += left_running.told(session, behind)
                if end.code == 128 + signal.SIGTERM:
                    _note(clone, session)
                made = committing.finish(clone, session, how)
                words += made.told(display(self._place.path)) if made else []
                end = end._replace(made=made)
                ended = clone.sessions.end(session)
                end = end._replace(answer=ended)
                if ended.status is Status.TENTATIVE:
                    words += ["the hub was out of reach: the end of the session is tentative until it agrees"]
        except NoSession:  # it was ended from within, or by somebody else
            pass
        except FleetError as error:
            words += [f"the session could not be ended now, upkeep will do it: {error.message}"]
        return end._replace(warnings=words)

    def _unmake(self) -> None:
        """Take a worktree back that was made for this, as long as git finds nothing in it."""
        made = self._place.made
        if made is None:
            return
        with suppress(FleetError):
            git = Clone.open(self._place.path).repository.git
            git_worktrees.remove(git, made.path)
            refs.delete(git, f"refs/heads/{made.branch}", old=made.base_commit)


def _note(clone: Clone, session: SessionId) -> None:
    """For who brings back what ended with its machine."""
    record = session_records.known(clone.current().view, session)
    if record is not None:
        with suppress(LocalStorage):
            interrupted.keep(clone.ledger.state, interrupted.of(clone.ledger.state, record))


def _go(child: Child, launch: Launch) -> None:
    try:
        child.go({VARIABLE: launch.id})
    except OSError as error:
        name = display(launch.command[0][:200])
        words = f"'{name}' could not be started: {error.strerror or error}."
        script = error.errno == errno.ENOEXEC
        hint = (
            "A script begins with a line such as `#!/bin/sh`." if script else "See whether it runs by itself."
        )
        raise UsageError(words, hint=hint) from error


def _fresh_id(clone: Clone, agent: str) -> SessionId:
    """The id for which this worktree was made, if no session of that name has come yet; else a new one."""
    expected = TreeNotes(clone.repository.git_dir).expected()
    taken = bool(expected) and clone.current().view.get(session_records.path(expected)) is not None
    return SessionId(expected) if expected and not taken else new_id(agent)


def _check_free(clone: Clone, session: SessionId) -> None:
    """Refuse an id that is at work here, before its log is touched. Raises Conflict, BadName."""
    session_records.folder(session)
    known = clone.sessions.local.get(session)
    if known is not None and known.alive:
        raise Conflict(
            f"The session '{session}' is already at work in {display(known.worktree)}.",
            hint="Choose another id, or leave `--id` out to get a new one.",
            conflicts=(Obstacle(session=session, worktree=known.worktree),),
        )


def _find(name: str, where: str = "") -> str:
    """The file of a program. With a slash in it, it counts from `where`, else from where the user is. Raises UsageError."""
    if "/" not in name:
        found = shutil.which(name)
        if found:
            return os.path.abspath(found)
    else:
        for base in (where, ""):
            path = os.path.join(base, name)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                return os.path.abspath(path)
    raise UsageError(
        f"'{display(name[:200])}' is not a program that can be run.",
        hint="Name one on PATH, or with its path.",
    )


def _log(repository: Repository, session: str, live: set[str]) -> tuple[Recording, bool]:
    """The session's log, and whether it is new: in the worktree's own git dir, where neither `git status` nor `git add` sees it."""
    folder = files.folder(os.path.join(repository.git_dir, LOGS), mode=0o700)
    _forget_old(folder, {*live, session})
    path = os.path.join(folder, f"{session}.log")
    fresh = not os.path.lexists(path)
    with files.storage(path):
        return Recording(path), fresh


def _forget_old(folder: str, live: set[str]) -> None:
    """Remove the logs of all but the last sessions; each may have two."""
    found: dict[str, list[str]] = {}
    for name in files.names(folder):
        found.setdefault(name.removesuffix(".1").removesuffix(".log"), []).append(os.path.join(folder, name))
    old = [paths for session, paths in found.items() if session not in live]
    old.sort(key=lambda paths: max(os.lstat(path).st_mtime for path in paths), reverse=True)
    for paths in old[KEPT_LOGS:]:
        for path in paths:
            files.remove(path)


def _line(text: str, before: bytes = b"") -> bytes:
    """A line of ours in a log, as told from what the command writes."""
    return before + f"--- gitfleet {clock.iso(clock.now())} {text}\n".encode("utf-8", "surrogateescape")

"""A session's work, committed for it when it ends, where `session start --commit` asks for that.

For agents whose sandbox keeps git's folder read-only: they edit, their hooks claim, and whoever started them commits. Owns
which paths that is, and the commit. It runs as any other: the user's hooks and ours judge it, and a refusal leaves every
file as it is, with its claims (`leaving`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gitfleet.base import files, statefile
from gitfleet.base.text import one_line, some
from gitfleet.clients import acting, claude
from gitfleet.clone import Clone
from gitfleet.codec import TEXT, Many, Struct, field
from gitfleet.errors import FleetError
from gitfleet.git import checkout, git_worktrees, refs
from gitfleet.git.program import Git, nul_ended, redact
from gitfleet.sessions import session_records
from gitfleet.sessions.local import VARIABLE
from gitfleet.sessions.session_records import Session

FOLDER = "commits"
LONGEST = 900.0
"""Seconds for one commit, the user's hooks included."""
SHOWN = 8
_NOBODY = dict.fromkeys([*acting.VARIABLES, claude.PROCESS])
"""Whoever called the launcher is not whose work this is."""


@dataclass(frozen=True, slots=True)
class Made:
    """What came of it: the commit ("": none) and its paths; why there is none, where one was wanted.

    `before` are the claimed paths that were changed before the session began, `unclaimed` what else is changed: neither is
    committed.
    """

    commit: str = ""
    paths: Sequence[str] = ()
    before: Sequence[str] = ()
    unclaimed: Sequence[str] = ()
    problem: str = ""
    words: Sequence[str] = ()
    """What git and its hooks said where they refused."""

    def told(self, worktree: str) -> list[str]:
        """What people should know of what is not committed."""
        told = []
        if self.problem:
            told += [f"not committed: {self.problem}; the changes stay in {worktree}", *self.words]
        for paths, why in (
            (self.before, "changed before the session began"),
            (self.unclaimed, "the session does not claim them"),
        ):
            if paths:
                told.append(f"not committed, {why}: {some(list(map(one_line, paths)), SHOWN)}")
        return told


class _Asked(Struct):
    before: tuple[str, ...] = field(Many(TEXT))


def ask(clone: Clone, session: str) -> None:
    """From now on the session's work is committed when it ends, but for what is changed in the worktree already. Raises GitFailed."""
    before = _changed(clone.repository.here)
    _forget_ended(clone)
    path = _path(clone.ledger.state, session)
    files.folder(os.path.dirname(path))
    statefile.save(path, _Asked(tuple(before)))


def asked(state: str, session: str) -> bool:
    """Whether the work of a session is committed for it."""
    return os.path.exists(_path(state, session))


def forget(state: str, session: str) -> None:
    """Nobody commits for it any more."""
    files.remove(_path(state, session))


def finish(clone: Clone, session_id: str, how: str) -> Made | None:
    """Make the commit of a session that is about to end, in its worktree; None where nobody asked for one.

    What the session's claims cover, and nobody had changed before it began; `how` says how it ended. Never raises for
    what git, its hooks or the hub refuse: that is the answer.
    """
    if not asked(clone.ledger.state, session_id):
        return None
    here = clone.sessions.local.get(session_id)
    try:
        if here is None:
            return Made(problem=f"session {session_id} has ended already")
        with Clone.open(here.worktree) as there:
            return _made(there, session_id, how)
    except (FleetError, OSError) as error:
        return Made(problem=one_line(str(error)))
    finally:
        forget(clone.ledger.state, session_id)


def _made(clone: Clone, session_id: str, how: str) -> Made:
    from gitfleet.trunk import retention

    before = _before(clone.ledger.state, session_id)
    view = clone.current().view
    session = session_records.find(view, session_id)
    if session is None or session.node != clone.ledger.node.id:
        return Made(problem=f"session {session_id} has ended already")
    kinds = _changed(clone.repository.here)
    look = retention.Look(clone.repository, clone.ledger.node, clone.policy)
    held = retention.claims(view, session)
    mine = [path for path in kinds if any(look.touches(claim, [path]) for claim in held)]
    unclaimed = [path for path in kinds if path not in mine and path not in (before or ())]
    ours = [path for path in mine if before is not None and path not in before]
    earlier = [path for path in mine if path not in ours]
    made = _commit(clone, session, {path: kinds[path] for path in ours}, how) if ours else Made()
    return replace(made, before=earlier, unclaimed=unclaimed)


def _commit(clone: Clone, session: Session, kinds: Mapping[str, str], how: str) -> Made:
    repository = clone.repository
    under_way = git_worktrees.in_progress(repository.git_dir)
    if under_way:
        return Made(problem=f"{git_worktrees.begun(under_way)} is under way")
    git = Git(repository.git_dir, cwd=repository.worktree, hooks=True, env={VARIABLE: session.id})
    new, paths = [path for path, kind in kinds.items() if kind == "?"], list(kinds)
    if new:
        repository.here.run("update-index", "--add", "-z", "--stdin", data=nul_ended(new))
    done = git.ask(
        "commit", "--quiet", "--only", "-m", _message(session, how), "--pathspec-from-file=-", "--pathspec-file-nul",
        data=nul_ended(f":(top,literal){path}" for path in paths), timeout=LONGEST, own_session=True, leaves=True,
        env={"GIT_EDITOR": ":", **_NOBODY},
    )  # fmt: skip
    if done.code == 0:
        return Made(refs.resolve(repository.here, "HEAD") or "", paths)
    if new:
        repository.here.run("update-index", "--force-remove", "-z", "--stdin", data=nul_ended(new))
    said = redact((done.stderr + done.stdout).decode("utf-8", "replace")).split("\n")
    return Made(problem=f"git refused, with exit code {done.code}", words=[line for line in said if line.strip()][:20])  # fmt: skip


def _message(session: Session, how: str) -> str:
    subject = one_line(session.title, 72) or f"Work of session {session.id}"
    who = f"Session {session.id}" + (f" of {one_line(session.agent, 40)}" if session.agent else "")
    return f"{subject}\n\n{who} made these changes. They were committed for it when it {how}.\n"


def _changed(git: Git) -> dict[str, str]:
    """What differs from HEAD in a worktree, with the kind of change (`checkout.differing`), whole repositories within it left out."""
    return {
        path: kind for kind, path in checkout.differing(git, submodules="dirty") if not path.endswith("/")
    }


def _path(state: str, session: str) -> str:
    return os.path.join(state, FOLDER, f"{session}.json")


def _before(state: str, session: str) -> set[str] | None:
    """The paths that were changed before it began; None where that cannot be told: then nothing is committed."""
    note = statefile.load(_Asked, _path(state, session))
    return set(note.before) if note else None


def _forget_ended(clone: Clone) -> None:
    """Let go of what was noted for sessions that are not here any more."""
    known = {f"{here.id}.json" for here in clone.sessions.local.all()}
    folder = os.path.join(clone.ledger.state, FOLDER)
    for name in files.names(folder):
        if name not in known:
            files.remove(os.path.join(folder, name))

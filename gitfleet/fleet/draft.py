"""The commented `gitfleet.yaml` that `init` writes into the worktree of the clone that begins a fleet, until one has landed.

Nobody has committed it, so it must be in nobody's way: git will not pull a file over one that it does not know. As soon as
one has landed, ours goes, unless somebody has changed or added it. `<common dir>/gitfleet/made.json` says where it is;
while that is there, the `reference-transaction` hook looks at what a fetch brings (`main`), before `git pull` goes on.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from gitfleet.base import canonical, files, resources
from gitfleet.claims.model import Claim, Unreadable
from gitfleet.claims.service import Terms
from gitfleet.errors import FleetError
from gitfleet.git import refs
from gitfleet.git.program import Git
from gitfleet.git.repository import Repository, discover
from gitfleet.ledger.node import state_folder
from gitfleet.sessions import model as sessions
from gitfleet.sessions.local import candidates

if TYPE_CHECKING:
    from gitfleet.fleet.fleet import Fleet
    from gitfleet.ledger.model import View

CONFIG = "gitfleet.yaml"
NOTE = "made.json"
REASON = "the rules of this fleet, which nobody has landed yet"


def write(repository: Repository) -> bool:
    """Put the draft into the worktree, where nothing of that name is; whether it was put there."""
    assert repository.worktree is not None
    path = os.path.join(repository.worktree, CONFIG)
    if os.path.lexists(path):
        return False
    template = resources.read("templates", CONFIG)
    state = state_folder(repository.common_dir)
    note = {"path": os.path.relpath(path, state), "sha256": hashlib.sha256(template).hexdigest()}
    files.replace(os.path.join(state, NOTE), canonical.dump(note))
    return files.create(path, template)


def pending(state: str) -> bool:
    """Whether a draft was written in this clone, and none has landed since, as far as is known here."""
    return os.path.exists(os.path.join(state, NOTE))


def settle(common_dir: str) -> None:
    """One has landed: ours goes where it is as we wrote it and git does not know it. One that was changed stays, and is looked
    at again; of one that was added nothing more is to be remembered.
    """
    state = state_folder(common_dir)
    path, wrote = _made(state)
    if not path:
        return
    if os.path.lexists(path) and _tracked(path) is not True:
        if _tracked(path) is None or _digest(path) != wrote:
            return
        files.remove(path)
    files.remove(os.path.join(state, NOTE))


def take_back(state: str) -> list[str]:
    """The clone leaves its fleet: as `settle`; what stays is said."""
    path, _ = _made(state)
    if not path or not os.path.lexists(path):
        return []
    if not untouched(state):
        return [f"{path} was changed, added or committed since, so it stays"]
    files.remove(path)
    return []


def untouched(state: str) -> str:
    """The draft of this clone where it is as we wrote it and git does not know it; else ""."""
    path, wrote = _made(state)
    return path if path and _tracked(path) is False and _digest(path) == wrote else ""


def hold(fleet: Fleet, session: str) -> list[str]:
    """Claim the draft of this worktree for a session at work in it, so that its first commit may bring it; warnings.

    A person's session of the same worktree gives it to an agent's: whoever works here commits with `git add --all`. What a
    session that has ended left with the worktree is taken over.
    """
    path, _ = _made(fleet.ledger.state)
    if path != os.path.join(fleet.repository.worktree or "", CONFIG) or not os.path.lexists(path):
        return []
    here = {
        one.id
        for one in fleet.sessions.local.all()
        if one.person and one.worktree == fleet.repository.worktree
    }
    try:
        state = fleet.current()
        found = [
            claim for claim in fleet.claims.find(state, texts=[CONFIG]) if not _is_left(state.view, claim)
        ]
        held = {claim.session if isinstance(claim, Claim) else "" for claim in found}
        for giver in held & here - {session}:
            fleet.claims.release(giver, [CONFIG])
        if held <= here:
            fleet.claims.claim(session, [CONFIG], Terms(reason=REASON))
    except FleetError as error:
        return [f"{CONFIG} is not claimed for {session}: {error.message}"]
    return []


def hand_on(fleet: Fleet) -> str:
    """A session in this worktree has ended: claim the draft that it left for who is at work here now, or its person; for whom."""
    path, _ = _made(fleet.ledger.state)
    worktree = fleet.repository.worktree or ""
    here = candidates(fleet.sessions.local, worktree) if path == os.path.join(worktree, CONFIG) else []
    if len(here) != 1:
        return ""
    state = fleet.current()
    left = any(_is_left(state.view, one) for one in fleet.claims.find(state, texts=[CONFIG]))
    return here[0].id if left and not hold(fleet, here[0].id) else ""


def _is_left(view: View, claim: Claim | Unreadable) -> bool:
    """Whether a claim of a session that has ended stays with worktrees alone."""
    if not isinstance(claim, Claim) or sessions.find(view, claim.session) is not None:
        return False
    return bool(claim.retained) and not any(keeper.branch for keeper in claim.retained)


def main(commits: Sequence[str]) -> int:
    """What the `reference-transaction` hook asks: a fetch brings these commits. Never stops git."""
    with suppress(FleetError, OSError, ValueError):
        here = discover()
        if any(refs.resolve(here.git, f"{commit}:{CONFIG}") for commit in commits):
            settle(here.common_dir)
    return 0


def _made(state: str) -> tuple[str, str]:
    """Where the draft was put, and its digest; "" without one."""
    try:
        note = canonical.load(files.read(os.path.join(state, NOTE)) or b"{}")
    except ValueError:
        return "", ""
    path = str(note.get("path", ""))  # from here, since clones are moved, and copied
    return path and os.path.normpath(os.path.join(state, path)), str(note.get("sha256", ""))


def _tracked(path: str) -> bool | None:
    """Whether git knows the file; None where git does not say."""
    folder = os.path.dirname(path)
    done = Git(os.path.join(folder, ".git"), cwd=folder).ask("ls-files", "--error-unmatch", "--", CONFIG)
    return {0: True, 1: False}.get(done.code)


def _digest(path: str) -> str:
    data = files.read(path) if os.path.isfile(path) and not os.path.islink(path) else None
    return "" if data is None else hashlib.sha256(data).hexdigest()

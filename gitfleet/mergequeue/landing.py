"""Landing a candidate: one push of target and ledger, and what follows from it in the clone.

A branch that is checked out in a worktree of a clone that is its own hub is brought along there: what would be overwritten there
keeps the landing back, and what a crash left undone is done by the next round.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress

from gitfleet.base import canonical, files
from gitfleet.base.names import BranchName, Oid
from gitfleet.base.text import display
from gitfleet.claims import model as claims
from gitfleet.claims.model import Claim
from gitfleet.codec import TEXT, Broken, Many, One, Struct, field
from gitfleet.errors import Blocked, FleetError
from gitfleet.git import git_worktrees, refs
from gitfleet.git.program import Git
from gitfleet.git.remote import Remote, Update
from gitfleet.mergequeue import landings, testing
from gitfleet.mergequeue.candidates import ChainStep
from gitfleet.mergequeue.evidence import Candidate
from gitfleet.mergequeue.model import QueueEntry
from gitfleet.mergequeue.outlook import Outlook
from gitfleet.mergequeue.requests import MOST_HEADS, EntryLanding, Land
from gitfleet.mergequeue.site import Site
from gitfleet.trunk import position

_TIME = 600.0
_NOTE = "queue-checkouts.json"


class _Following(Struct):
    """A worktree that is to be brought from one commit to another."""

    git_dir: str = field(TEXT)
    path: str = field(TEXT)
    old: str = field(TEXT)
    new: str = field(TEXT)


_CHECKOUTS = Many(One(_Following))


def land(site: Site, look: Outlook, candidate: Candidate) -> tuple[QueueEntry, ...]:
    """Land a candidate whose tree has passed; the entries that landed. All of it, or nothing.

    Raises EntryMoved, RefMoved, PolicyRefused when the queue or the target has changed meanwhile; Blocked when a worktree is in
    the way; and the hub's errors: then it may have landed, and the next look shows it.
    """
    step = testing.place(site, look, candidate)
    steps = [one for one in look.made(candidate) if isinstance(one, ChainStep)]
    tips = [site.base, *(one.commit for one in steps)]
    landing = tuple(
        EntryLanding(
            entry, look.entries[entry].head, Oid(one.commit), Oid(below), _older(site, look.entries[entry])
        )
        for entry, one, below in zip(candidate, steps, tips, strict=False)
    )
    window = look.limits.landed(candidate).window
    last = look.run_of(candidate, "passed")
    body = Land(
        BranchName(site.target), Oid(site.base), Oid(step.commit), landing, testing.proof(site, step.tree),
        last.seconds if last else 0, window,
    )  # fmt: skip
    before = _checked_out(site, step.commit) if not site.ledger.node.hub else []
    landed = site.request(landings.land, body).entries
    _follow(site, before)
    if site.ledger.node.hub:
        seen = position.seen(site.ledger.node, site.target)
        refs.move(site.repository.git, seen, new=step.commit, old=site.base)
        if site.rules.delete_branches:
            _delete(site, landed)
    return landed


def _older(site: Site, entry: QueueEntry) -> tuple[Oid, ...]:
    """Earlier heads of an entry's branch that claims stay with, and that what lands contains."""
    view, git = site.ledger.current().view, site.repository.git
    kept = [claim.retained for claim in claims.of_keeper(view, entry.branch) if isinstance(claim, Claim)]
    heads = {one.head for some in kept for one in some if one.branch == entry.branch} - {entry.head}
    inside = [
        head for head in sorted(heads) if git.ask("merge-base", "--is-ancestor", head, entry.head).code == 0
    ]
    return tuple(map(Oid, inside))[:MOST_HEADS]


def _delete(site: Site, landed: Sequence[QueueEntry]) -> None:
    """Take the branches of landed entries from the hub, if they are where they were. What fails is left: it loses nothing."""
    gone = [Update(f"refs/heads/{entry.branch}", None, entry.head) for entry in landed]
    with suppress(FleetError):
        Remote(site.repository.git, site.ledger.node.hub, site.ledger.node.push).push(gone, atomic=False)


def _checked_out(site: Site, commit: str) -> list[_Following]:
    """The worktrees that have the target checked out, noted before it moves. Raises Blocked where files are in the way."""
    found = []
    for git_dir, path in _worktrees(site):
        git = Git(git_dir, cwd=path)
        if refs.head(git) != f"refs/heads/{site.target}":
            continue
        done = git.ask("read-tree", "-n", "-m", "-u", site.base, commit, timeout=_TIME)
        if done.code:
            words = f"{display(site.target)} is checked out in {display(path)}, and changes there are in the way of what would land."
            raise Blocked(
                words, hint="Commit them, or take them elsewhere, and process the queue again.", path=path
            )
        found.append(_Following(git_dir, path, site.base, commit))
    if found:
        files.replace(os.path.join(site.ledger.state, _NOTE), canonical.dump(_CHECKOUTS.encode(tuple(found))))
    return found


def _worktrees(site: Site) -> Iterator[tuple[str, str]]:
    """The git directory and the path of each worktree of the clone."""
    if site.repository.main:
        yield site.repository.common_dir, site.repository.main
    for path, git_dir in git_worktrees.folders(site.repository.common_dir).items():
        if os.path.isdir(path):
            yield git_dir, path


def recover(site: Site) -> None:
    """Bring worktrees along that a landing, whose process ended, has left behind."""
    data = files.read(os.path.join(site.ledger.state, _NOTE))
    if data is None:
        return
    try:
        _follow(site, _CHECKOUTS.decode(canonical.load(data)))
    except (ValueError, Broken):
        files.remove(os.path.join(site.ledger.state, _NOTE))


def _follow(site: Site, before: Sequence[_Following]) -> None:
    """Have worktrees show what their branch has become. What they do not let be overwritten stays, and git shows it as changed."""
    for one in before:
        git = Git(one.git_dir, cwd=one.path)
        if refs.resolve(git, "HEAD") == one.new:
            git.ask("read-tree", "-m", "-u", one.old, one.new, timeout=_TIME)
    if before:
        files.remove(os.path.join(site.ledger.state, _NOTE))

"""Commits that were judged against the fleet of now, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from gitfleet.base.names import BranchName, Oid, RepoPath, SessionId
from gitfleet.claims.fencing import FenceState
from gitfleet.claims.policy import CommitRule
from gitfleet.fleet.hub_state import Present
from gitfleet.fleet.views.rows import row_of
from gitfleet.trunk.commit_verdicts import Judged


class JudgedPathRow(TypedDict):
    """What is true of one path that a commit changes; the guide to CI tells what each state means."""

    path: RepoPath
    state: FenceState
    claim: str
    """The claim that it was made under, `id@token`, as far as the ledger knows it."""
    holder: SessionId
    """The other session that holds the path, or was granted it since; empty when there is none."""
    token: int
    """That session's token; 0 when there is none."""
    held: str
    """What that session claims."""


class JudgedCommitRow(TypedDict):
    """One commit, judged; with `--staged` what is about to be one."""

    commit: Oid
    """Empty for what is staged."""
    session: SessionId
    """As the commit names it; empty when it names none."""
    claims: list[str]
    """As the commit names them."""
    paths: list[JudgedPathRow]


class CheckCommitsAnswer(TypedDict):
    """`check --range` and `check --staged`, newest first."""

    base: str
    """The commits of the range; both empty with `--staged`."""
    head: str
    hub: str
    """The remote that was asked; empty when this clone is the hub."""
    trunk: BranchName
    """The branch of the hub that the rules are from."""
    generation: int
    """The ledger that it was judged by."""
    ledger: Oid
    rules: CommitRule
    """`commits` of the rules; with `off`, nothing is judged."""
    commits: list[JudgedCommitRow]
    unlanded: list[Oid]
    """Commits on the trunk itself that no entry of the merge queue landed, where the rules demand that (`queue.required`)."""


def judged(
    now: Present, rows: Sequence[Judged], base: str, head: str, strange: Sequence[str] = ()
) -> CheckCommitsAnswer:
    """What is true of commits, by the rules and the ledger of now."""
    return {
        "base": base,
        "head": head,
        "hub": now.hub,
        "trunk": BranchName(now.trunk),
        "generation": now.tip.generation,
        "ledger": Oid(now.tip.oid),
        "rules": now.policy.commits,
        "commits": [_commit(one) for one in rows],
        "unlanded": [Oid(one) for one in strange],
    }


def _commit(judged: Judged) -> JudgedCommitRow:
    paths = [row_of(JudgedPathRow, verdict) for verdict in judged.verdicts]
    return row_of(JudgedCommitRow, judged.commit, commit=judged.commit.oid, paths=paths)

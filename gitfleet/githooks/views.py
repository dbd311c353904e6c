"""Rows of what only the layer of the hooks knows: agents' settings, audits, judged commits. Their types are in `fleet.views`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from gitfleet.base.names import BranchName, Oid, RepoPath, SessionId
from gitfleet.claims.fencing import Verdict
from gitfleet.claims.grant_history import Grants
from gitfleet.fleet.hub_state import Present
from gitfleet.fleet.views.agents import (
    AgentChangeAnswer,
    AgentHooksRow,
    AgentStatusAnswer,
    FileChangeRow,
    HookScope,
)
from gitfleet.fleet.views.audit import AuditAnswer, AuthorRow, NamedSessionRow, UncoveredRow
from gitfleet.fleet.views.commits import CheckCommitsAnswer, JudgedCommitRow, JudgedPathRow
from gitfleet.githooks.agents.install import Change, Look
from gitfleet.githooks.audit import Audit, Uncovered
from gitfleet.githooks.verdicts import Judged


def agent_changed(agent: str, scope: HookScope, changes: Iterable[Change]) -> AgentChangeAnswer:
    """What was done to an agent's settings."""
    files = [cast(FileChangeRow, change._asdict()) for change in changes]
    return {"agent": agent, "scope": scope, "files": files}


def agents(looks: Iterable[Look]) -> AgentStatusAnswer:
    """Where agents have our hooks."""
    return {"agents": [cast(AgentHooksRow, look._asdict()) for look in looks]}


def audited(found: Audit, granted: Grants) -> AuditAnswer:
    """What an audit found."""
    return {
        "commits": found.commits,
        "covered": found.commits - len(found.uncovered),
        "generation": granted.generation,
        "grants": len(granted),
        "uncovered": [_uncovered(item) for item in found.uncovered],
        "by_author": [
            AuthorRow(author=name, commits=tally["commits"], uncovered=tally["uncovered"])
            for name, tally in _worst_first(found.by_author)
        ],
        "by_session": [
            NamedSessionRow(session=SessionId(name), commits=tally["commits"], uncovered=tally["uncovered"])
            for name, tally in _worst_first(found.by_session)
        ],
    }


def judged(now: Present, rows: Sequence[Judged], base: str, head: str) -> CheckCommitsAnswer:
    """What is true of commits, by the rules and the ledger of now."""
    return {
        "base": base,
        "head": head,
        "hub": now.hub,
        "trunk": BranchName(now.trunk),
        "generation": now.tip.generation,
        "ledger": Oid(now.tip.oid),
        "rules": now.policy.commits,
        "commits": [_commit(row) for row in rows],
    }


def _uncovered(item: Uncovered) -> UncoveredRow:
    made = item.commit
    return {
        "commit": Oid(made.oid), "at": made.at, "author": made.author, "subject": made.subject,
        "sessions": [SessionId(one) for one in made.sessions], "reasons": list(item.reasons),
        "paths": [RepoPath(path) for path in item.paths], "claims": list(item.claims), "ahead": item.ahead,
    }  # fmt: skip


def _worst_first(tallied: Mapping[str, Counter[str]]) -> list[tuple[str, Counter[str]]]:
    """The counts, those with most to tell first."""
    return sorted(tallied.items(), key=lambda row: (-row[1]["uncovered"], -row[1]["commits"], row[0]))


def _commit(row: Judged) -> JudgedCommitRow:
    return {
        "commit": Oid(row.commit.oid),
        "session": SessionId(row.commit.session),
        "claims": list(row.commit.claims),
        "paths": [_path(verdict) for verdict in row.verdicts],
    }


def _path(verdict: Verdict) -> JudgedPathRow:
    return cast(JudgedPathRow, verdict._asdict())

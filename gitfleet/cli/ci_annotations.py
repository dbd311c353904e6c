"""What a check says where CI shows it: annotations for GitHub, a code quality report for GitLab.

GitHub reads commands from whatever a step prints, so names from commits are escaped in ours, and everything else that
is printed is put where commands do not count.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from gitfleet.base import files
from gitfleet.base.text import display
from gitfleet.claims.fencing import CommitVerdict
from gitfleet.claims.policy import Policy
from gitfleet.errors import UsageError
from gitfleet.trunk import commit_verdicts
from gitfleet.trunk.commit_verdicts import Judged

SHOWN = 50
"""Annotations at most; GitHub shows fewer still for one step."""


def on_github() -> bool:
    """Whether this runs in a workflow of GitHub."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def shielded(lines: Sequence[str]) -> list[str]:
    """The lines so that none of them is a command of GitHub's, whatever names they hold."""
    if not on_github():
        return list(lines)
    token = os.urandom(16).hex()
    return [f"::stop-commands::{token}", *lines, f"::{token}::"]


def tame(text: str) -> str:
    """A line beside the result in which GitHub sees no command."""
    return text.replace("##[", "## [").replace("::", ": :") if on_github() else text


def for_github(policy: Policy, rows: Sequence[Judged]) -> list[str]:
    """One annotation for each path that stops (or only warns), where GitHub is to show them."""
    if not on_github():
        return []
    level = "warning" if policy.commits == "warn" else "error"
    found = list(commit_verdicts.stopping(policy, rows))[:SHOWN]
    return [_annotation(level, row, verdict) for row, verdict in found]


def write_report(path: str, policy: Policy, rows: Sequence[Judged]) -> None:
    """Write GitLab's code quality report: JSON, a list with an item for each path that stops. Atomic.

    Raises UsageError for a path where no file can be, LocalStorage.
    """
    severity = "minor" if policy.commits == "warn" else "critical"
    items = [
        {
            "description": f"{row.commit.oid[:12]}: {commit_verdicts.words(verdict)}",
            "check_name": f"gitfleet-{verdict.state}",
            "fingerprint": _fingerprint(row, verdict),
            "severity": severity,
            "location": {"path": display(verdict.path), "lines": {"begin": 1}},
        }
        for row, verdict in commit_verdicts.stopping(policy, rows)
    ]
    target = os.path.abspath(path)
    if os.path.isdir(target) or not os.path.isdir(os.path.dirname(target)):
        raise UsageError(
            f"The report cannot be written to {display(path)}: no file can be there.",
            hint="Name a file in a folder that is there.",
        )
    files.replace(target, json.dumps(items, indent=1).encode() + b"\n")


def _annotation(level: str, row: Judged, verdict: CommitVerdict) -> str:
    place = _escaped(display(verdict.path)).replace(":", "%3A").replace(",", "%2C")
    said = _escaped(f"{row.commit.oid[:12]}: {display(commit_verdicts.words(verdict))}")
    return f"::{level} file={place},title=gitfleet {verdict.state}::{said}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _fingerprint(row: Judged, verdict: CommitVerdict) -> str:
    import hashlib  # only reports need it

    said = "\0".join([row.commit.oid, verdict.path, verdict.state])
    return hashlib.sha256(os.fsencode(said)).hexdigest()[:40]

"""The parts of JSON output that are about commits, as models; see `shapes`."""

from __future__ import annotations

from typing import Literal

from gitfleet.cli.shapes import Data


class PathVerdict(Data):
    """What is true of one path that a commit changes; the guide to CI tells what each state means."""

    path: str
    state: Literal["ok", "stale", "theirs", "unclaimed", "unverifiable"]
    claim: str
    """The claim that it was made under, `id@token`, as far as the ledger knows it."""
    holder: str
    """The other session that holds the path, or was granted it since; empty when there is none."""
    token: int
    """That session's token; 0 when there is none."""
    held: str
    """What that session claims."""


class JudgedCommit(Data):
    """One commit, judged; with `--staged` what is about to be one."""

    commit: str
    """Empty for what is staged."""
    session: str
    """As the commit names it; empty when it names none."""
    claims: list[str]
    """As the commit names them."""
    paths: list[PathVerdict]

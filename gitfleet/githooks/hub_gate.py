"""What a bare repository may receive: commits judged by the ledger and the rules that lie in it. No network, no clone.

Runs while what is pushed is in quarantine: git's environment says where, and the refs are still the old ones. The
ledger's own ref is looked after by the shim (`hooks/pre-receive`), which asks here only about branches and tags.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from gitfleet.base.console import note
from gitfleet.claims.policy import Policy
from gitfleet.git import fleetrefs, refs
from gitfleet.git.objects import open_objects
from gitfleet.git.program import Git
from gitfleet.git.repository import discover
from gitfleet.git.trees import Objects, Snapshot
from gitfleet.ledger import commits, format
from gitfleet.mergequeue import arrivals
from gitfleet.trunk import commit_verdicts, incoming, policy_file
from gitfleet.trunk.queue_policy import QueuePolicy

_QUARANTINE = ("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH")
_JUDGED = ("refs/heads/", "refs/tags/")


def judge_received(lines: bytes) -> None:
    """Judge the updates that git tells a pre-receive hook (`<old> <new> <ref>` a line). Raises the refusal.

    Judged are the commits that no branch and no tag of the repository has yet: other refs may have been pushed by
    anybody, and make no commit known. While there is no trunk yet, history from before the fleet may come. Where the rules demand
    the merge queue, the trunk's own change is held against the ledger as this very push makes it.
    """
    here = discover(".")
    quarantine = {name: os.environ[name] for name in _QUARANTINE if name in os.environ}
    git = Git(here.common_dir, env=quarantine)
    ledger = refs.read(git, fleetrefs.COORD).get(fleetrefs.COORD)
    rows = _rows(lines)
    judged = [row for row in rows if row.ref.startswith(_JUDGED)]
    if ledger is None or not judged or refs.resolve(git, "HEAD^{commit}") is None:
        return
    record, warnings = policy_file.compiled_at(git, "HEAD")
    for warning in warnings:
        _warn(warning)
    objects = open_objects(here.common_dir, env=quarantine)
    try:
        if QueuePolicy.decode(record.get("queue", {})).required:
            pushed = next((row.new for row in rows if row.ref == fleetrefs.COORD), ledger)
            _judge_target(git, _view(objects, pushed), judged)
        _judge_commits(git, objects, ledger, Policy.decode(record), judged)
    finally:
        objects.close()


def _judge_target(git: Git, view: Snapshot, rows: Sequence[ReceivedRef]) -> None:
    """Raise the refusal of a change of the trunk that no entry landed."""
    trunk = refs.head(git)
    for row in rows:
        if row.ref == trunk:
            name = trunk.removeprefix("refs/heads/")
            arrivals.check(view, git, arrivals.judged(view, git, name, row.old, row.new))


def _judge_commits(
    git: Git, objects: Objects, ledger: str, policy: Policy, rows: Sequence[ReceivedRef]
) -> None:
    """Raise the refusal of new commits that claims do not cover."""
    tips = list(_tips(git, rows))
    if policy.commits == "off" or not tips:
        return
    new = list(incoming.commits(git, *tips, "--not", "--branches", "--tags"))
    commit_verdicts.settle(policy, commit_verdicts.judged(_view(objects, ledger), policy, git, new), _warn)


def _view(objects: Objects, ledger: str) -> Snapshot:
    view = Snapshot(objects, commits.read(objects, ledger).tree)
    format.check(view)
    return view


def _warn(text: str) -> None:
    note(f"gitfleet: warning: {text}")


class ReceivedRef(NamedTuple):
    """What a push makes of a ref of the hub's."""

    old: str
    new: str
    ref: str


def _rows(lines: bytes) -> list[ReceivedRef]:
    rows = [os.fsdecode(line).split(" ", 2) for line in lines.split(b"\n")]
    return [ReceivedRef(*row) for row in rows if len(row) == 3]


def _tips(git: Git, rows: Iterable[ReceivedRef]) -> Iterator[str]:
    """The commits that branches and tags are to stand at."""
    for row in rows:
        if row.new.strip("0"):
            commit = refs.resolve(git, f"{row.new}^{{commit}}")
            if commit is not None:
                yield commit

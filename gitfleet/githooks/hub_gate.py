"""What a bare repository may receive: commits judged by the ledger and the rules that lie in it. No network, no clone.

Runs while what is pushed is in quarantine: git's environment says where, and the refs are still the old ones. The
ledger's own ref is looked after by the shim (`hooks/pre-receive`), which asks here only about branches and tags.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from gitfleet.base.console import note
from gitfleet.git import fleetrefs, refs
from gitfleet.git.objects import open_objects
from gitfleet.git.program import Git
from gitfleet.git.repository import discover
from gitfleet.git.trees import Snapshot
from gitfleet.ledger import commits, format
from gitfleet.trunk import commit_verdicts, incoming, policy_file

_QUARANTINE = ("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH")
_JUDGED = ("refs/heads/", "refs/tags/")


def judge_received(lines: bytes) -> None:
    """Judge the updates that git tells a pre-receive hook (`<old> <new> <ref>` a line). Raises the refusal.

    Judged are the commits that no branch and no tag of the repository has yet: other refs may have been pushed by
    anybody, and make no commit known. While there is no trunk yet, history from before the fleet may come.
    """
    here = discover(".")
    quarantine = {name: os.environ[name] for name in _QUARANTINE if name in os.environ}
    git = Git(here.common_dir, env=quarantine)
    ledger = refs.read(git, fleetrefs.COORD).get(fleetrefs.COORD)
    tips = list(_tips(git, lines))
    if ledger is None or not tips or refs.resolve(git, "HEAD^{commit}") is None:
        return
    policy, warnings = policy_file.at(git, "HEAD")
    if policy.commits == "off":
        return
    for warning in warnings:
        _warn(warning)
    objects = open_objects(here.common_dir)
    try:
        view = Snapshot(objects, commits.read(objects, ledger).tree)
        format.check(view)
        new = list(incoming.commits(git, *tips, "--not", "--branches", "--tags"))
        rows = commit_verdicts.judged(view, policy, git, new)
    finally:
        objects.close()
    commit_verdicts.settle(policy, rows, _warn)


def _warn(text: str) -> None:
    note(f"gitfleet: warning: {text}")


def _tips(git: Git, lines: bytes) -> Iterator[str]:
    """The commits that branches and tags are to stand at."""
    for line in lines.split(b"\n"):
        _, _, rest = os.fsdecode(line).partition(" ")
        new, _, ref = rest.partition(" ")
        if ref.startswith(_JUDGED) and new.strip("0"):
            commit = refs.resolve(git, f"{new}^{{commit}}")
            if commit is not None:
                yield commit

"""What may become of a branch: the backstop behind all ways that make commits, `git am` and `git update-ref` too.

Judges commits to which nothing leads yet. One that names its claims is held against the ledger, path by path; what
those do not cover must be claimed by the session at work here. Git holds the branch's lock meanwhile, so nobody is
asked, nothing is claimed and nothing is written. What a fetch or somebody else's push brings was not made here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

from gitfleet.base.identity import command_line
from gitfleet.base.names import SessionId
from gitfleet.clone import Clone
from gitfleet.git.program import Git, GitFailed
from gitfleet.githooks import fast_refs, push_gate, refusal
from gitfleet.githooks.warned import Warned
from gitfleet.trunk import incoming
from gitfleet.trunk.incoming import IncomingCommit

_CARRIERS = frozenset(["fetch", "receive-pack"])
_WITH_VALUE = frozenset(
    ["-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path", "--config-env"]
)
_OBJECTS = ("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES")


def judge_moves(
    fleet: Clone, git: str, tips: Sequence[str], whoami: Callable[[Clone], SessionId | None]
) -> None:
    """Judge branches that are to stand at `tips`; `git` is the number of the process that moves them. Raises the refusal."""
    if fleet.policy.commits == "off" or not fleet.policy.reference_transaction or not tips:
        return
    if git.isdigit() and _carries(command_line(int(git))):
        return
    refusal.settle(
        fleet.policy,
        lambda: push_gate.judged(fleet, _new(fleet, tips), whoami),
        lambda text: Warned(fleet).last(text),
    )


def _new(fleet: Clone, tips: Iterable[str]) -> list[IncomingCommit]:
    """The commits to which nothing leads yet. The caller's environment may say where git keeps their objects."""
    here = fleet.repository.here
    objects = {name: os.environ[name] for name in _OBJECTS if name in os.environ}
    git = Git(here.git_dir, cwd=here.cwd, env=objects)
    known = [f"^{oid}" for oid in fast_refs.brought(fleet.repository.git_dir, fleet.repository.common_dir)]
    try:
        return list(incoming.commits(git, *tips, *known, "--not", *fast_refs.KNOWN))
    except GitFailed:  # what was fetched may have been pruned; without the tips themselves this fails again
        return list(incoming.commits(git, *tips, "--not", *fast_refs.KNOWN))


def _carries(arguments: Sequence[str]) -> bool:
    """Whether a command line of git's is one that brings commits from elsewhere, and makes none."""
    if not arguments:
        return False
    name = os.path.basename(arguments[0])
    if name.startswith("git-"):
        return name.removeprefix("git-") in _CARRIERS
    at = 1
    while at < len(arguments) and arguments[at].startswith("-"):
        at += 2 if arguments[at] in _WITH_VALUE else 1
    return name == "git" and at < len(arguments) and arguments[at] in _CARRIERS

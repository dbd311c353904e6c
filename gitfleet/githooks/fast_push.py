"""The quick way to yes for a push: each commit names claims that stand, on every path that it changes.

A claim that the ledger has under the very token that a commit names, for a session that the commit names, has been nobody
else's since (`claims.fencing`). Standard library only; whatever is unclear goes to `push_gate`.
"""

from __future__ import annotations

import os
import sys

from gitfleet.base import fast_json
from gitfleet.base.ids import is_name
from gitfleet.git import fleetrefs
from gitfleet.githooks import coverage
from gitfleet.githooks.acting_session import session_here
from gitfleet.githooks.catfile import Records, Unexpected, ask
from gitfleet.githooks.gitdirs import content, here
from gitfleet.githooks.handover import hand_over
from gitfleet.trunk import commit_log

_MANY = 500
"""More commits are worth the full gate."""


def main(arguments: list[str]) -> int:
    """Answer for what git says on standard input: 0, or what the full gate says."""
    lines = sys.stdin.buffer.read()
    try:
        if quick(lines):
            return 0
    except Exception:  # noqa: BLE001, S110 - a doubt of whatever kind is for the full gate, which names it
        pass
    return hand_over(arguments, heard=lines)


def quick(lines: bytes) -> bool:
    """Whether this push is certainly allowed, and nothing is to be said. Raises where anything is not as expected."""
    rows = updates(lines)
    tips = [new for ref, new in rows if new.strip("0") and ref.startswith("refs/heads/")]
    git_dir, common_dir = here()
    if coverage.for_the_queue(common_dir, [ref for ref, _ in rows], hub=True):
        return False
    session = session_here(git_dir, common_dir)
    if not tips or any(ref.startswith((fleetrefs.ROOT, fleetrefs.HUB)) for ref, _ in rows):
        return False
    if session is None or not is_name(session) or coverage.unclear(git_dir, common_dir, session):
        return False
    ledger = Records(common_dir, fleetrefs.COORD)
    try:
        return not coverage.unread(ledger, common_dir, session) and _stand(ledger, _new(common_dir, tips))
    finally:
        ledger.close()


def _new(common_dir: str, tips: list[str]) -> list[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]]:
    """Of each commit that the hub does not have: the paths, the sessions, the claims."""
    hub = fast_json.load(content(f"{common_dir}/gitfleet/node.json"))["hub"]
    if not isinstance(hub, str) or not hub:
        raise Unexpected
    begun = f"{common_dir}/gitfleet/begun"
    wanted = new_to_hub(tips, hub, content(begun) if os.path.exists(begun) else b"")
    mark = commit_log.mark()
    asked = commit_log.arguments(mark, f"--max-count={_MANY + 1}", *wanted)
    rows = commit_log.rows(mark, ask(f"--git-dir={common_dir}", *asked))
    return [(paths, sessions, claims) for _, paths, sessions, claims in rows]


def _stand(ledger: Records, commits: list[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]]) -> bool:
    """Whether on each path of each commit a claim stands that the commit names."""
    if not coverage.readable(ledger) or len(commits) > _MANY:
        return False
    claims = coverage.LedgerClaims(ledger)
    claims.read_ahead([path for paths, _, _ in commits for path in paths])
    for paths, sessions, named in commits:
        once = {name for name in named if sum(one.startswith(name[:27]) for one in named) == 1}

        def wanted(
            claim: coverage.PlainClaim, sessions: tuple[str, ...] = sessions, once: set[str] = once
        ) -> bool:
            return claim["session"] in sessions and coverage.name(claim) in once

        if not all(claims.first(path, wanted) for path in paths):
            return False
    return True


def new_to_hub(tips: list[str], hub: str, begun: bytes) -> list[str]:
    """The revisions that a push brings: what the hub does not have, as far as is known here, and was not here before the clone joined."""
    seen = fleetrefs.seen(hub)  # what upkeep merges was fetched into refs of our own
    known = begun.decode("ascii", "replace").split()
    hidden = [f"--remotes={hub}", f"--glob={seen}trunk*", f"--glob={seen}bases", *known]
    return ["--ignore-missing", *tips, "--not", *hidden]


def moves(lines: bytes) -> list[tuple[str, str, str]]:
    """What a push would make of the hub's refs: each ref, its new object, and the one that it has there (zeros: none).

    Local names may hold blanks, refs any character of Unicode.
    """
    found = [line.rsplit(b" ", 3) for line in lines.split(b"\n") if line]
    return [
        (os.fsdecode(ref), new.decode("ascii", "replace"), old.decode("ascii", "replace"))
        for _, new, ref, old in found
    ]


def updates(lines: bytes) -> list[tuple[str, str]]:
    """The same without what is there."""
    return [(ref, new) for ref, new, _ in moves(lines)]

"""Where all branches stand, in one word: by that who only looks sees that a round of the radar is not of now any more."""

from __future__ import annotations

import os

from gitfleet.base.digests import sha256
from gitfleet.git import refs
from gitfleet.git.program import Git
from gitfleet.ledger.own_node import Node


def standing(git: Git, node: Node) -> str:
    """A digest of the branches of this clone, and of the hub's as they were last fetched, but the trunk. No git process, where refs are plain files."""
    wanted = ["refs/heads/", *([f"refs/remotes/{node.hub}/"] if node.hub else [])]
    trunk = {f"{one}{node.trunk}" for one in wanted}
    rows = [f"{oid} {name}" for name, oid in sorted(refs.read(git, *wanted).items()) if name not in trunk]
    return sha256(os.fsencode("\n".join(rows))).hexdigest()[:24]

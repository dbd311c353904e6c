"""Whether a clone is a copy of another one on this machine: both then think that they are the same node.

Each clone notes where it is when it joins. A copy has the note of its original, and where that is still there, both are one node twice;
where it is gone, the clone was only moved. What was copied to another machine cannot be told.
"""

from __future__ import annotations

import os
from contextlib import suppress

from gitfleet.base import files
from gitfleet.errors import FleetError
from gitfleet.ledger import own_node
from gitfleet.ledger.own_node import Node, state_folder


def note(common_dir: str, node: Node) -> None:
    """Note where this clone is; a copy keeps the note that tells that it is one."""
    if not original(common_dir, node):
        files.replace(_path(common_dir), os.fsencode(common_dir) + b"\n")


def original(common_dir: str, node: Node) -> str:
    """The git directory of the clone of which this is a copy, and which is the same node; "" where there is none."""
    noted = os.fsdecode(files.read(_path(common_dir)) or b"").removesuffix("\n")
    with suppress(FleetError, OSError, ValueError):
        if noted and not os.path.samefile(noted, common_dir) and own_node.load(noted).id == node.id:
            return noted
    return ""


def _path(common_dir: str) -> str:
    return os.path.join(state_folder(common_dir), "place")

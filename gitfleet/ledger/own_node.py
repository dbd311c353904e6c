"""The facts of one clone: its node id, its hub, its trunk; kept in `<common dir>/gitfleet/node.json`.

That file's presence is what makes a clone part of a fleet; hooks look for nothing else.
"""

from __future__ import annotations

import os

from gitfleet.base import advice, canonical, files
from gitfleet.base.ids import is_name
from gitfleet.base.names import NodeId
from gitfleet.codec import TEXT, WHOLE, Struct, Text, field
from gitfleet.errors import Corrupt, NewerFormat, NoFleet

FORMAT = 1


class Node(Struct):
    """`hub` is a remote's name, or "" when the clone itself is the hub; `trunk` a branch name.

    `push` is a hash of the push URL that was found to lead to the hub ("": the remote has none of its own).
    """

    id: NodeId = field(Text[NodeId](valid=is_name))
    hub: str = field(TEXT)
    trunk: str = field(TEXT)
    push: str = field(TEXT, default="")


def state_folder(common_dir: str) -> str:
    """Where a clone keeps what is its own."""
    return os.path.join(common_dir, "gitfleet")


def jobs_folder(common_dir: str) -> str:
    """Where the jobs of a clone are kept, by all its worktrees, unless their manager was told another folder."""
    return os.path.join(state_folder(common_dir), "jobs")


def load(common_dir: str) -> Node:
    """The node of this clone. Raises NoFleet, NewerFormat, Corrupt."""
    path = os.path.join(state_folder(common_dir), "node.json")
    data = files.read(path)
    if data is None:
        raise NoFleet("This clone is not part of a fleet.", hint=f"Run {advice.INIT} here.", path=common_dir)
    try:
        raw = canonical.load(data)
        version, node = WHOLE.decode(raw.get("v")), Node.decode(raw)
    except ValueError as error:
        raise Corrupt(f"{path} cannot be read: {error}.", hint=f"Run {advice.INIT}.", where=path) from error
    if version > FORMAT:
        words = f"{path} has format {version}; this gitfleet reads up to {FORMAT}."
        raise NewerFormat(words, hint="Upgrade gitfleet.", where=path, version=version, understood=FORMAT)
    return node


def save(common_dir: str, node: Node) -> None:
    """Write the node's facts. Atomic."""
    record = canonical.dump({"v": FORMAT, **node.encode()})
    files.replace(os.path.join(state_folder(common_dir), "node.json"), record)

"""The facts of one clone: its node id, its hub, its trunk; kept in `<common dir>/gitfleet/node.json`.

That file's presence is what makes a clone part of a fleet; hooks look for nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from gitfleet.base import advice, canonical, files
from gitfleet.base.ids import is_name
from gitfleet.errors import Corrupt, NewerFormat, NoFleet

FORMAT = 1


class Node(NamedTuple):
    """`hub` is a remote's name, or "" when the clone itself is the hub; `trunk` a branch name.

    `push` is a hash of the push URL that was found to lead to the hub ("": the remote has none of its own).
    """

    id: str
    hub: str
    trunk: str
    push: str = ""


def state_folder(common_dir: str) -> str:
    """Where a clone keeps what is its own."""
    return os.path.join(common_dir, "gitfleet")


def load(common_dir: str) -> Node:
    """The node of this clone. Raises NoFleet, NewerFormat, Corrupt."""
    path = os.path.join(state_folder(common_dir), "node.json")
    data = files.read(path)
    if data is None:
        raise NoFleet("This clone is not part of a fleet.", hint=f"Run {advice.INIT} here.", path=common_dir)
    try:
        raw = canonical.load(data)
        version, node = int(raw["v"]), _node(raw)
    except (KeyError, ValueError, TypeError) as error:
        raise Corrupt(f"{path} cannot be read: {error}.", hint=f"Run {advice.INIT}.", where=path) from error
    if version > FORMAT:
        words = f"{path} has format {version}; this gitfleet reads up to {FORMAT}."
        raise NewerFormat(words, hint="Upgrade gitfleet.", where=path, version=version, understood=FORMAT)
    if not is_name(node.id):
        raise Corrupt(f"{path} names no valid node.", hint=f"Run {advice.INIT}.", where=path)
    return node


def _node(raw: Mapping[str, Any]) -> Node:
    return Node(str(raw["id"]), str(raw["hub"]), str(raw["trunk"]), str(raw.get("push", "")))


def save(common_dir: str, node: Node) -> None:
    """Write the node's facts. Atomic."""
    record = {"v": FORMAT, "id": node.id, "hub": node.hub, "trunk": node.trunk, "push": node.push}
    files.replace(os.path.join(state_folder(common_dir), "node.json"), canonical.dump(record))

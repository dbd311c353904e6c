"""The fleet's rules for the merge queue, as they are read where it works: compiled, plain, from the trunk.

`queue:` of gitfleet.yaml, compiled by `policy_rules`. What is decided about one target goes by the rules as they stand in the commit that
it is at (`at`); what only has to be shown or checked beforehand goes by this clone's compiled copy (`load`).
"""

from __future__ import annotations

import os
from typing import Literal

from gitfleet.base import canonical, files
from gitfleet.codec import FLAG, TEXT, WHOLE, Choice, Many, Struct, Whole, field
from gitfleet.git.program import Git
from gitfleet.trunk import policy_file

Method = Literal["merge", "squash", "rebase"]
Way = Literal["push", "pull-request"]
Processing = Literal["manual", "maintainer"]

HIGHEST = 100


class QueuePolicy(Struct):
    """What is said of gates is apart (`gates.policy`). `deadline` in seconds. `ceiling`: the priority that sessions may give themselves,
    `ceiling_of_others` what others may give them; the rules set both together.

    `process`: whether the maintainer of each clone is a runner too. `tries`: how often an entry may come back repaired, `deadline`: how long its session has for that. `pull_request`: the command that
    hands an order to the host.
    """

    method: Method = field(Choice[Method]("merge", "squash", "rebase"), default="merge")
    landing: Way = field(Choice[Way]("push", "pull-request"), default="push")
    window: int = field(Whole(1), default=16)
    ceiling: int = field(Whole(0, HIGHEST), default=59)
    ceiling_of_others: int = field(Whole(0, HIGHEST), default=79)
    tries: int = field(Whole(0), default=2)
    deadline: int = field(WHOLE, default=24 * 3600)
    required: bool = field(FLAG, default=False)
    process: Processing = field(Choice[Processing]("manual", "maintainer"), default="manual")
    delete_branches: bool = field(FLAG, default=False)
    pull_request: tuple[str, ...] = field(Many(TEXT), default=())
    committer: str = field(TEXT, default="Merge queue <queue@gitfleet.invalid>")

    def ceiling_for(self, *, named: bool) -> int:
        """The priority that may be given to a session's entry: by the session itself or, where it was `named`, by another."""
        return self.ceiling_of_others if named else self.ceiling


def load(state: str) -> QueuePolicy:
    """The rules as this clone has compiled them last; the defaults when there are none, or they cannot be read."""
    data = files.read(os.path.join(state, "policy.json"))
    try:
        return QueuePolicy.decode(canonical.load(data).get("queue", {})) if data else QueuePolicy()
    except ValueError:
        return QueuePolicy()


def at(git: Git, revision: str) -> tuple[QueuePolicy, list[str]]:
    """The rules in a commit, and what is wrong with them: then the defaults hold, by which nothing lands.

    Costs 110 ms where there are any. Raises GitFailed when the file cannot be read.
    """
    record, faults = policy_file.compiled_at(git, revision)
    return QueuePolicy.decode(record.get("queue", {})), faults

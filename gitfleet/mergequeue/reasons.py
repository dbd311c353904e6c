"""Why an entry is where it is: a closed list, each reason with its words and the one next step. Pure.

The words take `{…}` from the entry's evidence and record (see `explain.why`). A reason that is not here is no reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

from gitfleet.base import advice
from gitfleet.codec import Choice

Reason = Literal[
    "next", "behind", "testing", "narrowing",
    "dependency", "stack", "conflict-ahead",
    "paused", "frozen", "no-gate", "target-fails", "indeterminate", "host",
    "hold", "approval", "dependency-dropped",
    "host-differs",
    "gate-failed", "host-refused", "conflict", "restack", "stale", "branch-gone",
    "landed", "landed-by-host", "landed-elsewhere", "dropped", "expired",
]  # fmt: skip
REASONS: tuple[Reason, ...] = get_args(Reason)
REASON = Choice[Reason | Literal[""]](*REASONS, "")


class Told(NamedTuple):
    """How a reason is told: the sentence, the step that comes next ("": there is none), and what that is done to."""

    words: str
    step: str = ""
    of: Literal["", "entry", "other", "branch"] = ""


REBUILD = Told(
    "It contains commits of entries that left the queue: {words}. Rebase it onto {target} without them.",
    advice.QUEUE_ADD,
    "branch",
)
"""How `dependency-dropped` is told of an entry that is built upon what is gone."""

TOLD: Mapping[Reason, Told] = {
    "next": Told("Nothing is in its way: the next round takes it.", advice.QUEUE_PROCESS),
    "behind": Told("{ahead} before it.", advice.QUEUE),
    "testing": Told("Node {node} runs the gate on it.", advice.QUEUE_SHOW, "entry"),
    "narrowing": Told(
        "A candidate with it failed its gate, and is being narrowed down.", advice.QUEUE_SHOW, "entry"
    ),
    "dependency": Told("It comes after {other}, which has not landed{because}.", advice.QUEUE_WHY, "other"),
    "stack": Told("It is stacked on {other}, which has not landed{because}.", advice.QUEUE_WHY, "other"),
    "conflict-ahead": Told(
        "It conflicts with {other}, which is ahead of it: {paths}.", advice.QUEUE_WHY, "other"
    ),
    "paused": Told("The queue is paused below {floor}: {pause}.", advice.QUEUE_RESUME),
    "frozen": Told(
        "The queue is frozen below {floor}: it may be tested, and does not land: {pause}.",
        advice.QUEUE_RESUME,
    ),
    "no-gate": Told(
        "No gate is configured, so nothing lands. gitfleet.yaml must name one, or say `gate: none`.",
        advice.SYNC,
    ),
    "target-fails": Told(
        "{target} itself fails its gate, so nothing lands but a hotfix (priority 80 or more) that repairs it.",
        advice.GATE_STATUS,
    ),
    "indeterminate": Told(
        "The gate could not be run to its end: {words}. It is tried again.", advice.QUEUE_PROCESS
    ),
    "host": Told("It was handed to the host, whose answer is awaited: {words}.", advice.QUEUE_PROCESS),
    "hold": Told("{by} holds it: {words}.", advice.QUEUE_UNHOLD, "entry"),
    "approval": Told("It needs the approval of a person: {words}.", advice.QUEUE_APPROVE, "entry"),
    "dependency-dropped": Told(
        "What it comes after is gone from the queue: {words}.", advice.QUEUE_UNHOLD, "entry"
    ),
    "gate-failed": Told(
        "It fails its gate: {words}. Only a new commit on it counts as a repair.", advice.QUEUE_ADD, "branch"
    ),
    "conflict": Told(
        "It conflicts with {against}: {paths}. Merge {target} into it, and commit how that is settled.",
        advice.QUEUE_ADD,
        "branch",
    ),
    "restack": Told(
        "It is built upon an old version of {other}. Rebase it onto the present one.",
        advice.QUEUE_ADD,
        "branch",
    ),
    "stale": Told(
        "Its branch is no longer at {head}: {words}. Add it again, or bring it back there.",
        advice.QUEUE_ADD,
        "branch",
    ),
    "branch-gone": Told(
        "Its branch is gone from the hub. Push it there again, or drop it.", advice.QUEUE_DROP, "entry"
    ),
    "host-differs": Told(
        "The host landed it on {target}, but not as it was tested: {words}. Letting it go on counts it as landed.",
        advice.QUEUE_UNHOLD,
        "entry",
    ),
    "host-refused": Told("The host refuses it: {words}.", advice.QUEUE_ADD, "branch"),
    "landed": Told("It has landed on {target} as {landed}."),
    "landed-by-host": Told("The host has put it onto {target}, as {landed}, although {words}."),
    "landed-elsewhere": Told("{target} had it already, as {landed}."),
    "dropped": Told("{by} dropped it{because}.", advice.QUEUE_ADD, "branch"),
    "expired": Told("It was not repaired in time{because}.", advice.QUEUE_ADD, "branch"),
}

"""What became of the work of a success, and where a job goes on that was made from work that came back. Nothing of it yet: ""."""

from __future__ import annotations

from gitfleet.codec import TEXT, WHOLE, Struct, Text, field

_WORDS: Text[str] = Text(1 << 13, cut=True)
_LONG: Text[str] = Text(1 << 16, cut=True)


class Delivery(Struct):
    """`pushed`: the commit that the hub has; `request`: the address of the pull request; `entry`: the id in the merge queue.

    `became`: what has become of that entry since, once nothing more is expected of it here. `waits`: what could not be done yet, and is tried
    again. `refused`: what was refused, and is left to people. `again`: the job that goes on with what came back.
    """

    pushed: str = field(TEXT, default="", omit=True)
    request: str = field(_WORDS, default="", omit=True)
    entry: str = field(TEXT, default="", omit=True)
    became: str = field(_WORDS, default="", omit=True)
    waits: str = field(_WORDS, default="", omit=True)
    refused: str = field(_WORDS, default="", omit=True)
    again: str = field(TEXT, default="", omit=True)

    @property
    def open(self) -> bool:
        """Whether more is to come: something waits, or an entry whose end is not known."""
        return bool(self.waits or (self.entry and not self.became))


class WorkBack(Struct):
    """The work that a job goes on with: it came back to `job` from the merge queue, for the `number`th time.

    `entry` came back at the commit `head`. `tree` is the session that the worktree and the branch were made for. `evidence`: what the queue
    says, in lines that are safe to show.
    """

    job: str = field(TEXT, default="")
    number: int = field(WHOLE, default=0)
    entry: str = field(TEXT, default="")
    head: str = field(TEXT, default="")
    tree: str = field(TEXT, default="")
    evidence: str = field(_LONG, default="")

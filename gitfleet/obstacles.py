"""What stands in the way of a request, as a fact of errors (`Conflict`, `Queued`, `Deadlock`) and as JSON shows it."""

from __future__ import annotations

from collections.abc import Mapping

from gitfleet.codec import FLAG, TEXT, WHOLE, Many, Maybe, Shape, Struct, Table, field


class Obstacle(Struct):
    """One thing in the way: a claim of another session that meets a `path` which was asked for, or what `problem` says of a record
    that cannot be read; without a `path`, a session (or the worktree of one) that has what was asked for.

    `witness` is a path that `path` and `held` (the pattern of the claim `claim`) both match, `exact` false where that was not
    proved. `waiting`: an earlier place in the waiting line. `renewed` counts the renewals of the holder's session, `ttl` is in
    seconds. `gone`: the holder's process is, and `ends` is the command that ends its session ("": none does here).
    """

    path: str = field(TEXT, default="")
    witness: str = field(TEXT, default="")
    exact: bool = field(FLAG, default=True)
    held: str = field(TEXT, default="")
    claim: str = field(TEXT, default="")
    token: int = field(WHOLE, default=0)
    mode: str = field(TEXT, default="")
    session: str | None = field(Maybe(TEXT), default=None)
    node: str = field(TEXT, default="")
    branch: str = field(TEXT, default="")
    reason: str = field(TEXT, default="")
    ttl: int = field(WHOLE, default=0)
    agent: str = field(TEXT, default="")
    title: str = field(TEXT, default="")
    worktree: str = field(TEXT, default="")
    waiting: bool = field(FLAG, default=False)
    retained: tuple[Mapping[str, str], ...] = field(Many(Table(TEXT)), default=())
    renewed: int = field(WHOLE, default=0)
    renewed_at: int = field(WHOLE, default=0)
    slots: tuple[int, ...] = field(Many(WHOLE), default=())
    capacity: int = field(WHOLE, default=0)
    gone: bool = field(FLAG, default=False)
    ends: str = field(TEXT, default="")
    problem: str = field(TEXT, default="")
    why: str = field(TEXT, default="")

    def encode(self) -> dict[str, object]:
        """The facts that matter to an obstacle of this sort, as JSON shows them."""
        known = super().encode()
        if not self.path:
            names = ["worktree"] if self.worktree else []
            names += ["session", "agent", "why"] if self.why else ["session", "node", "agent", "title"]
            return {name: known[name] for name in names}
        if self.problem:
            return {name: known[name] for name in ("path", "witness", "exact", "held", "session", "problem")}
        hidden = {"problem", "why"} | (set() if self.gone else {"gone", "ends"})
        hidden |= set() if self.capacity else {"slots", "capacity"}
        return {name: value for name, value in known.items() if name not in hidden}


class Blocker(Struct):
    """One reason why a request waits: `wanted` meets what `session` holds or, with `ticket`, waits for before it."""

    wanted: str = field(TEXT)
    session: str = field(TEXT)
    held: str = field(TEXT)
    witness: str = field(TEXT)
    ticket: str = field(TEXT)


class CycleStep(Blocker):
    """One step of a circle of waiting: here `session` is who waits, `waits_for` the session that has what is `held`."""

    waits_for: str = field(TEXT)


class RunAhead(Struct):
    """A run of a gate that another run waits for: its `lease`, whose it is (`by`: in words), and when it began (`at`)."""

    lease: str = field(TEXT)
    node: str = field(TEXT)
    session: str = field(TEXT)
    by: str = field(TEXT)
    part: str = field(TEXT)
    at: int = field(WHOLE)


class AnyAhead(Shape[Blocker | RunAhead]):
    """What somebody waits for: a claim or an earlier place in the line, or a run."""

    plain = False

    def decode(self, raw: object) -> Blocker | RunAhead:
        """See `Shape`."""
        return RunAhead.decode(raw) if isinstance(raw, Mapping) and "lease" in raw else Blocker.decode(raw)

    def encode(self, value: Blocker | RunAhead) -> dict[str, object]:
        """See `Shape`."""
        return value.encode()

"""What a claim stays with when its session ends: a branch that changes its paths, or a worktree with changes on no branch.

Pure, and light: a record of its own within that of the claim. A claim may stay with several; it goes when the last of
them has let it go (`retained_claims`).
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from gitfleet.codec import TEXT, Broken, Many, One, Shape, Struct, Text, field

MOST = 100
"""Keepers of one claim; those beyond are left out, by name."""
_LONGEST = 4096


class Keeper(NamedTuple):
    """A branch `branch` at the commit `head`; or the worktree `tree` of the clone `node`, which was at `worktree`.

    `tree` is the name of git's own folder for the worktree, which stays when the worktree is moved.
    """

    branch: str = ""
    head: str = ""
    worktree: str = ""
    node: str = ""
    tree: str = ""

    @property
    def name(self) -> str:
        """What tells it from others. No branch can have the name of a worktree: no branch has a NUL in it."""
        return self.branch or f"\0{self.node}\0{self.tree}"

    @property
    def mark(self) -> str:
        """What a request must show that the session's work contains, to have a claim from it."""
        return self.head if self.branch else f"{self.node}/{self.tree}"

    def as_record(self) -> dict[str, str]:
        """As it is written into the claim, and as JSON shows it."""
        return {name: value for name, value in self._asdict().items() if value}


class _KeeperShape(Shape[Keeper]):
    """What keeps claims: a branch, or a worktree of a node."""

    plain = False

    def decode(self, raw: object) -> Keeper:
        if not isinstance(raw, dict) or not raw.keys() <= set(Keeper._fields):
            raise Broken("a branch or a worktree was expected")
        values = {name: _PART.decode(value) for name, value in raw.items()}
        keeper = Keeper(**values)
        if any("\0" in value for value in keeper) or not (_is_branch(keeper) or _is_worktree(keeper)):
            raise Broken("a branch or a worktree was expected")
        return keeper

    def encode(self, value: Keeper) -> dict[str, str]:
        return value.as_record()


_PART = Text[str](_LONGEST, least=1)
KEEPER = _KeeperShape()
parse = KEEPER.decode
"""The keeper in a record. Raises Broken (a ValueError) for what is none."""


class Keeping(Struct):
    """What keeps which claims (ids), as whoever looked has found it."""

    keeper: Keeper = field(KEEPER)
    claims: tuple[str, ...] = field(Many(TEXT))


KEPT: Shape[tuple[Keeping, ...]] = Many(One(Keeping), most=1000)


def joined(before: Iterable[Keeper], more: Iterable[Keeper]) -> tuple[Keeper, ...]:
    """Both, each once by its name, as it was named last."""
    known = {keeper.name: keeper for keeper in (*before, *more)}
    return tuple(known[name] for name in sorted(known))[:MOST]


def without(keepers: Iterable[Keeper], names: Collection[str]) -> tuple[Keeper, ...]:
    """All but those of these names."""
    return tuple(keeper for keeper in keepers if keeper.name not in names)


def marks(keepers: Iterable[Keeper]) -> list[str]:
    """What work must contain that is to have a claim which stays with these."""
    return sorted(keeper.mark for keeper in keepers)


def branches(records: Iterable[Mapping[str, object]]) -> list[str]:
    """The branches among the records of keepers."""
    return [str(one["branch"]) for one in records if one.get("branch")]


def worktrees(records: Iterable[Mapping[str, object]]) -> list[str]:
    """The worktrees among the records of keepers, by their paths."""
    return [str(one.get("worktree", "")) for one in records if not one.get("branch")]


def _is_branch(keeper: Keeper) -> bool:
    hexadecimal = len(keeper.head) == 40 and set(keeper.head) <= set("0123456789abcdef")
    alone = not (keeper.worktree or keeper.node or keeper.tree)
    return bool(keeper.branch) and len(keeper.branch) <= 1024 and hexadecimal and alone


def _is_worktree(keeper: Keeper) -> bool:
    return bool(keeper.worktree and keeper.node and keeper.tree) and not (keeper.branch or keeper.head)

"""Every claim that was ever granted, read from the ledger's chain in one pass.

What a commit says of itself (`Fleet-Claim: <id>@<token>`) is checked against this: a grant stands in the chain or it
was never made. Believes the records of each ledger commit; that they are what its operations make of its parent's is
for `ledger.replay`. No clock decides anything: a grant lasts from one generation to another.

Costs two git processes however long the chain is: one tells what each ledger commit changed among the claims, one
reads the records that are new. Grows with the number of grants, not with how many stand at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from gitfleet.claims import model
from gitfleet.errors import Corrupt, Damaged
from gitfleet.git.program import Git, failed
from gitfleet.git.trees import MEND
from gitfleet.ledger import commits

TENTATIVE = "tentative"
_PATIENCE = 600.0


class Grant(NamedTuple):
    """A claim as it was held: under one token, by one session, of one pattern.

    `since` and `until` are ledger generations: made by the first, gone by the second (None: it still stands).
    """

    id: str
    token: int
    session: str
    pattern: str
    since: int
    until: int | None


class _Change(NamedTuple):
    """At one generation, the record filed at `where` went from one blob to another; "" where there was or is none."""

    generation: int
    where: str
    before: str
    after: str


class Grants:
    """The grants of one chain, by the id of the claim. `generation` is that of the chain's end."""

    def __init__(self, generation: int, grants: Iterable[Grant]) -> None:
        self.generation = generation
        self._by_id: dict[str, list[Grant]] = {}
        for grant in grants:
            self._by_id.setdefault(grant.id, []).append(grant)

    def __len__(self) -> int:
        """How many there were."""
        return sum(len(some) for some in self._by_id.values())

    def named(self, name: str) -> list[Grant]:
        """The grants that `<id>@<token>` stands for; none when there never was such a grant.

        A claim that was made offline is named before its token is known (`<id>@tentative`): any grant of that id backs it.
        """
        claim, _, token = name.partition("@")
        found = self._by_id.get(claim, [])
        return found if token == TENTATIVE else [grant for grant in found if str(grant.token) == token]


def read(git: Git, tip: commits.Tip) -> Grants:
    """The grants of the chain that ends at `tip`. Raises Corrupt, NewerFormat for a record that cannot be read, GitFailed."""
    changes = list(_changes(git, tip.oid))
    records = _records(git, {change.after: change.where for change in changes if change.after})
    return Grants(tip.generation, _grants(changes, records))


def _grants(changes: Iterable[_Change], records: Mapping[str, model.Claim]) -> Iterator[Grant]:
    standing: dict[str, Grant] = {}
    for change in changes:
        before = standing.pop(change.before, None)
        after = records[change.after] if change.after else None
        if after and before and (after.token, after.session) == (before.token, before.session):
            standing[change.after] = before  # only its lease, or that it was taken up, has changed
            continue
        if before:
            yield before._replace(until=change.generation)
        if after:
            standing[change.after] = Grant(
                after.id, after.token, after.session, after.pattern, change.generation, None
            )
    yield from standing.values()


def _changes(git: Git, tip: str) -> Iterator[_Change]:
    """What happened to the records of claims, oldest first."""
    mark = os.urandom(16).hex()
    argv = (
        "log",
        "--reverse",
        "--root",
        "--no-show-signature",
        "--no-color",
        "--raw",
        "--no-abbrev",
        "--no-renames",
    )
    done = git.ask(
        *argv, "-z", f"--format={mark}%x00%B%x00", tip, "--", model.ROOT, timeout=_PATIENCE
    )  # fmt: skip
    if done.code:
        raise failed(done)
    for part in os.fsdecode(done.stdout).split(mark)[1:]:
        _, message, rows = part.split("\0", 2)
        try:
            generation = int(commits.trailer(message, "Fleet-Generation"))
        except ValueError as error:
            raise Corrupt("A commit of the ledger does not say its generation.", where=tip) from error
        fields = rows.strip("\n\0").split("\0") if rows.strip("\n\0") else []
        for what, where in zip(fields[::2], fields[1::2], strict=True):
            _, _, before, after, _ = what.lstrip("\n:").split(" ")
            yield _Change(generation, where, _oid(before), _oid(after))


def _oid(text: str) -> str:
    return text if text.strip("0") else ""


def _records(git: Git, wanted: Mapping[str, str]) -> dict[str, model.Claim]:
    """The claims in the blobs `wanted` (blob to the place it is filed at)."""
    asked = "".join(f"{oid}\n" for oid in wanted).encode()
    out = git.run("cat-file", "--batch", "--buffer", data=asked, timeout=_PATIENCE) if wanted else b""
    found: dict[str, model.Claim] = {}
    at = 0
    for oid, where in wanted.items():
        line = out.index(b"\n", at)
        words = out[at:line].split()
        if len(words) != 3 or words[1] != b"blob":
            raise Damaged(f"The record {oid} of the ledger is missing in this clone.", hint=MEND, where=where)
        end = line + 1 + int(words[2])
        found[oid] = model.parse(out[line + 1 : end], where)
        at = end + 1
    return found

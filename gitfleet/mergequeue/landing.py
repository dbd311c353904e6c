"""Landing a candidate: one push of target and ledger, and what follows from it in the clone."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from gitfleet.base.names import BranchName, Oid
from gitfleet.claims import model as claims
from gitfleet.claims.model import Claim
from gitfleet.errors import FleetError
from gitfleet.git import refs
from gitfleet.git.answers import hub_error
from gitfleet.git.remote import Remote, Update
from gitfleet.ledger.model import Status
from gitfleet.mergequeue import landings, testing
from gitfleet.mergequeue.candidates import ChainStep
from gitfleet.mergequeue.checkouts import Checkouts
from gitfleet.mergequeue.evidence import Candidate
from gitfleet.mergequeue.model import QueueEntry
from gitfleet.mergequeue.outlook import Outlook
from gitfleet.mergequeue.requests import MOST_HEADS, EntryLanding, Land
from gitfleet.mergequeue.site import Site
from gitfleet.trunk import position

_PATIENCE = 30.0


def land(site: Site, look: Outlook, candidate: Candidate) -> tuple[QueueEntry, ...]:
    """Land a candidate whose tree has passed; the entries that landed. All of it, or nothing.

    Raises EntryMoved, RefMoved, PolicyRefused when the queue or the target has changed meanwhile; CheckoutInTheWay; and the hub's errors: then it may have landed, and the next look shows it.
    """
    step = testing.place(site, look, candidate)
    steps = [one for one in look.made(candidate) if isinstance(one, ChainStep)]
    tips = [site.base, *(one.commit for one in steps)]
    landing = tuple(
        EntryLanding(
            entry, look.entries[entry].head, Oid(one.commit), Oid(below), _older(site, look.entries[entry])
        )
        for entry, one, below in zip(candidate, steps, tips, strict=False)
    )
    window = look.limits.landed(candidate).window
    last = look.run_of(candidate, "passed")
    body = Land(
        BranchName(site.target), Oid(site.base), Oid(step.commit), landing, testing.proof(site, step.tree),
        last.seconds if last else 0, window,
    )  # fmt: skip
    with Checkouts(site).following(step.commit):
        answer = site.request(landings.land, body)
        if answer.receipt.status is Status.TENTATIVE:
            raise hub_error(site.ledger.node.hub, answer.receipt.hub_error, what="write to", refused=False)
    landed = answer.entries
    if site.ledger.node.hub:
        seen = position.seen(site.ledger.node, site.target)
        with (
            suppress(FleetError),
            site.ledger.lock.held(_PATIENCE),
        ):  # no fetch meets it; else the next look shows it
            refs.move(site.repository.git, seen, new=step.commit, old=site.base)
        if site.rules.delete_branches:
            _delete(site, landed)
    return landed


def _older(site: Site, entry: QueueEntry) -> tuple[Oid, ...]:
    """Earlier heads of an entry's branch that claims stay with, and that what lands contains."""
    view, git = site.ledger.current().view, site.repository.git
    kept = [claim.retained for claim in claims.of_keeper(view, entry.branch) if isinstance(claim, Claim)]
    heads = {one.head for some in kept for one in some if one.branch == entry.branch} - {entry.head}
    inside = [
        head for head in sorted(heads) if git.ask("merge-base", "--is-ancestor", head, entry.head).code == 0
    ]
    return tuple(map(Oid, inside))[:MOST_HEADS]


def _delete(site: Site, landed: Sequence[QueueEntry]) -> None:
    """Take the branches of landed entries from the hub, if they are where they were. What fails is left: it loses nothing."""
    gone = [Update(f"refs/heads/{entry.branch}", None, entry.head) for entry in landed]
    with suppress(FleetError):
        Remote(site.repository.git, site.ledger.node.hub, site.ledger.node.push).push(gone, atomic=False)

"""What a shell may complete: the ids of sessions, the paths that are claimed, the branches that are queued. Local, and silent where it cannot tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import typer

from gitfleet.base.text import display
from gitfleet.claims import model
from gitfleet.fleet.fleet import Fleet
from gitfleet.sessions import session_records
from gitfleet.sessions.local import LocalSessions

MOST = 500


def session_ids(ctx: typer.Context, incomplete: str) -> list[str]:
    """The sessions of the fleet."""
    return _begun(ctx, incomplete, _ids)


def claimed(ctx: typer.Context, incomplete: str) -> list[str]:
    """Every path that is claimed."""
    return _begun(ctx, incomplete, lambda fleet: _patterns(model.everything(fleet.current().view)))


def own_claims(ctx: typer.Context, incomplete: str) -> list[str]:
    """The paths that the session claims which the command would act for."""
    named = ctx.params.get("session")
    return _begun(
        ctx, incomplete, lambda fleet: _patterns(model.of_session(fleet.current().view, fleet.whoami(named)))
    )


def own_sessions(ctx: typer.Context, incomplete: str) -> list[str]:
    """The sessions that were started in this clone."""
    return _begun(
        ctx, incomplete, lambda fleet: (here.id for here in LocalSessions(fleet.ledger.state).all())
    )


def queued(ctx: typer.Context, incomplete: str) -> list[str]:
    """The branches in the merge queue."""
    from gitfleet.mergequeue import model  # of no use to what completes paths

    return _begun(ctx, incomplete, lambda fleet: (one.branch for one in model.readable(fleet.current().view)))


def _ids(fleet: Fleet) -> Iterable[str]:
    return (one.id for one in session_records.readable(fleet.current().view))


def _patterns(found: Iterable[model.Claim | model.Unreadable]) -> Iterable[str]:
    return (item.pattern for item in found if isinstance(item, model.Claim))


def _begun(ctx: typer.Context, incomplete: str, ask: Callable[[Fleet], Iterable[str]]) -> list[str]:
    """What begins like that, in order. A shell is told nothing that it could not type as it stands."""
    top = ctx.find_root()
    given = ctx.params.get("paths") or []
    try:
        with Fleet.open(str(top.params.get("directory") or ".")) as fleet:
            found = {text for text in ask(fleet) if text.startswith(incomplete) and text not in given}
    except Exception:  # noqa: BLE001 - whatever it is, the next command says it; a prompt is no place for that
        return []
    return sorted(text for text in found if display(text) == text)[:MOST]

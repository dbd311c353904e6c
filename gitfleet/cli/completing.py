"""What a shell may complete: ids of sessions, claimed paths, queued branches, agents, and values of which there are few. Local, and silent where it cannot tell."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence

import typer

from gitfleet.base.ids import is_name
from gitfleet.base.text import display
from gitfleet.claims import model
from gitfleet.errors import FleetError
from gitfleet.fleet.fleet import Fleet
from gitfleet.git.repository import discover
from gitfleet.sessions import session_records
from gitfleet.sessions.local import LocalSessions

MOST = 500
_MEANT = re.compile(r"""[\s$`"'\\;&|<>(){}!#]""")
"""What a shell would take for more than a character of a name. Names are others' words: bash puts them on the line as they are."""


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


def kinds(ctx: typer.Context, incomplete: str) -> list[str]:
    """The kinds of operations, and what they begin with."""
    from gitfleet.clone import OPERATIONS  # of no use to what completes paths

    del ctx
    names = {name for kind in OPERATIONS for name in (kind.name, kind.name.partition(".")[0])}
    return sorted(name for name in names if name.startswith(incomplete))


def agents(ctx: typer.Context, incomplete: str) -> list[str]:
    """The agents that have a file."""
    top = ctx.find_root()
    here = str(top.params.get("directory") or ".")
    try:
        folder = os.path.join(here, ctx.params.get("config") or _agent_files(here))
        found = [name.removesuffix(".yaml") for name in os.listdir(folder) if name.endswith(".yaml")]
    except (OSError, FleetError):
        return []
    return sorted(name for name in found if is_name(name) and name.startswith(incomplete))


def among(values: Sequence[str]) -> Callable[[str], list[str]]:
    """What completes one of `values`."""

    def complete(incomplete: str) -> list[str]:
        return [value for value in values if value.startswith(incomplete)]

    return complete


def _agent_files(here: str) -> str:
    return os.path.join(discover(here).worktree or here, "agents")


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
    return sorted(text for text in found if display(text) == text and not _MEANT.search(text))[:MOST]

"""`claim`, `release`, `claims`, `check` on the full command line; what they do is in `claiming`."""

from __future__ import annotations

from typing import Annotated

import typer

from gitfleet.claims.service import Terms
from gitfleet.cli import boundary, claiming
from gitfleet.cli.answer import Answer
from gitfleet.cli.options import Json, SessionId, common, seconds
from gitfleet.errors import UsageError

Paths = Annotated[
    list[str], typer.Argument(metavar="PATH...", help="Files, `dir/`, or globs, from the repository's root.")
]
SomePaths = Annotated[
    list[str] | None, typer.Argument(metavar="[PATH]...", help="Only what meets these paths.")
]
Shared = Annotated[
    bool, typer.Option("--shared", help="Others may share the claim (but not claim exclusively).")
]
Exclusive = Annotated[
    bool, typer.Option("--exclusive", help="Nobody else may claim it, also where policy says shared.")
]
Ttl = Annotated[
    str | None, typer.Option("--ttl", metavar="TIME", help="Time to live without activity, e.g. 45m.")
]
Partial = Annotated[bool, typer.Option("--partial", help="Take what is free, list the rest (exit code 21).")]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="What for; shown to whoever is refused.")
]
All = Annotated[bool, typer.Option("--all", help="Every claim of the session.")]
Older = Annotated[
    str | None, typer.Option("--older-than", metavar="TIME", help="Only claims granted longer ago, e.g. 2h.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("claim")(claim)
    app.command("release")(release)
    app.command("claims")(claims)
    app.command("check")(check)


def claim(
    paths: Paths,
    session: SessionId = None,
    shared: Shared = False,
    exclusive: Exclusive = False,
    ttl: Ttl = None,
    partial: Partial = False,
    reason: Reason = "",
    as_json: Json = False,
) -> int:
    """Claim paths for this session: all of them, or nothing (exit code 10, with every holder's name)."""

    def action() -> Answer:
        if shared and exclusive:
            raise UsageError("A claim is either shared or exclusive.", hint="Leave one of the options out.")
        mode = True if shared else False if exclusive else None
        terms = Terms(shared=mode, ttl=seconds(ttl) if ttl else None, reason=reason, partial=partial)
        return claiming.claim(common(session), paths, terms)

    return boundary.run("claim", action, as_json=as_json)


def release(
    paths: SomePaths = None, session: SessionId = None, everything: All = False, as_json: Json = False
) -> int:
    """Release claims of this session. What others hold is theirs to release (exit code 10)."""
    return boundary.run(
        "release",
        lambda: claiming.release(common(session), paths or [], everything=everything),
        as_json=as_json,
    )


def claims(
    paths: SomePaths = None, session: SessionId = None, older_than: Older = None, as_json: Json = False
) -> int:
    """List the claims of the fleet, by path, session and age."""

    def action() -> Answer:
        return claiming.claims(
            common(session), paths or [], older_than=seconds(older_than) if older_than else None
        )

    return boundary.run("claims", action, as_json=as_json)


def check(paths: SomePaths = None, session: SessionId = None, as_json: Json = False) -> int:
    """Say of each path: free, mine, theirs (exit code 10) or not to be told (13). Local, without the network."""
    return boundary.run("check", lambda: claiming.check(common(session), paths or []), as_json=as_json)

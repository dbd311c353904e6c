"""What can be done to sessions and their claims, each with what it changes as things stand now."""

from __future__ import annotations

from collections.abc import Mapping

from gitfleet.base.names import SessionId
from gitfleet.base.text import counted, some
from gitfleet.claims import model as claims
from gitfleet.claims.model import Claim
from gitfleet.fleet.fleet import Fleet
from gitfleet.sessions import session_rules
from gitfleet.sessions.session_records import Session
from gitfleet.web.askers import asker, is_agent, named_for
from gitfleet.web.page.act_form import ActChoice, ActField, ActForm
from gitfleet.web.routes import API

_SHOWN = 200


def claim(fleet: Fleet, asked: Mapping[str, str]) -> ActForm:
    """Claim paths for a session of this clone."""
    here = sorted(fleet.sessions.local.all(), key=lambda one: (not one.person, one.id))[:_SHOWN]
    own = asked.get("session") or (asker(fleet) if is_agent() or any(one.person for one in here) else "")
    choices = [ActChoice(one.id, one.id) for one in here]
    modes = (ActChoice("exclusive", "exclusive", "--exclusive"), ActChoice("shared", "shared", "--shared"))
    usual = ActChoice("", "as the rules say")
    fields = [
        ActField("paths", "Paths", "paths", value=asked.get("path", ""), required=True, hint="One a line, from the root of the repository; a folder is claimed with all that is in it."),
        ActField("session_id", "For", "choice", value=own, flag="--session", choices=choices, required=True),
        ActField("mode", "Mode", "choice", choices=(usual, *modes)),
        ActField("reason", "Reason", flag="--reason", hint="Shown to those who are refused."),
    ]  # fmt: skip
    says = ["All of them are claimed, or nothing is. It lasts while the session shows signs of life."]
    return ActForm("Claim paths", "Claim", says, f"{API}/claims", {}, ["claim"], "Claimed", fields)


def release(fleet: Fleet, asked: Mapping[str, str]) -> ActForm:
    """Release what a session of this clone holds: on a path and below, or everything."""
    session, path = _session(fleet, asked), asked.get("path", "")
    held = [
        one.pattern for one in claims.of_session(fleet.current().view, session.id) if isinstance(one, Claim)
    ]
    what = (
        f"{path} and what it holds below"
        if path
        else f"All that it holds, {counted(len(held), 'claim')}: {some(held)}"
    )
    says = [
        f"{what}." if path or held else "It holds nothing.",
        "Who waits for it is served, first come, first served.",
    ]
    argv = ["release", *([path] if path else ["--all"]), "--session", session.id]
    fixed = {"session_id": session.id, **({"paths": [path]} if path else {})}
    title = f"Release claims of {session.id}"
    return ActForm(title, "Release", says, f"{API}/claims/release", fixed, argv, "Released")


def tell(fleet: Fleet, asked: Mapping[str, str]) -> ActForm:
    """Leave a message for a session."""
    own, session = asker(fleet), _required(fleet, asked)
    says = ["It arrives at its next command, fenced, with your name."]
    fields = [ActField("text", "Message", "area", required=True, most=4000)]
    fixed = {"session_id": session.id, "by": own}
    argv = ["tell", *named_for(fleet, own), session.id]
    return ActForm(
        f"Tell {session.id}", "Tell", says, f"{API}/tell", fixed, argv, f"Told {session.id}", fields
    )


def end(fleet: Fleet, asked: Mapping[str, str]) -> ActForm:
    """End a session of this clone."""
    session = _session(fleet, asked)
    says = [
        "Its claims are released; those on what its branch or its uncommitted files change stay with these.",
        "The worktree, its files and the branch stay as they are.",
    ]
    argv = ["session", "end", session.id]
    fixed = {"session_id": session.id}
    return ActForm(
        f"End {session.id}", "End", says, f"{API}/sessions/end", fixed, argv, f"Ended: {session.id}"
    )


def lost(fleet: Fleet, asked: Mapping[str, str]) -> ActForm:
    """End a session of another clone, whose machine is lost."""
    own, session = asker(fleet), _required(fleet, asked)
    says = [
        f"It is of node {session.node}. Its claims are released; those on what its branch changes stay with that.",
        "While that node shows signs of life, nothing is changed.",
    ]
    warns = ["A machine that only cannot reach the hub goes on, and its session loses its claims there."]
    fields = [
        ActField("reason", "Reason", flag="--reason", hint="The log keeps it.", required=True, most=500)
    ]
    fixed = {"session_id": session.id, "lost": True, "by": own}
    argv = ["session", "end", "--lost", *named_for(fleet, own), session.id]
    title = f"End {session.id}: its machine is lost"
    return ActForm(
        title, "End", says, f"{API}/sessions/end", fixed, argv, f"Ended: {session.id}", fields, warns
    )


def _required(fleet: Fleet, asked: Mapping[str, str]) -> Session:
    return session_rules.required(fleet.current().view, SessionId(asked.get("session", "")))


def _session(fleet: Fleet, asked: Mapping[str, str]) -> Session:
    """The session, which must be one of this clone. Raises NoSession, Conflict."""
    return session_rules.of_node(fleet.current().view, asked.get("session", ""), fleet.ledger.node.id)

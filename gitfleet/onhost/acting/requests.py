"""What a host can be asked to do, and about what it did: the doors of this package on the wire.

Who asks is watched: once nobody writes to our standard input any more, no further step is taken.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from gitfleet.onhost import state
from gitfleet.onhost.acting import act_request, after_acts
from gitfleet.onhost.acting.grip import asker_gone
from gitfleet.onhost.acting.performing import perform
from gitfleet.onhost.acting.work_order import ActInterrupted
from gitfleet.onhost.serving import Body, OpRefused, Tell


def act(request: Body, tell: Tell) -> Body:
    """One action on one candidate. The same request again answers what came of the first."""
    asked = act_request.act_request(request)
    scanned = _scanned(act_request.session_id(request))
    if not {(one.pid, one.start, one.boot) for one in asked.identities} <= scanned:
        raise OpRefused("no-scan", "the scan of this host has not seen these processes")
    known = frozenset((pid, start) for pid, start, _ in scanned)
    try:
        return perform(asked, _folder(request), asker_gone(sys.stdin.fileno()), known)
    except ActInterrupted:
        raise OpRefused("interrupted", "who asked has left") from None


def journal(request: Body, tell: Tell) -> Body:
    """What was intended on this host for a scan, and what came of it."""
    return {"acts": after_acts.journal_rows(_folder(request))}


def verify(request: Body, tell: Tell) -> Body:
    """The same, with what is there now."""
    return {"acts": after_acts.verify_rows(_folder(request))}


def undo(request: Body, tell: Tell) -> Body:
    """Take back what can be taken back."""
    oid, wanted = act_request.plan_oid(request), act_request.candidate_ids(request)
    return {"acts": after_acts.undo(_folder(request), oid, wanted)}


def _scanned(session_id: str) -> set[tuple[int, int, str]]:
    """Number, start and boot of all processes that a scan of this host saw. A plan was made of it, and it is kept here."""
    try:
        found = state.read(session_id, state.SNAPSHOT)
        rows = found.get("processes") if isinstance(found, dict) else None
        return {_seen(one) for one in rows or ()}
    except (state.BadSessionId, OSError, ValueError, KeyError, TypeError):
        raise OpRefused("no-scan", "this host has no such scan") from None


def _seen(row: Mapping[str, Mapping[str, object]]) -> tuple[int, int, str]:
    pid, start, boot = (row["identity"][name] for name in ("pid", "start", "boot"))
    if not (isinstance(pid, int) and isinstance(start, int) and isinstance(boot, str)):
        raise TypeError
    return pid, start, boot


def _folder(request: Body) -> str:
    try:
        folder = state.folder(act_request.session_id(request))
    except state.BadSessionId:
        raise OpRefused("bad-request", "session_id is missing, or not in its form") from None
    if not os.path.isdir(folder):
        raise OpRefused("no-scan", "this host has no such scan")
    return folder

"""What an agent is answered before it edits, where the quick way could not say yes.

What could not be checked is stopped, and says so; where no fleet is concerned, nothing is said and nothing is stopped.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from gitfleet.agenthooks import check_edits, fast_edit, hook_output, place
from gitfleet.agenthooks.hook_output import PATIENCE, EditVerdict
from gitfleet.base import files
from gitfleet.base.console import note
from gitfleet.errors import FleetError, NoFleet, NoRepository, Unverifiable
from gitfleet.fleet.fleet import Fleet
from gitfleet.git.repository import discover
from gitfleet.ledger import own_node

LONGEST = 4.3
"""Seconds until an edit is stopped that could not be judged, whatever it is that hangs."""


def judged(agent: str, rest: list[str]) -> str:
    """The answer to an edit: the agent's session, its turn, and what it is about to change, as `fast_edit` names that."""
    own, turn, *named = rest
    tops: dict[str, tuple[list[str], list[str]]] = {}
    for kind, top, path in zip(named[::3], named[1::3], named[2::3], strict=True):
        tops.setdefault(top, ([], []))[kind == fast_edit.WRITTEN].append(path)
    asks = [check_edits.Ask(agent, own, turn, top, paths, written) for top, (paths, written) in tops.items()]
    with _in_time():
        verdicts = [_verdict(ask) for ask in asks]
    denied = next((verdict.deny for verdict in verdicts if verdict.deny), "")
    told = [words for verdict in verdicts for words in verdict.told]
    warnings = [words for verdict in verdicts for words in verdict.warnings]
    return hook_output.before_edit(EditVerdict(denied, told, warnings))


@contextmanager
def _in_time() -> Iterator[None]:
    """Raise Unverifiable in the body once it has taken too long, whatever it waits for."""

    def ring(*_: object) -> None:
        words = f"That took longer than {LONGEST:.0f} s."
        raise Unverifiable(words, hint="See what takes so long: `gitfleet doctor`.")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _verdict(ask: check_edits.Ask) -> EditVerdict:
    """The verdict for one worktree; errors are among them."""
    top = ask.top
    try:
        os.chdir(top)
        with Fleet.open(announce=note, patience=PATIENCE) as fleet:
            return check_edits.check(fleet, ask)
    except (NoFleet, NoRepository) as error:  # git will have none of it; is it one of a fleet's all the same?
        return _unable(top, check_edits.said(error)) if place.in_fleet(top) else EditVerdict()
    except FleetError as error:
        return _unable(top, check_edits.said(error))
    except PermissionError as error:
        return _unable(top, check_edits.said(files.forbidden(error)))
    except OSError as error:
        return _unable(top, f"{check_edits.STOPPED}\nIt could not be checked: {top}: {error.strerror}")
    except Exception as error:  # noqa: BLE001 - a bug of ours is said, and lets nothing through
        words = f"gitfleet: internal error in edit, please report it: {type(error).__name__}: {error}"
        return _unable(top, f"{check_edits.STOPPED}\n{words}")


def _unable(top: str, words: str) -> EditVerdict:
    """What could not be checked is stopped, unless the fleet's rules only warn, or do not look at edits."""
    signal.setitimer(signal.ITIMER_REAL, 0)  # what follows may take as long as it takes
    edits = "claim-on-edit"
    with suppress(FleetError, OSError), Fleet.open(top) as fleet:
        edits = fleet.policy.edits
    if edits == "off":
        return EditVerdict()
    if edits == "warn":
        return EditVerdict(warnings=[words.replace(check_edits.STOPPED, "gitfleet: warning:")])
    return EditVerdict(words)


def unread(agent: str, rest: list[str]) -> str:
    """What the agent said before its edit could not be understood: stopped where a fleet is concerned."""
    here = os.getcwd()
    try:
        own_node.load(discover(here).common_dir)
    except (NoFleet, NoRepository):
        return ""
    except PermissionError as error:
        return hook_output.before_edit(_unable(here, check_edits.said(files.forbidden(error))))
    except FleetError as error:
        return hook_output.before_edit(_unable(here, check_edits.said(error)))
    words = f"What {agent} said of this edit could not be read ({rest[0]}), so nobody knows which file it is about."
    hint = "Next: tell your user; `gitfleet agent status` shows whether these hooks fit."
    return hook_output.before_edit(_unable(here, f"{check_edits.STOPPED}\n{words}\n{hint}"))

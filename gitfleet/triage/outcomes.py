"""What has become of a plan's candidates, by what was added to its ref: any clone can tell, not only the one that applied it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from gitfleet.base import canonical
from gitfleet.codec import Broken, Many, One, Struct, Text, field
from gitfleet.triage.plan_record import WholePlan
from gitfleet.triage.shapes import CANDIDATE_ID, WORD, Printable

FOLDER = "applied/"
_MOST = 100_000


class PastAct(Struct):
    """One action that was asked for, and what came of it."""

    host_id: str = field(Text[str](320))
    candidate_id: str = field(CANDIDATE_ID)
    action: str = field(WORD)
    outcome: str = field(WORD)
    detail: str = field(Printable(400), default="")


class PastRun(Struct):
    """One run of `apply` or `resume`."""

    acts: tuple[PastAct, ...] = field(Many(One(PastAct), most=_MOST))


def newest(whole: WholePlan, added: Mapping[str, bytes]) -> dict[tuple[str, str, str], PastAct]:
    """The newest word on each action, by host, candidate and action. What names none of the plan's candidates is passed over."""
    known = {(host.host_id, one.candidate_id) for host, one in whole.candidates()}
    return {
        (act.host_id, act.candidate_id, act.action): act
        for act in _acts(added)
        if (act.host_id, act.candidate_id) in known
    }


def counted(whole: WholePlan, added: Mapping[str, bytes]) -> dict[str, int]:
    """How many actions ended in which way."""
    return dict(sorted(Counter(act.outcome for act in newest(whole, added).values()).items()))


def _acts(added: Mapping[str, bytes]) -> Iterator[PastAct]:
    """Oldest first: the names of the files sort by time."""
    for name in sorted(name for name in added if name.startswith(FOLDER)):
        try:
            yield from PastRun.decode(canonical.load(added[name])).acts
        except (Broken, ValueError):
            continue

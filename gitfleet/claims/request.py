"""What a request for claims meets, gathered pattern by pattern; and how units of a resource are found for it. Pure.

Leaves paths, and what becomes of all this, to `rules`; how many units there are to `units`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gitfleet.claims import conflicts, model, units
from gitfleet.claims.conflicts import InTheWay
from gitfleet.claims.model import Claim
from gitfleet.claims.tickets import Ticket
from gitfleet.codec import Struct
from gitfleet.ledger.model import View


class Request(Struct):
    """What a request meets: new claims, claims it has, what stands in the way, and what goes."""

    granted: list[Claim]
    held: list[Claim]
    blocked: list[InTheWay]
    over: list[Claim]
    weaker: list[Claim]
    longer: list[Claim]
    lapsed: list[Claim]

    def allot(
        self, view: View, asked: Claim, before: Sequence[Ticket], may_go: Callable[[InTheWay], bool]
    ) -> None:
        """Look for the units of a resource that `asked` is about, behind the tickets `before` it.

        Of the claims that `may_go` (lapsed ones), as few go as will do. What the session has of it becomes part of the
        new claim.
        """
        pattern = asked.meant
        nearby = list(model.near(view, pattern.prefix_key))
        met = [conflicts.on_path(view, asked.pattern, item) for item in units.others(nearby, asked.session)]
        going = [item for item in met if may_go(item)]
        lapsed = [item.held for item in going if isinstance(item.held, Claim)]
        aside = units.reserved(before, pattern, asked.session, nearby)
        over = units.least(pattern, asked.capacity, [item.held for item in met], aside, lapsed)
        if over is None:
            self.lapsed.extend(lapsed)
            self.blocked.extend(item for item in met if item not in going)
            for one in aside:
                self.blocked.append(
                    conflicts.in_line(view, asked.pattern, one.ticket, (one.want, asked.pattern))
                )
            return
        beside = [item for item in nearby if item not in over]
        mine = [item for item in beside if isinstance(item, Claim) and item.session == asked.session]
        self.over.extend(over)
        self.weaker.extend(mine)
        self.granted.append(units.placed(asked, asked.capacity, beside))

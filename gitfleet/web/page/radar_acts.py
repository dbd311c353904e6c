"""What can be done about the radar: a round, now."""

from __future__ import annotations

from collections.abc import Mapping

from gitfleet.fleet.fleet import Fleet
from gitfleet.web.page.act_form import ActForm
from gitfleet.web.routes import API


def radar(fleet: Fleet, asked: Mapping[str, str]) -> ActForm:
    """Make a round."""
    del fleet, asked
    says = [
        "Every two branches that touch the same lines are merged, aside: no branch and no file is changed. The hub is asked for its branches.",
        "Sessions are told of conflicts that they were not told of yet. Of very many branches it may take minutes.",
    ]  # fmt: skip
    return ActForm("Look for conflicts to come", "Look now", says, f"{API}/radar", {}, ["radar"], "Looked")

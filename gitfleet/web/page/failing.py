"""What a page shows that cannot be shown: what happened, and what to do."""

from __future__ import annotations

from gitfleet.codec import Struct
from gitfleet.errors import FleetError
from gitfleet.web.page.page import Page


class FailedView(Struct):
    """`message` and `hint` of an error; the hint may hold steps."""

    title: str
    message: str
    hint: str


def view(page: Page, error: FleetError) -> FailedView:
    """What is shown instead of a page."""
    return FailedView(page.title, error.message, error.hint)

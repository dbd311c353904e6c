"""Where branches stand, in one word: another one as soon as a branch has moved, and only then."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gitfleet.radar.standing import standing
from tests.gatebench import Gated


@pytest.mark.parametrize(
    ("act", "differs"),
    [
        (lambda clone: None, False),
        (lambda clone: clone.out("pack-refs", "--all"), False),
        (lambda clone: clone.out("branch", "--force", "main", "one"), False),
        (lambda clone: clone.out("update-ref", "refs/other/x", "one"), False),
        (lambda clone: clone.out("branch", "two", "main"), True),
        (lambda clone: clone.out("branch", "--force", "one", "main"), True),
        (lambda clone: clone.out("branch", "-D", "one"), True),
    ],
)
def test_standing_differs_once_a_branch_but_the_trunk_has_moved(
    alone: Gated, act: Callable[[Gated], object], differs: bool
) -> None:
    alone.out("switch", "--quiet", "--create", "one")
    alone.out("commit", "--quiet", "--allow-empty", "-m", "one")
    alone.out("switch", "--quiet", "--detach")
    with alone.open() as fleet:
        before = standing(fleet.repository.git, fleet.ledger.node)
        act(alone)
        assert (standing(fleet.repository.git, fleet.ledger.node) != before) is differs

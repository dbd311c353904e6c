"""Whatever a host answers, there is a plan, it is written and read back, and nothing of it moves a cursor."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gitfleet.triage import plan_record, plan_view, planning
from tests import sampling
from tests.triage.candidates import candidate, scan
from tests.triage.test_planning import ID, KEY, REQUEST, reply, session

NASTY = st.sampled_from(
    ["", "\x1b[2J", "\u202e", "\ud800", "a\nb", "../..", "-oProxyCommand=x", "x" * 5000, "1e999", "NaN", "true", "# c", "c-000000000001"]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | NASTY
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | NASTY, inner, max_size=3)
    ),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something is in a JSON value."""
    rows: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        rows = list(value.items())
    elif isinstance(value, list):
        rows = list(enumerate(value))
    return [path, *(found for key, inner in rows for found in places(inner, (*path, key)))]


WHOLE = scan(session(1), candidate(1), candidate(2, in_use=0.4), judged=30)
PLACES = places(WHOLE)[1:]


@sampling.examples(600)
@given(st.lists(st.tuples(st.sampled_from(PLACES), JSON), min_size=1, max_size=3))
def test_answer_that_was_tampered_with_anywhere_makes_a_plan_that_can_be_kept_and_shown(
    changes: list[tuple[tuple[Any, ...], Any]],
) -> None:
    answer = copy.deepcopy(WHOLE)
    for path, value in changes:
        inner = answer
        try:
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = value
        except (TypeError, KeyError, IndexError):  # an earlier change took it away
            continue
    whole, files = planning.files_of(
        planning.merge(REQUEST, [reply(1, answer=answer), reply(2, candidate(3))]), KEY
    )
    assert [host.status for host in whole.plan.hosts][1] == "planned"
    assert whole.plan.hosts[0].status in {"planned", "error"}
    assert "c-000000000003" in {one.candidate_id for _, one in whole.candidates()}
    assert plan_record.read(files, ID, "") == whole
    plan_view.check(files["plan.yaml"], whole)
    assert all(line.isprintable() for line in files["plan.yaml"].decode().split("\n"))

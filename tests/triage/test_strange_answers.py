"""Whatever a host answers, there is a plan, it is written and read back, and nothing of it moves a cursor."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gitfleet.errors import FleetError
from gitfleet.fleet.views import fleet_plan_rows
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


def put(inner: Any, path: tuple[Any, ...], value: Any) -> None:
    """Put a value somewhere, unless an earlier change took that place away."""
    try:
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
    except (TypeError, KeyError, IndexError):
        return


WHOLE = scan(session(1), candidate(1), candidate(2, in_use=0.4), judged=30)
PLACES = places(WHOLE)[1:]


@sampling.examples(600)
@given(st.lists(st.tuples(st.sampled_from(PLACES), JSON), min_size=1, max_size=3))
def test_answer_that_was_tampered_with_anywhere_makes_a_plan_that_can_be_kept_and_shown(
    changes: list[tuple[tuple[Any, ...], Any]],
) -> None:
    answer = copy.deepcopy(WHOLE)
    for path, value in changes:
        put(answer, path, value)
    whole, files = planning.files_of(
        planning.merge(REQUEST, [reply(1, answer=answer), reply(2, candidate(3))]), KEY
    )
    assert [host.status for host in whole.plan.hosts][1] == "planned"
    assert whole.plan.hosts[0].status in {"planned", "error"}
    assert "c-000000000003" in {one.candidate_id for _, one in whole.candidates()}
    assert plan_record.read(files, ID, "") == whole
    plan_view.check(files["plan.yaml"], whole)
    assert all(line.isprintable() for line in files["plan.yaml"].decode().split("\n"))


def kept() -> dict[str, bytes]:
    """A plan as it is kept."""
    whole = planning.merge(
        REQUEST, [reply(1, candidate(1), candidate(2)), reply(2, status="timeout"), reply(3, candidate(3))]
    )
    return planning.files_of(whole, KEY)[1]


KEPT = {path: json.loads(data) for path, data in kept().items() if path.endswith(".json")}
KEPT_PLACES = [(path, *place) for path, value in KEPT.items() for place in places(value)[1:]]


@sampling.examples(600)
@given(st.lists(st.tuples(st.sampled_from(KEPT_PLACES), JSON), min_size=1, max_size=3))
def test_plan_that_a_stranger_made_is_refused_in_words_or_can_be_shown(
    changes: list[tuple[tuple[Any, ...], Any]],
) -> None:
    values = copy.deepcopy(KEPT)
    for path, value in changes:
        put(values, path, value)
    files = {path: json.dumps(value).encode() for path, value in values.items()}
    hosts = values["plan.json"].get("hosts")
    for host in hosts if isinstance(hosts, list) else ():  # a stranger can compute digests, too
        if isinstance(host, dict) and str(host.get("part")) in files:
            host["digest"] = plan_record.digest_of(files[str(host["part"])])
    files["plan.json"] = json.dumps(values["plan.json"]).encode()
    try:
        whole = plan_record.read(files, ID, "")
    except FleetError as error:
        assert error.message.isprintable()  # noqa: PT017 - either is fine
        return
    assert (
        not plan_record.is_sealed(whole.plan, KEY)
        or files["plan.json"] == json.dumps(KEPT["plan.json"]).encode()
    )
    plan_view.check(plan_view.text(whole).encode(), whole)
    json.dumps(fleet_plan_rows.plan_answer(whole), allow_nan=False)

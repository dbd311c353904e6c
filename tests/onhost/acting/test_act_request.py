"""What a controller asks to have done is believed only within its form and bounds."""

from __future__ import annotations

from typing import Any

import pytest

from gitfleet.onhost.acting.act_request import act_request, identity_row
from gitfleet.onhost.records import Identity
from gitfleet.onhost.serving import OpRefused

IDENTITY: dict[str, Any] = {
    "boot": "b", "pid": 4321, "start": 100, "uid": 1000, "exe": [1, 2], "pid_namespace": 3, "mount_namespace": 4,
}  # fmt: skip
GOOD: dict[str, Any] = {
    "op": "act", "id": 1, "session_id": "pt-20260115-143022-a7b3", "plan": "fleet-20260115-143022-a7b3",
    "plan_oid": "a" * 40, "candidate_id": "c-0123456789ab", "action": "terminate", "pgid": 4321, "category": "dev-server",
    "identities": [IDENTITY], "options": {"grace": 5, "kill": False, "sessions": {"s": "ended"}, "places": {"/w": "s"}},
}  # fmt: skip


def test_good_request_is_read_as_it_was_meant() -> None:
    asked = act_request(GOOD)
    assert [identity_row(one) for one in asked.identities] == [IDENTITY]
    assert asked.identities[0] == Identity("b", 4321, 100, 1000, (1, 2), 3, 4)
    assert (asked.key.action, asked.pgid, asked.options.grace, asked.options.kill) == (
        "terminate",
        4321,
        5,
        False,
    )
    assert (asked.options.sessions, asked.options.places) == ({"s": "ended"}, {"/w": "s"})


@pytest.mark.parametrize(
    "change",
    [
        {"plan_oid": "main"},
        {"plan_oid": None},
        {"plan": "../../etc"},
        {"candidate_id": "c-1/../2"},
        {"action": "keep"},
        {"action": "destroy"},
        {"action": ["terminate"]},
        {"pgid": -1},
        {"pgid": True},
        {"pgid": "4321"},
        {"identities": []},
        {"identities": {}},
        {"identities": [IDENTITY, IDENTITY]},
        {"identities": [{**IDENTITY, "pid": 1}]},
        {"identities": [{**IDENTITY, "pid": 0}]},
        {"identities": [{**IDENTITY, "pid": -5}]},
        {"identities": [{**IDENTITY, "pid": 4321.5}]},
        {"identities": [{**IDENTITY, "exe": [1.0, 2]}]},
        {"identities": [{**IDENTITY, "exe": [1]}]},
        {"identities": [{**IDENTITY, "exe": "x"}]},
        {"identities": [{**IDENTITY, "boot": 7}]},
        {"identities": ["4321"]},
        {"identities": [IDENTITY] * 5000},
        {"options": []},
        {"options": {"grace": -1}},
        {"options": {"grace": 1e9}},
        {"options": {"kill": 1}},
        {"options": {"nice": -5}},
        {"options": {"share": 0}},
        {"options": {"pause_for": float("inf")}},
        {"options": {"protect": "x"}},
        {"options": {"sessions": ["x"]}},
        {"options": {"sessions": {"x": 1}}},
        {"category": "x" * 2000},
    ],
)
def test_request_out_of_its_form_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(OpRefused) as refused:
        act_request({**GOOD, **change})
    assert refused.value.code == "bad-request"

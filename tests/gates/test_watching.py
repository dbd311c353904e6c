"""Runs of others that have stood still for their time, by this node's own clock; and those of our own processes that are gone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gitfleet.base import clock, identity
from gitfleet.base.identity import ProcessIdentity
from gitfleet.base.ids import ulid
from gitfleet.base.names import NodeId
from gitfleet.codec import replace
from gitfleet.gates import leases, watching
from gitfleet.gates.leases import TTL, GateLease
from gitfleet.ledger.model import View
from tests.claims.world import World


def lease(node: str = "ann", process: ProcessIdentity | None = None) -> GateLease:
    return GateLease(ulid(), "k" * 64, "l" * 64, "ci", NodeId(node), 1, process=process)


def filed(*found: GateLease) -> View:
    view = World().view
    view.change({leases.lease_path(one.id): one.as_bytes() for one in found})
    return view


def test_lease_that_stands_still_is_over_after_its_time_by_our_own_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(clock, "elapsed", lambda: now)
    one = lease()
    assert watching.over(leases.running(filed(one)), str(tmp_path), "bob") == {}
    now += TTL + watching.MARGIN
    assert watching.over(leases.running(filed(one)), str(tmp_path), "bob") == {}
    now += 1
    assert watching.over(leases.running(filed(one)), str(tmp_path), "bob") == {one.id: 0}
    later = replace(one, renewed=1)
    assert watching.over(leases.running(filed(later)), str(tmp_path), "bob") == {}, (
        "it was renewed, so it is watched anew"
    )
    now += TTL + watching.MARGIN + 1
    assert watching.over(leases.running(filed(later)), str(tmp_path), "bob") == {one.id: 1}


def test_notes_of_another_boot_or_that_cannot_be_read_say_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = lease()
    watching.over(leases.running(filed(one)), str(tmp_path), "bob")
    monkeypatch.setattr(clock, "elapsed", lambda: 10.0**9)
    monkeypatch.setattr(watching, "boot_id", lambda: "another")
    assert watching.over(leases.running(filed(one)), str(tmp_path), "bob") == {}
    (tmp_path / "runs/watch.json").write_bytes(b"{broken")
    assert watching.over(leases.running(filed(one)), str(tmp_path), "bob") == {}


def test_run_of_this_node_whose_process_is_gone_is_over_at_once(tmp_path: Path) -> None:
    gone = subprocess.Popen(["sleep", "600"])
    dead = identity.identify(gone.pid)
    gone.kill()
    gone.wait()
    mine, theirs = lease("bob", dead), lease("ann", dead)
    alive = lease("bob", identity.identify(os.getpid()))
    assert watching.over(leases.running(filed(mine, theirs, alive)), str(tmp_path), "bob") == {mine.id: 0}

"""`fleet report` over real hosts: a page of a plan and of what came of it, whole or of one host."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitfleet.cli import schemas
from gitfleet.fleet.views import schema
from gitfleet.triage.service import FleetPlans
from tests.hosts.sshd import needs_hosts
from tests.triage.candidates import candidate
from tests.triage.test_fleet_plan_command import Desk, answer, desk

__all__ = ["desk"]
pytestmark = needs_hosts


def test_report_of_a_plan_is_a_page_of_its_own_for_each_host_and_for_all(desk: Desk, tmp_path: Path) -> None:
    desk.fake("devbox1", answer(candidate(1), candidate(2), facts={**answer()["facts"], "boot": "b" * 36}))
    desk.fake("devbox2", answer(candidate(3, command="vite <script>alert(1)</script>")))
    plan = desk.data("plan", "--hosts", "devbox1,devbox2,127.0.0.1:1", code=21)["fleet_session_id"]

    data = desk.data("report", "--session", plan)
    schema.validate(schemas.COMMANDS["fleet report"].data, data)
    kept = Path(data["file"])
    assert kept.name == f"{plan}.html"
    assert kept.stat().st_mode & 0o777 == 0o600
    page = kept.read_text()
    assert "devbox2" in page
    assert "vite &lt;script&gt;" in page
    assert "unreachable" in page

    wanted = tmp_path / "one.html"
    told = desk("report", "--session", plan, "--host", "devbox2", "--output", str(wanted)).stdout
    assert told == f"{wanted}: written\n"
    assert "c-000000000003" in wanted.read_text()
    assert "devbox1" not in wanted.read_text()
    with desk.fleets.open("ada") as fleet:
        assert fleet.plan_page(plan, "devbox2") == wanted.read_text()


@pytest.mark.parametrize(
    ("more", "code"), [(("--host", "devbox9"), 2), (("--output", "README.md"), 20), (("--format", "yaml"), 2)]
)
def test_report_that_cannot_be_is_refused_and_writes_nothing(
    desk: Desk, more: tuple[str, ...], code: int
) -> None:
    desk.fake("devbox1", answer(candidate(1)))
    clone = desk.fleets.clone("ada")
    (clone / "README.md").write_text("mine\n")
    plan = desk.data("plan", "--hosts", "devbox1")["fleet_session_id"]
    before = sorted(clone.rglob("*.html"))
    desk("report", "--session", plan, *more, code=code)
    assert (clone / "README.md").read_text() == "mine\n"
    assert sorted(clone.rglob("*.html")) == before


def test_reports_of_a_plan_go_with_it(desk: Desk) -> None:
    desk.fake("devbox1", answer(candidate(1)))
    plan = desk.data("plan", "--hosts", "devbox1")["fleet_session_id"]
    kept = [
        Path(desk.data("report", "--session", plan, *more)["file"]) for more in ((), ("--host", "devbox1"))
    ]
    assert all(path.exists() for path in kept)
    with desk.fleets.open("ada") as clone:
        FleetPlans(clone).forget_old(keep=-10)
    assert not any(path.exists() for path in kept)

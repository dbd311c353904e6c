"""The inbox of a clone: what each source tells of, when an item goes, and what stays read."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.base import advice, clock, files, statefile
from gitfleet.base.commands import spoken
from gitfleet.base.names import SessionId
from gitfleet.dispatch import pools
from gitfleet.dispatch.pools import PausePool
from gitfleet.errors import HubAlarm, UsageError
from gitfleet.fleet.attention.item import AttentionItem
from gitfleet.fleet.attention.people_inbox import InboxLook, PeopleInbox
from gitfleet.fleet.fleet import Fleet
from gitfleet.jobs.money import spending
from gitfleet.jobs.money.spending import SpendingLine
from gitfleet.ledger.model import ErrorRecord
from gitfleet.ledger.notices import LOST
from gitfleet.sessions import told_conflicts
from gitfleet.sessions.service import Start
from gitfleet.sessions.told_conflicts import Alert, Alerts
from gitfleet.upkeep.maintainer import Installed, LastRun, Maintainer, Options
from tests.fleetbench import Fleets
from tests.operations import ask
from tests.workbench import Git

NewProcess = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def alone(fleets: Fleets) -> Path:
    return fleets.clone("alone")


def look(clone: Path) -> InboxLook:
    with Fleet.open(str(clone)) as fleet:
        return PeopleInbox(fleet).look()


def only(clone: Path) -> AttentionItem:
    (found,) = look(clone).items
    return found


def read(clone: Path, *ids: str) -> InboxLook:
    with Fleet.open(str(clone)) as fleet:
        return PeopleInbox(fleet).mark(ids)


def lose(clone: Path, text: str = "src/ was lost to bob-1") -> None:
    with Fleet.open(str(clone)) as fleet:
        fleet.ledger.notices.leave(SessionId("alone-1"), text, kind=LOST, about="one")


def hear(clone: Path) -> None:
    for file in (clone / ".git/gitfleet/notices/alone-1").iterdir():
        file.unlink()


def test_fleet_in_which_all_is_well_asks_nothing_of_anybody(alone: Path) -> None:
    found = look(alone)
    assert (found.items, found.unsure, found.warnings) == ([], [], [])


def test_session_whose_process_is_gone_is_there_until_it_has_ended(alone: Path, process: NewProcess) -> None:
    agent = process()
    with Fleet.open(str(alone)) as fleet:
        fleet.sessions.start(Start("s1", pid=agent.pid, title="Fix \x1b[2Jit"))
        assert not PeopleInbox(fleet).look().items
        agent.kill()
        agent.wait()
        (found,) = PeopleInbox(fleet).look().items
        assert (found.kind, found.who, found.urgent) == ("dead-session", "s1", True)
        assert (found.step, r"Fix \x1b[2Jit" in found.what) == (advice.END.of("s1"), True)
        assert found.what.startswith("its process is gone (")
        fleet.claims.claim(SessionId("s1"), ["src/"])
        (found,) = PeopleInbox(fleet).look().items
        assert found.what.startswith("its process is gone, and it still holds claims (")
        fleet.sessions.end(SessionId("s1"))
        assert not PeopleInbox(fleet).look().items


def test_claim_that_was_lost_is_there_until_its_session_has_heard(alone: Path) -> None:
    lose(alone)
    found = only(alone)
    assert (found.kind, found.who, found.step) == ("lost", "alone-1", advice.SYNC)
    assert found.what == "src/ was lost to bob-1"
    hear(alone)
    assert not look(alone).items


def test_conflict_is_there_while_one_of_its_sessions_is_and_it_is_not_cleared(alone: Path) -> None:
    alert = Alert("p1", ("a", "b"), ("alone-1", "gone-1"), ("x.py",), SessionId("alone-1"), "they conflict")
    nobodys = Alert("p2", ("a", "c"), ("", ""), ("x.py",), SessionId("alone-1"), "so do they")
    with Fleet.open(str(alone)) as fleet:
        fleet.ledger.request(told_conflicts.tell, fleet.ledger.itself, Alerts((alert, nobodys)))
        (found,) = PeopleInbox(fleet).look().items
        assert (found.kind, found.who, found.urgent, found.step) == (
            "conflict",
            "alone-1",
            False,
            advice.RADAR,
        )
        assert found.what == "a will conflict with b in x.py"
        owners = ("alone-1", "gone-1")
        same = Alert("p3", ("a", "a"), owners, ("x.py",), SessionId("alone-1"), "they conflict")
        fleet.ledger.request(told_conflicts.tell, fleet.ledger.itself, Alerts((same,), ("p1",)))
        (found,) = PeopleInbox(fleet).look().items
        assert found.what == "two versions of a will conflict in x.py"
        fleet.ledger.request(told_conflicts.tell, fleet.ledger.itself, Alerts((), ("p3",)))
        assert not PeopleInbox(fleet).look().items


def test_pool_is_there_while_it_has_no_quota_and_not_where_a_person_has_paused_it(alone: Path) -> None:
    with Fleet.open(str(alone)) as fleet:
        fleet.ledger.request(pools.pause, fleet.ledger.itself, PausePool("mine", 0, "holidays"))
        fleet.ledger.request(pools.pause, fleet.ledger.itself, PausePool("max", 0, "ran out", "job-1"))
        (found,) = PeopleInbox(fleet).look().items
        assert (found.kind, found.who, found.step) == ("quota", "max", advice.POOL_SHOW.of("max"))
        fleet.ledger.request(pools.resume, fleet.ledger.itself, pools.ResumePool("max"))
        assert not PeopleInbox(fleet).look().items


@pytest.mark.parametrize(
    ("branch", "since"), [("feat/a", "moved"), ("feat/a", "stale"), ("feat/$(touch${IFS}evil)", "moved")]
)
def test_entry_that_came_back_is_there_with_a_step_that_a_shell_takes_as_it_stands(
    alone: Path, git: Git, branch: str, since: str
) -> None:
    head = git(alone, "rev-parse", "main")
    with Fleet.open(str(alone)) as fleet:
        ask(
            fleet.ledger,
            "queue.add",
            "alone-1",
            {"branch": branch, "head": head, "target": "main", "base": head},
        )
        assert not PeopleInbox(fleet).look().items
        entry = fleet.queue.find(branch)
        back = {"pin": {"id": entry.id, "head": head}, "reason": "conflict", "state": "conflicted"}
        ask(fleet.ledger, "queue.mark", "alone-1", {"found": [back]})
        (found,) = PeopleInbox(fleet).look().items
        assert (found.kind, found.who, found.urgent) == ("rejected", "alone-1", False)
        assert found.step == advice.QUEUE_WHY.of(entry.id)  # the same head is not taken again
        assert shlex.split(spoken(found.step)) == ["gitfleet", "queue", "why", entry.id]
        if since == "moved":
            git(
                alone,
                "branch",
                branch,
                git(alone, "commit-tree", "-p", head, "-m", "mended", f"{head}^{{tree}}"),
            )
        else:
            ask(
                fleet.ledger,
                "queue.mark",
                "alone-1",
                {"found": [{**back, "reason": "stale", "state": "stale"}]},
            )
        (found,) = PeopleInbox(fleet).look().items
        assert found.step == advice.QUEUE_ADD.of(branch)
        assert shlex.split(spoken(found.step)) == ["gitfleet", "queue", "add", "--branch", branch]
        fleet.queue.drop(SessionId("alone-1"), entry.id)
        assert not PeopleInbox(fleet).look().items


def test_alarm_of_the_hub_is_there_until_a_look_goes_well(alone: Path) -> None:
    path = str(alone / ".git/gitfleet/alarm.json")
    statefile.save(path, ErrorRecord.of(HubAlarm("The hub's ledger is another.", hint="h")))
    found = only(alone)
    assert (found.kind, found.step) == ("hub", advice.DOCTOR)
    assert found.what == "The hub's ledger is another."
    os.unlink(path)
    assert not look(alone).items


@pytest.mark.parametrize(
    ("last", "words", "urgent"),
    [
        (LastRun(5, 6, 70, ("it broke",)), "its last run failed (exit code 70): it broke", True),
        (LastRun(5, 6, 21, ("failed: sync",)), "its last run was done in part: failed: sync", False),
        (LastRun(5), "its last run never came to its end", True),
        (LastRun(5, 6, 0), "", True),
    ],
    ids=["failed", "partly", "killed", "well"],
)
def test_maintainer_that_fails_is_there(alone: Path, last: LastRun, words: str, urgent: bool) -> None:
    maintain(alone, last)
    found = look(alone).items
    assert [(one.kind, one.what, one.urgent, one.step) for one in found] == (
        [("maintainer", words, urgent, advice.MAINTAINER_LOGS)] if words else []
    )


def test_maintainer_that_does_not_run_or_whose_python_is_gone_is_there(alone: Path) -> None:
    maintain(alone, None, at=clock.now() - 86400, interpreter="/nowhere/python")
    words = {one.what for one in look(alone).items}
    assert words == {"it has not run for 1d00h", "its Python is gone: /nowhere/python; install it again"}


def maintain(
    clone: Path, last: LastRun | None, *, at: int | None = None, interpreter: str = sys.executable
) -> None:
    with Fleet.open(str(clone)) as fleet:
        known = Maintainer(fleet.repository)
        files.folder(known.folder)
        at = clock.now() if at is None else at
        record = Installed("cron", known.name, 300, interpreter, "/bin", at, Options(), str(clone))
        statefile.save(os.path.join(known.folder, "installed.json"), record)
        if last is not None:
            statefile.save(os.path.join(known.folder, "last.json"), last)


def test_budget_that_is_spent_is_there_and_agent_files_that_are_broken_are_a_warning(alone: Path) -> None:
    (alone / "agents").mkdir()
    (alone / "agents/fleet.yaml").write_text("budget: {money: 1}\n")
    (alone / "agents/tidy.yaml").write_text("command: ['true']\n")
    store = alone / ".git/gitfleet/jobs"
    path = spending.path_of(str(store), spending.today())
    store.mkdir(parents=True)
    assert not look(alone).items
    spending.append(path, SpendingLine("job-1", 1, "tidy", money=1.5))
    found = only(alone)
    assert (found.kind, found.urgent, found.step) == ("budget", False, advice.COST)
    assert "is spent: $1.50 of $1.00" in found.what
    read(alone, found.id)
    (alone / "agents/fleet.yaml").write_text("budget: [\n")
    broken = look(alone)
    assert (broken.items, broken.unsure) == ([], ["budget"])
    assert "the inbox lacks budget" in broken.warnings[0]
    with Fleet.open(str(alone)) as fleet:
        PeopleInbox(fleet).tidy(broken)
    assert found.id in look(alone).read


def test_what_was_read_stays_so_until_its_cause_is_gone(alone: Path) -> None:
    lose(alone)
    found = only(alone)
    for _ in range(2):
        assert [one.id for one in read(alone, found.id[:4]).items] == [found.id]
    assert not look(alone).unread
    hear(alone)
    with Fleet.open(str(alone)) as fleet:
        PeopleInbox(fleet).tidy(PeopleInbox(fleet).look())
    lose(alone)
    assert [one.id for one in look(alone).unread] == [found.id]


@pytest.mark.parametrize("name", ["ffffffffffff", "", "abc", "../../x", "\x1b[2J"])
def test_item_that_is_not_there_is_refused_and_nothing_is_marked(alone: Path, name: str) -> None:
    lose(alone)
    with pytest.raises(UsageError) as error:
        read(alone, only(alone).id, name)
    assert "Nothing was marked" in error.value.words
    assert "\x1b" not in error.value.words
    assert look(alone).unread


def test_all_of_a_kind_are_read_and_others_are_not(alone: Path) -> None:
    lose(alone)
    statefile.save(str(alone / ".git/gitfleet/alarm.json"), ErrorRecord.of(HubAlarm("Another.", hint="h")))
    with Fleet.open(str(alone)) as fleet:
        inbox = PeopleInbox(fleet)
        assert [one.kind for one in inbox.mark_all(kind="hub").items] == ["hub"]
        assert [one.kind for one in inbox.look().unread] == ["lost"]
        assert [one.kind for one in inbox.mark_all().items] == ["lost"]
        assert inbox.mark_all().items == []

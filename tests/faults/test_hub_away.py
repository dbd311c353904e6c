"""A hub that goes away, says no, or comes back as something else: claims stay true, and nothing is dropped in silence."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gitfleet.base.names import SessionId
from gitfleet.errors import Conflict, HubAlarm, HubRefused
from gitfleet.fleet.fleet import Fleet
from gitfleet.ledger.model import Status
from gitfleet.sessions.local import Here
from tests.fleetbench import Fleets
from tests.workbench import Git, Gitfleet, Ran, run

ADA_1 = SessionId("ada-1")
BOB_1 = SessionId("bob-1")

COORD = "refs/fleet/coord"


def go(fleets: Fleets) -> None:
    fleets.hub.rename(fleets.root / "away.git")


def come_back(fleets: Fleets) -> None:
    (fleets.root / "away.git").rename(fleets.hub)


def test_claim_while_the_hub_is_away_is_tentative_with_exit_0_and_a_warning(
    fleets: Fleets, gitfleet: Gitfleet
) -> None:
    go(fleets)
    ran = gitfleet(fleets.clone("ada"), "claim", "src/a.py", "--session", "ada-1").ok()
    assert "tentative" in ran.stdout
    assert "hub.git" in ran.stderr
    ran = gitfleet(fleets.clone("ada"), "claim", "src/b.py", "--session", "ada-1", "--json").ok()
    answer = ran.json()
    assert (answer["status"], answer["data"]["outcome"]) == ("tentative", "tentative")
    assert answer["warnings"]
    ran = gitfleet(fleets.clone("ada"), "check", "src/a.py", "--session", "ada-2").ended(10)
    assert "ada-1" in ran.stdout


def test_wait_while_the_hub_is_away_says_that_what_it_got_is_tentative(
    fleets: Fleets, gitfleet: Gitfleet
) -> None:
    go(fleets)
    ada = fleets.clone("ada")
    ran = gitfleet(ada, "claim", "--wait", "src/a.py", "--session", "ada-1").ok()
    assert ran.stdout == "claimed: src/a.py (tentative: the hub was out of reach)\n"
    assert "tentative until the hub agrees" in ran.stderr
    answer = gitfleet(ada, "claim", "--wait", "b", "--session", "ada-1", "--json").ok().json()
    assert (answer["status"], answer["data"]["outcome"]) == ("tentative", "tentative")
    asked = ("claim", "--wait", "--timeout", "0s", "src/a.py", "--session", "ada-2")
    assert "tentative" in gitfleet(ada, *asked).ended(11).stderr
    come_back(fleets)
    gitfleet(ada, "sync").ok()
    assert "is kept" in gitfleet(ada, *asked).ended(11).stderr


@pytest.mark.parametrize(
    ("how", "says"), [("--partial", "The rest was granted"), ("--wait", "It waits in line")]
)
def test_session_is_told_when_less_came_of_what_it_got_tentatively(
    fleets: Fleets, gitfleet: Gitfleet, how: str, says: str
) -> None:
    fleets.claim("ada", "ada-1", "held")
    go(fleets)
    ada, bob = fleets.clone("ada"), fleets.clone("bob")
    gitfleet(ada, "claim", how, "x", "y", "--session", "ada-2").ok()
    known = ("claim", how, "held", "z") if how == "--partial" else ("claim", how, "--timeout", "0s", "held")
    gitfleet(ada, *known, "--session", "ada-2").ended(21 if how == "--partial" else 11)
    come_back(fleets)
    gitfleet(bob, "claim", "x", "--session", "bob-1").ok()
    gitfleet(ada, "sync").ended(12)
    told = gitfleet(ada, "claim", "new", "--session", "ada-2").ok().stderr
    assert told.count("Lost") == 1, "what it was told at once is told once"
    assert "bob-1" in told
    assert says in told
    assert fleets.chain().holders("x") == ["bob-1"]


def test_claims_while_the_hub_is_away_exclude_each_other_on_the_same_host(fleets: Fleets) -> None:
    go(fleets)
    fleets.claim("ada", "ada-1", "src/")
    with pytest.raises(Conflict, match="ada-1"):
        fleets.claim("ada", "ada-2", "src/a.py")
    with fleets.open() as fleet:
        assert fleet.claims.release(ADA_1, ["src/"]).status is Status.TENTATIVE
    assert fleets.claim("ada", "ada-2", "src/a.py").status is Status.TENTATIVE
    come_back(fleets)
    with fleets.open() as fleet:
        fleet.ledger.sync()
    assert fleets.chain().holders("src/a.py") == ["ada-2"]
    assert fleets.chain().holders("src/") == []


def test_claims_of_two_clones_while_the_hub_was_away_are_decided_in_order_of_their_return(
    fleets: Fleets, gitfleet: Gitfleet
) -> None:
    go(fleets)
    tentative = [fleets.claim("ada", "ada-1", path) for path in ("src/a.py", "src/b.py")]
    tentative.append(fleets.claim("bob", "bob-1", "src/a.py", "docs/"))
    assert {result.status for result in tentative} == {Status.TENTATIVE}
    come_back(fleets)
    with fleets.open("ada") as fleet:
        fleet.ledger.sync()
    ran = gitfleet(fleets.clone("bob"), "claim", "README.md", "--session", "bob-1").ok()
    assert "Lost" in ran.stderr
    assert "ada-1" in ran.stderr
    assert "Lost" not in gitfleet(fleets.clone("bob"), "claim", "README.md", "--session", "bob-1").ok().stderr
    chain = fleets.chain()
    assert (chain.holders("src/a.py"), chain.holders("src/b.py"), chain.holders("docs/")) == (
        ["ada-1"],
        ["ada-1"],
        [],
    )
    assert tentative[2].receipt.operation not in chain.operations
    assert fleets.waiting("ada") == fleets.waiting("bob") == []
    with fleets.open("ada") as fleet:
        assert fleet.ledger.notices.kept(ADA_1) == []


def test_sync_after_the_hub_was_away_tells_what_was_lost_with_exit_12(
    fleets: Fleets, gitfleet: Gitfleet
) -> None:
    with fleets.open("bob") as fleet:
        fleet.sessions.local.remember(Here(BOB_1, str(fleets.clone("bob")), person=True, process=None))
    go(fleets)
    fleets.claim("bob", "bob-1", "src/a.py")
    come_back(fleets)
    fleets.claim("ada", "ada-1", "src/a.py")
    ran = gitfleet(fleets.clone("bob"), "sync").ended(12)
    assert "ada-1" in ran.stdout
    gitfleet(fleets.clone("bob"), "sync").ok()


# What was lost is told until it was heard.


@pytest.fixture
def lost(fleets: Fleets) -> Path:
    """The clone in which the agent bob-1 has lost src/a.py and does not know it yet."""
    bob = fleets.clone("bob")
    with fleets.open("bob") as fleet:
        for session, tree in (("bob-1", bob), ("bob-2", fleets.root / "elsewhere")):
            fleet.sessions.local.remember(Here(SessionId(session), str(tree), person=False, process=None))
    go(fleets)
    fleets.claim("bob", "bob-1", "src/a.py")
    come_back(fleets)
    fleets.claim("ada", "ada-1", "src/a.py")
    return bob


def told(ran: Ran) -> bool:
    return bool(re.search(r"[Ll]ost.*claim.*ada-1", ran.stdout + ran.stderr))


def test_sync_whose_hooks_cannot_be_put_in_tells_what_was_lost_and_that_with_exit_12(
    lost: Path, gitfleet: Gitfleet
) -> None:
    shutil.rmtree(lost / ".git/hooks", ignore_errors=True)
    (lost / ".git/hooks").write_text("no folder")
    ran = gitfleet(lost, "sync").ended(12)
    assert told(ran)
    assert "hooks is not a folder" in ran.stderr
    ran = gitfleet(lost, "sync").ended(20)
    assert "hooks is not a folder" in ran.stderr
    assert not told(ran)


@pytest.mark.parametrize("name", ["branches.json", "beats"])
def test_sync_that_cannot_write_what_a_later_step_needs_tells_what_was_lost(
    lost: Path, gitfleet: Gitfleet, name: str, fleets: Fleets
) -> None:
    """A folder stands where a file is to be written, or the other way round."""
    at = fleets.state("bob") / name
    if at.is_file():
        at.unlink()
    at.mkdir(exist_ok=True)
    first, second = gitfleet(lost, "sync"), gitfleet(lost, "sync")
    assert told(first) or told(second), (first, second)


@pytest.mark.sample(2)
@pytest.mark.parametrize("closed", [">&-", "2>&- >&-", ">/dev/full", "--json >&-", "--json >/dev/full"])
def test_sync_that_nobody_reads_leaves_what_was_lost_for_the_next(
    lost: Path, gitfleet: Gitfleet, closed: str
) -> None:
    if "/dev/full" in closed and not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    words = " ".join(map(shlex.quote, gitfleet.argv("sync")))
    run(["sh", "-c", f"{words} {closed}"], lost, env=gitfleet.environment())
    assert told(gitfleet(lost, "sync").ended(12))
    assert not told(gitfleet(lost, "sync").ok())


@pytest.mark.parametrize("command", [("claims",), ("status",), ("claim", "docs/x.md"), ("claim", "src/a.py")])
def test_command_that_nobody_reads_leaves_what_was_lost_for_the_next(
    lost: Path, gitfleet: Gitfleet, command: tuple[str, ...]
) -> None:
    with Fleet.open(str(lost)) as fleet:
        fleet.ledger.sync()
    words = " ".join(map(shlex.quote, gitfleet.argv(*command)))
    run(["sh", "-c", f"{words} >&- 2>&-"], lost, env=gitfleet.environment())
    assert told(gitfleet(lost, *command))
    assert not told(gitfleet(lost, *command))


def test_sync_for_another_session_tells_what_was_lost_and_keeps_it(lost: Path, gitfleet: Gitfleet) -> None:
    other = {"GITFLEET_SESSION": "bob-2"}
    for _ in range(2):
        ran = gitfleet(lost, "sync", env=other).ok()  # it is not bob-2 that lost it
        assert "bob-1" in ran.stdout
        assert told(ran)
    assert told(gitfleet(lost, "sync").ended(12))
    assert not told(gitfleet(lost, "sync", env=other).ok())


def test_maintenance_tells_what_was_lost_and_keeps_it(lost: Path, gitfleet: Gitfleet) -> None:
    for _ in range(2):
        assert told(gitfleet(lost, "worktree", "maintain"))
    assert told(gitfleet(lost, "sync").ended(12))
    assert not told(gitfleet(lost, "worktree", "maintain"))


def test_sync_tells_what_a_session_lost_that_is_remembered_no_more(
    lost: Path, fleets: Fleets, gitfleet: Gitfleet
) -> None:
    with fleets.open("bob") as fleet:
        fleet.ledger.sync()
        fleet.sessions.end(BOB_1)
    assert "bob-1: Lost" in gitfleet(lost, "sync").ended(12).stdout
    assert not told(gitfleet(lost, "sync").ok())


def test_refused_command_tells_what_was_lost_once(lost: Path, gitfleet: Gitfleet) -> None:
    assert told(gitfleet(lost, "claim", "src/a.py").ended(10))
    assert "Lost" not in gitfleet(lost, "claims").ok().stderr


def test_claims_while_the_hub_is_away_survive_any_number_of_attempts(fleets: Fleets) -> None:
    go(fleets)
    results = [fleets.claim("ada", "ada-1", f"src/{number}.py") for number in range(5)]
    assert len(fleets.waiting()) == 5
    assert list((fleets.state() / "results").iterdir()) == []
    come_back(fleets)
    fleets.claim("ada", "ada-2", "docs/")
    assert {result.receipt.operation for result in results} <= fleets.chain().operations.keys()
    assert fleets.waiting() == []


def test_claim_where_the_hub_refuses_ends_with_exit_30_and_leaves_nothing(
    fleets: Fleets, gitfleet: Gitfleet
) -> None:
    hook = fleets.hub / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho not on my watch; exit 1\n")
    hook.chmod(0o755)
    before = fleets.tip()
    ran = gitfleet(fleets.clone("ada"), "claim", "src/a.py", "--session", "ada-1").ended(30)
    assert "refused" in ran.stderr
    assert "not on my watch" in ran.stderr
    assert "next:" in ran.stderr
    assert (fleets.tip(), fleets.tip("ada")) == (before, before)
    assert fleets.waiting() == []
    assert not (fleets.state() / "outbox/attempt").exists()
    hook.unlink()
    assert fleets.claim("ada", "ada-2", "src/a.py").status is Status.CONFIRMED


def test_init_where_the_hub_hides_the_namespace_ends_with_exit_30_and_leaves_no_trace(
    fleets: Fleets, git: Git, gitfleet: Gitfleet
) -> None:
    git(fleets.hub, "config", "transfer.hideRefs", "refs/fleet")
    git(fleets.root, "clone", "-q", "hub.git", "carol")
    ran = gitfleet(fleets.root / "carol", "init").ended(30)
    assert "hidden" in ran.stderr
    assert not (fleets.root / "carol/.git/gitfleet").exists()


@pytest.mark.parametrize("why", ["locked", "hidden"])
def test_claim_where_the_hub_s_ref_does_not_move_is_tentative_and_does_not_hammer_it(
    fleets: Fleets, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    lock = fleets.hub / f"{COORD}.lock"
    if why == "locked":
        lock.touch()
    else:
        git(fleets.hub, "config", "receive.hideRefs", "refs/fleet")
    log = tmp_path / "calls"
    monkeypatch.setenv("GIT_TRACE2_EVENT", str(log))
    with fleets.open() as fleet:
        result = fleet.claims.claim(ADA_1, ["src/a.py"], timeout=3.0)
    monkeypatch.delenv("GIT_TRACE2_EVENT")
    assert result.status is Status.TENTATIVE
    assert "locked there, or hidden" in result.receipt.hub_error
    pushes = [
        line for line in log.read_text().splitlines() if '"cmd_name"' in line and '"name":"push"' in line
    ]
    assert 1 <= len(pushes) <= 20  # one, where a busy machine takes the three seconds for it
    lock.unlink(missing_ok=True)
    git.ask(fleets.hub, "config", "--unset", "receive.hideRefs")
    with fleets.open() as fleet:
        fleet.ledger.sync()
    assert fleets.chain().holders("src/a.py") == ["ada-1"]


def test_claim_whose_push_is_cut_off_says_so_and_nothing_of_a_race(fleets: Fleets) -> None:
    hook = fleets.hub / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nkill -9 $PPID\n")
    hook.chmod(0o755)
    with fleets.open() as fleet:
        result = fleet.claims.claim(ADA_1, ["src/a.py"], timeout=0.2)
    assert result.status is Status.TENTATIVE
    assert "the remote end hung up" in result.receipt.hub_error
    assert not re.search("race|locked", result.receipt.hub_error)


def test_claims_that_were_tentative_stay_when_the_hub_then_refuses(fleets: Fleets) -> None:
    go(fleets)
    fleets.claim("ada", "ada-1", "src/a.py")
    come_back(fleets)
    hook = fleets.hub / "hooks/update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(HubRefused):
        fleets.claim("ada", "ada-1", "src/b.py")
    with fleets.open() as fleet, pytest.raises(HubRefused):
        fleet.ledger.sync()
    assert len(fleets.waiting()) == 1
    hook.unlink()
    with fleets.open() as fleet:
        fleet.ledger.sync()
    assert fleets.chain().holders("src/a.py") == ["ada-1"]
    assert fleets.chain().holders("src/b.py") == []


def vanish(fleets: Fleets, git: Git) -> None:
    """What `git push --mirror` from a clone that knows nothing of a fleet does."""
    git(fleets.root, "clone", "-q", "hub.git", "plain")
    git(fleets.root / "plain", "push", "-q", "--mirror")


def rewind(fleets: Fleets, git: Git) -> None:
    git(fleets.hub, "update-ref", COORD, f"{COORD}~2")


def fork(fleets: Fleets, git: Git) -> None:
    message = git(fleets.hub, "log", "-1", "--format=%B", COORD)
    other = git(fleets.hub, "commit-tree", "-m", message, "-p", f"{COORD}~1", f"{COORD}^{{tree}}")
    git(fleets.hub, "update-ref", COORD, other)


def another_fleet(fleets: Fleets, git: Git) -> None:
    git(fleets.hub, "fetch", "-q", "../alone", f"+{COORD}:{COORD}")


def code_commit(fleets: Fleets, git: Git) -> None:
    git(fleets.hub, "update-ref", COORD, "refs/heads/main")


def blob(fleets: Fleets, git: Git) -> None:
    git(fleets.hub, "update-ref", COORD, git(fleets.hub, "rev-parse", "main:README.md"))


def tag(fleets: Fleets, git: Git) -> None:
    git(fleets.hub, "tag", "-a", "-m", "x", "x", COORD)
    git(fleets.hub, "update-ref", COORD, "refs/tags/x")


def jump(fleets: Fleets, git: Git) -> None:
    message = "skips ahead\n\nFleet-Generation: 4711\nFleet-Schema: 1\n"
    far = git(fleets.hub, "commit-tree", "-m", message, "-p", COORD, f"{COORD}^{{tree}}")
    git(fleets.hub, "update-ref", COORD, far)


ALARMS: Mapping[Callable[[Fleets, Git], None], str] = {
    vanish: "vanished",
    rewind: "behind",
    fork: "diverged",
    another_fleet: "diverged",
    code_commit: "unreadable",
    blob: "unreadable",
    tag: "unreadable",
    jump: "diverged",
}


@pytest.mark.sample(3)
@pytest.mark.parametrize("harm", ALARMS, ids=lambda harm: harm.__name__.replace("_", "-"))
def test_hub_whose_ledger_is_no_continuation_raises_the_alarm_and_nothing_changes(
    fleets: Fleets, git: Git, gitfleet: Gitfleet, harm: Callable[[Fleets, Git], None]
) -> None:
    fleets.claim("ada", "ada-1", "src/a.py")
    verified = fleets.tip("ada")
    harm(fleets, git)
    found = fleets.tip()
    assert found != verified
    ran = gitfleet(fleets.clone("ada"), "claim", "docs/", "--session", "ada-2", "--json").ended(13)
    answer = ran.json()
    assert answer["status"] == "hub-alarm"
    assert answer["data"]["error"]["kind"] == ALARMS[harm]
    assert fleets.tip() == found
    assert fleets.tip("ada") == verified
    assert fleets.waiting() == []
    assert fleets.chain("ada").holders("src/a.py") == ["ada-1"]
    assert fleets.chain("ada").holders("docs/") == []
    with fleets.open() as fleet, pytest.raises(HubAlarm):
        fleet.ledger.sync()
    for again in ("init", "sync"):
        gitfleet(fleets.clone("ada"), again).ended(13)
    assert (fleets.tip(), fleets.tip("ada")) == (found, verified)


def test_clone_that_joins_where_the_ledger_is_none_refuses(
    fleets: Fleets, git: Git, gitfleet: Gitfleet
) -> None:
    code_commit(fleets, git)
    git(fleets.root, "clone", "-q", "hub.git", "carol")
    gitfleet(fleets.root / "carol", "init").ended(13)
    assert fleets.tip("carol") is None
    assert not (fleets.root / "carol/.git/gitfleet/node.json").exists()


def test_hub_that_loses_the_ledger_right_after_a_push_alarms_at_the_next(fleets: Fleets, git: Git) -> None:
    hook = fleets.hub / "hooks/post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nread -r old new ref\ngit update-ref -d {COORD} $new\n")
    hook.chmod(0o755)
    result = fleets.claim("ada", "ada-1", "src/a.py")
    assert result.status is Status.CONFIRMED
    assert fleets.waiting() == []
    hook.unlink()
    with pytest.raises(HubAlarm) as caught:
        fleets.claim("ada", "ada-1", "src/b.py")
    assert caught.value.kind == "vanished"
    assert fleets.chain("ada").holders("src/a.py") == ["ada-1"]


def test_tentative_claims_stay_when_the_hub_returns_without_its_ledger(fleets: Fleets, git: Git) -> None:
    go(fleets)
    fleets.claim("ada", "ada-1", "src/a.py")
    come_back(fleets)
    old = fleets.tip()
    assert old is not None
    git(fleets.hub, "update-ref", "-d", COORD)
    with pytest.raises(HubAlarm):
        fleets.claim("ada", "ada-2", "docs/")
    assert len(fleets.waiting()) == 1
    git(fleets.hub, "update-ref", COORD, old)
    with fleets.open() as fleet:
        fleet.ledger.sync()
    assert fleets.chain().holders("src/a.py") == ["ada-1"]
    assert fleets.chain().holders("docs/") == []


def test_ledger_in_a_clone_without_hub_whose_ref_was_broken_is_never_begun_anew(
    fleets: Fleets, gitfleet: Gitfleet
) -> None:
    ref = Path(fleets.clone("alone"), ".git", COORD)
    ref.write_bytes(b"")
    for command in (["claim", "src/a.py", "--session", "alone-1"], ["init"]):
        ran = gitfleet(fleets.clone("alone"), *command)
        assert ran.returncode != 0, ran
    assert ref.read_bytes() == b""


@pytest.mark.sample(3)
@pytest.mark.parametrize("harm", ALARMS, ids=lambda harm: harm.__name__.replace("_", "-"))
def test_hub_whose_ledger_is_no_continuation_is_restored_by_doctor_from_what_was_verified(
    fleets: Fleets, git: Git, gitfleet: Gitfleet, harm: Callable[[Fleets, Git], None]
) -> None:
    fleets.claim("ada", "ada-1", "src/a.py")
    harm(fleets, git)
    with pytest.raises(HubAlarm):
        fleets.claim("ada", "ada-2", "docs/")
    ran = gitfleet(fleets.clone("ada"), "doctor", "--repair")
    assert "repaired" in ran.stdout, ran
    assert fleets.claim("ada", "ada-2", "docs/").status is Status.CONFIRMED
    chain = fleets.chain()
    assert (chain.holders("src/a.py"), chain.holders("docs/")) == (["ada-1"], ["ada-2"])
    gitfleet(fleets.clone("bob"), "doctor", "--repair")
    with pytest.raises(Conflict, match="ada-1"):
        fleets.claim("bob", "bob-1", "src/a.py")
    assert fleets.claim("bob", "bob-2", "lib/").status is Status.CONFIRMED

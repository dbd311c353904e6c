"""The facade: what the commands do, from any number of threads, for as long as a process runs."""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

import gitfleet
from gitfleet import Conflict, Fleet, NoSession, Options, Start, Terms
from gitfleet.base import watching
from gitfleet.base.names import SessionId
from gitfleet.claims.model import Claim
from gitfleet.ledger.ledger import State
from tests.fleetbench import Fleets
from tests.workbench import ROOT, Git, Gitfleet, run

ADA_1 = SessionId("ada-1")
ALONE_1 = SessionId("alone-1")
BOB_1 = SessionId("bob-1")
S1 = SessionId("s1")

LONG = 100.0

NewProcess = Callable[[], "subprocess.Popen[bytes]"]


def test_public_names_are_these_and_each_is_there() -> None:
    assert gitfleet.__all__ == [
        "AgentNotFoundError", "ArgumentError", "BadName", "BadPath", "BadPattern", "Blocked", "Claim",
        "Claimed", "CleanupTerms", "ConcurrencyLimitError", "ConfigurationError", "Conflict", "Corrupt",
        "Damaged", "Deadlock", "EntryMoved", "Fleet", "FleetError", "FleetManager", "FleetManagerError",
        "HubAlarm", "HubError", "HubRefused", "HubUnreachable", "InternalError", "InvalidStateError",
        "JobNotFoundError", "LocalStorage", "LockHeld", "Lost", "Malformed", "NewerFormat", "NoEntry",
        "NoFleet", "NoRepository", "NoSession", "NoneHeld", "Obstacle", "Options", "PlanOptions",
        "PolicyRefused", "Queued", "RefMoved", "Released", "ScheduleNotFoundError", "Selection",
        "SessionId", "StaleFence", "Start", "State", "Terms", "UnsupportedRepository", "Unverifiable",
        "UsageError", "Wanted", "Wish", "__version__",
    ]  # fmt: skip
    assert gitfleet.__all__ == sorted(gitfleet.__all__) == dir(gitfleet)
    assert all(getattr(gitfleet, name) for name in gitfleet.__all__)
    with pytest.raises(AttributeError):
        gitfleet.nothing  # noqa: B018


def test_fleet_that_is_imported_opened_and_asked_loads_nothing_heavy(fleets: Fleets) -> None:
    script = (
        "import sys; from gitfleet import Fleet\n"
        "with Fleet.open(sys.argv[1]) as fleet: fleet.current(); fleet.claims.check(fleet.current(), None, ['a'])\n"
        "print(*sys.modules)"
    )
    argv = [sys.executable, "-c", script, str(fleets.clone("ada"))]
    loaded = run(argv, ROOT, env={"PYTHONPATH": str(ROOT)}).ok().stdout.split()
    heavy = {"pydantic", "pygit2", "typer", "rich", "ruamel", "psutil", "asyncio", "ctypes"}
    assert heavy & {name.split(".")[0] for name in loaded} == set()


# What commands do.


def test_session_from_its_start_to_its_end_is_what_the_command_line_shows(
    fleets: Fleets, gitfleet: Gitfleet, process: NewProcess
) -> None:
    with fleets.open() as fleet:
        begun = fleet.start_session(Start(id="s1", agent="codex", pid=process().pid))
        assert begun.session == "s1"
        assert "s1" in gitfleet(fleets.clone("ada"), "session", "list").ok().stdout
        fleet.claims.claim(S1, ["new/"])
        assert any(row["id"] == "s1" for row in fleet.status().answer["sessions"])
        ended = fleet.end_session(S1)
        assert [claim.pattern for claim in ended.result.released] == ["new/"]
        with pytest.raises(NoSession):
            fleet.end_session(S1)


def test_log_has_the_filters_of_the_command(fleets: Fleets) -> None:
    with fleets.open() as fleet:
        fleet.claims.claim(ADA_1, ["src/api/"])
        fleet.claims.release(ADA_1, None)
        assert [line.kind for line in fleet.log("src/api/a.py")] == ["claim.release", "claim.acquire"]
        assert [line.kind for line in fleet.log(kind="claim", limit=1)] == ["claim.release"]
        assert {line.session for line in fleet.log(session=BOB_1)} == {"bob-1"}
        assert fleet.fsck() == fleet.current().tip.generation + 1


def test_sync_exchanges_mends_the_hooks_and_names_what_was_lost(fleets: Fleets, git: Git) -> None:
    away = fleets.root / "away.git"
    with fleets.open("ada") as ada, fleets.open("bob") as bob:
        fleets.hub.rename(away)
        assert ada.claims.claim(ADA_1, ["src/"]).status.value == "tentative"
        away.rename(fleets.hub)
        bob.claims.claim(BOB_1, ["src/"])
        done = ada.sync()
        assert [words.partition(":")[0] for words in done.lost] == ["ada-1"]
        assert done.mended
        assert done.failure is None
        assert list(ada.sync().mended) == []


def test_upkeep_and_worktrees_do_what_their_commands_do(fleets: Fleets) -> None:
    with fleets.open() as fleet:
        made = fleet.worktrees.ensure(gitfleet.Wish(agent="codex", session="w1"))
        archive = fleet.worktrees.archive("w1")
        assert [one.id for one in fleet.worktrees.archives().archives] == [archive.id]
        assert fleet.worktrees.drop(archive.id).id == archive.id
        done = fleet.upkeep.run(Options(strategy="merge"), dry_run=True)
        assert made.managed.path in {one.path for one in done.outcomes}
        assert fleet.upkeep.maintainer.installed() is None
        with pytest.raises(gitfleet.UsageError):
            fleet.upkeep.run(Options(strategy="sideways"))


def test_clone_that_joins_is_a_node_with_hooks(clone: Callable[[str], Path]) -> None:
    with Fleet.join(str(clone("eve"))) as fleet:
        assert fleet.doctor().sound
        node = fleet.ledger.node.id
    with Fleet.join(str(clone("eve2"))) as other:
        assert other.ledger.node.id != node


def test_messages_count_as_told_when_the_body_ends_well_and_not_before(fleets: Fleets) -> None:
    with fleets.open() as fleet:
        fleet.claims.tell(SessionId("ada-2"), ADA_1, "hello")
        with suppress(ZeroDivisionError), fleet.reading(ADA_1) as texts:
            assert "hello" in texts[0]
            raise ZeroDivisionError
        with fleet.reading(ADA_1) as texts:
            assert len(texts) == 1
        with fleet.reading(ADA_1) as texts:
            assert texts == []


# Threads.


def test_threads_with_one_fleet_each_get_what_they_claim_and_of_two_one_gets_it(fleets: Fleets) -> None:
    sessions = ["ada-1", "ada-2"]
    start = threading.Barrier(12)

    def claim(number: int) -> list[str]:
        start.wait()
        won = []
        for path in (f"own/{number}", "same/0", f"same/{number % 3}"):
            with suppress(Conflict):
                fleet.claims.claim(SessionId(sessions[number % 2]), [path])
                won.append(path)
            fleet.claims.check(fleet.current(), SessionId(sessions[0]), [path])
        return won

    with fleets.open() as fleet, ThreadPoolExecutor(12) as pool:
        done = list(pool.map(claim, range(12)))
    assert all(f"own/{number}" in won for number, won in enumerate(done))
    chain = fleets.chain()
    assert len(set(chain.holders("same/0"))) == 1
    assert all(len(chain.holders(f"own/{number}")) == 1 for number in range(12))


@pytest.mark.parametrize("bulk", [True, False], ids=["bulk", "plain"])
def test_threads_that_read_and_write_at_once_read_whole_objects(fleets: Fleets, *, bulk: bool) -> None:
    with Fleet.open(str(fleets.clone("alone")), bulk=bulk) as fleet, ThreadPoolExecutor(8) as pool:

        def work(number: int) -> int:
            fleet.claims.claim(ALONE_1, [f"d/{number}"])
            fleet.node_ref.update(lambda tree: tree.put(f"jobs/{number}", b"1"))
            return len(list(fleet.claims.find(fleet.current()))) + len(fleet.log())

        assert all(pool.map(work, range(16)))
        assert len(list(fleet.claims.find(fleet.current(), texts=["d/"]))) == 16
        assert fleet.fsck() > 0


# Waiting.


def test_wait_answers_at_once_what_is_so_already(fleets: Fleets) -> None:
    with fleets.open("alone") as fleet:
        assert fleet.wait(lambda state: state.tip.generation + 1) == fleet.current().tip.generation + 1


def test_wait_without_an_answer_ends_with_its_time(fleets: Fleets) -> None:
    with fleets.open("alone") as fleet:
        assert fleet.wait(lambda _: None, timeout=0.01) is None


def test_wait_raises_what_the_question_raises(fleets: Fleets) -> None:
    with fleets.open("alone") as fleet, pytest.raises(ZeroDivisionError):
        fleet.wait(lambda _: 1 // 0)


def test_wait_ends_with_what_another_process_of_the_clone_does_without_asking_the_hub(
    fleets: Fleets, gitfleet: Gitfleet
) -> None:
    with fleets.open() as fleet, ThreadPoolExecutor(1) as pool:
        state = fleet.current()
        waiting = pool.submit(fleet.wait_for_claims, ["src/"], state, timeout=LONG, ask_every=LONG)
        gitfleet(fleets.clone("ada"), "claim", "--session", "ada-1", "src/api/").ok()
        found = waiting.result()
    assert found is not None
    assert [(one.session, one.pattern) for one in found if isinstance(one, Claim)] == [("ada-1", "src/api/")]


def test_wait_ends_with_what_the_hub_is_asked_for(fleets: Fleets) -> None:
    with fleets.open("ada") as ada, fleets.open("bob") as bob, ThreadPoolExecutor(1) as pool:
        ada.sync()
        waiting = pool.submit(ada.wait_for_ledger, ada.current(), timeout=LONG, ask_every=0.05)
        bob.claims.claim(BOB_1, ["src/"])
        newer = waiting.result()
        assert newer is not None
        assert [one.session for one in ada.claims.find(newer, texts=["src/"]) if isinstance(one, Claim)] == [
            "bob-1"
        ]


def test_wait_outlives_a_hub_that_is_away(fleets: Fleets) -> None:
    away = fleets.root / "away.git"
    asked = threading.Event()

    def question(state: State) -> State | None:
        looks.append(state.tip.oid)
        if len(looks) > 2:
            asked.set()
        return None if state.tip.oid == looks[0] else state

    looks: list[str] = []
    with fleets.open("ada") as ada, fleets.open("bob") as bob, ThreadPoolExecutor(1) as pool:
        fleets.hub.rename(away)
        waiting = pool.submit(ada.wait, question, timeout=LONG, ask_every=0.01)
        assert asked.wait(LONG)
        away.rename(fleets.hub)
        bob.claims.claim(BOB_1, ["src/"])
        assert waiting.result() is not None


def test_wait_ends_with_a_message_that_is_kept_in_the_inbox_or_here(fleets: Fleets) -> None:
    with fleets.open("alone") as fleet, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(fleet.wait_for_messages, ALONE_1, timeout=LONG)
        fleet.claims.tell(SessionId("alone-2"), ALONE_1, "hello")
        assert waiting.result()
        with fleet.reading(ALONE_1):
            pass
        assert not fleet.wait_for_messages(ALONE_1, timeout=0.01)
        waiting = pool.submit(fleet.wait_for_messages, ALONE_1, timeout=LONG)
        fleet.ledger.notices.leave(ALONE_1, "lost", kind="lost")
        assert waiting.result()


def test_wait_of_another_thread_ends_when_the_fleet_is_closed(fleets: Fleets) -> None:
    asked = threading.Event()
    with fleets.open("alone") as fleet, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(fleet.wait, lambda _: asked.set())
        assert asked.wait(LONG)
        assert not fleet.closed
        fleet.close()
        assert waiting.result() is None


def test_fleet_that_was_closed_waits_no_more_and_does_all_else(fleets: Fleets) -> None:
    with fleets.open("alone") as fleet:
        pass
    assert fleet.closed
    assert fleet.wait_for_ledger(fleet.current(), timeout=LONG) is None
    fleet.claims.claim(ALONE_1, ["a"])
    assert [claim.pattern for claim in fleet.claims.find(fleet.current()) if isinstance(claim, Claim)] == [
        "a"
    ]
    fleet.close()


# Processes that are forked.


def in_a_fork(act: Callable[[], object]) -> None:
    """Do something in a process that is forked from this one, and wait for its end."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            act()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.parametrize("bulk", [False, True], ids=["plumbing", "bulk"])
def test_fork_of_a_process_with_an_open_fleet_goes_on_with_it_and_so_does_its_maker(
    fleets: Fleets, *, bulk: bool
) -> None:
    with Fleet.open(str(fleets.clone("alone")), bulk=bulk) as fleet:
        fleet.log()

        def claim(path: str) -> None:
            fleet.claims.claim(ALONE_1, [path])
            assert [line.paths for line in fleet.log(limit=1)] == [(path,)]

        def claim_and_close() -> None:
            claim("child")
            fleet.close()

        in_a_fork(claim_and_close)
        claim("maker")
        assert (
            len({claim.pattern for claim in fleet.claims.find(fleet.current()) if isinstance(claim, Claim)})
            == 2
        )


def test_fork_that_closes_a_fleet_ends_no_wait_of_its_maker(fleets: Fleets) -> None:
    asked = threading.Event()
    with fleets.open("alone") as fleet, ThreadPoolExecutor(1) as pool:
        before = fleet.current()

        def question(state: State) -> State | None:
            asked.set()
            return state if state.tip.oid != before.tip.oid else None

        waiting = pool.submit(fleet.wait, question, timeout=LONG)
        assert asked.wait(LONG)
        in_a_fork(fleet.close)
        fleet.claims.claim(ALONE_1, ["a"])
        assert waiting.result() is not None


def test_fleet_is_closed_at_once_while_a_fork_of_its_process_lives_on(fleets: Fleets) -> None:
    inner, outer = os.pipe()
    with fleets.open("alone") as fleet:
        fleet.log()
        pid = os.fork()
        if not pid:
            os.close(outer)
            os.read(inner, 1)
            os._exit(0)
        fleet.close()  # hangs, where the process that reads objects waits for the end of the fork's questions
    os.close(inner)
    os.close(outer)
    os.waitpid(pid, 0)


def test_fleet_is_not_sent_to_another_process(fleets: Fleets) -> None:
    with fleets.open("alone") as fleet, pytest.raises(TypeError, match=r"open one in the other"):
        pickle.dumps(fleet)


def test_wait_where_refs_are_packed_meanwhile_misses_nothing(fleets: Fleets, git: Git) -> None:
    with fleets.open("alone") as fleet, ThreadPoolExecutor(1) as pool:
        clone = fleets.clone("alone")
        git(clone, "pack-refs", "--all")
        waiting = pool.submit(fleet.wait_for_ledger, fleet.current(), timeout=LONG)
        git(clone, "pack-refs", "--all")
        fleet.claims.claim(ALONE_1, ["a"])
        git(clone, "pack-refs", "--all")
        assert waiting.result() is not None


def test_wait_where_the_system_tells_nothing_looks_often(
    fleets: Fleets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "teller", watching.Teller)
    with fleets.open("alone") as fleet, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(fleet.wait_for_ledger, fleet.current(), timeout=LONG)
        fleet.claims.claim(ALONE_1, ["a"])
        assert waiting.result() is not None


def test_wait_in_a_task_of_asyncio_leaves_the_loop_free(fleets: Fleets) -> None:
    async def both() -> bool:
        with fleets.open("alone") as fleet:
            state = await asyncio.to_thread(fleet.current)
            waiting = asyncio.create_task(asyncio.to_thread(fleet.wait_for_ledger, state, timeout=LONG))
            await asyncio.to_thread(fleet.claims.claim, ALONE_1, ["a"], Terms(reason="x"))
            return await waiting is not None

    assert asyncio.run(both())


# Processes that run for long.


def test_rules_that_another_process_compiled_hold_from_the_next_call_on(
    fleets: Fleets, git: Git, gitfleet: Gitfleet
) -> None:
    with fleets.open("ada") as ada:
        claims, before = ada.claims, ada.policy.ttl
        git.commit(fleets.clone("bob"), {"gitfleet.yaml": "version: 1\nclaims: {ttl: 7m}\n"})
        git(fleets.clone("bob"), "push", "--quiet", "origin", "HEAD:main")
        gitfleet(fleets.clone("ada"), "sync").ok()
        assert before != ada.policy.ttl == 420
        granted = claims.claim(ADA_1, ["src/"]).granted
        assert [claim.ttl for claim in granted] == [420]


def test_rules_of_a_trunk_that_moved_hold_while_something_waits(fleets: Fleets, git: Git) -> None:
    with fleets.open("ada") as ada:
        git.commit(fleets.clone("bob"), {"gitfleet.yaml": "version: 1\nclaims: {ttl: 7m}\n"})
        git(fleets.clone("bob"), "push", "--quiet", "origin", "HEAD:main")
        assert ada.wait(lambda _: ada.policy.ttl == 420 or None, timeout=LONG, ask_every=0.05)


def test_objects_that_a_store_keeps_are_bounded(repository: Path) -> None:
    from gitfleet.git.objects import PlumbingObjects

    store = PlumbingObjects(str(repository / ".git"), kept=10_000)
    oids = [store.write("blob", b"%d" % number * 1000) for number in range(50)]
    store.flush()
    for oid in [*oids, *reversed(oids)]:
        store.read(oid)
    assert 0 < len(store._recent) < 10
    assert store.read(oids[7]) == ("blob", b"7" * 1000)
    store.close()

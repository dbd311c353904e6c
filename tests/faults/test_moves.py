"""Operations that move a branch with the ledger: both or neither, whatever moves or breaks in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitfleet.base.ids import ulid
from gitfleet.errors import Damaged, FleetError, HubRefused, HubUnreachable, RefMoved, UsageError
from gitfleet.git.objects import open_objects
from gitfleet.ledger import commits, replay
from gitfleet.ledger.contention import MOST_STALLS
from gitfleet.ledger.ledger import Ledger
from gitfleet.ledger.model import Status
from tests.faults import test_uncertain_push as pushes
from tests.faults.landing import KINDS, Land, land, landing, ledger
from tests.fleetbench import Fleets
from tests.operations import raw
from tests.races.crowd import Crowd, Task
from tests.workbench import Git

faults = pushes.faults
MAIN, OTHER = "refs/heads/main", "refs/heads/other"


@pytest.fixture
def book(fleets: Fleets) -> Iterator[Ledger]:
    """The ledger of ada, who has nothing to land yet."""
    opened = ledger(str(fleets.clone("ada")))
    yield opened
    opened.close()


def at(git: Git, place: Path, ref: str = MAIN) -> str:
    return git(place, "rev-parse", "--verify", "--quiet", ref)


def work(git: Git, place: Path) -> tuple[str, str]:
    """A commit on top of main that nobody has, and what main is at; nothing in the worktree changes."""
    old = at(git, place, "HEAD")
    new = git(place, "commit-tree", f"{old}^{{tree}}", "-p", old, "-m", ulid())
    return new, old


def judged(place: Path, tip: str | None) -> list[str]:
    """The operations of a chain that replays, by kind."""
    objects = open_objects(str(place))
    try:
        last = commits.read(objects, tip or "")
        _, problem = replay.check(objects, KINDS, last)
        assert problem is None, problem
        link, kinds = last, []
        while link.parent:
            kinds += [str(one["kind"]) for one in commits.transaction(objects, link).raw]
            link = commits.read(objects, link.parent)
        return kinds
    finally:
        objects.close()


def landed(fleets: Fleets) -> int:
    return judged(fleets.hub, fleets.tip()).count("branch.land")


def test_landing_moves_the_branch_and_the_ledger_together(fleets: Fleets, book: Ledger, git: Git) -> None:
    new, old = work(git, fleets.clone("ada"))
    answer = book.request(land, book.itself, Land(MAIN, new, old))
    assert (answer.status, answer.commit) == (Status.CONFIRMED, fleets.tip())
    assert at(git, fleets.hub) == new
    assert landed(fleets) == 1


def test_landing_on_a_branch_that_has_moved_is_refused_by_name_and_changes_nothing(
    fleets: Fleets, book: Ledger, git: Git
) -> None:
    new, old = work(git, fleets.clone("ada"))
    git(fleets.clone("bob"), "commit", "--allow-empty", "-qm", "another")
    git(fleets.clone("bob"), "push", "--no-verify", "-q", "origin", "main")
    before, moved = fleets.tip(), at(git, fleets.hub)
    with pytest.raises(RefMoved) as caught:
        book.request(land, book.itself, Land(MAIN, new, old))
    assert (caught.value.ref, caught.value.expected, caught.value.exit_code) == (MAIN, old, 10)
    assert (fleets.tip(), at(git, fleets.hub)) == (before, moved)
    assert fleets.waiting() == []


def test_landing_on_a_ledger_that_has_moved_is_decided_again_and_lands(
    fleets: Fleets, book: Ledger, git: Git
) -> None:
    new, old = work(git, fleets.clone("ada"))
    book.sync()
    fleets.claim("bob", "bob-1", "src/b.py")
    assert book.request(land, book.itself, Land(MAIN, new, old)).status is Status.CONFIRMED
    assert (at(git, fleets.hub), landed(fleets)) == (new, 1)


def test_landing_where_both_have_moved_is_refused_for_the_branch(
    fleets: Fleets, book: Ledger, git: Git
) -> None:
    new, old = work(git, fleets.clone("ada"))
    book.sync()
    fleets.claim("bob", "bob-1", "src/b.py")
    git(fleets.clone("bob"), "commit", "--allow-empty", "-qm", "another")
    git(fleets.clone("bob"), "push", "--no-verify", "-q", "origin", "main")
    before = fleets.tip()
    with pytest.raises(RefMoved):
        book.request(land, book.itself, Land(MAIN, new, old))
    assert (fleets.tip(), landed(fleets)) == (before, 0)


def test_branch_that_has_moved_delays_no_other_operation(fleets: Fleets, book: Ledger, git: Git) -> None:
    new, old = work(git, fleets.clone("ada"))
    git(fleets.clone("bob"), "commit", "--allow-empty", "-qm", "another")
    git(fleets.clone("bob"), "push", "--no-verify", "-q", "origin", "main")
    paths = [{"pattern": "src/a.py", "claim": ulid(), "mode": "exclusive"}]
    claim = raw("claim.acquire", book.node.id, "ada-1", {"paths": paths, "ttl": 600})
    moving = book.operation(land, book.itself, Land(MAIN, new, old))
    results = book.submit([moving, claim])
    assert [result.status for result in results] == [Status.REFUSED, Status.CONFIRMED]
    assert isinstance(results[0].error, RefMoved)


def test_landings_are_transactions_of_their_own_behind_what_else_waits(
    fleets: Fleets, book: Ledger, git: Git
) -> None:
    first, old = work(git, fleets.clone("ada"))
    other = f"refs/heads/{ulid()}"
    paths = [{"pattern": "src/a.py", "claim": ulid(), "mode": "exclusive"}]
    asked = [
        book.operation(land, book.itself, Land(MAIN, first, old)),
        book.operation(land, book.itself, Land(other, work(git, fleets.clone("ada"))[0], "")),
        raw("claim.acquire", book.node.id, "ada-1", {"paths": paths, "ttl": 600}),
    ]
    results = book.submit(asked)
    assert {result.status for result in results} == {Status.CONFIRMED}
    assert len({result.commit for result in results}) == 3
    assert results[2].generation < results[0].generation < results[1].generation
    assert (at(git, fleets.hub), landed(fleets)) == (first, 2)


def test_landing_without_a_hub_is_one_transaction_of_git(fleets: Fleets, git: Git) -> None:
    place = fleets.clone("alone")
    new, old = work(git, place)
    other = f"refs/heads/{ulid()}"
    alone = ledger(str(place))
    try:
        assert alone.request(land, alone.itself, Land(other, new, "")).status is Status.CONFIRMED
        assert at(git, place, other) == new
        before = fleets.tip("alone")
        with pytest.raises(RefMoved) as caught:
            alone.request(land, alone.itself, Land(other, old, ""))
        assert caught.value.ref == other
        assert (fleets.tip("alone"), at(git, place, other)) == (before, new)
        assert judged(place / ".git", before).count("branch.land") == 1
    finally:
        alone.close()


@pytest.mark.parametrize(
    "ref",
    ["refs/fleet/coord", "refs/fleet-hub/x", "HEAD", "refs/heads/../x", "refs/heads/a b", "refs/heads/"],
)
def test_ref_that_no_operation_may_move_is_refused(fleets: Fleets, book: Ledger, git: Git, ref: str) -> None:
    before = fleets.tip()
    with pytest.raises(UsageError):
        book.request(land, book.itself, Land(ref, work(git, fleets.clone("ada"))[0], ""))
    assert fleets.tip() == before


def test_landing_of_a_commit_that_is_not_here_is_refused_before_the_hub_is_asked(
    fleets: Fleets, book: Ledger, git: Git
) -> None:
    before = fleets.tip()
    with pytest.raises(Damaged):
        book.request(land, book.itself, Land(MAIN, "1" * 40, at(git, fleets.hub)))
    assert (fleets.tip(), fleets.waiting()) == (before, [])


def test_branch_that_the_hub_protects_refuses_the_landing_and_nothing_else(
    fleets: Fleets, book: Ledger, git: Git
) -> None:
    hook = fleets.hub / "hooks/update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\n[ "$1" != refs/heads/main ]\n')
    hook.chmod(0o755)
    new, old = work(git, fleets.clone("ada"))
    before = fleets.tip()
    with pytest.raises(HubRefused):
        book.request(land, book.itself, Land(MAIN, new, old))
    assert (fleets.tip(), at(git, fleets.hub)) == (before, old)
    assert fleets.claim("ada", "ada-1", "src/a.py").status is Status.CONFIRMED


def declines(name: str, script: str) -> Callable[[Path, Git], None]:
    def install(hub: Path, git: Git) -> None:
        del git
        hook = hub / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\n{script}\n")
        hook.chmod(0o755)

    return install


def moves_forward_only(hub: Path, git: Git) -> None:
    git(hub, "config", "receive.denyNonFastForwards", "true")
    git(hub, "update-ref", OTHER, git(hub, "commit-tree", f"{MAIN}^{{tree}}", "-m", "another beginning"))


def has_it_checked_out(hub: Path, git: Git) -> None:
    git(hub, "update-ref", OTHER, MAIN)
    git(hub, "symbolic-ref", "HEAD", OTHER)
    git(hub, "config", "core.bare", "false")


def has_a_branch_of_its_folder(hub: Path, git: Git) -> None:
    git(hub, "update-ref", f"{OTHER}/sub", MAIN)


def has_locked_it(hub: Path, git: Git) -> None:
    del git
    (hub / f"{OTHER}.lock").touch()


@pytest.mark.parametrize(
    ("hub", "error"),
    [
        (declines("pre-receive", f"! grep -q {OTHER}"), HubRefused),
        (declines("update", f"[ $1 != {OTHER} ]"), HubRefused),
        (declines("reference-transaction", f"! grep -q {OTHER}"), HubRefused),
        (moves_forward_only, HubRefused),
        (has_it_checked_out, HubRefused),
        (has_a_branch_of_its_folder, HubRefused),
        (has_locked_it, HubUnreachable),
    ],
    ids=lambda hub: getattr(hub, "__name__", ""),
)
def test_branch_that_cannot_move_on_the_hub_ends_its_own_landing_and_no_other(
    fleets: Fleets, book: Ledger, git: Git, hub: Callable[[Path, Git], None], error: type[FleetError]
) -> None:
    hub(fleets.hub, git)
    (new, _), (other, old) = work(git, fleets.clone("ada")), work(git, fleets.clone("ada"))
    there = git(fleets.hub, "for-each-ref", "--format=%(objectname)", OTHER)
    asked = [
        book.operation(
            land, book.itself, Land(OTHER, new, there if hub is not has_a_branch_of_its_folder else "")
        ),
        book.operation(land, book.itself, Land(MAIN, other, old)),
    ]
    results = book.submit(asked, timeout=0.1)
    assert isinstance(results[0].error, error)
    assert results[1].status is Status.CONFIRMED
    assert git(fleets.hub, "for-each-ref", "--format=%(objectname)", OTHER) == there
    assert (at(git, fleets.hub), landed(fleets), fleets.waiting()) == (other, 1, [])
    assert not (fleets.state() / "outbox/attempt").exists()


def test_branch_that_stays_locked_on_the_hub_is_given_up_after_few_pushes(
    fleets: Fleets, book: Ledger, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, old = work(git, fleets.clone("ada"))
    (fleets.hub / f"{MAIN}.lock").touch()
    declines("pre-receive", "echo . >>pushes")(fleets.hub, git)
    waits: list[float] = []
    monkeypatch.setattr("gitfleet.base.clock.wait", waits.append)
    with pytest.raises(HubUnreachable, match="cannot lock ref"):
        book.request(land, book.itself, Land(MAIN, new, old))
    assert len((fleets.hub / "pushes").read_text().splitlines()) == MOST_STALLS + 1
    assert (landed(fleets), fleets.waiting()) == (0, [])


@pytest.mark.parametrize("lock", [True, False])
def test_branch_that_cannot_move_in_a_clone_without_hub_ends_its_own_landing_and_no_other(
    fleets: Fleets, git: Git, lock: bool
) -> None:
    place = fleets.clone("alone")
    git(place, "branch", "there") if lock else git(place, "branch", "there/sub")
    (place / ".git/refs/heads/there.lock").touch() if lock else None
    (new, old), (other, _) = work(git, place), work(git, place)
    alone = ledger(str(place))
    try:
        asked = [
            alone.operation(land, alone.itself, Land("refs/heads/there", new, old if lock else "")),
            alone.operation(land, alone.itself, Land(OTHER, other, "")),
        ]
        results = alone.submit(asked, timeout=0.1)
    finally:
        alone.close()
    assert results[0].status is Status.FAILED
    assert "refs/heads/there" in str(results[0].error)
    assert (results[1].status, at(git, place, OTHER)) == (Status.CONFIRMED, other)
    assert fleets.waiting("alone") == []


def test_landing_that_may_have_happened_and_is_refused_then_stays_and_sync_says_so_once(
    fleets: Fleets, book: Ledger, git: Git, faults: Path
) -> None:
    new, old = work(git, fleets.clone("ada"))
    away = fleets.hub.with_suffix(".away")
    pushes.arm(faults, f"mv {fleets.hub} {away}; exit 128")
    assert book.request(land, book.itself, Land(MAIN, new, old)).status is Status.TENTATIVE
    away.rename(fleets.hub)
    declines("pre-receive", f"! grep -q {MAIN}")(fleets.hub, git)
    with pytest.raises(HubRefused):
        book.sync()
    assert len(fleets.waiting()) == 1
    (fleets.hub / "hooks/pre-receive").unlink()
    book.sync()
    assert (at(git, fleets.hub), landed(fleets), fleets.waiting()) == (new, 1, [])


def test_landing_while_the_hub_is_away_is_never_tentative(fleets: Fleets, book: Ledger, git: Git) -> None:
    new, old = work(git, fleets.clone("ada"))
    fleets.hub.rename(fleets.hub.with_suffix(".away"))
    with pytest.raises(HubUnreachable):
        book.request(land, book.itself, Land(MAIN, new, old))
    fleets.hub.with_suffix(".away").rename(fleets.hub)
    book.sync()
    assert (at(git, fleets.hub), landed(fleets), fleets.waiting()) == (old, 0, [])


@pytest.mark.parametrize("fault", pushes.FAULTS)
def test_landing_whose_push_lost_its_answer_is_done_once(
    fleets: Fleets, book: Ledger, git: Git, faults: Path, fault: str
) -> None:
    new, old = work(git, fleets.clone("ada"))
    pushes.arm(faults, pushes.FAULTS[fault])
    assert book.request(land, book.itself, Land(MAIN, new, old)).status is Status.CONFIRMED
    assert (at(git, fleets.hub), landed(fleets), fleets.waiting()) == (new, 1, [])


@pytest.mark.parametrize("fault", pushes.KILLED)
def test_landing_of_a_killed_leader_is_settled_by_the_next(
    fleets: Fleets, git: Git, faults: Path, crowd: Crowd, fault: str
) -> None:
    place = fleets.clone("ada")
    new, old = work(git, place)
    pushes.arm(faults, pushes.KILLED[fault])
    call = f"{landing.__module__}:{landing.__name__}"
    (first,) = crowd([Task(place, call=call, arguments=(str(place), MAIN, new, old))])
    assert first.code == -9
    book = ledger(str(place))
    try:
        book.sync()
    finally:
        book.close()
    assert (at(git, fleets.hub), landed(fleets), fleets.waiting()) == (new, 1, [])


def test_two_landings_on_one_branch_at_once_have_one_winner(fleets: Fleets, git: Git, crowd: Crowd) -> None:
    call = f"{landing.__module__}:{landing.__name__}"
    tasks = []
    for name in ("ada", "bob"):
        place = fleets.clone(name)
        new, old = work(git, place)
        tasks.append(Task(place, call=call, arguments=(str(place), MAIN, new, old)))
    told = [outcome.value for outcome in crowd(tasks)]
    assert sorted(one.get("status") or one["error"] for one in told) == ["RefMoved", "confirmed"], told
    assert landed(fleets) == 1

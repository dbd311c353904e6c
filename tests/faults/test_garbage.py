"""Things that should not be there, in the outbox and on the hub: named, kept, never in the way of others."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.base import canonical
from gitfleet.base.ids import ulid
from gitfleet.base.names import SessionId
from gitfleet.clone import OPERATIONS
from gitfleet.errors import Conflict, Corrupt, FleetError, NewerFormat
from gitfleet.git import fleetrefs, refs
from gitfleet.git.objects import PlumbingObjects
from gitfleet.git.program import Git as Program
from gitfleet.git.repository import discover
from gitfleet.git.trees import Snapshot
from gitfleet.ledger import commits, operations, own_node
from gitfleet.ledger.ledger import Ledger
from gitfleet.ledger.model import Status
from gitfleet.ledger.operations import Registry
from gitfleet.sessions.session_rules import Renew, Renewed, renew
from tests.fleetbench import Fleets, start_body
from tests.operations import ask, raw
from tests.workbench import Git, Gitfleet

ADA_1 = SessionId("ada-1")


def operation(kind: str = "session.renew", session: str = "ada-1", **fields: object) -> dict[str, object]:
    record = raw(kind, "node", session, {}, at=1).encode()
    return record | fields


def put(fleets: Fleets, name: str, data: bytes, place: str = "new") -> None:
    (fleets.state() / "outbox" / place / name).write_bytes(data)


DEEP = b'{"a":' * 500 + b"1" + b"}" * 500
GARBAGE: dict[str, bytes] = {
    "empty": b"",
    "text": b"words",
    "list": b"[]",
    "no-utf8": b'{"v":1,"kind":"\xff"}',
    "deep": DEEP,
    "half": canonical.dump(operation())[:-20],
    "float": canonical.dump(operation()).replace(b'"at":1', b'"at":1.5'),
    "float-in-body": canonical.dump(operation()).replace(b'"body":{}', b'"body":{"x":1.5}'),
    "nan": canonical.dump(operation()).replace(b'"body":{}', b'"body":{"x":NaN}'),
    "deep-body": canonical.dump(operation()).replace(b'"body":{}', b'"body":' + DEEP),
    "wrong-types": canonical.dump(operation(body=[], id=7)),
    "huge-id": canonical.dump(operation(id="x" * 10_000)),
    "another-name": canonical.dump(operation()),
}


@pytest.mark.parametrize("place", ["new", "taken", "tentative"])
def test_garbage_in_the_outbox_is_put_aside_and_named_and_others_go_on(fleets: Fleets, place: str) -> None:
    for what, data in GARBAGE.items():
        put(fleets, f"{what}.json", data, place)
    with fleets.open("ada") as fleet:
        result = fleet.claims.claim(ADA_1, ["src/a.py"])
        warnings = fleet.ledger.outbox.warnings
    assert result.status is Status.CONFIRMED
    for what, data in GARBAGE.items():
        assert [warning for warning in warnings if f"/{what}.json" in warning and "set aside" in warning]
        assert (fleets.state() / f"outbox/unread/{what}.json").read_bytes() == data
    assert fleets.waiting() == []
    assert fleets.chain().holders("src/a.py") == ["ada-1"]


def make_folder(path: Path) -> None:
    (path / "below").mkdir(parents=True)


@pytest.mark.parametrize(
    "make", [make_folder, os.mkfifo, lambda path: path.symlink_to("/nowhere")], ids=["folder", "pipe", "link"]
)
def test_what_is_no_file_in_the_outbox_is_put_aside_and_others_go_on(
    fleets: Fleets, make: Callable[[Path], None]
) -> None:
    for _ in range(2):
        make(fleets.state() / "outbox/new/x.json")
        assert fleets.claim("ada", "ada-1", "src/a.py").status is Status.CONFIRMED
    assert len(list((fleets.state() / "outbox/unread").iterdir())) == 2


def test_garbage_beside_tentative_operations_is_left_alone_by_those_who_only_look(
    fleets: Fleets, gitfleet: Gitfleet
) -> None:
    put(fleets, "x.json", b"words", "tentative")
    gitfleet(fleets.clone("ada"), "check", "src/a.py", "--session", "ada-1").ok()
    assert (fleets.state() / "outbox/tentative/x.json").exists()


def test_operation_of_a_newer_version_in_the_outbox_is_left_alone_and_named(
    fleets: Fleets, gitfleet: Gitfleet
) -> None:
    newer = operation(v=2, surprise={"x": 1})
    name = f"{newer['id']}.json"
    put(fleets, name, canonical.dump(newer))
    for number in range(2):
        ran = gitfleet(fleets.clone("ada"), "claim", f"src/{number}.py", "--session", "ada-1").ok()
        assert "format 2" in ran.stderr
        assert "Upgrade" in ran.stderr or "reads up to" in ran.stderr
    assert fleets.waiting() == [f"taken/{name}"]
    assert (fleets.state() / "outbox/taken" / name).read_bytes() == canonical.dump(newer)


def test_operation_of_an_unknown_kind_in_the_outbox_is_left_for_a_newer_gitfleet_and_named(
    fleets: Fleets,
) -> None:
    unknown = operation("queue.enqueue")
    name = f"{unknown['id']}.json"
    put(fleets, name, canonical.dump(unknown))
    for number in range(2):
        with fleets.open() as fleet:
            assert fleet.claims.claim(ADA_1, [f"src/{number}.py"]).status is Status.CONFIRMED
            assert [warning for warning in fleet.ledger.outbox.warnings if "queue.enqueue" in warning]
    assert fleets.waiting() == [f"taken/{name}"]
    assert (fleets.state() / "outbox/taken" / name).read_bytes() == canonical.dump(unknown)
    with fleets.open() as fleet:
        assert fleet.ledger.sync().generation == fleets.chain().links[-1].generation


def test_operation_of_an_unknown_kind_is_decided_by_the_gitfleet_that_knows_it(fleets: Fleets) -> None:
    with fleets.open() as fleet:
        unknown = operation("session.wave", node=fleet.ledger.node.id)
    put(fleets, f"{unknown['id']}.json", canonical.dump(unknown))
    fleets.claim("ada", "ada-1", "src/a.py")
    assert len(fleets.waiting()) == 1
    repository = discover(str(fleets.clone("ada")))
    objects = PlumbingObjects(repository.common_dir)
    wave = operations.operation("session.wave", body=Renew, answer=Renewed)(renew.decide)
    newer = Ledger(
        common_dir=repository.common_dir,
        git=repository.git,
        objects=objects,
        node=own_node.load(repository.common_dir),
        kinds=Registry([*OPERATIONS, wave]),
    )
    tip = newer.sync()
    assert unknown["id"] in commits.transaction(objects, tip).ids
    newer.close()
    assert fleets.waiting() == []


def test_submit_of_an_unknown_kind_is_refused_at_once_with_exit_40(fleets: Fleets) -> None:
    with fleets.open() as fleet, pytest.raises(NewerFormat) as caught:
        ask(fleet.ledger, "queue.enqueue", "ada-1", {})
    assert caught.value.exit_code == 40
    assert fleets.waiting() == []


@pytest.mark.parametrize("content", [b"", b"garbage\n", b"12345\n", b"\xff\xfe"])
def test_note_of_an_attempt_that_cannot_be_read_is_got_over(fleets: Fleets, content: bytes) -> None:
    (fleets.state() / "outbox/attempt").write_bytes(content)
    assert fleets.claim("ada", "ada-1", "src/a.py").status is Status.CONFIRMED
    assert not (fleets.state() / "outbox/attempt").exists()


@pytest.mark.parametrize("content", [b"", b"{}", b'{"operation": 1}', b"[]"])
def test_notice_that_cannot_be_read_does_not_stop_anybody(
    fleets: Fleets, gitfleet: Gitfleet, content: bytes
) -> None:
    folder = fleets.state() / "notices/ada-1"
    folder.mkdir(parents=True)
    (folder / "1.json").write_bytes(content)
    gitfleet(fleets.clone("ada"), "claim", "src/a.py", "--session", "ada-1").ok()
    assert list(folder.iterdir()) == []


def test_what_crashes_left_behind_is_swept_after_a_day(fleets: Fleets) -> None:
    state = fleets.state()
    old = [
        state / "results/1.json",
        state / "results/1.json.tmp",
        state / "outbox/new/1.json.x.tmp",
        state / "outbox/attempt.x.tmp",
    ]
    for path in old:
        path.write_bytes(b"{}")
        os.utime(path, (1, 1))
    young = state / "results/2.json"
    young.write_bytes(b"{}")
    fleets.claim("ada", "ada-1", "src/a.py")
    assert not [path for path in old if path.exists()]
    assert young.exists()


def plant(fleets: Fleets, records: dict[str, bytes | None]) -> None:
    """Somebody with the right to push changes records by hand, on a commit that follows the chain."""
    git, objects = Program(str(fleets.hub)), PlumbingObjects(str(fleets.hub))
    oid = fleets.tip()
    assert oid is not None
    tip = commits.read(objects, oid)
    tree = Snapshot(objects, tip.tree)
    tree.change(records)
    new = commits.write(objects, tree, tip, [], ["by hand"], node="hand", at=1)
    objects.close()
    assert refs.move(git, fleetrefs.COORD, new=new.oid, old=oid)


def record_of(fleets: Fleets, path: str) -> tuple[str, dict[str, object]]:
    """Where a claim is filed, and its record."""
    claim = next(claim for claim in fleets.chain().claims if claim.pattern == path)
    return claim.where, claim.encode()


@pytest.mark.sample(2)
@pytest.mark.parametrize("what", ["garbage", "version-2", "wrong-place", "wrong-kind", "float", "empty"])
def test_claim_record_on_the_hub_that_cannot_be_read_holds_its_place_and_is_named(
    fleets: Fleets, gitfleet: Gitfleet, what: str
) -> None:
    fleets.claim("bob", "bob-1", "src/api/a.py")
    where, record = record_of(fleets, "src/api/a.py")
    data = {
        "garbage": b"not a record\n",
        "version-2": canonical.dump(record | {"v": 2, "more": 1}),
        "wrong-place": canonical.dump(record | {"pattern": "docs/x"}),
        "wrong-kind": canonical.dump(record | {"kind": "ticket"}),
        "float": canonical.dump(record).replace(b'"ttl":2700', b'"ttl":2700.5'),
        "empty": b"",
    }[what]
    plant(fleets, {where: data})
    with pytest.raises(Conflict) as caught:
        fleets.claim("ada", "ada-1", "src/api/a.py")
    assert where in str(caught.value.conflicts)
    for path in ("src/api/a.py/deeper", "src/", "src/**/*.py"):
        with pytest.raises(FleetError):
            fleets.claim("ada", "ada-1", path)
    assert fleets.claim("ada", "ada-1", "src/api/b.py", "docs/").status is Status.CONFIRMED
    ran = gitfleet(fleets.clone("ada"), "claims").ok()
    assert "src/api/a.py" in ran.stdout + ran.stderr
    gitfleet(fleets.clone("ada"), "check", "src/api/a.py", "--session", "ada-1").ended(10)
    objects = PlumbingObjects(str(fleets.hub))
    tip = commits.read(objects, fleets.tip() or "")
    assert Snapshot(objects, tip.tree).get(where) == data
    objects.close()


@pytest.mark.parametrize("place", ["claims", "claims/=src", "sessions"])
def test_file_on_the_hub_where_a_folder_should_be_stops_only_who_needs_it_and_stays(
    fleets: Fleets, place: str
) -> None:
    if place == "sessions":
        place = "claims/=src/=api"
    plant(fleets, {place: b"by hand"})
    with pytest.raises(FleetError):
        fleets.claim("ada", "ada-1", "src/api/a.py")
    if place != "claims":
        assert fleets.claim("ada", "ada-1", "docs/").status is Status.CONFIRMED
    assert fleets.waiting() == []
    objects = PlumbingObjects(str(fleets.hub))
    tip = commits.read(objects, fleets.tip() or "")
    assert Snapshot(objects, tip.tree).get(place) == b"by hand"
    objects.close()


def test_file_on_the_hub_in_the_way_of_one_claim_does_not_stop_others_in_its_transaction(
    fleets: Fleets,
) -> None:
    plant(fleets, {"claims/=src": b"by hand"})
    with fleets.open() as fleet:
        ledger = fleet.ledger
        start = raw("session.start", ledger.node.id, "ada-3", start_body(fleets.clone("ada")))
        body = {"paths": [{"pattern": "src/x", "claim": ulid(), "mode": "exclusive"}], "ttl": 600}
        stopped = raw("claim.acquire", ledger.node.id, "ada-1", body, at=1)
        results = ledger.submit([stopped, start])
    assert [result.status for result in results] == [Status.REFUSED, Status.CONFIRMED]
    assert isinstance(results[0].error, (Corrupt, Conflict))


def test_newer_fleet_on_the_hub_is_read_by_name_only_and_nothing_is_written(
    fleets: Fleets, gitfleet: Gitfleet
) -> None:
    fleet_record = {"v": 1, "kind": "fleet", "id": "fleet", "nonce": "", "min_reader": 1, "min_writer": 2}
    plant(fleets, {"fleet.json": canonical.dump(fleet_record)})
    before = fleets.tip()
    ran = gitfleet(fleets.clone("ada"), "claim", "src/a.py", "--session", "ada-1").ended(40)
    assert "Upgrade" in ran.stderr
    assert fleets.tip() == before
    assert fleets.waiting() == []
    gitfleet(fleets.clone("ada"), "claims").ok()


def test_newer_commit_on_the_hub_is_named_and_nothing_changes_here(
    fleets: Fleets, git: Git, gitfleet: Gitfleet
) -> None:
    generation = len(fleets.chain().links)
    message = f"from the future\n\nFleet-Generation: {generation}\nFleet-Schema: 2\n"
    new = git(fleets.hub, "commit-tree", "-m", message, "-p", fleetrefs.COORD, f"{fleetrefs.COORD}^{{tree}}")
    before = fleets.tip("ada")
    git(fleets.hub, "update-ref", fleetrefs.COORD, new)
    ran = gitfleet(fleets.clone("ada"), "claim", "src/a.py", "--session", "ada-1").ended(40)
    assert "schema 2" in ran.stderr
    assert fleets.tip("ada") == before


def plant_transaction(fleets: Fleets, data: bytes) -> None:
    """Somebody with the right to push adds a commit with `data` for its transaction."""
    git, objects = Program(str(fleets.hub)), PlumbingObjects(str(fleets.hub))
    tip = commits.read(objects, fleets.tip() or "")
    tree = Snapshot(objects, tip.tree)
    tree.put("transaction.json", data)
    oid_tree = tree.write()
    message = f"by hand\n\nFleet-Generation: {tip.generation + 1}\nFleet-Schema: 1\n"
    oid = objects.write("commit", commits.as_bytes(oid_tree, tip.oid, "hand", 1, message))
    objects.flush()
    objects.close()
    refs.move(git, fleetrefs.COORD, new=oid, old=tip.oid)


@pytest.mark.parametrize("place", ["all", "src/a.py", "--session", "--kind"])
def test_log_shows_what_can_be_read_around_a_transaction_that_cannot(
    fleets: Fleets, gitfleet: Gitfleet, place: str
) -> None:
    fleets.claim("ada", "ada-1", "src/a.py")
    plant_transaction(fleets, b"by hand")
    fleets.claim("ada", "ada-1", "src/a.py", "docs/")
    asked = {"all": [], "--session": ["--session", "ada-1"], "--kind": ["--kind", "claim"]}.get(
        place, [place]
    )
    lines = gitfleet(fleets.clone("ada"), "log", *asked).ok().stdout.splitlines()
    assert [line for line in lines if "cannot be read (Expecting value" in line]
    assert [line for line in lines if line.endswith("ada-1 claims src/a.py")]
    gitfleet(fleets.clone("ada"), "log", "--json").ok()


@pytest.mark.parametrize("moment", [10**23, -(10**23)])
def test_log_of_an_operation_at_no_moment_of_any_clock_shows_it(
    fleets: Fleets, gitfleet: Gitfleet, moment: int
) -> None:
    generation = len(fleets.chain().links)
    record = {
        "v": 1, "kind": "transaction", "generation": generation, "node": "hand", "at": 1,
        "operations": [operation(at=moment)],
    }  # fmt: skip
    plant_transaction(fleets, canonical.dump(record))
    gitfleet(fleets.clone("ada"), "sync").ok()
    first = gitfleet(fleets.clone("ada"), "log").ok().stdout.splitlines()[0]
    assert first.split()[:2] == [str(generation), "?"]


def test_transaction_on_the_hub_that_cannot_be_read_does_not_hold_up_the_search_for_our_own(
    fleets: Fleets,
) -> None:
    base = fleets.tip() or ""
    plant(fleets, {"docs": b"by hand"})
    plant_transaction(fleets, b"by hand")
    (fleets.state() / "outbox/attempt").write_text(f"{base}\n01M7Y5000000000000000000AA\n")
    assert fleets.claim("ada", "ada-1", "src/a.py").status is Status.CONFIRMED

"""Claims that change hands between two clones: each is in the log, and the other side is told, once, at a command or a hook."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.codec import replace
from gitfleet.fleet.fleet import Fleet
from gitfleet.sessions.inbox import MAX_MESSAGE, MAX_OF_ONE, MAX_WAITING
from gitfleet.sessions.reading import AT_ONCE
from tests.cli.conftest import Cli
from tests.gatebench import Copies, Gated, refused
from tests.operations import ask, raw
from tests.workbench import Gitfleet, Ran

WAY_AROUND = re.compile(r"--no-verify|--force|\bbreak\b|uninstall|\boff\b|hooksPath|core\.hooks|rm -|\.git/")


class Two:
    """The command line in the clones `ada` and `bob` of one hub."""

    def __init__(self, copies: Copies, gitfleet: Gitfleet) -> None:
        self.ada, self.bob = (Cli(copies.clone(name), gitfleet) for name in ("ada", "bob"))
        for cli in (self.ada, self.bob):
            body = {"worktree": str(cli.clone.path)}
            with cli.clone.open() as fleet:
                operation = raw(
                    "session.start",
                    fleet.ledger.node.id,
                    cli.clone.session,
                    {**body, "resume": True},
                )
                assert fleet.ledger.submit([operation])[0].error is None

    def log(self) -> list[str]:
        self.ada("sync").ok()
        return [line["subject"] for line in self.ada("log", "--json").ok().json()["data"]["operations"]]

    def person(self) -> str:
        """A person's session in bob's clone."""
        with self.bob.clone.open() as fleet:
            body = {"worktree": str(self.bob.clone.path), "person": True}
            ask(fleet.ledger, "session.start", "ben", body)
        return "ben"


@pytest.fixture
def two(copies: Copies, gitfleet: Gitfleet) -> Two:
    return Two(copies, gitfleet)


def watched_long(clone: Gated, seconds: int) -> None:
    """As if the clone had begun to watch so many seconds earlier."""
    path = clone.fleets.state(clone.name) / "watch.json"
    seen = json.loads(path.read_text())
    for item in seen.values():
        item["since"] -= seconds
    path.write_text(json.dumps(seen))


def steal(two: Two) -> None:
    two.ada("claim", "src/", "--ttl", "10m").ok()
    two.bob("claim", "src/api/a.py").ended(10)
    watched_long(two.bob.clone, 800)
    two.bob("claim", "src/api/a.py").ok()


def queue_behind_it(two: Two) -> None:
    """A request that has to wait for something else finds ada's lapsed claim, and takes it out of the way."""
    two.ada("claim", "src/", "--ttl", "10m").ok()
    two.ada("claim", "docs/", env=two.ada.other).ok()
    two.bob("claim", "src/api/a.py").ended(10)
    watched_long(two.bob.clone, 800)
    with two.bob.clone.open() as fleet:  # the other session lives on
        fleet.ledger.sync()
    two.ada("claim", "docs/", env=two.ada.other).ok()
    two.bob("claim", "--wait", "--timeout", "0s", "src/api/a.py", "docs/").ended(11)


def break_(two: Two) -> None:
    two.ada("claim", "src/").ok()
    two.bob("break", "src/", "--reason", "release day", "--session", two.person()).ok()


def offer(two: Two) -> None:
    two.bob("claim", "src/").ok()
    two.bob("offer", "--to", "ada-1", "src/").ok()


def accept(two: Two) -> None:
    two.ada("claim", "src/").ok()
    two.ada("offer", "--to", "bob-1", "src/").ok()
    two.bob("accept").ok()


def tell(two: Two) -> None:
    two.bob("tell", "ada-1", "the lexer is done").ok()


def land(two: Two) -> None:
    ada = two.ada.clone
    two.ada("claim", "src/").ok()
    ada.out("switch", "--quiet", "--create", "feature")
    ada.write("src/api/a.py", "changed\n")
    ada.commit().ok()
    ada.out("push", "--quiet", "origin", "feature")
    two.ada("sync").ok()
    ada.out("push", "--quiet", "origin", "feature:main")
    assert "has landed" in two.bob("sync").ok().stdout


EVENTS: list[tuple[Callable[[Two], None], str, str]] = [
    (steal, "Your claim on src/ had expired, and bob-1 has taken it over", "takes over src/ of ada-1"),
    (queue_behind_it, "Your claim on src/ had expired, and bob-1", "bob-1 waits for src/api/a.py, docs/"),
    (break_, "Your claim on src/ was broken by ben: release day", "ben breaks src/ of ada-1: release day"),
    (offer, "bob-1 offers you its claims on src/", "bob-1 offers src/ to ada-1"),
    (accept, "bob-1 has accepted your claim on src/", "bob-1 accepts src/"),
    (tell, "bob-1 says: \"the lexer is done\"", "bob-1 tells ada-1: the lexer is done"),
    (land, "Your branch feature has landed: your claims on src/ are released", "branch feature has landed"),
]  # fmt: skip
NAMES = [event[0].__name__ for event in EVENTS]


@pytest.mark.sample(3)
@pytest.mark.parametrize(("happens", "words", "logged"), EVENTS, ids=NAMES)
def test_other_side_is_told_once_at_its_next_command_and_the_log_shows_it(
    two: Two, happens: Callable[[Two], None], words: str, logged: str
) -> None:
    happens(two)
    ran = [two.ada("claim", "elsewhere").ok() for _ in range(3)]
    assert [words in one.stderr for one in ran] == [True, False, False], ran
    assert [line for line in two.log() if logged in line]
    two.ada("fsck").ok()
    two.ada.clone.fleets.chain()


@pytest.mark.sample(2)
@pytest.mark.parametrize(("happens", "words", "logged"), EVENTS, ids=NAMES)
def test_other_side_is_told_once_at_its_next_hook(
    two: Two, happens: Callable[[Two], None], words: str, logged: str
) -> None:
    two.ada("claim", "lib/").ok()
    happens(two)
    two.ada("sync").ok()  # as whoever looks after the clone does all the time
    told = []
    for number in range(3):
        two.ada.clone.write(f"lib/{number}")
        done = two.ada.clone.commit().ok()
        told.append(done.stderr.count(words))
    assert told == [1, 0, 0]
    assert words not in two.ada("claim", "elsewhere").ok().stderr
    assert logged


@pytest.mark.always
def test_claim_that_is_offered_is_its_holders_until_it_is_accepted_and_moves_once(two: Two) -> None:
    two.ada("claim", "src/").ok()
    two.ada("offer", "--to", "bob-1", "src/").ok()
    two.ada.clone.write("src/api/a.py", "still mine\n")
    two.ada.clone.commit().ok()
    two.bob("accept").ok()
    two.bob("accept").ended(10)
    two.ada("sync").ok()
    two.ada.clone.write("src/api/a.py", "no longer\n")
    refused(two.ada.clone.commit(), "bob-1")
    two.ada("claim", "src/").ended(10)


def test_offer_to_nobody_of_nothing_or_of_what_was_released_gives_nothing(two: Two) -> None:
    two.ada("claim", "src/").ok()
    two.ada("offer", "--to", "nobody-9", "src/").ended(2)
    two.ada("offer", "--to", "bob-1", "docs/").ended(10)
    two.ada("offer", "--to", "bob-1", "src/").ok()
    two.ada("release", "src/").ok()
    two.bob("accept").ended(10)


# What a message may be.


def test_message_with_terminal_escapes_is_shown_harmless(two: Two) -> None:
    two.bob("tell", "ada-1", "a\x1b[2Jb\x07c\u202ed").ok()
    ran = two.ada("claim", "x").ok()
    assert "\x1b" not in ran.stderr
    assert "\x07" not in ran.stderr
    assert "\u202e" not in ran.stderr
    assert 'says: "a/x1b[2Jb/x07c/u202ed"' in ran.stderr
    two.bob("tell", "ada-1", "\x1b]0;title\x07").ok()
    two.ada("sync").ok()
    two.ada.clone.write("x")
    assert "\x1b" not in two.ada.clone.commit().ok().stderr


def test_message_beyond_measure_is_refused(two: Two) -> None:
    two.bob("tell", "ada-1", "x" * MAX_MESSAGE).ok()
    for text in ("x" * (MAX_MESSAGE + 1), "", "  "):
        assert two.bob("tell", "ada-1", text).ended(2).stderr.count("Nothing was") == 1


def test_inbox_that_is_full_drops_the_oldest_and_says_how_many(two: Two) -> None:
    senders = [f"crowd-{n}" for n in range(MAX_WAITING // MAX_OF_ONE + 1)]
    with two.bob.clone.open() as fleet:
        for sender in senders:
            ask(fleet.ledger, "session.start", sender, {"worktree": str(two.bob.clone.path)})
        asked = [
            raw("message.send", fleet.ledger.node.id, sender, {"to": "ada-1", "text": f"note {number}"})
            for sender in senders
            for number in range(MAX_OF_ONE)
        ]
        assert all(result.error is None for result in fleet.ledger.submit(asked))
    first = two.ada("claim", "src/").ok().stderr.splitlines()
    dropped = MAX_OF_ONE + 1
    assert first[0] == f"warning: {dropped} older messages were dropped unread: an inbox holds {MAX_WAITING}."
    said = [line for line in first if " says: " in line]
    assert len(said) == AT_ONCE
    assert said[0].endswith('crowd-1 says: "note 1"')
    waiting = MAX_WAITING - 1 - AT_ONCE
    assert first[-1] == f"warning: {waiting} more messages will be shown with the next answer."
    for round_ in range(waiting // AT_ONCE + 1):
        heard = two.ada("claim", f"docs/{round_}").ok().stderr.splitlines()
        said += [line for line in heard if " says: " in line]
    assert len(set(said)) == len(said) == MAX_WAITING - 1
    assert two.ada("claim", "README.md").ok().stderr == ""
    two.ada.clone.fleets.chain()


# What a refusal may say.


def retained(two: Two) -> Ran:
    """A branch of ada's retains src/, and bob asks for it."""
    ada = two.ada.clone
    two.ada("claim", "src/").ok()
    ada.out("switch", "--quiet", "--create", "feature")
    ada.write("src/api/a.py", "changed\n")
    ada.commit().ok()
    two.ada("session", "end", "ada-1").ok()
    return two.bob("claim", "src/api/b.py")


def test_refusal_of_what_a_branch_retains_names_it_and_the_next_step(two: Two) -> None:
    ran = retained(two).ended(10)
    assert "retained by branch feature of session ada-1 until it lands" in ran.stderr
    assert re.search(r"next: .*build on it: merge [0-9a-f]{12} of feature", ran.stderr)
    row = two.bob("claims", "--json").json()["data"]["claims"][0]
    assert ([one["branch"] for one in row["retained"]], row["lapsed"]) == (["feature"], False)
    assert "until branch feature lands" in two.bob("claims").ok().stdout
    checked = two.bob("check", "src/api/b.py").ended(10)
    assert "retained by branch feature" in checked.stdout


def test_person_lets_go_what_a_branch_retains_and_an_agent_does_not(two: Two) -> None:
    retained(two)
    two.bob("release", "--branch", "feature").ended(16)
    two.bob("release", "--branch", "feature", "src/").ended(2)
    ran = two.bob("release", "--branch", "feature", "--session", two.person()).ok()
    assert ran.stdout == "released: src/\n"
    two.bob("release", "--branch", "feature", "--session", "ben").ended(10)
    two.bob("claim", "src/api/b.py").ok()
    assert [line for line in two.log() if line.startswith("branch feature was given up, releasing src/")]


def test_no_refusal_names_a_way_around_it(two: Two, tmp_path: Path) -> None:
    said = [retained(two)]
    said.append(two.bob("claim", "src/"))
    two.bob("claim", "docs/").ok()
    said.append(two.ada("claim", "docs/", env=two.ada.other))
    said.append(two.ada("claim", "--wait", "--timeout", "0s", "docs/", env=two.ada.other))
    said.append(two.ada("release", "docs/", env=two.ada.other))
    said.append(two.ada("break", "docs/", "--reason", "mine", env=two.ada.other))
    said.append(two.ada("release", "--branch", "feature", env=two.ada.other))
    said.append(two.ada("accept", env=two.ada.other))
    said.append(two.ada("offer", "--to", "bob-1", "docs/", env=two.ada.other))
    said.append(two.bob("session", "start", "--id", "ada-1"))
    two.ada("sync").ok()
    for path in ("docs/readme.md", "unclaimed.txt"):
        two.ada.clone.write(path, "x\n")
        said.append(two.ada.clone.git("commit", "-m", "x", env=two.ada.other))
        two.ada.clone.out("reset", "--quiet", "--hard")
    two.bob.clone.write("src/api/b.py", "x\n")
    said.append(two.bob.clone.commit())
    lapse(two.bob.clone)
    two.bob.clone.out("remote", "set-url", "origin", "../nowhere.git")
    two.bob.clone.out("reset", "--quiet", "--hard")
    two.bob.clone.write("docs/x", "x\n")
    said.append(two.bob.clone.commit())
    for ran in said:
        assert ran.returncode, ran
        assert len(ran.stderr) > 20, ran
        assert not WAY_AROUND.search(ran.stderr), ran
        assert "next: " in ran.stderr, ran


def lapse(clone: Gated) -> None:
    """The session's last sign of life was a day ago, on both clocks."""
    with clone.open() as fleet:
        age(fleet, clone.session, 86400)


def age(fleet: Fleet, session: str, seconds: int) -> None:
    operation = raw("session.renew", fleet.ledger.node.id, session, {})
    body = {name: value for name, value in operation.body.items() if name not in {"margin", "uptime"}}
    (result,) = fleet.ledger.submit([replace(operation, at=operation.at - seconds, body=body)])
    assert result.error is None


def test_break_where_several_agents_work_names_the_person_who_may_do_it(
    clone: Callable[[str], Path], gitfleet: Gitfleet
) -> None:
    ada = clone("ada")
    person = gitfleet(ada, "init", "--json").ok().json()["data"]["session"]
    for agent in ("a-1", "a-2"):
        gitfleet(ada, "session", "start", "--id", agent, "--agent", "codex", "--pid", str(os.getpid())).ok()
    gitfleet(ada, "claim", "docs/", "--session", "a-1").ok()
    asked = gitfleet(ada, "break", "docs/", "--reason", "gone").ended(2).stderr
    assert f"`--session {person}`" in asked
    said = gitfleet(ada, "break", "docs/", "--reason", "gone", "--session", person).ok().stdout
    assert "broken: docs/ of a-1" in said

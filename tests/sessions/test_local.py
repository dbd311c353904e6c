"""Who a command acts for: the flag, the variable, the worktree's setting, the only live session; never a guess."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.base import identity
from gitfleet.base.names import SessionId
from gitfleet.errors import BadName, NoSession
from gitfleet.git.repository import discover
from gitfleet.sessions.local import VARIABLE, Here, LocalSessions, candidates, mark, whoami
from tests.workbench import Git

HOSTILE = [
    " ",
    "../x",
    "-x",
    "a/b",
    "x" * 300,
    "a\nb",
    "\x1b[31m",
    ".x",
    "a..b",
    "x.",
    "x.lock",
    "é",
    "a b",
]


class Place:
    """A clone and what it knows of its sessions."""

    def __init__(self, clone: Path) -> None:
        self.clone = clone
        (clone / ".git/gitfleet").mkdir(exist_ok=True)
        self.local = LocalSessions(str(clone / ".git/gitfleet"))

    def remember(
        self,
        name: str,
        process: subprocess.Popen[bytes] | None = None,
        *,
        person: bool = False,
        at: Path | None = None,
    ) -> None:
        known = identity.identify(process.pid) if process else None
        self.local.remember(Here(SessionId(name), str(at or self.clone), person, known))

    def who(self, flag: str | None = None, *, at: Path | None = None, variable: str | None = None) -> str:
        repository = discover(str(at or self.clone))
        variables = {} if variable is None else {VARIABLE: variable}
        return whoami(flag, variables, repository.here, self.local, repository.worktree or "")


@pytest.fixture
def place(repository: Path) -> Place:
    return Place(repository)


def test_flag_wins_over_variable_over_setting_over_the_only_session(place: Place, git: Git) -> None:
    place.remember("lives-1")
    assert place.who() == "lives-1"
    git(place.clone, "config", "fleet.session", "set-1")
    assert place.who() == "set-1"
    assert place.who(variable="variable-1") == "variable-1"
    assert place.who("flag-1", variable="variable-1") == "flag-1"
    assert VARIABLE == "GITFLEET_SESSION"


def test_empty_variable_or_setting_is_as_good_as_none(place: Place, git: Git) -> None:
    place.remember("lives-1")
    git(place.clone, "config", "fleet.session", "")
    assert place.who(variable="") == "lives-1"
    git(place.clone, "config", "fleet.session", "set-1")
    assert place.who(variable="") == "set-1"
    git(place.clone, "config", "--add", "fleet.session", "")  # the last one holds, as ever in git
    assert place.who() == "lives-1"
    with pytest.raises(BadName):
        place.who("")  # who gives the flag means somebody


def test_setting_of_one_worktree_is_nothing_to_another(place: Place, git: Git, tmp_path: Path) -> None:
    git(place.clone, "worktree", "add", "--quiet", "-b", "one", tmp_path / "one")
    git(place.clone, "config", "extensions.worktreeConfig", "true")
    git(tmp_path / "one", "config", "--worktree", "fleet.session", "linked-1")
    assert place.who(at=tmp_path / "one") == "linked-1"
    with pytest.raises(NoSession):
        place.who()
    git(place.clone, "config", "fleet.session", "all-1")
    assert (place.who(), place.who(at=tmp_path / "one")) == ("all-1", "linked-1")


def test_setting_for_all_clones_of_a_user_names_nobody(place: Place, git: Git) -> None:
    git(place.clone, "config", "--global", "fleet.session", "everywhere-1")
    with pytest.raises(NoSession):
        place.who()


@pytest.mark.parametrize("way", ["another file", "environment", "capitals"])
def test_setting_counts_wherever_git_finds_it(
    place: Place, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way == "environment":
        for name, value in (("COUNT", "1"), ("KEY_0", "fleet.session"), ("VALUE_0", "set-1")):
            monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    elif way == "capitals":
        with open(place.clone / ".git/config", "a") as file:
            file.write("[FLEET]\nSession = set-1\n")
    else:
        git(place.clone, "config", "--file", tmp_path / "more", "fleet.session", "set-1")
        git(place.clone, "config", "include.path", tmp_path / "more")
    assert place.who() == "set-1"


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("way", ["flag", "variable", "setting"])
def test_name_that_is_none_is_refused_wherever_it_is_given(
    place: Place, git: Git, way: str, name: str
) -> None:
    place.remember("lives-1")
    if way == "variable" and not name:
        assert place.who(variable=name) == "lives-1"  # an empty variable counts as unset
        return
    if way == "setting":
        git(place.clone, "config", "fleet.session", name)
    with pytest.raises(BadName) as caught:
        place.who(name if way == "flag" else None, variable=name if way == "variable" else None)
    assert caught.value.exit_code == 2
    assert caught.value.message.isprintable()


def test_two_agents_in_one_worktree_are_never_guessed_apart(
    place: Place, agent: Callable[[], subprocess.Popen[bytes]]
) -> None:
    one, other = agent(), agent()
    place.remember("person-1", person=True)
    place.remember("one-1", one)
    assert place.who() == "one-1"  # the agent, not the person
    place.remember("two-2", other)
    with pytest.raises(NoSession) as caught:
        place.who()
    assert caught.value.exit_code == 2
    assert sorted(caught.value.candidates) == ["one-1", "two-2"]
    for word in ("one-1", "two-2"):
        assert word in caught.value.message
    assert VARIABLE in caught.value.hint
    one.kill()
    one.wait()
    assert place.who() == "two-2"
    other.kill()
    other.wait()
    assert place.who() == "person-1"


def test_zombie_counts_as_dead(place: Place) -> None:
    process = subprocess.Popen(["true"])
    place.remember("person-1", person=True)
    known = identity.identify(process.pid)
    while identity.identify(process.pid) is not None:
        pass  # it ends at once, and stays a zombie until somebody asks how
    if known is not None:
        place.local.remember(Here(SessionId("one-1"), str(place.clone), False, known))
    assert place.who() == "person-1"
    process.wait()


def test_sessions_of_other_worktrees_are_not_meant(place: Place, git: Git, tmp_path: Path) -> None:
    git(place.clone, "worktree", "add", "--quiet", "-b", "one", tmp_path / "one")
    place.remember("main-1")
    place.remember("linked-1", at=tmp_path / "one")
    assert (place.who(), place.who(at=tmp_path / "one")) == ("main-1", "linked-1")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b'{"process":7}', b'{"process":{"pid":"x"}}'])
def test_facts_that_cannot_be_read_name_nobody_or_somebody_who_may_live(place: Place, data: bytes) -> None:
    place.remember("one-1")
    (place.clone / ".git/gitfleet/sessions/one-1.json").write_bytes(data)
    found = place.local.get("one-1")
    assert found is None or (found.alive and found.worktree != str(place.clone))
    assert candidates(place.local, str(place.clone)) == []


def test_mark_names_the_only_one_that_is_meant(
    place: Place, agent: Callable[[], subprocess.Popen[bytes]]
) -> None:
    path = place.clone / ".git/gitfleet-session"

    def marked() -> str | None:
        mark(str(place.clone / ".git"), place.local, str(place.clone))
        return path.read_text() if path.exists() else None

    assert marked() is None
    place.remember("person-1", person=True)
    assert marked() == "person-1\n"
    before = path.stat().st_ino
    assert marked() == "person-1\n"
    assert path.stat().st_ino == before  # what is right is not written again
    process = agent()
    place.remember("one-1", process)
    assert marked() == "one-1\n"
    place.remember("two-2", agent())
    assert marked() is None
    place.local.forget(SessionId("two-2"))
    assert marked() == "one-1\n"


def test_names_that_lead_elsewhere_are_never_looked_up(place: Place) -> None:
    (place.clone / ".git/gitfleet/outside.json").write_text("{}")
    (place.clone / ".git/gitfleet/sessions").mkdir()
    assert place.local.get("../outside") is None

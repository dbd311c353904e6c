"""A config file that leads git to settings of ours, and leads away again: to the byte, whatever it looks like."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.errors import LockHeld
from gitfleet.git import config_text
from gitfleet.git.program import Git as GitProgram
from gitfleet.githooks.config_file import NAME, ConfigFile
from tests.workbench import Git

START = "[core]\n\tbare = false\n"
SHAPES = {
    "plain": START,
    "empty": "",
    "spaces": "[core]\n    bare = false\n  # a comment\n\n[user]\n  name = A\n",
    "carriage returns": "[core]\r\n\tbare = false\r\n",
    "carriage returns, no end": "[core]\r\n\tbare = false",
    "no end": "[core]\n\tbare = false",
    "one line": "[core] bare = false\n",
    "blank lines at the end": START + "\n\n",
    "comment at the end": START + "# the end\n",
    "comment without an end": START + "; the end",
    "comments alone": "# nothing\n",
    "includes": "[include]\n\tpath = ../x ; theirs\n" + START,
    "includes at the end": START + "[include]\n\tpath = ../x",
    "includes of a place": START + '[includeIf "gitdir:/home/"]\n\tpath = ../x\n',
    "an empty section": START + "[include]\n",
    "twice": START + "[user]\n\tname = A\n" + START,
    "odd spelling": '[CORE]\n  Bare="false" ; mine',
    "continued": "[core]\n\tbare = fal\\\nse\n",
    "a byte order mark": "\ufeff" + START,
}


class Clone:
    """A repository, its config file, and ours beside it that names a hooks folder."""

    def __init__(self, path: Path, git: Git) -> None:
        self.path, self.git = path, git
        self.config = path / ".git/config"
        self.file = ConfigFile(GitProgram(str(path / ".git")), str(self.config), NAME)

    def folder(self) -> str:
        return self.git(self.path, "config", "core.hooksPath")

    def lead(self) -> str:
        """Have git read our file; the fingerprint to lead it away with."""
        unended = self.file.unended()
        self.file.write("[core]\n\thooksPath = /ours\n")
        self.file.lead_to_ours()
        return unended


@pytest.fixture
def here(repository: Path, git: Git) -> Clone:
    return Clone(repository, git)


@pytest.mark.parametrize("shape", SHAPES)
def test_file_of_any_shape_leads_to_ours_and_is_as_it_was_afterwards(here: Clone, shape: str) -> None:
    before = SHAPES[shape].encode()
    here.config.write_bytes(before)
    unended = here.lead()
    assert here.file.leads_to_ours()
    assert here.folder() == "/ours"
    here.file.lead_away(unended)
    assert here.config.read_bytes() == before


@pytest.mark.parametrize(
    "more",
    [
        lambda clone: clone.git(clone.path, "config", "user.name", "B"),
        lambda clone: clone.git(clone.path, "config", "hook.theirs.event", "pre-push"),
        lambda clone: clone.git(clone.path, "config", "--unset", "core.bare"),
        lambda clone: clone.git(clone.path, "remote", "add", "new", "somewhere"),
    ],
)
def test_what_git_changes_in_between_is_the_same_without_us(
    here: Clone, more: Callable[[Clone], object]
) -> None:
    here.config.write_text("[user]\n\temail = a\n[core]\n\tbare = false\n\tabbrev = 8\n")
    more(here)
    expected = here.config.read_text()
    here.config.write_text("[user]\n\temail = a\n[core]\n\tbare = false\n\tabbrev = 8\n")
    unended = here.lead()
    more(here)
    here.file.lead_away(unended)
    assert here.config.read_text() == expected


@pytest.mark.parametrize(
    ("below", "left"),
    [
        ("[x]\n\ty = 1\n", "[x]\n\ty = 1\n"),
        ("# mine\n", "[include]\n# mine\n"),
        ("\n; mine\n[x]\n\ty = 1\n", "[include]\n\n; mine\n[x]\n\ty = 1\n"),
        ("\tpath = ../mine\n", "[include]\n\tpath = ../mine\n"),
    ],
)
def test_what_somebody_wrote_below_our_section_stays(here: Clone, below: str, left: str) -> None:
    here.config.write_text(START)
    here.lead()
    with here.config.open("a") as file:
        file.write(below)
    here.file.lead_away("")
    assert here.config.read_text() == START + left
    assert not here.file.leads_to_ours()


def test_file_of_ours_is_for_whom_the_config_file_is(here: Clone) -> None:
    for mode in (0o640, 0o664):
        here.config.chmod(mode)
        here.file.write("[core]\n\thooksPath = /ours\n")
        assert (here.config.parent / NAME).stat().st_mode & 0o777 == mode


def test_file_that_leads_to_another_of_ours_is_led_anew(here: Clone) -> None:
    key = "include.path"
    before = here.config.read_bytes()
    here.git(here.path, "config", key, f"/gone/{NAME}.worktree-x")
    assert not here.file.leads_to_ours()
    here.lead()
    assert here.git(here.path, "config", "--get-all", key) == NAME
    here.file.lead_away("")
    assert here.config.read_bytes() == before


def test_condition_is_written_only_where_somebody_has_an_include_already(here: Clone) -> None:
    here.config.write_text(START)
    here.lead()
    assert b"includeIf" not in here.config.read_bytes()
    here.config.write_text(START + f'[includeIf "gitdir:/**"]\n\tpath = {NAME}\n')
    assert not here.file.leads_to_ours()  # tools that want to know what git would run refuse conditions
    here.file.lead_to_ours()
    assert here.config.read_text() == START + f"[include]\n\tpath = {NAME}\n"
    here.git(here.path, "config", "--add", "include.path", "../mine")
    assert here.file.leads_to_ours()
    here.file.lead_to_ours()
    theirs = START + "[include]\n\tpath = ../mine\n"
    assert here.config.read_text() == theirs + f'[includeIf "gitdir:/**"]\n\tpath = {NAME}\n'
    assert here.file.leads_to_ours()
    here.file.lead_away("")
    assert here.config.read_text() == theirs


@pytest.mark.parametrize("header", ['[includeIf "gitdir:/**"]', "[include]"])
def test_sections_of_somebody_with_the_same_name_stay(here: Clone, header: str) -> None:
    theirs = f"{header}\n\tpath = ../mine\n"
    for before in (theirs, START + theirs + "[x]\n\ty = 1\n" + theirs):
        here.config.write_text(before)
        here.lead()
        here.file.lead_away("")
        assert here.config.read_text() == before


def test_settings_that_come_later_are_overruled_again(here: Clone) -> None:
    here.lead()
    with here.config.open("a") as file:
        file.write("[core]\n\thooksPath = theirs\n")
    assert here.folder() == "theirs"
    here.file.lead_to_ours()
    assert here.folder() == "/ours"


def test_file_whose_lock_is_held_stays_as_it_is(here: Clone) -> None:
    before = here.config.read_bytes()
    Path(f"{here.config}.lock").touch()
    with pytest.raises(LockHeld) as held:
        here.file.lead_to_ours()
    assert held.value.lock == f"{here.config}.lock"
    assert here.config.read_bytes() == before


@pytest.mark.parametrize(
    ("more", "may"),
    [
        ("", False),
        ("[include]\n\tpath = ../x\n", True),
        ('[includeIf "gitdir:/**"]\n\tpath = ../x\n', True),
        ("[Fleet]\n\tsession = s-1\n", True),
    ],
)
def test_our_section_alone_names_no_session(here: Clone, more: str, may: bool) -> None:
    here.lead()
    with here.config.open("a") as file:
        file.write(more)
    assert config_text.may_name_session(here.config.read_bytes()) == may

"""The maintainer put into the systems that run things, which are programs of the tests' own here, and what is known of it."""

from __future__ import annotations

import os
import plistlib
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gitfleet.base import clock
from gitfleet.errors import Blocked, UsageError
from gitfleet.git.repository import discover
from gitfleet.upkeep import maintainer, schedulers
from gitfleet.upkeep.maintainer import Maintainer, Options
from tests.workbench import Git

CRONTAB = r"""#!/bin/sh
table=$HOME/table
case $1 in
-l) [ -e "$HOME/forbidden" ] && { echo "you are not allowed to use this program" >&2; exit 1; }
    [ -e "$table" ] || { echo "no crontab for ada" >&2; exit 1; }; cat "$table" ;;
-r) rm "$table" ;;
-) cat > "$table" ;;
*) exit 2 ;;
esac
"""
RECORDED = r"""#!/bin/sh
echo "$*" >> "$HOME/asked"
case "$*" in *is-active*|"print "*) [ -e "$HOME/on" ] ;; *bootstrap*|*restart*) [ ! -e "$HOME/refused" ] && touch "$HOME/on" ;;
*bootout*|*disable*) rm -f "$HOME/on" ;; esac
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose `bin` is all of PATH beside git's and sh's."""
    place = tmp_path / "at home"
    (place / "bin").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(place / ".config"))
    for name in ("git", "sh", "cat", "rm", "touch", "env"):
        program = shutil.which(name)
        assert program
        (place / "bin" / name).symlink_to(program)
    monkeypatch.setenv("PATH", str(place / "bin"))
    return place


def program(home: Path, name: str, text: str) -> None:
    path = home / "bin" / name
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def found(repository: Path, tmp_path: Path, git: Git) -> Maintainer:
    """The maintainer of a clone in an awkward place."""
    place = tmp_path / 'it\'s 100% "A & B" $HOME'
    shutil.copytree(repository, place)
    (place / ".git/gitfleet").mkdir()
    return Maintainer(discover(str(place)))


def test_cron_keeps_all_other_lines_and_takes_away_exactly_its_own(found: Maintainer, home: Path) -> None:
    program(home, "crontab", CRONTAB)
    table = home / "table"
    others = b"MAILTO=ada\n\n# mine\n0 1 * * * tidy \\% up\n*/5 * * * * other # gitfleet-maintainer-other"
    table.write_bytes(others)
    scheduler = schedulers.choose(None)
    assert scheduler.kind == "cron"
    found.install(scheduler, 300, Options())
    once = table.read_bytes()
    assert once.startswith(others + b"\n*/5 * * * * ")
    found.install(scheduler, 300, Options())
    assert table.read_bytes() == once
    found.install(scheduler, 600, Options())
    assert b"*/10 * * * * " in table.read_bytes()
    assert table.read_bytes().count(found.name.encode()) == 1
    looked = found.look()
    assert looked
    assert looked[1].on
    assert found.uninstall() == ["cron"]
    assert table.read_bytes() == others + b"\n"
    assert found.uninstall() == []
    assert found.look() is None


def test_crontab_that_was_empty_is_gone_again(found: Maintainer, home: Path) -> None:
    program(home, "crontab", CRONTAB)
    found.install(schedulers.choose("cron"), 300, Options())
    assert (home / "table").exists()
    found.uninstall()
    assert not (home / "table").exists()


def test_crontab_that_may_not_be_read_is_never_taken_for_empty(found: Maintainer, home: Path) -> None:
    program(home, "crontab", CRONTAB)
    (home / "table").write_text("0 1 * * * precious\n")
    (home / "forbidden").touch()
    with pytest.raises(Blocked, match="not allowed"):
        found.install(schedulers.choose("cron"), 300, Options())
    assert (home / "table").read_text() == "0 1 * * * precious\n"
    assert found.installed() is None


def test_cron_line_is_what_a_shell_can_run_from_an_awkward_place(found: Maintainer, home: Path) -> None:
    program(home, "crontab", CRONTAB)
    found.install(schedulers.choose("cron"), 300, Options())
    line = (home / "table").read_text().rstrip("\n")
    command = line.removeprefix("*/5 * * * * ").partition(" >/dev/null")[0].replace("\\%", "%")
    spoken = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {command}"], capture_output=True, text=True, check=True
    )
    assert spoken.stdout.splitlines() == list(found.plan(300).command)


def test_systemd_has_two_files_and_a_timer_that_is_started(found: Maintainer, home: Path) -> None:
    program(home, "systemctl", RECORDED)
    program(home, "crontab", CRONTAB)
    scheduler = schedulers.choose(None)
    assert scheduler.kind == "systemd"
    found.install(scheduler, 300, Options())
    folder = home / ".config/systemd/user"
    files = sorted(path.name for path in folder.iterdir())
    assert files == [f"{found.name}.service", f"{found.name}.timer"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o644}
    asked = (home / "asked").read_text()
    assert f"--user restart {found.name}.timer" in asked
    looked = found.look()
    assert looked
    assert looked[1].on
    before = {path: path.read_bytes() for path in folder.iterdir()}
    found.install(scheduler, 300, Options())
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert found.uninstall() == ["systemd"]
    assert list(folder.iterdir()) == []
    assert f"disable --now {found.name}.timer" in (home / "asked").read_text()
    assert not (home / "table").exists()


def test_launchd_has_one_agent(found: Maintainer, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    program(home, "launchctl", RECORDED)
    scheduler = schedulers.choose(None)
    assert scheduler.kind == "launchd"
    found.install(scheduler, 300, Options())
    path = home / f"Library/LaunchAgents/{found.name}.plist"
    assert plistlib.loads(path.read_bytes())["ProgramArguments"] == list(found.plan(300).command)
    assert f"bootstrap gui/{os.getuid()} {path}" in (home / "asked").read_text()
    assert found.uninstall() == ["launchd"]
    assert not path.exists()


def test_install_that_the_system_refuses_leaves_nothing(found: Maintainer, home: Path) -> None:
    program(home, "systemctl", RECORDED)
    (home / "refused").touch()
    with pytest.raises(Blocked, match="systemctl"):
        found.install(schedulers.choose(None), 300, Options())
    assert list((home / ".config/systemd/user").iterdir()) == []
    assert found.installed() is None


def test_install_of_another_kind_takes_the_place_of_the_first(found: Maintainer, home: Path) -> None:
    program(home, "systemctl", RECORDED)
    program(home, "crontab", CRONTAB)
    found.install(schedulers.choose("systemd"), 300, Options())
    found.install(schedulers.choose("cron"), 300, Options())
    assert list((home / ".config/systemd/user").iterdir()) == []
    looked = found.look()
    assert looked
    assert looked[0].kind == "cron"


def test_system_without_any_is_said(found: Maintainer, home: Path) -> None:
    with pytest.raises(UsageError, match="no launchd"):
        schedulers.choose(None)
    with pytest.raises(UsageError, match="not a kind"):
        schedulers.choose("at")
    for kind in schedulers.KINDS:
        with pytest.raises(UsageError):
            found.install(schedulers.choose(kind), 300, Options())
    assert not os.path.exists(os.path.join(found.folder, "installed.json"))


@pytest.mark.parametrize("every", [0, 30, 86401])
def test_rhythm_that_makes_no_sense_is_refused(found: Maintainer, every: int) -> None:
    with pytest.raises(UsageError, match="every"):
        found.plan(every)


def test_two_clones_have_maintainers_of_their_own_and_a_copy_is_another(
    found: Maintainer, home: Path, tmp_path: Path
) -> None:
    program(home, "crontab", CRONTAB)
    found.install(schedulers.choose("cron"), 300, Options())
    clone = os.path.dirname(os.path.dirname(os.path.dirname(found.folder)))
    shutil.copytree(clone, tmp_path / "copy")
    copy = Maintainer(discover(str(tmp_path / "copy")))
    assert copy.name != found.name
    assert copy.installed() is None
    assert copy.look() is None
    copy.install(schedulers.choose("cron"), 300, Options())
    assert len((home / "table").read_text().splitlines()) == 2
    copy.uninstall()
    assert found.name in (home / "table").read_text()


def test_clone_that_was_moved_takes_its_old_schedule_along(
    found: Maintainer, home: Path, tmp_path: Path
) -> None:
    program(home, "crontab", CRONTAB)
    found.install(schedulers.choose("cron"), 300, Options())
    clone = os.path.dirname(os.path.dirname(os.path.dirname(found.folder)))
    os.rename(clone, tmp_path / "moved")
    moved = Maintainer(discover(str(tmp_path / "moved")))
    before = moved.moved()
    assert before
    assert before.clone == clone
    assert moved.installed() is None
    moved.install(schedulers.choose("cron"), 300, Options())
    (line,) = (home / "table").read_text().splitlines()
    assert line.endswith(moved.name)
    os.rename(tmp_path / "moved", tmp_path / "again")
    assert Maintainer(discover(str(tmp_path / "again"))).uninstall() == ["cron"]
    assert not (home / "table").exists()


def test_crontab_that_may_not_be_read_never_had_what_was_not_installed(found: Maintainer, home: Path) -> None:
    program(home, "crontab", CRONTAB)
    (home / "forbidden").touch()
    assert found.look() is None
    assert found.uninstall() == []


def test_options_and_path_of_the_install_are_those_of_the_run(found: Maintainer, home: Path) -> None:
    program(home, "crontab", CRONTAB)
    options = Options(strategy="rebase", base="dev", reconcile_only=False, ttl=3600)
    found.install(schedulers.choose("cron"), 300, options)
    record = found.installed()
    assert record
    assert record.options == options
    assert record.interpreter == sys.executable
    assert str(home / "bin") in maintainer.search_path(record)
    assert stat.S_IMODE(os.stat(os.path.join(found.folder, "installed.json")).st_mode) == 0o600


def test_run_keeps_others_away_and_notes_how_it_went(found: Maintainer) -> None:
    turn = found.begin()
    assert turn
    assert found.begin() is None
    assert str(os.getpid()) in found.running()
    last = found.last()
    assert last
    assert (last.ended, last.code) == (None, None)
    turn.say("hello \x1b[31mthere")
    turn.end(21, ["one failed"])
    assert found.running() == ""
    last = found.last()
    assert last
    assert (last.code, list(last.words)) == (21, ["one failed"])
    assert clock.now() - last.started < 60
    assert [line.split(" ", 1)[1] for line in found.tail(10)] == [
        "hello there",
        "one failed",
        "ended with 21",
    ]
    assert stat.S_IMODE(os.stat(found.log).st_mode) == 0o600
    again = found.begin()
    assert again
    again.end(0, [])


def test_log_of_many_runs_stays_small(found: Maintainer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintainer, "LOG_LIMIT", 4096)
    for number in range(100):
        turn = found.begin()
        assert turn
        turn.end(0, [f"run {number} " + "x" * 200])
    sizes = [os.stat(path).st_size for path in (found.log, f"{found.log}.1")]
    assert max(sizes) <= 4096
    assert "run 99" in "\n".join(found.tail(5))


@pytest.mark.parametrize("damage", [b"", b"{", b'{"kind": 5}', b'{"options": []}', b"\xff"])
def test_record_that_is_damaged_counts_as_none(found: Maintainer, damage: bytes) -> None:
    os.makedirs(found.folder)
    for name in ("installed.json", "last.json"):
        Path(found.folder, name).write_bytes(damage)
    assert found.installed() is None
    assert found.last() is None

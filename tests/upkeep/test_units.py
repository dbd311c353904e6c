"""What systems are given to run, for paths that every format quotes in its own way."""

from __future__ import annotations

import plistlib
import shutil
import subprocess
from pathlib import Path

import pytest

from gitfleet.errors import UsageError
from gitfleet.upkeep import units
from gitfleet.upkeep.units import Plan

ODD = [
    "/plain",
    "/with space/and  two",
    "/single'quote",
    '/double"quote',
    "/amp&ersand <tag> ]]>",
    "/percent%and%%n %h",
    "/dollar$HOME ${PATH} $$",
    "/hash # semi; pipe| (x) `id` !",
    "/unicode-ü-日本",
    "/@NAME@ @COMMAND@",
    "-begins with a dash",
]
BACKSLASHED = ["/back\\slash", "/back\\\\two\\n", '/both\\"', "/end\\"]


def plan(word: str) -> Plan:
    return Plan("gitfleet-maintainer-0123456789ab", word, ("/usr/bin/python3", "-P", "-C", word, "run"), 300)


@pytest.mark.parametrize("word", ODD + BACKSLASHED)
def test_plist_read_back_has_the_words_as_they_were(word: str) -> None:
    found = plistlib.loads(units.plist(plan(word)))
    assert found["ProgramArguments"] == list(plan(word).command)
    assert found["StartInterval"] == 300
    assert found["RunAtLoad"] is True
    assert found["Label"] == plan(word).name


@pytest.mark.parametrize("word", ODD)
def test_cron_line_given_to_the_shell_as_cron_does_has_the_words_as_they_were(word: str) -> None:
    line = units.cron_line(plan(word)).decode()
    assert line.startswith("*/5 * * * * ")
    assert line.endswith(" >/dev/null 2>&1 # gitfleet-maintainer-0123456789ab\n")
    command = line.removeprefix("*/5 * * * * ").partition(" >/dev/null")[0]
    assert "%" not in command.replace("\\%", ""), "cron would end the command there"
    for spelled in (
        command.replace("\\%", "%"),
        command,
    ):  # as cron programs hand it on: most without, some with
        argv = ["sh", "-c", f"printf '%s\\0' {spelled}"]
        said = subprocess.run(argv, capture_output=True, check=True).stdout.decode()
        assert said.split("\0")[:-1] == list(plan(word).command)


@pytest.mark.parametrize("word", BACKSLASHED)
def test_cron_line_for_a_backslash_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="backslash"):
        units.cron_line(plan(word))


def test_cron_line_that_is_too_long_is_refused() -> None:
    with pytest.raises(UsageError, match="too long"):
        units.cron_line(plan("/x" * 500))


@pytest.mark.parametrize(
    ("seconds", "when"),
    [
        (60, "* * * * *"), (300, "*/5 * * * *"), (3600, "0 * * * *"), (7200, "0 */2 * * *"), (86400, "0 0 * * *"),
    ],
)  # fmt: skip
def test_cron_rhythm_is_spelled_in_its_five_fields(seconds: int, when: str) -> None:
    assert units.cron_line(plan("/x")._replace(every=seconds)).decode().startswith(f"{when} /")


@pytest.mark.parametrize("seconds", [90, 420, 5 * 3600, 59])
def test_cron_rhythm_that_the_clock_does_not_divide_into_is_refused(seconds: int) -> None:
    with pytest.raises(UsageError, match="every"):
        units.cron_line(plan("/x")._replace(every=seconds))


def unquoted(line: str) -> list[str]:
    """A systemd command line read as systemd.service(5) says: quotes, C escapes, `%%`, `$$`."""
    words, word, rest = [], None, line.replace("%%", "%")
    inside = False
    position = 0
    while position < len(rest):
        char = rest[position]
        if char == '"':
            inside, word = not inside, word or ""
        elif char == "\\":
            position += 1
            word = (word or "") + rest[position]
        elif char == " " and not inside:
            words += [] if word is None else [word]
            word = None
        else:
            word = (word or "") + char
        position += 1
    return [one.replace("$$", "$") for one in [*words, *([] if word is None else [word])]]


@pytest.mark.parametrize("word", ODD + BACKSLASHED)
def test_systemd_command_read_as_its_manual_says_has_the_words_as_they_were(word: str) -> None:
    text = units.service(plan(word), "/usr/bin/env").decode()
    (line,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    assert unquoted(line.removeprefix("ExecStart=")) == ["/usr/bin/env", *plan(word).command]


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (scripts/system-packages)"
)
def test_systemd_units_pass_its_own_check(tmp_path: Path) -> None:
    names = []
    for number, word in enumerate(ODD + BACKSLASHED):
        made = plan(word)._replace(name=f"gitfleet-maintainer-{number}")
        for ending, text in (
            (".service", units.service(made, "/usr/bin/env")),
            (".timer", units.timer(made)),
        ):
            (tmp_path / f"{made.name}{ending}").write_bytes(text)
            names.append(str(tmp_path / f"{made.name}{ending}"))
    argv = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *names]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    complaints = [line for line in (done.stderr + done.stdout).splitlines() if "gitfleet-maintainer" in line]
    assert complaints == []
    assert done.returncode == 0, done


@pytest.mark.parametrize("word", ["/line\nbreak", "/tab\there", "/esc\x1b", "/no utf-8 \udcff"])
def test_path_that_a_format_cannot_hold_is_refused(word: str) -> None:
    for make in (units.plist, lambda made: units.service(made, "/usr/bin/env")):
        with pytest.raises(UsageError, match="cannot hold"):
            make(plan(word))


def test_crontab_line_of_another_clone_is_not_ours() -> None:
    line = units.cron_line(plan("/x"))
    assert units.is_cron_line_of(plan("/x").name, line)
    assert not units.is_cron_line_of("gitfleet-maintainer-fedcba987654", line)
    assert not units.is_cron_line_of(plan("/x").name, b"# kept: " + line)

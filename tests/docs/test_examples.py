"""Every shell example of the README and the guides is run, as it stands there.

A block with the info string `console` is run. All blocks of one page run in order, in one shell, so that `cd` and
variables last; the page starts in `ada`, one of two clones (`ada`, `ben`) of a hub with the files of
`tests.conftest.FILES`. The tutorial starts in an empty folder, and makes `ada` and `ben` there.

- `$ command` is run where the shell is; `ada$ command` and `ben$ command` are run at the top of that clone.
- The lines below it are what it says. Each must be found in its output (both streams), in this order; lines may be left out,
  `…` stands for anything, and runs of blanks are one.
- `(exit code 10)` as the last line is the exit code; without it, it must be 0.
- `<!-- console` … `-->` is run too, but not shown: what a page takes for granted.

Shell commands that cannot be run here are in `sh` blocks, and listed in NOT_RUN.

The `python` blocks of a page are one program, run in the folder that holds `ada` and `ben`. What is behind
`print(…)  # ` must be in what it prints, in this order; `…` is as above.
"""

from __future__ import annotations

import pkgutil
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from gitfleet import Fleet
from gitfleet.cli import contents
from gitfleet.fleet.attention.people_inbox import PeopleInbox
from gitfleet.fleet.claims_facade import FleetClaims
from gitfleet.fleet.upkeep_facade import Upkeep
from gitfleet.fleet.worktrees_facade import FleetWorktrees
from gitfleet.gates.service import Gates
from gitfleet.mergequeue.service import MergeQueue
from gitfleet.radar.radar import Radar
from gitfleet.triage.service import FleetPlans
from gitfleet.trunk import policy_rules
from tests.docs.served import run_script
from tests.workbench import ROOT, Git, Gitfleet, run

TUTORIAL = ROOT / "docs/tutorial.md"
IN_CLONES = [ROOT / "README.md", *sorted((ROOT / "docs/guides").glob("*.md"))]
PAGES = [TUTORIAL, *IN_CLONES]
NAMES = {page: page.relative_to(ROOT).as_posix() for page in PAGES}

# line of an `sh` block -> why it is not run here
NOT_RUN: Mapping[str, str] = {
    "gitfleet gate status || gitfleet gate run --ci": "tests/cli/test_gate_run.py does the same in a checkout of CI",
    "gitfleet maintainer install": "changes what the system runs; tests/upkeep/test_maintainer.py does so with fake systems",
    "make demo": "installs what is not there; tests/cli/test_demo.py plays the same",
    "make test": "runs this",
    "pipx install .": "needs pipx; tests/test_packaging.py installs the wheel",
    "uv tool install .": "needs a network; tests/test_packaging.py installs the wheel",
    "python3 -m pip install .": "needs a network; tests/test_packaging.py installs the wheel",
}
LANGUAGES = {"console", "sh", "text", "yaml", "markdown", "json", "python"}

_BLOCK = re.compile(r"^```(\S*)\n(.*?)^```$|^<!-- console\n(.*?)^-->$", re.MULTILINE | re.DOTALL)
_PROMPT = re.compile(r"(?:(ada|ben)|)\$ (.*)")
_CODE = re.compile(r"\(exit code (\d+)\)")
_MARK = "=== example"
_PRINTS = re.compile(r"^ *print\(.*\)  # (.+)$", re.MULTILINE)


class Example(NamedTuple):
    """One command of a page: the line it stands in, the clone it is run in ("": wherever the shell is), what it says."""

    line: int
    where: str
    command: str
    says: list[str]
    code: int


class Block(NamedTuple):
    line: int
    language: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        language, shown, hidden = found.groups()
        line = text.count("\n", 0, found.start()) + 2
        yield Block(line, "console" if shown is None else language, hidden if shown is None else shown)


def examples(page: Path) -> list[Example]:
    found: list[Example] = []
    for block in blocks(page):
        if block.language != "console":
            continue
        for number, line in enumerate(block.text.splitlines(), block.line):
            prompt, code = _PROMPT.fullmatch(line), _CODE.fullmatch(line)
            if prompt:
                found.append(Example(number, prompt[1] or "", prompt[2], [], 0))
            elif code:
                found[-1] = found[-1]._replace(code=int(code[1]))
            elif line.strip():
                found[-1].says.append(line)
    return found


def script(page: Path, world: Path) -> str:
    lines = ["exec 2>&1 </dev/null"]
    for example in examples(page):
        lines.append(f"echo; echo '{_MARK}'")
        if example.where:
            lines.append(f"cd {shlex.quote(str(world / example.where))}")
        lines += [example.command, r"printf '\ncode %s\n' $?"]
    return "\n".join(lines) + "\n"


@pytest.fixture
def world(clone: Callable[[str], Path], git: Git, tmp_path: Path) -> Path:
    """Two clones of a hub, and a folder `bin`."""
    for name in ("ada", "ben"):
        git(clone(name), "config", "user.name", name.capitalize())
    (tmp_path / "bin").mkdir()
    return tmp_path


def pattern(line: str) -> str:
    words = [re.escape(" ".join(part.split())) for part in line.split("…")]
    return ".*".join(words)


def wrong(example: Example, said: str, code: int) -> str:
    """What is not as the page says; "" when all is."""
    place = f"line {example.line}: {example.command}"
    if code != example.code:
        return f"{place}\n  ended with {code}, not {example.code}:\n{said}"
    lines = iter([" ".join(line.split()) for line in said.splitlines()])
    for wanted in example.says:
        if not any(re.search(pattern(wanted), line) for line in lines):
            return f"{place}\n  did not say, or not in this order: {wanted}\n{said}"
    return ""


def assert_as_shown(page: Path, world: Path, start: Path, gitfleet: Gitfleet, programs: Path) -> None:
    """Run the examples of a page one after the other, from `start`; `ada` and `ben` are in `world`."""
    told = examples(page)
    path = programs / "page.sh"
    path.write_text(script(page, world), encoding="utf-8")
    ran = run_script(path, start, gitfleet, programs).ok()
    outcomes = ran.stdout.split(f"\n{_MARK}\n")[1:]
    assert len(outcomes) == len(told), ran
    faults = []
    for example, outcome in zip(told, outcomes, strict=True):
        said, _, code = outcome.rpartition("\ncode ")
        faults.append(wrong(example, said, int(code)))
    assert not any(faults), "\n\n".join([f"{page.name}:", *filter(None, faults)])


@pytest.mark.slow
@pytest.mark.parametrize("page", IN_CLONES, ids=NAMES.get)
def test_console_examples_of_a_page_run_in_order_say_what_is_shown(
    page: Path, world: Path, gitfleet: Gitfleet
) -> None:
    assert_as_shown(page, world, world / "ada", gitfleet, world / "bin")


@pytest.mark.slow
def test_commands_of_the_tutorial_run_in_an_empty_folder_and_say_what_is_shown(
    tmp_path: Path, gitfleet: Gitfleet
) -> None:
    for name in ("empty", "bin"):
        (tmp_path / name).mkdir()
    assert_as_shown(TUTORIAL, tmp_path / "empty", tmp_path / "empty", gitfleet, tmp_path / "bin")


LIBRARY = [page for page in PAGES if any(block.language == "python" for block in blocks(page))]


@pytest.mark.parametrize("page", LIBRARY, ids=[page.name for page in LIBRARY])
def test_python_examples_of_a_page_run_as_one_program_and_print_what_is_shown(
    page: Path, world: Path, gitfleet: Gitfleet
) -> None:
    code = [block.text for block in blocks(page) if block.language == "python"]
    program = world / "page.py"
    program.write_text("\n".join(code), encoding="utf-8")
    printed = run([sys.executable, program], world, env=gitfleet.environment()).ok().stdout
    shown = [found[1] for text in code for found in _PRINTS.finditer(text)]
    lines = iter([" ".join(line.split()) for line in printed.splitlines()])
    missing = [wanted for wanted in shown if not any(re.search(pattern(wanted), line) for line in lines)]
    assert missing == [], printed


@pytest.mark.parametrize("page", PAGES, ids=NAMES.get)
def test_code_blocks_of_a_page_have_a_language_that_is_checked(page: Path) -> None:
    assert {block.language for block in blocks(page)} <= LANGUAGES
    commands = [line for block in blocks(page) if block.language == "sh" for line in block.text.splitlines()]
    assert [line for line in commands if line.partition("#")[0].rstrip() not in NOT_RUN] == []


def test_commands_that_are_not_run_are_in_a_page() -> None:
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    assert [command for command in NOT_RUN if not any(command in text for text in texts)] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES.get)
def test_rules_shown_in_a_page_are_rules_that_gitfleet_takes(page: Path) -> None:
    for block in blocks(page):
        if block.language == "yaml":
            policy_rules.parse(block.text.encode())


def test_methods_that_the_library_page_names_are_there() -> None:
    page = (ROOT / "docs/guides/library.md").read_text(encoding="utf-8")
    kinds: dict[str, type] = {
        "claims": FleetClaims,
        "queue": MergeQueue,
        "gates": Gates,
        "inbox": PeopleInbox,
        "worktrees": FleetWorktrees,
        "upkeep": Upkeep,
        "radar": Radar,
        "plans": FleetPlans,
    }
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", page, re.MULTILINE))
    own = [
        name
        for cell in re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
        for name in re.findall(r"`(\w+)\(", cell)
    ]
    assert [name for name in own if not hasattr(Fleet, name)] == []
    assert kinds.keys() <= rows.keys()
    for name, kind in kinds.items():
        named = re.findall(r"`(\w+)(?:\([^`]*\))?`", rows[name])
        assert [one for one in named if not hasattr(kind, one)] == [], name


def commands_with_a_way_in_the_library() -> set[str]:
    """The commands that the tables of the library page have: in the second one by their names, in the first by what they do."""
    page = (ROOT / "docs/guides/library.md").read_text(encoding="utf-8")
    first, second = page.split("| command | in a program |")
    named = re.findall(r"`(?:gitfleet )?([a-z][a-z -]*)`", second.split("## Waiting")[0])
    named += re.findall(r"`gitfleet ([a-z -]+)", first)
    return {*named, *re.findall(r"`([a-z]+)\b", first.split("## What there is")[1])}


def test_command_is_in_a_table_of_the_library_page() -> None:
    there = commands_with_a_way_in_the_library()
    lacking = [
        name
        for group in contents.COMMANDS.values()
        for name in group
        if name not in {*there, *(one.split()[0] for one in there)}
        and name
        not in {"worktree", "maintainer", "break", "offer", "accept", "tell"}  # methods of the same name
    ]
    assert lacking == []


def test_function_that_the_library_page_names_is_there() -> None:
    page = (ROOT / "docs/guides/library.md").read_text(encoding="utf-8")
    named = re.findall(r"`(gitfleet(?:\.\w+)+)", page)
    assert len(named) > 20
    assert [name for name in named if pkgutil.resolve_name(name) is None] == []

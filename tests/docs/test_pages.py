"""The pages are whole: generated ones are fresh, links lead somewhere, and they name only commands and options that exist."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gitfleet.cli import schemas
from gitfleet.cli.app import whole
from gitfleet.cli.contents import ALONE
from gitfleet.cli.manual import VARIABLES
from gitfleet.errors import EXIT_CODES
from tests.workbench import ROOT, run

REFERENCE = ROOT / "docs/reference"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
_PICTURE = re.compile(r'\b(?:src|srcset)="([^"]+)"')
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_CALL = re.compile(r"(?<![\w.])(?<!of )(?<!from )(?:gitfleet|git fleet) ([a-z][^`\n;|#]*)")


def names(paths: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(text)]
    return {heading.replace(" ", "-") for heading in plain}


def commands(group: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        yield (name,), command
        if hasattr(command, "commands"):
            yield from (((name, *rest), inner) for rest, inner in commands(command))


def calls(page: Path) -> list[str]:
    """What a page says of `gitfleet COMMAND` in code, one call each."""
    code = [found[0] for found in _CODE.finditer(page.read_text(encoding="utf-8"))]
    return [call.strip() for piece in code for call in _CALL.findall(piece)]


def unknown(call: str) -> str:
    """What of a call there is not: the command, or one of its options."""
    known = dict(commands(whole()))
    words = call.split()
    if words[0] == "help":  # of all, or of the command behind it
        rest = [word for word in words[1:] if word != "--json"]
        return unknown(" ".join(rest)) if rest and rest[0].islower() else ""
    path = tuple(words[:2]) if tuple(words[:2]) in known else tuple(words[:1])
    if path not in known:
        return f"gitfleet {call}: no such command"
    declared = {name for one in known[path].params for name in (*one.opts, *one.secondary_opts)}
    spelled = declared | {"--help", *ALONE.get(path[0], ())}
    options = [
        word.partition("=")[0] for word in words if re.fullmatch(r"--[a-z][a-z-]*", word.partition("=")[0])
    ]
    return next((f"gitfleet {call}: no {option}" for option in options if option not in spelled), "")


def test_generated_pages_are_as_the_generator_makes_them() -> None:
    run([sys.executable, ROOT / "scripts/generate-docs", "--check"], ROOT).ok()


def test_generator_names_stale_and_foreign_pages_and_ends_with_1(tmp_path: Path) -> None:
    for folder in ("docs", "gitfleet", "hooks", "templates", "scripts"):
        run(["cp", "-R", ROOT / folder, tmp_path / folder], ROOT).ok()
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "docs/reference/cli.md").write_text("old\n", encoding="utf-8")
    (tmp_path / "docs/reference/schemas/gone.json").write_text("{}", encoding="utf-8")
    generator = [sys.executable, str(tmp_path / "scripts/generate-docs")]

    said = run([*generator, "--check"], tmp_path, env={"PYTHONPATH": None}).ended(1).stdout

    assert said.splitlines() == ["stale: docs/reference/cli.md", "stale: docs/reference/schemas/gone.json"]
    run(generator, tmp_path).ok()
    run([*generator, "--check"], tmp_path).ok()


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_links_of_a_page_lead_to_something_that_is_there(page: Path) -> None:
    broken = []
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    for link in [*_LINK.findall(text), *_PICTURE.findall(text)]:
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        if place.startswith(("http:", "https:")):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_modules_that_the_threat_model_names_are_there() -> None:
    named = re.findall(
        r"`(gitfleet/[\w/]+\.py)`", (ROOT / "docs/threat-model.md").read_text(encoding="utf-8")
    )
    assert len(named) > 30
    assert [module for module in named if not (ROOT / module).is_file()] == []


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_commands_that_a_page_names_exist_with_these_options(page: Path) -> None:
    assert [fault for call in calls(page) if (fault := unknown(call))] == []


def test_pages_of_the_documentation_are_all_reached_from_the_readme() -> None:
    reached, open_ = set(), [ROOT / "README.md"]
    while open_:
        page = open_.pop()
        reached.add(page)
        links = _LINK.findall(page.read_text(encoding="utf-8")) if page.suffix == ".md" else []
        found = {
            (page.parent / link.partition("#")[0]).resolve() for link in links if not link.startswith("http")
        }
        open_ += [target for target in found if target.is_file() and target not in reached]
    folders = [ROOT / "docs" / name for name in ("guides", "reference", "decisions")]
    pages = {path for folder in folders for path in folder.rglob("*") if path.is_file()}
    pages |= set((ROOT / "docs").glob("*.md"))
    assert sorted(names(list(pages - reached))) == []


def test_commands_of_the_program_are_all_described_with_their_json() -> None:
    leaves = {" ".join(path) for path, command in commands(whole()) if not hasattr(command, "commands")}
    assert leaves == {name.partition(" --")[0] for name in schemas.COMMANDS}


def test_settings_that_the_program_reads_are_in_their_page() -> None:
    page = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    code = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "gitfleet").rglob("*.py")))
    read = {*re.findall(r'"(fleet\.[a-z][a-z-]+)"', code), *VARIABLES} - {"fleet.json", "fleet.yaml"}
    assert sorted(f"`{name}`" for name in read) == sorted(
        re.findall(r"`(?:fleet\.[a-z-]+|GITFLEET_[A-Z]+|NO_COLOR)`(?= \|)", page)
    )


def test_exit_codes_of_commands_are_codes_that_have_a_meaning() -> None:
    used = {code for command in schemas.COMMANDS.values() for code in command.codes} | set(schemas.EVERYWHERE)
    assert used <= set(EXIT_CODES)


@pytest.mark.parametrize("schema", sorted((REFERENCE / "schemas").glob("*.json")), ids=lambda path: path.stem)
def test_schema_is_json_that_says_which_schema_language_it_is_in(schema: Path) -> None:
    assert json.loads(schema.read_text(encoding="utf-8"))["$schema"].startswith(
        "https://json-schema.org/draft/"
    )

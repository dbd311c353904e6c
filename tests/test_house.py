"""The rules of the house that no linter knows. Layers are a contract of their own, in pyproject.toml.

Each rule has one table of what it allows; an entry gives its reason, and one that nothing needs any more fails.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from gitfleet.base.commands import COMMANDS
from tests.workbench import ROOT, run

PACKAGE = ROOT / "gitfleet"
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*.py"))

MODULE_LINES = 400
FUNCTION_LINES = 50

FORBIDDEN_NAMES = frozenset(
    [
        "utils",
        "util",
        "helpers",
        "helper",
        "common",
        "misc",
        "core",
        "types",
        "manager",
        "managers",
        "base_utils",
    ]
)


class Door(NamedTuple):
    """An effect that one place has: what gives it away (a pattern over dotted names), and who may."""

    effect: str
    pattern: str
    allowed: Mapping[str, str]


DOORS = [
    Door(
        "words of a shell",
        r"shlex\.(quote|join)",
        {
            "gitfleet/cli/demo_runner.py": "a script of ours",
            "gitfleet/git/racing.py": "a script of ours",
            "gitfleet/git/ssh_sharing.py": "a variable that git reads",
            "gitfleet/githooks/agents/wanted.py": "a setting that clients read",
            "gitfleet/upkeep/units.py": "a line that systemd and cron read",
        },
    ),
    Door(
        "processes",
        r"subprocess(\..*)?|os\.(system|popen|fork|forkpty|spawn\w+)|asyncio\.create_subprocess_\w+|pty\.(fork|spawn)",
        {
            "gitfleet/base/popen.py": "the door, for what needs all of `subprocess`",
            "gitfleet/base/children.py": "the door for a program that is the user's to talk to",
            "gitfleet/base/exec_child.py": "the other side of that door",
            "gitfleet/base/guard.py": "a program of its own, which imports nothing of ours",
            "gitfleet/hosts/wire.py": "the door for a program that the event loop drives",
            "gitfleet/mcp/children.py": "a server too small for `subprocess`; its commands end with it",
            "gitfleet/jobs/setup/program.py": "what it runs writes where the agent will write",
            "gitfleet/onhost/acting/programs.py": "runs on hosts that have nothing else of ours",
        },
    ),
    Door(
        "bare processes",
        r"os\.(posix_spawnp?|exec[vl]\w*)",
        {
            "gitfleet/base/exec_child.py": "becomes the user's program, in a process that waited for the word",
            "gitfleet/base/processes.py": "the door",
            "gitfleet/base/spawning.py": "the door, for what a claim has no time for `subprocess` to start",
            "gitfleet/cli/becoming.py": "becomes the server, which shares nothing with the command line",
            "gitfleet/mcp/children.py": "the other side of that door",
            "gitfleet/jobs/setup/program.py": "becomes the agent, for which it has made the worktree ready",
            "gitfleet/jobs/shepherd/containers.py": "a shepherd is too small for `subprocess`",
            "gitfleet/jobs/shepherd/in_scope.py": "becomes the agent, in the scope that it was started in",
            "gitfleet/githooks/handover.py": "the way to yes has no time for `subprocess`",
            "gitfleet/githooks/catfile.py": "the way to yes has no time for `subprocess`",
        },
    ),
    Door(
        "wall clock",
        r"time\.time(_ns)?|(datetime\.)?datetime\.(now|utcnow|today)|(datetime\.)?date\.today",
        {
            "gitfleet/base/clock.py": "the door",
            "gitfleet/onhost/facts.py": "what runs on a host alone imports nothing of ours",
        },
    ),
    Door(
        "reading JSON",
        r"json\.(loads?|JSONDecoder)",
        {
            "gitfleet/base/canonical.py": "the door, for records and state files",
            "gitfleet/base/plain_json.py": "the door, for all else",
            "gitfleet/base/fast_json.py": "the door, on the way of a hook to yes",
            "gitfleet/base/guard.py": "a program of its own, which imports nothing of ours",
            "gitfleet/fleet/telemetry/bug_report.py": "a copy of a file of ours, of which only words of ours are told",
            "gitfleet/fleet/views/envelope.py": "what we have just written ourselves",
            "gitfleet/githooks/agents/jsontext.py": "where the parts of a text stand",
            "gitfleet/hosts/frames.py": "no NaN: refused with words of its own",
            "gitfleet/mcp/messages.py": "as above; and a server too small for more",
            "gitfleet/jobs/shepherd/in_scope.py": "a program of its own",
            "gitfleet/jobs/streams/lines.py": "a thousand lines at once, without what `loads` does beside",
            "gitfleet/onhost/acting/act_journal.py": "runs on hosts that have nothing else of ours",
            "gitfleet/onhost/serving.py": "runs on hosts that have nothing else of ours",
            "gitfleet/onhost/state.py": "runs on hosts that have nothing else of ours",
            "gitfleet/sessions/launchers.py": "a table that comes with us",
            "gitfleet/sessions/orchestration.py": "a table that comes with us",
            "gitfleet/web/requests.py": "a name that stands twice is refused",
        },
    ),
    Door(
        "printing",
        r"print",
        {"gitfleet/cli/render.py": "the door"},
    ),
]

# a piece of text -> the modules that may have it in a string (docstrings and comments are free)
SPELLERS: Mapping[str, Mapping[str, str]] = {
    "refs/fleet": {"gitfleet/git/fleetrefs.py": "the door"},
}

# What talks like the command line (docstrings and comments are free); all else names what to do by `base.advice`.
ENTRY_POINTS = ("gitfleet/cli/", "gitfleet/githooks/", "gitfleet/agenthooks/", "gitfleet/mcp/")
COMMAND = re.compile(
    rf"`gitfleet |\bgitfleet ({'|'.join(sorted({words.split()[1] for words in COMMANDS.values()}))})\b"
)
COMMANDERS: Mapping[str, str] = {
    "gitfleet/base/commands.py": "the table of commands",
    "gitfleet/claims/handover.py": "a message to an agent, which is quoted when it is told",
    "gitfleet/claims/orphans.py": "`ends` is a command by its definition",
    "gitfleet/fleet/briefing.py": "teaches an agent the command line",
    "gitfleet/fleet/doctor.py": "a command without backticks in a sentence",
    "gitfleet/fleet/hooks.py": "a command without backticks in a sentence",
}

# Modules on the way of a hook to "yes", and what none of them may load (each costs more than the rest together).
HOT = [
    "gitfleet/agenthooks/place.py",
    "gitfleet/agenthooks/fast_edit.py",
    "gitfleet/agenthooks/hook_input.py",
    "gitfleet/githooks/fast_commit.py",
    "gitfleet/githooks/fast_push.py",
    "gitfleet/githooks/fast_refs.py",
    "gitfleet/githooks/permit.py",
    "gitfleet/githooks/amend.py",
]
HEAVY = frozenset(["dataclasses", "enum", "inspect", "logging", "pathlib", "subprocess"])


@cache
def tree(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text(encoding="utf-8"), module)


def docstrings(module: str) -> set[ast.AST]:
    """The nodes of `module` that are docstrings."""
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        node.body[0].value
        for node in ast.walk(tree(module))
        if isinstance(node, owners)
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and isinstance(node.body[0].value, ast.Constant)
    }


def functions(
    node: ast.AST, prefix: str = ""
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function below `node` with its dotted name."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + child.name, child
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from functions(child, f"{prefix}{child.name}.")
        else:
            yield from functions(child, prefix)


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, without the docstring."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or 0) - first.lineno + 1
    return lines


def dotted(node: ast.expr) -> str:
    """`a.b.c` for an attribute chain on a name, else the empty text."""
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            owner = dotted(node.value)
            return f"{owner}.{node.attr}" if owner else ""
        case _:
            return ""


def imported(node: ast.AST) -> dict[str, str]:
    """What an import statement binds, as local name -> dotted origin."""
    match node:
        case ast.Import():
            plain = {
                alias.name.split(".")[0]: alias.name.split(".")[0] for alias in node.names if not alias.asname
            }
            return plain | {alias.asname: alias.name for alias in node.names if alias.asname}
        case ast.ImportFrom(module=str(origin)):
            return {alias.asname or alias.name: f"{origin}.{alias.name}" for alias in node.names}
        case _:
            return {}


def uses(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Each name that `module` imports, reads or calls, with its line: local names resolved to where they come from."""
    origins = {local: origin for node in ast.walk(module) for local, origin in imported(node).items()}
    for node in ast.walk(module):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((node.lineno, origin) for origin in imported(node).values())
        elif isinstance(node, ast.Name | ast.Attribute) and (name := dotted(node)):
            local, _, rest = name.partition(".")
            yield node.lineno, origins.get(local, local) + (f".{rest}" if rest else "")


def used_at(module: str, pattern: str) -> list[str]:
    """Where `module` uses a name that the whole of `pattern` matches."""
    found = re.compile(pattern)
    return [f"{module}:{line}: {name}" for line, name in uses(tree(module)) if found.fullmatch(name)]


def spelled_at(module: str, text: str) -> list[str]:
    free = docstrings(module)
    return [
        f"{module}:{node.lineno}"
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Constant)
        and node not in free
        and (
            (isinstance(node.value, str) and text in node.value)
            or (isinstance(node.value, bytes) and text.encode() in node.value)
        )
    ]


def sizes() -> dict[str, int]:
    """What is longer than the house likes, with its lines."""
    long = {module: len((ROOT / module).read_text(encoding="utf-8").splitlines()) for module in MODULES}
    long = {module: lines for module, lines in long.items() if lines > MODULE_LINES}
    for module in MODULES:
        for name, function in functions(tree(module)):
            if (lines := code_lines(function)) > FUNCTION_LINES:
                long[f"{module}::{name}"] = lines
    return long


def test_sizes_are_within_the_limits() -> None:
    assert sizes() == {}


@pytest.mark.sample(2)
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.effect.replace(" ", "-"))
def test_effect_outside_of_its_door_is_not_used(door: Door) -> None:
    outside = [
        use for module in MODULES if module not in door.allowed for use in used_at(module, door.pattern)
    ]
    assert outside == []


@pytest.mark.parametrize("text", SPELLERS)
def test_text_outside_of_its_module_is_not_spelled(text: str) -> None:
    outside = [use for module in MODULES if module not in SPELLERS[text] for use in spelled_at(module, text)]
    assert outside == [], "take the name from the module that owns it"


def commands_at(module: str) -> list[str]:
    """Where a string of `module` has a command of ours; a string that is a statement is a docstring, too."""
    free = {
        node.value
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return [
        f"{module}:{node.lineno}: {node.value}"
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in free
        if COMMAND.search(node.value)
    ]


SHOWN_COMMAND = re.compile(r"\s*(git|gitfleet|cd|rm|ssh|sh) .*", re.DOTALL)
WORDS_AS_THEY_ARE: Mapping[str, str] = {
    "SETTING": "a name of ours",
    "agent": "of our table",
    "' --user' if scope == 'user' else ''": "ours",
    "fleetrefs.plan(name)": "the name was found to be an id",
    "live[0].id": "ids of sessions have no other characters",
    "name": "of an agent, which are letters, digits and dashes",
    "of": "commands of ours",
    "operation": "git's own word",
    "ssh_sharing.KEY": "a name of ours",
}
"""What stands in commands that are shown, and needs no quoting, with why."""


def shown_names(module: str) -> Iterator[str]:
    """What is put into commands between backticks in f-strings of `module`, other than by `shellwords`."""
    for node in ast.walk(tree(module)):
        if not isinstance(node, ast.JoinedStr):
            continue
        said = "".join(
            str(part.value) if isinstance(part, ast.Constant) else f"\0{number}\0"
            for number, part in enumerate(node.values)
        )
        for command in filter(SHOWN_COMMAND.fullmatch, said.split("`")[1::2]):
            for number in re.findall(r"\0(\d+)\0", command):
                part = node.values[int(number)]
                assert isinstance(part, ast.FormattedValue)
                name = ast.unparse(part.value)
                if not name.startswith(("shellwords.word(", "shellwords.line(")):
                    yield name


def test_name_in_a_command_that_is_shown_is_a_word_of_a_shell() -> None:
    found = {name: module for module in MODULES for name in shown_names(module)}
    assert {name: module for name, module in found.items() if name not in WORDS_AS_THEY_ARE} == {}
    assert set(WORDS_AS_THEY_ARE) - set(found) == set()


def test_command_below_the_entry_points_is_not_spelled() -> None:
    lower = [module for module in MODULES if not module.startswith(ENTRY_POINTS)]
    outside = [use for module in lower if module not in COMMANDERS for use in commands_at(module)]
    assert outside == [], "name the step by gitfleet.base.advice"


def test_module_listed_as_spelling_a_command_spells_one() -> None:
    assert [module for module in COMMANDERS if not commands_at(module)] == []


def test_module_with_a_name_that_says_nothing_does_not_exist() -> None:
    parts = {part for module in MODULES for part in Path(module).with_suffix("").parts}
    assert parts & FORBIDDEN_NAMES == set()


def test_import_relative_to_a_package_is_not_used() -> None:
    relative = [
        f"{module}:{node.lineno}"
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def test_module_without_a_docstring_does_not_exist() -> None:
    assert [module for module in MODULES if not ast.get_docstring(tree(module))] == []


def test_init_of_a_package_holds_a_docstring_only() -> None:
    inits = [
        module for module in MODULES if module.endswith("/__init__.py") and module != "gitfleet/__init__.py"
    ]
    assert [module for module in inits if len(tree(module).body) > 1] == []


@pytest.mark.parametrize("module", HOT)
def test_hot_module_at_import_loads_the_standard_library_without_its_heavy_parts(module: str) -> None:
    name = module.removesuffix(".py").replace("/", ".")
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {name}; print(*sys.modules)"
    loaded = set(run([sys.executable, "-I", "-S", "-c", script], ROOT).ok().stdout.split())
    assert name in loaded
    foreign = {
        one for one in loaded if one.split(".")[0] not in sys.stdlib_module_names | {"gitfleet", "__main__"}
    }
    assert foreign == set()
    assert loaded & HEAVY == set()


def test_rules_about_a_module_name_one_that_exists() -> None:
    places = set(HOT)
    places |= {module for door in DOORS for module in door.allowed}
    places |= {module for allowed in SPELLERS.values() for module in allowed}
    assert places - set(MODULES) == set()


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import subprocess", "subprocess"),
        ("import subprocess as sp", "subprocess"),
        ("from subprocess import run", "subprocess.run"),
        ("import time as t\nt.time()", "time.time"),
        ("from time import time as now", "time.time"),
        ("import datetime\ndatetime.datetime.now()", "datetime.datetime.now"),
        ("from datetime import datetime\ndatetime.now()", "datetime.datetime.now"),
        ("print('x')", "print"),
        ("import os\nos.execvp('x', [])", "os.execvp"),
    ],
)
def test_door_knows_each_way_around_it(code: str, name: str) -> None:
    assert name in {use for _, use in uses(ast.parse(code))}
    assert any(re.fullmatch(door.pattern, name) for door in DOORS)


OF_THEIR_MODULE = frozenset(["check", "found", "judge", "look", "read", "told"])
"""Functions of these names say something only behind the name of their module."""


def test_function_with_a_name_that_its_module_completes_is_called_by_it() -> None:
    taken = [
        f"{module}:{node.lineno}: {alias.name}"
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gitfleet.")
        for alias in node.names
        if alias.name in OF_THEIR_MODULE and f"{(node.module or '').replace('.', '/')}.py" in MODULES
    ]
    assert taken == []


def test_class_names_are_unique_in_the_package() -> None:
    homes: dict[str, list[str]] = {}
    for module in MODULES:
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(module)
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}

"""The manual page, which git shows for `git fleet --help`: the same words as the help of each command, in roff.

Made by scripts/generate-docs, and installed by the wheel; nothing that runs imports this module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import gitfleet
from gitfleet.cli import contents, helping
from gitfleet.cli.declaring import Command, Group
from gitfleet.errors import EXIT_CODES

LINK = ".so man1/git-fleet.1\n"
"""The page of `gitfleet`: the same one."""

VARIABLES = {
    "GITFLEET_SESSION": "The session that commands and hooks act for; empty counts as not set.",
    "GITFLEET_DEBUG": "Set to 1, an internal error shows where it happened.",
    "NO_COLOR": "Tables on a terminal have no colours.",
}


def page(root: Group) -> str:
    """The whole page, from the command line `root`."""
    lines = [
        f'.TH GIT\\-FLEET 1 "" "gitfleet {_safe(gitfleet.__version__)}" "gitfleet manual"',
        ".SH NAME",
        "git\\-fleet, gitfleet \\- coordinate many coding agents on one repository with nothing but git",
        ".SH SYNOPSIS",
        ".nf",
        "\\fBgit fleet\\fR [\\-C PATH] COMMAND ...",
        "\\fBgitfleet\\fR [\\-C PATH] COMMAND ...",
        ".fi",
        ".SH DESCRIPTION",
        *_paragraphs(root.help),
        *_overview(),
        ".SH OPTIONS",
        *_rows(root),
        *_table(helping.COMPLETION),
        ".SH COMMANDS IN DETAIL",
    ]
    for heading in contents.COMMANDS.values():
        for name in heading:
            lines += _command(root.commands[name])
    lines += [".SH EXIT STATUS", *_table({str(code): words for code, (_, words) in EXIT_CODES.items()})]
    lines += [".SH ENVIRONMENT", *_table(VARIABLES)]
    lines += [".SH SEE ALSO", "git(1), githooks(5), git\\-worktree(1), gitrevisions(7)"]
    return "\n".join(lines) + "\n"


def _overview() -> Iterator[str]:
    yield ".SH COMMANDS"
    for heading, rows in contents.groups("").items():
        yield f'.SS "{_safe(heading)}"'
        yield from _table(rows)


def _command(command: Command | Group) -> Iterator[str]:
    yield f'.SS "{_safe(helping.usage(command).removeprefix("usage: "))}"'
    yield from _paragraphs(command.help)
    yield from _rows(command)
    for verb in command.commands.values() if isinstance(command, Group) else ():
        yield from _command(verb)


def _rows(command: Command | Group) -> Iterator[str]:
    """The arguments and options of a command."""
    yield from _table(dict(helping.row(one) for one in command.params))


def _table(rows: Mapping[str, str]) -> Iterator[str]:
    for left, right in rows.items():
        yield from (".TP", f"\\fB{_safe(left)}\\fR", _safe(right))


def _paragraphs(words: str) -> Iterator[str]:
    for number, block in enumerate(words.strip().split("\n\n")):
        if number:
            yield ".PP"
        yield _safe(" ".join(block.split()))


def _safe(text: str) -> str:
    """Text in which roff sees nothing but text."""
    plain = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq").replace("…", "...")
    return f"\\&{plain}" if plain[:1] in {".", "'"} else plain

"""The command line: `gitfleet <noun>` lists, `gitfleet <noun> <verb>` acts.

The table of commands says which function is asked for, and only its module is imported. What is spelled in a plain way
is understood here, and so is the wish for help; mistakes and completion are for the framework (`usage`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Annotated

import gitfleet
from gitfleet.base.console import out
from gitfleet.cli import contents, fast_args
from gitfleet.cli.declaring import JSON, Command, Group, Option, parameters

HELP = """Coordinate many coding agents on one repository with nothing but git.

Sessions claim paths before they change them; hooks stop commits that touch what is not claimed; all clones agree
through the hub. Start with `gitfleet init` in a clone, or `gitfleet demo` to watch it first.
"""

COMPLETING = "_GITFLEET_COMPLETE"
"""Set where a shell asks for completion, without arguments."""
SCRIPT = "--show-completion"
INSTALL = "--install-completion"


def run(arguments: Sequence[str]) -> int:
    """Run a command line; its exit code. Usage errors end with 2."""
    words = list(arguments)
    if words[:1] in ([SCRIPT], [INSTALL]):
        return _completion(words)
    if COMPLETING not in os.environ:
        words = _verb_first(_help_asked(words))
        code = _plain(words)
        if code is not None:
            return code
    from gitfleet.cli import usage  # the framework: more than most commands take

    return usage.run(whole(), words)


def _completion(words: list[str]) -> int:
    """Show or install the completion of a shell, with that of `git fleet`; the exit code."""
    from gitfleet.cli import git_completion, usage  # for this alone

    more = ""
    if len(words) == 2 and words[0] == SCRIPT:  # for a shell that is named, from wherever we are started
        os.environ[COMPLETING], more = f"source_{words[1]}", git_completion.SCRIPTS.get(words[1], "")
    try:
        code = usage.run(whole(), [] if more else words)
    except SystemExit as end:  # the framework ends the process
        code = int(end.code or 0)
    if code == 0 and words[0] == INSTALL:
        git_completion.install()
    return _say(more) if code == 0 and more else code


def _help_asked(arguments: Sequence[str]) -> list[str]:
    """The arguments with `help` put as `--help`: `help`, `help claim`, `session help start`; none at all are `help`."""
    words, start = list(arguments), 2 if arguments[:1] == ["-C"] else 0
    here = words[start:]
    if not here or here in (["help"], ["help", "help"]):
        return [*words[:start], "--help"]
    if here[0] == "help" and ("--json" in here or here[1:] in (["-h"], ["--help"])):
        return words
    if here[0] == "help":
        return [*words[:start], *here[1:], "--help"]
    if here[0] in contents.VERBS and here[1:2] == ["help"]:
        return [*words[:start], here[0], *here[2:], "--help"]
    return words


def _verb_first(words: list[str]) -> list[str]:
    """The words with a verb before the options that were said of its noun: they are meant for the verb, or for that of a noun alone."""
    start = 2 if words[:1] == ["-C"] else 0
    noun, option, verb = (*words[start : start + 3], "", "", "")[:3]
    verbs = contents.VERBS.get(noun, {})
    if option in JSON.opts and verb in verbs:
        words[start + 1 : start + 3] = [verb, option]
    elif noun in contents.ALONE and option.partition("=")[0] in (*JSON.opts, *contents.ALONE[noun]):
        words.insert(start + 1, contents.NOUNS[noun].default)
    return words


def whole() -> Group:
    """The whole command line. Imports none of the commands."""
    rows = {name: entry for group in contents.COMMANDS.values() for name, entry in group.items()}
    nouns = {name: _noun(name) for name in contents.NOUNS}
    return Group("", HELP, {**_commands("", rows), **nouns}, parameters(_options))


def _noun(name: str) -> Group:
    noun = contents.NOUNS[name]
    takes = (JSON,) if noun.default else ()
    return Group(name, noun.help, _commands(f"{name} ", contents.VERBS[name]), takes, noun.default)


def _commands(prefix: str, rows: Mapping[str, contents.CommandEntry]) -> dict[str, Command | Group]:
    return {name: Command(prefix + name, entry.home, entry.passes_on) for name, entry in rows.items()}


def _asked_for(words: list[str]) -> tuple[Command | Group, list[str]]:
    """What `whole().find` finds, made alone."""
    name = words[0] if words else ""
    if name in contents.NOUNS:
        return _noun(name).find(words[1:])
    for rows in contents.COMMANDS.values():
        if name in rows:
            return Command(name, rows[name].home, rows[name].passes_on), words[1:]
    return whole().find(words)


Directory = Annotated[str, Option("-C", metavar="PATH", help="Run as if started in PATH.")]
Version = Annotated[bool, Option("--version", help="Show the version.")]


def _options(directory: Directory = ".", version: Version = False) -> None:
    """What goes before the command."""


def _plain(words: Sequence[str]) -> int | None:
    """Do what a plain command line says, and return its exit code; None where it is for the framework."""
    start = 2 if words[:1] == ["-C"] else 0
    if list(words) == ["--version"]:
        return _say(version())
    found, rest = _asked_for(list(words[start:]))
    alone = isinstance(found, Group) and not found.default and not rest
    if alone or rest in (["-h"], ["--help"]):
        from gitfleet.cli import helping  # for this alone

        return None if start else _say(helping.text(found))
    call = _call(found, rest)
    if call is None:
        return None
    command, values = call
    try:
        os.chdir(words[1] if start else ".")
    except OSError:
        return None
    return command.run(**values)


def _call(found: Command | Group, words: Sequence[str]) -> tuple[Command, dict[str, object]] | None:
    """The command that is to run, and with what; a noun alone does what its first verb does."""
    if isinstance(found, Command):
        values = fast_args.parse(found.params, words, passes_on=found.passes_on)
        return None if values is None else (found, values)
    values = fast_args.parse(found.params, words)
    default = found.commands.get(found.default)
    return None if values is None or not isinstance(default, Command) else (default, values)


def _say(text: str) -> int:
    """Print what we made ourselves; the exit code."""
    try:
        out(text)
    except OSError as error:  # nobody reads it, or a full disk
        from gitfleet.cli import boundary  # for this alone

        return boundary.unheard(error)
    return 0


def version() -> str:
    """Which version this is, in words."""
    return f"gitfleet {gitfleet.__version__}"

"""The quick lane: `claim`, `release`, `check` and `status` in their plain forms, without the command line framework.

Agents run these on every edit, and importing the framework would cost more than the work. Only what is spelled the
plain way is taken; help, mistakes and everything else go to the full command line, which has the same options and
the same actions behind them (a test holds the two together).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gitfleet.claims.service import Terms
from gitfleet.cli import boundary, claiming
from gitfleet.cli.answer import Answer
from gitfleet.cli.claiming import Common

FLAGS = {
    "claim": {"--shared", "--exclusive", "--partial", "--json"},
    "release": {"--all", "--json"},
    "check": {"--json"},
    "status": {"--json"},
}
VALUES = {
    "claim": {"--session", "--reason"},
    "release": {"--session"},
    "check": {"--session"},
    "status": {"--tail"},
}


@dataclass(slots=True)
class Plain:
    """A command line that was understood: its paths, flags and values."""

    paths: list[str] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)
    values: dict[str, str] = field(default_factory=dict)


def run(arguments: Sequence[str]) -> int | None:
    """Run a plain command line and return its exit code; None when it is for the full command line."""
    if not arguments or arguments[0] not in FLAGS:
        return None
    plain = parse(arguments[0], arguments[1:])
    if plain is None:
        return None
    return boundary.run(arguments[0], _action(arguments[0], plain), as_json="--json" in plain.flags)


def parse(command: str, arguments: Sequence[str]) -> Plain | None:
    """The arguments, if every one of them is spelled the plain way."""
    plain, rest = Plain(), list(arguments)
    while rest:
        word = rest.pop(0)
        if word in FLAGS[command]:
            plain.flags.add(word)
        elif word in VALUES[command] and rest and not rest[0].startswith("-"):
            plain.values[word] = rest.pop(0)
        elif word.startswith("-"):
            return None
        else:
            plain.paths.append(word)
    return plain if _sound(command, plain) else None


def _sound(command: str, plain: Plain) -> bool:
    """Whether it means what it says; whatever does not is for the full command line to complain about."""
    if command == "status":
        tail = plain.values.get("--tail", "0")
        return not plain.paths and tail.isascii() and tail.isdigit() and len(tail) < 7
    named = bool(plain.paths) or command == "release"  # which without paths lets go of everything
    return named and not {"--shared", "--exclusive"} <= plain.flags


def _action(command: str, plain: Plain) -> Callable[[], Answer]:
    common = Common(session=plain.values.get("--session"))
    if command == "claim":
        shared = True if "--shared" in plain.flags else False if "--exclusive" in plain.flags else None
        terms = Terms(
            shared=shared, reason=plain.values.get("--reason", ""), partial="--partial" in plain.flags
        )
        return lambda: claiming.claim(common, plain.paths, terms)
    if command == "release":
        return lambda: claiming.release(common, plain.paths, everything="--all" in plain.flags)
    if command == "status":
        from gitfleet.cli import status_view  # what it reads is of no use to the others

        return lambda: status_view.look(int(plain.values.get("--tail", "0")))
    return lambda: claiming.check(common, plain.paths)

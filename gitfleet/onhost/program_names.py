"""What a process is called: by its kernel name, its program, and the script or module that an interpreter runs.

Only whole names count, never parts of a command line: a path or a message that mentions an agent is none.
"""

from __future__ import annotations

import posixpath
import re
from typing import Iterator

from gitfleet.onhost.records import HostProcess

_INTERPRETERS = re.compile(
    r"(node|nodejs|bun|bunx|deno|tsx|ts-node|npx|npm|pnpm|yarn|uvx|uv|pipx|ruby|perl|java|pypy[0-9.]*|python[0-9.]*|Python)\Z"
)
_SHELLS = frozenset(("ash", "bash", "csh", "dash", "fish", "ksh", "mksh", "sh", "tcsh", "zsh"))
_VERBS = frozenset(("run", "run-script", "exec", "x", "dlx", "tool", "start"))
_VALUED = frozenset(
    (
        "-r",
        "--require",
        "--import",
        "--loader",
        "-X",
        "-W",
        "-I",
        "-cp",
        "-classpath",
        "-p",
        "--package",
        "--from",
        "--with",
    )
)
_PLAIN = frozenset(("cli", "index", "main", "server", "start", "bin", "app", "run", "dist", "__main__"))
_PACKAGE = re.compile(r".*/node_modules/((?:@[^/]+/)?[^/]+)/")
_SUFFIX = re.compile(r"\.(?:[cm]?[jt]s|py|pyz|sh|rb|pl|jar|exe)\Z")


def program(one: HostProcess) -> str:
    """The name of its program, without folder; of a login shell without the dash. Its kernel name where it shows no command."""
    first = one.command[0] if one.command else ""
    return posixpath.basename(first.split(" ", 1)[0]).lstrip("-").rstrip(":") or one.name


def is_shell(one: HostProcess) -> bool:
    """Whether it is one of the shells."""
    return program(one) in _SHELLS


def names(one: HostProcess) -> frozenset[str]:
    """All that it is called, in small letters: kernel name, program, and script, module or package if it is an interpreter."""
    return frozenset(name.lower() for name in _names(one) if name)


def _names(one: HostProcess) -> Iterator[str]:
    yield one.name
    yield program(one)
    word = script(one)
    if word:
        base = posixpath.basename(word)
        plain = _SUFFIX.sub("", base)
        yield base
        package = _PACKAGE.match(word)
        if package:
            yield package.group(1)
        if plain not in _PLAIN:
            yield plain
            yield word if word.startswith("@") and word.count("/") == 1 else ""


def script(one: HostProcess) -> str:
    """What an interpreter or package runner was told to run: a script's path, a module, a package; empty for none."""
    if not _INTERPRETERS.match(program(one)) and not is_shell(one):
        return ""
    words = iter(one.command[1:])
    for word in words:
        if word == "-m":
            return next(words, "")
        if word in ("-c", "-e", "--eval", "-p", "--print") and program(one) not in ("npx", "uvx"):
            return ""
        if word in _VALUED:
            next(words, "")
        elif word and not word.startswith("-") and word not in _VERBS:
            return word
    return ""

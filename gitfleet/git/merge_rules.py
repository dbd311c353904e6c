"""What may change a merge besides the commits: the attributes of one tree, and the merge drivers that are allowed.

`git merge` takes attributes from the checkout, the user and the system, and drivers from whatever is configured where it
runs, so the same two commits merge on one node and conflict on another. Here both come from one tree: all its
`.gitattributes` files are compiled to one, which means the same at the root. Attributes that have no part in a merge are
left out. A driver that is not allowed counts as `merge=text`, as git does it with one that is not there.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

from gitfleet.base import processes
from gitfleet.base.digests import sha256
from gitfleet.base.text import one_line
from gitfleet.errors import Unverifiable
from gitfleet.git.drivers import MergeDriver
from gitfleet.git.program import Git, environment

_BUILT_IN = frozenset(["text", "binary"])
_FILE = ".gitattributes"
_LONGEST = 2048  # bytes; git passes over longer lines
_MOST = 100 * 1024 * 1024  # bytes; git passes over larger files
_BLANK = " \t\r\n"
_MACRO = "[attr]"
_TIME = 300.0


class MergeRules(NamedTuple):
    """The rules of one target: its attributes as `info/attributes` has them, and the allowed drivers that they use."""

    attributes: str = ""
    drivers: Mapping[str, MergeDriver] = {}

    @property
    def fingerprint(self) -> str:
        """A short text that is the same where merges end the same: part of the key of whatever is kept of a merge."""
        parts = [engine(), self.attributes]
        for name, driver in sorted(self.drivers.items()):
            parts += [name, driver.command, driver.version]
        return sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:24]


PLAIN = MergeRules()
"""No attributes, no drivers: what a merge is by git's built-in rules alone."""


def of_tree(git: Git, tree: str, allowed: Mapping[str, MergeDriver] | None = None) -> MergeRules:
    """The rules of a commit or tree. Three git processes at most. Raises GitFailed; Unverifiable for rules that cannot be held.

    Among these are a driver that is allowed and used, but not installed here in the version that is asked for.
    """
    allowed = allowed or {}
    attributes, used = compiled(_files(git, tree), allowed)
    drivers = {name: allowed[name] for name in sorted(used)}
    for name, driver in drivers.items():
        if driver.command:
            _check(name, driver)
    return MergeRules(attributes, drivers)


@cache
def engine() -> str:
    """The kind of git that merges here: its version without the last number, since that brings repairs only."""
    done = processes.run(["git", "version"], cwd=None, env=environment())
    words = done.stdout.decode("utf-8", "replace").split()
    return ".".join((words[2] if len(words) > 2 else "?").split(".")[:2])


def _check(name: str, driver: MergeDriver) -> None:
    words = shlex.split(driver.command)
    program = shutil.which(words[0]) if words else None
    found = "it is not installed"
    if program:
        done = processes.run([program, "--version"], cwd=None, env=environment(), timeout=60.0)
        found = one_line((done.stdout + done.stderr).decode("utf-8", "replace").partition("\n")[0])
        if found == driver.version:
            return
        found = f"its version is '{found}'"
    raise Unverifiable(
        f"Merges need the driver '{name}' in the version '{driver.version}', but here {found}.",
        hint="Install that version on this node, or change `merge.drivers` in gitfleet.yaml on the trunk.",
    )


def _files(git: Git, tree: str) -> list[tuple[str, str]]:
    """The attributes files of a tree, each with its folder ("" for the root), the root first."""
    listed = git.run("ls-tree", "-r", "-z", "--full-tree", tree, timeout=_TIME).split(b"\0")
    wanted = []
    for row in listed:
        if row.endswith(_FILE.encode()) and row.startswith(b"100"):  # git follows no links here
            facts, _, path = row.partition(b"\t")
            folder, _, name = os.fsdecode(path).rpartition("/")
            if name == _FILE:
                wanted.append((folder, facts.split(b" ")[2].decode()))
    return [(folder, _text(git, oid)) for folder, oid in sorted(wanted, key=lambda one: one[0].count("/"))]


def _text(git: Git, oid: str) -> str:
    data = git.run("cat-file", "blob", oid, timeout=_TIME)
    return os.fsdecode(data.removeprefix(b"\xef\xbb\xbf")) if len(data) <= _MOST else ""


def compiled(
    files: Iterable[tuple[str, str]], allowed: Mapping[str, MergeDriver]
) -> tuple[str, frozenset[str]]:
    """One attributes file for the root from those of a tree (folder and text, no folder before one that holds it), and the
    drivers that it uses. Pure. Raises Unverifiable for a line that git would not read any more.
    """
    lines = [
        (folder, *_parsed(line))
        for folder, text in sorted(files, key=lambda one: (one[0] != "", one[0].count("/")))
        for line in text.split("\n")
    ]
    macros = {pattern.removeprefix(_MACRO) for folder, pattern, _ in lines if _is_macro(folder, pattern)}
    names, used, found = macros | _ATTRIBUTES, set[str](), []
    for folder, pattern, tokens in lines:
        macro = _is_macro(folder, pattern)
        if not macro and (not pattern or pattern.startswith(("!", _MACRO)) or pattern.endswith("/")):
            continue  # these match no file
        kept = [_token(token, allowed, used) for token in tokens if _name(token) in names]
        if kept or macro:
            found.append(_line(pattern if macro else _placed(folder, pattern), kept))
    return "".join(found), frozenset(used)


_ATTRIBUTES = frozenset(["merge", "conflict-marker-size", "binary"])


def _is_macro(folder: str, pattern: str) -> bool:
    """Whether a line makes a name for several attributes, which git admits at the root only."""
    return not folder and pattern.startswith(_MACRO)


def _parsed(line: str) -> tuple[str, list[str]]:
    """A line's pattern ("" for none) and its attributes, as git splits them."""
    line = line.strip(_BLANK)
    if not line or line.startswith("#") or len(os.fsencode(line)) >= _LONGEST:
        return "", []
    pattern, rest = _unquoted(line) if line.startswith('"') else (None, "")
    if pattern is None:
        ends = [line.find(blank) for blank in _BLANK if blank in line]
        end = min(ends, default=len(line))
        pattern, rest = line[:end], line[end:]
    tokens = [token for token in re.split(r"[ \t\r]+", rest) if token]
    # git passes over the whole line for one name that is none; newer ones for one that they keep to themselves, too
    return (pattern, tokens) if all(map(_is_attribute, tokens)) else ("", [])


def _is_attribute(token: str) -> bool:
    name = _name(token)
    return bool(re.fullmatch(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*", name)) and not name.startswith("builtin_")


_ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, '"': 34}


def _unquoted(line: str) -> tuple[str | None, str]:
    """What a text in quotes says, and what follows it; None where the quotes are broken, which git then takes literally."""
    said, at = bytearray(), 1
    while at < len(line):
        char = line[at]
        if char == '"':
            return os.fsdecode(bytes(said)), line[at + 1 :]
        at += 1
        if char != "\\":
            said += os.fsencode(char)
            continue
        octal = line[at : at + 3]
        if line[at : at + 1] in _ESCAPES:
            said.append(_ESCAPES[line[at]])
            at += 1
        elif len(octal) == 3 and octal[0] in "0123" and set(octal) <= set("01234567"):
            said.append(int(octal, 8))
            at += 3
        else:
            break
    return None, ""


def _name(token: str) -> str:
    return (token[1:] if token[:1] in {"-", "!"} else token).partition("=")[0]


def _token(token: str, allowed: Mapping[str, MergeDriver], used: set[str]) -> str:
    """The attribute; a driver that is not allowed is the one for text."""
    name, _, driver = token.partition("=")
    if name != "merge" or not driver or driver in _BUILT_IN:
        return token
    if driver not in allowed:
        return "merge=text"
    used.add(driver)
    return token


def _placed(folder: str, pattern: str) -> str:
    """The pattern of a file in a folder, as it is to be written at the root."""
    if not folder:
        return pattern
    literal = "".join(f"\\{char}" if char in "\\*?[" else char for char in folder)
    return f"{literal}/{pattern.removeprefix('/')}" if "/" in pattern else f"{literal}/**/{pattern}"


def _line(pattern: str, tokens: list[str]) -> str:
    said = "".join(
        f"\\{byte:03o}" if byte < 32 or byte > 126 or byte in b'"\\' else chr(byte)
        for byte in os.fsencode(pattern)
    )
    line = f'"{said}" {" ".join(tokens)}\n'
    if len(line) >= _LONGEST:
        raise Unverifiable(
            f"The attributes for '{one_line(pattern, 60)}' are too long for git to read from another place.",
            hint="Shorten that line of .gitattributes.",
        )
    return line

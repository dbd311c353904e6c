"""What a command line really runs: the program behind shells, interpreters, package runners and wrappers.

`sh -c "vite --port 3000"`, `node ./node_modules/.bin/vite`, `npx -y vite@8` and `python -m http.server` each say two things: what
was started, and what is run by it. `calls` yields all of it from the outermost to the innermost, by whole words. Nothing is
read but the words: they may come from anybody, so every loop here is bounded and no error leaves.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Iterator, Sequence

from gitfleet.onhost.call_data import (
    INTERPRETERS,
    RUNNERS,
    SHELL_VALUED,
    SHELLS,
    TRIVIAL,
    WORDS_BEFORE,
    WRAPPERS,
)

DEPTH = 8
"""How many programs deep a command line is followed."""

_MODULE, _CLASS = "\0module", "\0class"

LONGEST = 4096
"""Characters of a shell's or an interpreter's text that are read; the rest does not change what is run."""

_COMPOUND = frozenset(["while", "for", "if", "until", "case", "select", "function", "{", "("])
_VERSION = re.compile(r"^(python|pypy|ruby|perl|php|node|lua|clang|gcc|g\+\+|clangd|java|pip)-?[0-9][0-9.]*$")
SOURCES = (".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".tsx", ".py", ".pyc", ".rb")
"""Endings of files that an interpreter is given."""

_ENDINGS = (*SOURCES, ".exe", ".jar", ".phar", ".bundle")
_NUMBERED = re.compile(r"v?[0-9]+\.[0-9]")
_SETS = re.compile(r"[-+][A-Za-z]*[oO]$")
"""Options of a shell of which the last is set by the next word: `-eo pipefail`."""
_ASSIGNMENT = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*=")
_TITLE = re.compile(r"^(?:node|nodejs) \((.+)\)$")


@dataclass(frozen=True)
class ProgramCall:
    """One program in a command line: the names that it goes by (its file's, then its package's), and the words after it.

    `parts` are the folders of its path; `script` says that an interpreter was given this file; `packaged` that the file belongs
    to an installed package, so that its name was chosen by the package's makers. `file` is the file's name as it was given.
    """

    names: tuple[str, ...]
    words: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    script: bool = False
    packaged: bool = False
    file: str = ""

    @property
    def verbs(self) -> tuple[str, ...]:
        """The first word that is no option; after `run`, which means nothing by itself, also the next; none if there is none."""
        plain = [word for word in self.words[:32] if word and not word.startswith(("-", "+"))]
        return tuple(plain[: 2 if plain[:1] in (["run"], ["run-script"]) else 1])

    @property
    def verb(self) -> str:
        """The first word that is no option, without what follows a colon (`test:unit` is `test`); empty if there is none."""
        return self.verbs[0].split(":", 1)[0].lower() if self.verbs else ""


def calls(command: Sequence[str]) -> tuple[ProgramCall, ...]:
    """What `command` (the words of /proc/P/cmdline) runs, from the outermost to the innermost program; empty for no command."""
    found: list[ProgramCall] = []
    words: list[str] | None = _plain(command)
    script = False
    while words and len(found) < DEPTH:
        call = _named(words) if words[0].startswith("\0") else _call(words, script=script)
        found.append(call)
        words, script = _within(call, words)
    return tuple(found)


def _plain(command: Sequence[str]) -> list[str]:
    """The words; a program that has put a title over its command line has left one string, which is taken apart."""
    words = [word[:LONGEST].replace("\0", "") for word in command[:512]]
    while words and not words[-1].strip():
        words.pop()
    if len(words) == 1 and " " in words[0] and not words[0].startswith("/"):
        titled = _TITLE.match(words[0].strip())
        return (titled.group(1) if titled else words[0]).split()
    if words and not words[0].strip():
        return [word for word in words if word.strip()]
    return words


def _call(words: Sequence[str], *, script: bool) -> ProgramCall:
    """The first of `words` as a program, with what it is known by."""
    path = words[0].replace("\\", "/")
    parts = tuple(part for part in path.split("/") if part)
    name = _bare(parts[-1] if parts else path)
    package = path if path.startswith("@") and len(parts) == 2 else _package(parts)
    if name in ("__main__", "__init__") and len(parts) > 1:
        name = _bare(parts[-2])
    names = [name] if name else []
    if package and package not in names:
        names.append(package)
    if package.startswith("@") and "/" in package:
        names.append(package.split("/", 1)[1])
    return ProgramCall(
        tuple(names),
        tuple(words[1:]),
        parts[:-1],
        script=script,
        packaged=bool(package) or ".bin" in parts,
        file=parts[-1] if parts else path,
    )


def _named(words: Sequence[str]) -> ProgramCall:
    """A module of Python goes by its name and its package's (`http.server`); a class of Java by its own and its full name."""
    name = words[1]
    short = name.split(".", 1)[0] if words[0] == _MODULE else name.rsplit(".", 1)[-1]
    names = (name, short) if words[0] == _MODULE else (short, name)
    return ProgramCall(names if short != name else (name,), tuple(words[2:]), (), packaged=True, file=short)


def _bare(name: str) -> str:
    """The name of a file without its ending, a login shell's dash, the colon of a title, the number of an interpreter."""
    name = name.lstrip("-").rstrip(":,").strip()
    if "(" in name[1:]:  # bazel(shop): a server that titles itself with what it serves
        name = name[: name.index("(", 1) + 1]
    lowered = name.lower()
    for ending in _ENDINGS:
        if lowered.endswith(ending) and len(lowered) > len(ending):
            name, lowered = name[: -len(ending)], lowered[: -len(ending)]
            break
    numbered = _VERSION.match(lowered)
    return numbered.group(1) if numbered else name


def _package(parts: tuple[str, ...]) -> str:
    """The package that a path lies in: below the last node_modules or site-packages, or a runner's own cache; else empty."""
    if parts[-3:-1] == (".yarn", "releases"):
        return "yarn"
    for folder in ("node_modules", "site-packages", "dist-packages"):
        if folder in parts[:-1]:
            at = len(parts) - 1 - parts[::-1].index(folder)
            rest = parts[at + 1 :]
            if not rest or rest[0] == ".bin":
                return ""
            return "/".join(rest[:2]) if rest[0].startswith("@") and len(rest) > 1 else rest[0]
    return _versioned(parts)


def _versioned(parts: tuple[str, ...]) -> str:
    """The program of which this is one version, as `claude` of `claude/versions/2.0.1`; else empty."""
    for at, part in enumerate(parts[1:-1], 1):
        if part == "versions" and _NUMBERED.match(parts[at + 1]) and not parts[at - 1].startswith("."):
            return parts[at - 1]
    return ""


def _unversioned(word: str) -> str:
    """A package as it is named to a runner, without its version: `@scope/name@1.2` is `@scope/name`."""
    at = word.find("@", 1)
    return word[:at] if at > 0 else re.split(r"[=<>\[]", word, maxsplit=1)[0]


def _within(call: ProgramCall, words: Sequence[str]) -> tuple[list[str] | None, bool]:
    """The words of what `call` runs, and whether they name a script; None where it runs nothing else."""
    name = call.names[0] if call.names else ""
    rest = list(words[1:])
    if name in SHELLS:
        return _of_shell(rest)
    if name in INTERPRETERS or name == "pypy":
        return _of_interpreter("python" if name == "pypy" else name, rest)
    if name == "java":
        return _of_java(rest)
    if name in RUNNERS:
        inner = _of_runner(name, rest)
        if inner:
            return inner, False
    if name in WRAPPERS:
        inner = _after_options(rest, WRAPPERS[name], assignments=True)[WORDS_BEFORE.get(name, 0) :]
        return inner or None, False
    return None, False


def _after_options(words: list[str], valued: set[str], *, assignments: bool = False) -> list[str]:
    """`words` from the first that is neither an option nor an option's value."""
    at = 0
    while at < len(words):
        word = words[at]
        if word == "--":
            return words[at + 1 :]
        if word in valued:
            at += 2
        elif word.startswith("-") or (assignments and _ASSIGNMENT.match(word)):
            at += 1
        else:
            break
    return words[at:]


def _of_shell(words: list[str]) -> tuple[list[str] | None, bool]:
    """What a shell was given: the command of its `-c`, or its script."""
    text = valued = False
    for at, word in enumerate(words):
        if valued:
            valued = False
            continue
        if word.startswith(("-", "+")) and word != "-":
            valued = word in SHELL_VALUED or bool(_SETS.match(word))
            text = text or (not word.startswith("--") and "c" in word[1:])
        else:
            return (_of_text(word), False) if text else (words[at:], True)
    return None, False


def _of_text(text: str) -> list[str] | None:
    """The last command of a shell's text that is more than preparation; a loop or a condition is the shell's own work."""
    for _ in range(3):
        command = _main_command(text[:LONGEST])
        if not command:
            return None
        if command[0] == "eval" and len(command) > 1:
            text = " ".join(command[1:])
        elif command[0] in ("exec", "command"):
            return _after_options(command[1:], {"-a"}) or None
        else:
            return command
    return None


def _main_command(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        tokens = list(lexer)
    except ValueError:  # an open quote
        tokens = text.split()
    found: list[str] = []
    for command in _commands(tokens):
        if command[0] in _COMPOUND:
            return []
        if command[0] not in TRIVIAL:
            found = command
    return found


def _commands(tokens: Sequence[str]) -> Iterator[list[str]]:
    """The simple commands of a list, of each pipeline its first, without assignments and redirections."""
    command: list[str] = []
    piped = skip = False
    for token in [*tokens, ";"]:
        if token in (";", "&&", "||", "&", "|", "|&", "\n", ";;"):
            if command and not piped:
                yield command
            command, piped, skip = [], token in ("|", "|&"), False
        elif token and not token.strip("<>&|"):
            skip = True
        elif skip:
            skip = False
        elif command or not _ASSIGNMENT.match(token):
            command.append(token)


def _of_interpreter(name: str, words: list[str]) -> tuple[list[str] | None, bool]:
    """The script or module that an interpreter runs. Program text is no file: its words are told apart by the signature."""
    valued, texts = INTERPRETERS[name]
    at = 0
    while at < len(words):
        word = words[at]
        if name == "python" and word.startswith("-m"):
            module = words[at + 1 :] if word == "-m" else [word[2:], *words[at + 1 :]]
            return ([_MODULE, *module] if module else None), False
        if word in texts:
            code = words[at + 1][:LONGEST] if at + 1 < len(words) else ""
            return [name + "-text", *_words_of(code)], False
        if word == "--":
            at += 1
            break
        if not word.startswith("-") or word == "-":
            break
        at += 2 if word in valued else 1
    rest = words[at:]
    if name == "deno" and rest[:1] in (["run"], ["task"]):
        rest = _after_options(rest[1:], valued)
    return (rest or None), bool(rest)


def _words_of(code: str) -> list[str]:
    """The words of a program text; the first line that execnet, and so pytest-xdist, gives its workers is called by its name."""
    words = re.findall(r"\w+", code)[:64]
    return ["execnet"] if words[:5] == ["import", "sys", "exec", "eval", "sys"] else words


def _of_java(words: list[str]) -> tuple[list[str] | None, bool]:
    """The jar or the main class of a Java program: the class goes by its last name."""
    at = 0
    while at < len(words):
        word = words[at]
        if word == "-jar":
            return words[at + 1 :] or None, True
        if not word.startswith("-"):
            return [_CLASS, *words[at:]], True
        at += 2 if word in ("-cp", "-classpath", "-p", "--module-path", "--add-opens", "--add-modules") else 1
    return None, False


def _of_runner(name: str, words: list[str]) -> list[str] | None:
    """What a package runner was told to run, by its package's name; None where it was told something else."""
    verbs, valued = RUNNERS[name]
    rest = _after_options(words, valued)
    if verbs:
        if not rest or rest[0] not in verbs:
            return None
        tool = rest[0] == "tool"
        rest = _after_options(rest[1:], valued)
        if tool:
            rest = _after_options(rest[1:], valued) if rest[:1] == ["run"] else []
    if not rest:
        return None
    return [_unversioned(rest[0]), *rest[1:]]

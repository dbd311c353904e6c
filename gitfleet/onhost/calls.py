"""What a command line really runs: the program behind shells, interpreters, package runners and wrappers.

`sh -c "vite --port 3000"`, `node ./node_modules/.bin/vite`, `npx -y vite@8` and `python -m http.server` each say two things: what
was started, and what is run by it. `calls` yields all of it from the outermost to the innermost, by whole words. Nothing is
read but the words: they may come from anybody, so every loop here is bounded and no error leaves.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Iterator, List, Optional, Sequence, Tuple

DEPTH = 8
"""How many programs deep a command line is followed."""

LONGEST = 4096
"""Characters of a shell's or an interpreter's text that are read; the rest does not change what is run."""

SHELLS = frozenset(["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "fish", "tcsh", "csh"])

# wrapper -> options that take a value of their own
_WRAPPERS = {
    "env": {"-u", "-C", "-S", "--unset", "--chdir"},
    "nice": {"-n", "--adjustment"},
    "ionice": {"-c", "-n", "--class", "--classdata"},
    "chrt": set(),
    "taskset": set(),
    "nohup": set(),
    "setsid": set(),
    "stdbuf": {"-i", "-o", "-e"},
    "timeout": {"-k", "-s", "--kill-after", "--signal"},
    "time": {"-f", "-o"},
    "sudo": {"-u", "-g", "-C", "-h", "-p", "-T"},
    "doas": {"-u", "-C"},
    "runuser": {"-u", "-g"},
    "unbuffer": set(),
    "xvfb-run": {"-n", "-s", "-e", "-f", "-p", "-w"},
    "dbus-run-session": set(),
    "dumb-init": set(),
    "tini": set(),
    "flock": {"-w", "-E"},
    "strace": {"-o", "-e", "-p", "-s"},
    "caffeinate": {"-t", "-w"},
    "direnv": set(),
    "dotenv": {"-e", "-f"},
    "dotenvx": {"-f"},
    "cross-env": set(),
    "corepack": set(),
}
_WORDS_BEFORE = {"timeout": 1, "flock": 1, "chrt": 1, "taskset": 1}
"""Words of the wrapper's own between its options and the program."""

# package runner -> (words that make it run a program, options that take a value)
_RUNNERS = {
    "npx": ((), {"-p", "--package", "-c", "--call", "-w", "--workspace"}),
    "bunx": ((), {"-p", "--package"}),
    "pnpx": ((), {"--package"}),
    "uvx": ((), {"--from", "--with", "-p", "--python", "--index-url", "--directory"}),
    "npm": (("exec", "x"), {"-p", "--package", "-c", "--call", "-w", "--workspace", "--prefix"}),
    "pnpm": (("exec", "dlx"), {"-C", "--dir", "--package", "--filter", "-F"}),
    "yarn": (("exec", "dlx"), {"-p", "--package", "--cwd"}),
    "bun": (("x",), {"--cwd"}),
    "uv": (("run", "tool"), {"--from", "--with", "-p", "--python", "--directory", "--project", "--extra"}),
    "pipx": (("run",), {"--spec", "--python"}),
    "poetry": (("run",), {"-C", "-P", "--directory", "--project"}),
    "pdm": (("run",), {"-p", "--project"}),
    "pipenv": (("run",), set()),
    "hatch": (("run",), {"-e", "--env"}),
    "rye": (("run",), set()),
    "bundle": (("exec",), set()),
    "mise": (("exec", "x"), set()),
    "direnv": (("exec",), set()),
}

# interpreter -> (options that take a value, options whose value is the program text)
_INTERPRETERS = {
    "node": ({"-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions"}, {"-e", "--eval", "-p", "--print"}),
    "nodejs": ({"-r", "--require", "--import", "--loader"}, {"-e", "--eval", "-p", "--print"}),
    "deno": ({"-c", "--config", "--import-map"}, set()),
    "ruby": ({"-I", "-r", "-C"}, {"-e"}),
    "perl": ({"-I"}, {"-e", "-E"}),
    "php": ({"-d", "-c", "-t"}, {"-r"}),
    "python": ({"-X", "-W", "-Q"}, {"-c"}),
}

_TRIVIAL = frozenset(
    "cd pwd export source . set true false echo shopt test [ umask ulimit unset wait trap printf read exit return local "
    "setopt unsetopt builtin hash alias sleep :".split()
)
_COMPOUND = frozenset(["while", "for", "if", "until", "case", "select", "function", "{", "("])
_VERSION = re.compile(r"^(python|pypy|ruby|perl|php|node|lua|clang|gcc|g\+\+|clangd|java|pip)-?[0-9][0-9.]*$")
_ENDINGS = (".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".tsx", ".py", ".pyc", ".rb", ".exe", ".jar", ".phar", ".bundle")
_ASSIGNMENT = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*=")
_TITLE = re.compile(r"^(?:node|nodejs) \((.+)\)$")


@dataclass(frozen=True)
class ProgramCall:
    """One program in a command line: the names that it goes by (its file's, then its package's), and the words after it.

    `parts` are the folders of its path; `script` says that an interpreter was given this file; `packaged` that the file belongs
    to an installed package, so that its name was chosen by the package's makers. `file` is the file's name as it was given.
    """

    names: Tuple[str, ...]
    words: Tuple[str, ...] = ()
    parts: Tuple[str, ...] = ()
    script: bool = False
    packaged: bool = False
    file: str = ""

    @property
    def verbs(self) -> Tuple[str, ...]:
        """The first word that is no option; after `run`, which means nothing by itself, also the next; none if there is none."""
        plain = [word for word in self.words[:32] if word and not word.startswith(("-", "+"))]
        return tuple(plain[: 2 if plain[:1] in (["run"], ["run-script"]) else 1])

    @property
    def verb(self) -> str:
        """The first word that is no option, without what follows a colon (`test:unit` is `test`); empty if there is none."""
        return self.verbs[0].split(":", 1)[0].lower() if self.verbs else ""


def calls(command: Sequence[str]) -> Tuple[ProgramCall, ...]:
    """What `command` (the words of /proc/P/cmdline) runs, from the outermost to the innermost program; empty for no command."""
    found: List[ProgramCall] = []
    words: Optional[List[str]] = _plain(command)
    script = False
    while words and len(found) < DEPTH:
        call = _module(words[1:]) if words[0] == "\0module" else _call(words, script=script)
        found.append(call)
        words, script = _within(call, words)
    return tuple(found)


def _plain(command: Sequence[str]) -> List[str]:
    """The words; a program that has put a title over its command line has left one string, which is taken apart."""
    words = [word[:LONGEST] for word in command[:512]]
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
    return ProgramCall(tuple(names), tuple(words[1:]), parts[:-1], script=script, packaged=bool(package) or ".bin" in parts, file=parts[-1] if parts else path)


def _module(words: Sequence[str]) -> ProgramCall:
    """A module that Python was told to run: `http.server` goes by that name, and by its package's."""
    name = words[0]
    top = name.split(".", 1)[0]
    names = (name,) if top == name else (name, top)
    return ProgramCall(names, tuple(words[1:]), (), packaged=True)


def _bare(name: str) -> str:
    """The name of a file without its ending, a login shell's dash, the colon of a title, the number of an interpreter."""
    name = name.lstrip("-").rstrip(":,").strip()
    lowered = name.lower()
    for ending in _ENDINGS:
        if lowered.endswith(ending) and len(lowered) > len(ending):
            name, lowered = name[: -len(ending)], lowered[: -len(ending)]
            break
    numbered = _VERSION.match(lowered)
    return numbered.group(1) if numbered else name


def _package(parts: Tuple[str, ...]) -> str:
    """The package that a path lies in: below the last node_modules or site-packages, or a runner's own cache; else empty."""
    for folder in ("node_modules", "site-packages", "dist-packages"):
        if folder in parts[:-1]:
            at = len(parts) - 1 - parts[::-1].index(folder)
            rest = parts[at + 1 :]
            if not rest or rest[0] == ".bin":
                return ""
            return "/".join(rest[:2]) if rest[0].startswith("@") and len(rest) > 1 else rest[0]
    return ""


def _unversioned(word: str) -> str:
    """A package as it is named to a runner, without its version: `@scope/name@1.2` is `@scope/name`."""
    at = word.find("@", 1)
    return word[:at] if at > 0 else re.split(r"[=<>\[]", word, maxsplit=1)[0]


def _within(call: ProgramCall, words: Sequence[str]) -> Tuple[Optional[List[str]], bool]:
    """The words of what `call` runs, and whether they name a script; None where it runs nothing else."""
    name = call.names[0] if call.names else ""
    rest = list(words[1:])
    if name in SHELLS:
        return _of_shell(rest)
    if name in _INTERPRETERS or name == "pypy":
        return _of_interpreter("python" if name == "pypy" else name, rest)
    if name == "java":
        return _of_java(rest)
    if name in _RUNNERS:
        inner = _of_runner(name, rest)
        if inner:
            return inner, False
    if name in _WRAPPERS:
        inner = _after_options(rest, _WRAPPERS[name], assignments=True)[_WORDS_BEFORE.get(name, 0) :]
        return inner or None, False
    return None, False


def _after_options(words: List[str], valued: "set[str]", *, assignments: bool = False) -> List[str]:
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


def _of_shell(words: List[str]) -> Tuple[Optional[List[str]], bool]:
    """What a shell was given: the command of its `-c`, or its script."""
    text = False
    for at, word in enumerate(words):
        if word.startswith(("-", "+")) and word != "-":
            text = text or (not word.startswith("--") and "c" in word[1:])
            continue
        if text:
            return _of_text(word), False
        return words[at:], True
    return None, False


def _of_text(text: str) -> Optional[List[str]]:
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


def _main_command(text: str) -> List[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        tokens = list(lexer)
    except ValueError:  # an open quote
        tokens = text.split()
    found: List[str] = []
    for command in _commands(tokens):
        if command[0] in _COMPOUND:
            return []
        if command[0] not in _TRIVIAL:
            found = command
    return found


def _commands(tokens: Sequence[str]) -> Iterator[List[str]]:
    """The simple commands of a list, of each pipeline its first, without assignments and redirections."""
    command: List[str] = []
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


def _of_interpreter(name: str, words: List[str]) -> Tuple[Optional[List[str]], bool]:
    """The script or module that an interpreter runs. Program text is no file: its words are told apart by the signature."""
    valued, texts = _INTERPRETERS[name]
    at = 0
    while at < len(words):
        word = words[at]
        if name == "python" and word.startswith("-m"):
            module = words[at + 1 :] if word == "-m" else [word[2:], *words[at + 1 :]]
            return (["\0module", *module] if module else None), False
        if word in texts:
            code = words[at + 1][:LONGEST] if at + 1 < len(words) else ""
            return [name + "-text", *re.findall(r"\w+", code)[:64]], False
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


def _of_java(words: List[str]) -> Tuple[Optional[List[str]], bool]:
    """The jar or the main class of a Java program: the class goes by its last name."""
    at = 0
    while at < len(words):
        word = words[at]
        if word == "-jar":
            return words[at + 1 :] or None, True
        if not word.startswith("-"):
            return [word.rsplit(".", 1)[-1], *words[at + 1 :]], True
        at += 2 if word in ("-cp", "-classpath", "-p", "--module-path", "--add-opens", "--add-modules") else 1
    return None, False


def _of_runner(name: str, words: List[str]) -> Optional[List[str]]:
    """What a package runner was told to run, by its package's name; None where it was told something else."""
    verbs, valued = _RUNNERS[name]
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

"""What kind of program a process is: its category, its usual life, and whether it is left alone whatever else is known.

The signatures themselves are data (`signature_data`). A program is known by its name and by whole words of its command line,
never by a part of a word: `viteless` is no vite. The innermost known program counts, so that a wrapper is what it wraps.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Sequence

from gitfleet.onhost import categories
from gitfleet.onhost import signature_data as data
from gitfleet.onhost.call_data import SHELLS
from gitfleet.onhost.calls import SOURCES, ProgramCall, calls
from gitfleet.onhost.records import HostProcess, ProcessGroup
from gitfleet.onhost.signature_form import ProgramSignature


@dataclass(frozen=True)
class ProcessKind:
    """What a process is.

    `life` is how long such a process usually lives, in seconds (None: for ever, or nobody knows). `worker`: it serves only the
    one who started it, and gets no work from anybody else. `kept`: why it is never acted on; empty where it may be.
    `weight` orders the members of a group: the heaviest names the group.
    """

    category: str
    name: str
    life: float | None = None
    worker: bool = False
    kept: str = ""
    weight: int = 0


_MASTER, _SHARED = "[mux]", "/gitfleet-ssh"
"""In the title of an ssh that keeps a connection open for others: the mark of such a one, and the folder of ours (`git.ssh_sharing`)."""

_REMEMBERED = 4096
"""Characters of a command line whose kind is remembered: it is asked for many times in one scan."""

UNKNOWN_KIND = ProcessKind(categories.UNKNOWN, "unknown")


def kind_of(process: HostProcess) -> ProcessKind:
    """The kind of `process`, by its command line, else by its name (of a zombie that is all there is)."""
    if process.kernel:
        return ProcessKind(categories.SYSTEM, "kernel thread", kept=categories.KEPT[categories.SYSTEM])
    if process.identity.pid == 1:
        return ProcessKind(categories.SYSTEM, "first process", kept=categories.KEPT[categories.SYSTEM])
    kind = kind_of_command(process.command, process.name)
    if kind.category == categories.UNKNOWN and _is_of_its_folder(process):
        return _kind(categories.INTERPRETER, "program of the folder")
    return kind


def _is_of_its_folder(process: HostProcess) -> bool:
    """Whether its program lies in the folder in which it works: it was built there. No folder of many programs counts."""
    exe, folder = process.exe or "", process.cwd or ""
    return folder.count("/") > 1 and exe.startswith(folder.rstrip("/") + "/")


def kind_of_group(group: ProcessGroup) -> ProcessKind:
    """The kind of a group: of its members the one that is most to be kept, else the most telling, else the leader's."""
    members = [group.leader, *(member for member in group.members if member is not group.leader)]
    kinds = [kind_of(member) for member in members]
    named = max(kinds, key=lambda kind: kind.weight)  # the first of the heaviest
    kept = next((kind.kept for kind in kinds if kind.kept and kind.category != categories.SHELL), named.kept)
    return replace(named, kept=kept) if named.kept != kept else named


def kind_of_command(command: tuple[str, ...], name: str = "") -> ProcessKind:
    """The kind of what runs as `command`, or, without one, as a process that is called `name`."""
    short = len(command) <= 64 and sum(map(len, command)) <= _REMEMBERED
    return _remembered_kind(command, name) if short else _kind_of_words(command, name)


def _kind_of_words(command: tuple[str, ...], name: str) -> ProcessKind:
    found = calls(command) or calls((name,) if name else ())
    for call in reversed(found):
        kind = _kind_of_call(call)
        if kind is not None and kind.category != categories.INTERPRETER:
            return kind
    return _kind_without_signature(found)


_remembered_kind = lru_cache(maxsize=1024)(_kind_of_words)


def pattern_of(command: Sequence[str], name: str = "") -> str:
    """What hosts compare of a command: the program, its script or module, and its verb.

    No path, no option and no value gets into it: of the words after the program only those that a signature knows.
    """
    found = calls(command) or calls((name,) if name else ())
    if not found or not found[-1].names:
        return "unknown"
    last = found[-1]
    words = [last.names[0]]
    if last.packaged and last.names[0].lower() in data.COMMON_FILES:
        words = [last.names[-1]]
    elif last.script and not last.packaged and len(found) > 1:
        words = [*found[-2].names[:1], last.file]
    elif words[0].endswith("-text"):
        words = [words[0][: -len("-text")] + " -c"]
    words += [word for word in last.verbs if word in _VOCABULARY]
    return " ".join(words)[:80]


def _kind_of_call(call: ProgramCall) -> ProcessKind | None:
    if call.script and any(
        folder == "gitfleet" and inside in data.OWN_FOLDERS
        for folder, inside in zip(call.parts, call.parts[1:])
    ):
        return _kind(categories.OURS, "gitfleet")
    if _MASTER in call.words and any(_SHARED in word for word in call.words):
        return _kind(categories.OURS, "shared connection")
    for name in call.names:
        for signature in _BY_PROGRAM.get(name, _BY_PROGRAM.get(name.lower(), ())):
            if _fits(signature, call):
                return _KINDS[signature]
    for name in call.names:
        kind = _by_words_of_name(name, call)
        if kind is not None:
            return kind
    return None


def _fits(signature: ProgramSignature, call: ProgramCall) -> bool:
    """Whether everything that `signature` asks for is there."""
    if signature.verbs and call.verb not in signature.verbs:
        return False
    if signature.flags and not any(word.split("=", 1)[0] in signature.flags for word in call.words):
        return False
    if signature.words and not any(word in signature.words for word in call.words):
        return False
    if signature.parts and not any(part in signature.parts for part in call.parts):
        return False
    if signature.script:
        return call.script and not call.packaged
    return (
        not _is_own_file(call)
        or bool(_KINDS[signature].kept)
        or signature.category == categories.LANGUAGE_SERVER
    )


def _is_own_file(call: ProgramCall) -> bool:
    """Whether it is a source file of the user's own: `watch.py` is no `watch`. To keep something, its name is enough."""
    installed = bool(call.parts) and call.parts[0] in data.INSTALLED_FOLDERS
    return call.script and not call.packaged and not installed and call.file.endswith(SOURCES)


def _by_words_of_name(name: str, call: ProgramCall) -> ProcessKind | None:
    """What the words of a name tell: `mcp-server-git` is an MCP server, `bash-language-server` a language server."""
    words = frozenset(re.split(r"[^a-z0-9]+", name.lower()))
    if words & data.MCP_WORDS:
        return _kind(categories.MCP_SERVER, "MCP server", worker=True)
    if (
        words & data.LANGUAGE_SERVER_WORDS
        or {"language", "server"} <= words
        or name.lower().endswith(data.LANGUAGE_SERVER_ENDS)
    ):
        return _kind(categories.LANGUAGE_SERVER, "language server")
    if name == "test" and any(word.startswith("-test.") for word in call.words):
        return _kind(categories.TEST_RUNNER, "go test")
    if name.endswith(".test") and any(word.startswith("-test.") for word in call.words):
        return _kind(categories.TEST_RUNNER, "go test")
    if "deps" in call.parts and "target" in call.parts:
        return _kind(categories.TEST_RUNNER, "cargo test")
    return None


def _kind_without_signature(found: tuple[ProgramCall, ...]) -> ProcessKind:
    """A shell is one only without a command or script of its own; an interpreter with a script is just that."""
    if not found:
        return UNKNOWN_KIND
    outer = found[0].names[0] if found[0].names else ""
    if outer in SHELLS:
        runs = len(found) > 1 or any(word.startswith("-") and "c" in word[1:3] for word in found[0].words)
        return _kind(categories.INTERPRETER, "shell script") if runs else _kind(categories.SHELL, outer)
    for call in reversed(found):
        kind = _kind_of_call(call)
        if kind is not None:
            return kind
    return UNKNOWN_KIND


def _kind(
    category: str, name: str, life: float | None = None, *, worker: bool = False, kept: str = ""
) -> ProcessKind:
    weight = categories.WEIGHTS.get(category, 1)
    reason = kept or categories.KEPT.get(category, "")
    return ProcessKind(
        category, name, categories.LIVES.get(category) if life is None else life, worker, reason, weight
    )


def _kind_of_signature(signature: ProgramSignature) -> ProcessKind:
    kind = _kind(
        signature.category, signature.name, signature.life, worker=signature.worker, kept=signature.kept
    )
    return replace(kind, kept="") if signature.free else kind


_KINDS: dict[ProgramSignature, ProcessKind] = {one: _kind_of_signature(one) for one in data.SIGNATURES}


def _by_program() -> dict[str, tuple[ProgramSignature, ...]]:
    found: dict[str, list[ProgramSignature]] = {}
    for signature in data.SIGNATURES:
        for program in signature.programs:
            found.setdefault(program, []).append(signature)
    return {program: tuple(signatures) for program, signatures in found.items()}


_BY_PROGRAM = _by_program()

_VOCABULARY = frozenset(word for one in data.SIGNATURES for word in (*one.verbs, *one.words, "run"))

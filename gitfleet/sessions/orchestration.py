"""Which orchestrator a session belongs to: its `orchestration_pattern`.

Owns the inference and the shape of its markers, which are data: `orchestration.json` beside this module,
extended by the key `orchestrators` of gitfleet.yaml. Leaves what runs behind other programs to `launchers` and the
policy file to its reader. The label informs people and rules; nothing about safety
hangs on it, since whoever starts a process can name it as they like.

Markers are a mapping of labels to what betrays them (every key may be left out)::

    langgraph:
      words: [langgraph]             # in names: of programs, scripts, modules, packages and flags
      programs: [gt, aragora nomic]  # exactly the program, or the program and its first argument
      variables: [LANGGRAPH_*]       # environment variables by name, or by the beginning of it
      ignore: [autogen.sh]           # names (or beginnings*, or "program argument") that do not count
      refines: langchain             # where both labels match, this one says more

A plain list is short for `words`. The user's labels come before ours; a label that is ours too is
extended. Of several that match alike, the one that stands first wins.

Names are compared by word, never by substring, so that `vitest` is not `vite`. A name is split wherever
something other than a letter or digit stands (`my_autogen_script.py`: my, autogen, script, py) and at
changes of case, where neighbouring parts count joined, too (`runLangGraph.ts`: run, lang, graph, langgraph,
...). A marker with a hyphen means words side by side. Words of fewer than three letters say nothing inside
a name: they are accepted as programs only (`gt`, which without an exception would be Graphite's as well).

Only names are looked at, and only of what runs in the end, behind `env`, `uv run`, `python -m`, `sh -c`
and the like. An argument with a space in it is prose, the value of an option (`--model nomic-embed-text`)
is data, a directory says where a checkout lies (except `node_modules/x/`, `site-packages/x/`), and an
exported credential (`LANGCHAIN_API_KEY`) says that somebody has an account: all four are passed over.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from gitfleet.base.identity import program_name
from gitfleet.base.text import one_line
from gitfleet.sessions.launchers import unwrapped

GENERIC = "generic"

_MAX_NAME = 256
_MAX_VARIABLES = 4096
_MAX_ENTRIES = 256  # labels in one set of markers; markers of one kind under one label
_MAX_FORMS = 64

_CREDENTIALS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIALS")
_NEGATIONS = frozenset(["no", "not", "without", "disable", "skip", "exclude", "ignore"])
_PACKAGE_FOLDERS = frozenset(["node_modules", "site-packages", "dist-packages"])


class Inference(NamedTuple):
    """A label, and in words for people where it comes from (one line, safe to show)."""

    label: str
    reason: str


class Orchestrator(NamedTuple):
    """The markers of one label. See the module's docstring for what each means."""

    label: str
    words: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    refines: str = ""


def infer(
    metadata: Mapping[str, str],
    argv: Sequence[str],
    environment: Iterable[str] = (),
    *,
    extra: Mapping[str, object] | None = None,
) -> Inference:
    """The orchestration pattern of a session. Pure but for one file of ours, and says "generic" rather than fail.

    `metadata` is what the session's record says (`orchestrator`, as given with --orchestrator, and
    `agent`, a name); `argv` the command line of its process; `environment` the names of its variables;
    `extra` further markers in the shape of the module's docstring, whose faults are passed over here and
    told by `read_markers`.

    The first that speaks decides: the explicit orchestrator (one of the labels, whatever its case, or
    else any valid name as it stands); in the command line `--orchestrator LABEL`, what runs, its flags,
    and the variables set there; the agent's name; the environment. If a label that refines the one so
    found has spoken anywhere, it replaces it. However long the input, a bounded part is looked at.
    """
    markers = _combined(extra)
    explicit = metadata.get("orchestrator", "")[:_MAX_NAME].strip()
    known = next((label for label in (*markers, GENERIC) if label.casefold() == explicit.casefold()), None)
    if known or is_label(explicit):
        return Inference(known or explicit, "given explicitly")
    found: dict[str, str] = {}
    for trace in (*_commanded(argv), *_surrounding(metadata, environment, markers)):
        for label, orchestrator in markers.items():
            if label not in found and _betrays(trace, orchestrator):
                found[label] = one_line(f"{trace.kind} {trace.name}", 120)
    label = _most_specific(found, markers)
    return Inference(label, found[label]) if label else Inference(GENERIC, "nothing names an orchestrator")


def is_label(text: str) -> bool:
    """Whether `text` may be a label: up to 64 ASCII letters, digits and `._-`, a letter or digit first."""
    plain = text.replace(".", "").replace("_", "").replace("-", "")
    return 0 < len(text) <= 64 and text.isascii() and plain.isalnum() and text[0].isalnum()


def _most_specific(found: Mapping[str, str], markers: Mapping[str, Orchestrator]) -> str:
    label = next(iter(found), "")
    for _ in found:  # each turn goes one step up; should refinements form a circle, the turns still end
        label = next((better for better in found if markers[better].refines == label), label)
    return label


# Reading markers.


def read_markers(raw: object) -> tuple[dict[str, Orchestrator], list[str]]:
    """The markers in `raw` (as JSON or YAML gives it), and what is wrong with the rest, a line each."""
    if not isinstance(raw, Mapping):
        return {}, ["orchestrators: not a mapping of labels to markers"]
    markers: dict[str, Orchestrator] = {}
    faults = [f"orchestrators: more than {_MAX_ENTRIES} labels"] if len(raw) > _MAX_ENTRIES else []
    for label, entry in itertools.islice(raw.items(), _MAX_ENTRIES):
        where = one_line(f"orchestrators: {label}", 100)
        fields = {"words": entry} if isinstance(entry, (list, tuple)) else entry
        if not isinstance(label, str) or not is_label(label):
            faults.append(f"{where}: not a valid label")
        elif isinstance(fields, Mapping):
            markers[label] = _read_entry(label, fields, where, faults)
        else:
            faults.append(f"{where}: neither a list of words nor a mapping")
    return markers, faults


def _read_entry(label: str, fields: Mapping[object, object], where: str, faults: list[str]) -> Orchestrator:
    unknown = [key for key in fields if key not in ("refines", "words", "programs", "variables", "ignore")]
    faults += [one_line(f"{where}: unknown key {key}") for key in unknown[:_MAX_ENTRIES]]
    refines = fields.get("refines", "")
    if not isinstance(refines, str) or (refines and not is_label(refines)):
        faults.append(f"{where}: refines is no label")
        refines = ""
    words = ["-".join(_split(word.lower())) for word in _texts(fields, "words", where, faults)]
    if any(len(word) < 3 for word in words):
        faults.append(f"{where}: words need three letters or digits; shorter ones can be programs")
    return Orchestrator(
        label,
        words=tuple(word for word in words if len(word) >= 3),
        programs=_texts(fields, "programs", where, faults),
        variables=_texts(fields, "variables", where, faults),
        ignore=tuple(name.lower() for name in _texts(fields, "ignore", where, faults)),
        refines=refines,
    )


def _texts(fields: Mapping[object, object], key: str, where: str, faults: list[str]) -> tuple[str, ...]:
    value = fields.get(key, ())
    if not isinstance(value, (list, tuple)):
        faults.append(f"{where}: {key} is no list")
        return ()
    good = [item for item in value if isinstance(item, str) and 0 < len(item) <= 128 and item.strip(" *")]
    if len(good) < len(value) or len(good) > _MAX_ENTRIES:
        faults.append(f"{where}: {key} holds up to {_MAX_ENTRIES} texts of 1 to 128 characters, not just `*`")
    return tuple(good[:_MAX_ENTRIES])


@functools.cache
def _shipped() -> dict[str, Orchestrator]:
    with open(os.path.join(os.path.dirname(__file__), "orchestration.json"), encoding="utf-8") as file:
        return read_markers(json.load(file)["orchestrators"])[0]


def _combined(extra: Mapping[str, object] | None) -> Mapping[str, Orchestrator]:
    if not extra:
        return _shipped()
    markers, _ = read_markers(extra)
    for label, ours in _shipped().items():
        theirs = markers.get(label, Orchestrator(label))
        markers[label] = theirs._replace(
            words=theirs.words + ours.words,
            programs=theirs.programs + ours.programs,
            variables=theirs.variables + ours.variables,
            ignore=theirs.ignore + ours.ignore,
            refines=theirs.refines or ours.refines,
        )
    return markers


# Comparing a name with markers.


class _Trace(NamedTuple):
    """A name that was found, what it is the name of, and the ways to call it as a program."""

    kind: str
    name: str
    programs: tuple[str, ...] = ()


def _betrays(trace: _Trace, orchestrator: Orchestrator) -> bool:
    names = (trace.name, *trace.programs)
    if any(_fits(name.lower(), pattern) for pattern in orchestrator.ignore for name in names):
        return False
    if trace.kind == "variable":
        return any(_fits_variable(trace.name, pattern) for pattern in orchestrator.variables)
    if any(program in orchestrator.programs for program in trace.programs):
        return True
    forms = _forms(trace.name)
    return any(f"-{word}-" in form for word in orchestrator.words for form in forms)


def _fits(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _fits_variable(name: str, pattern: str) -> bool:
    # Credentials are exported once and for all in a shell's profile: having one tells nothing about this
    # process. Whoever spells one out in full as a marker means it.
    credential = name.rpartition("_")[2] in _CREDENTIALS
    return _fits(name, pattern) and not (credential and pattern.endswith("*"))


@functools.lru_cache(maxsize=1024)
def _forms(name: str) -> tuple[str, ...]:
    """`-the-words-of-name-`; then, for each word in mixed case, up to four parts of it joined: `-langgraph-`."""
    words = _split(name)
    forms = [f"-{'-'.join(words).lower()}-"]
    for word in words:
        parts = _humps(word)
        if len(parts) > 1:
            spans = itertools.product(range(len(parts)), range(1, 5))
            forms += [f"-{''.join(parts[at : at + size]).lower()}-" for at, size in spans]
    return tuple(forms[:_MAX_FORMS])


def _split(name: str) -> list[str]:
    return "".join(char if char.isalnum() else " " for char in name).split()


def _humps(word: str) -> list[str]:
    """`runLangGraph` is run, Lang, Graph; `myCrewAIRunner` is my, Crew, AI, Runner."""
    starts = [0]
    for at in range(1, len(word)):
        before, here, after = word[at - 1], word[at], word[at + 1 : at + 2]
        if here.isupper() and (not before.isupper() or after.islower()):
            starts.append(at)
    return [word[low:high] for low, high in zip(starts, [*starts[1:], len(word)], strict=True)]


def _is_name(text: str) -> bool:
    """Whether `text` can be a name at all: neither empty nor over-long, no space, no control character."""
    return 0 < len(text) <= _MAX_NAME and not any(char.isspace() or char < " " for char in text)


# Where names are found.


def _surrounding(
    metadata: Mapping[str, str], environment: Iterable[str], markers: Mapping[str, Orchestrator]
) -> Iterator[_Trace]:
    if _is_name(agent := metadata.get("agent", "")):
        yield _Trace("agent", agent)
    # One comparison in C sorts out all but a few of the hundreds of variables that processes have.
    patterns = [pattern for orchestrator in markers.values() for pattern in orchestrator.variables]
    beginnings = tuple(pattern.rstrip("*") for pattern in patterns)
    for name in itertools.islice(environment, _MAX_VARIABLES):
        if name.startswith(beginnings) and _is_name(name):
            yield _Trace("variable", name)


def _commanded(argv: Sequence[str]) -> Iterator[_Trace]:
    rest, variables = unwrapped(argv)
    options = list(itertools.takewhile(lambda argument: argument != "--", rest[1:]))
    for option, value in itertools.pairwise([*options, ""]):
        name, equals, inline = option.partition("=")
        if name == "--orchestrator" and _is_name(declared := inline if equals else value):
            yield _Trace(name, declared)
    if rest:
        yield from _target(rest)
    for option in options:
        flag = option.partition("=")[0]
        if flag.startswith("-") and _is_name(flag) and not _NEGATIONS.intersection(_split(flag)[:1]):
            yield _Trace("flag", flag)
    for name in variables:
        yield _Trace("variable", name)


def _target(rest: list[str]) -> Iterator[_Trace]:
    path, operand = rest[0][:4096], rest[1] if len(rest) > 1 and _is_name(rest[1]) else ""
    name = program_name(path)
    if _is_name(name):
        yield _Trace("command", name, (name, f"{name.partition('.')[0]} {operand}"))
    folders = path.split("/")
    for folder, package, inner in zip(folders, folders[1:], [*folders[2:], ""], strict=False):
        if folder in _PACKAGE_FOLDERS and _is_name(package):
            name = f"{package}/{inner}" if package.startswith("@") else package
            yield _Trace("package", name, (f"{package} {operand}",))

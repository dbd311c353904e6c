"""The names that a source file defines, each with where it is: enough to see that two branches define the same one.

By lines and indentation, not by parsers: one look serves all languages, and a file that does not parse is no obstacle. A
name counts as the same only in the same place (`class A` then `def run`), so constructors of two new classes are two names.
Languages with overloading compare what stands in the brackets, too. Where a language or a line is unclear, there is no name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from gitfleet.git.program import Git
from gitfleet.radar.cache import TEXTS, Cache

_TIME = 600.0
_MOST = 1024 * 1024  # bytes of a file that is looked at
_PYTHON = r"(?:async\s+)?def\s+(\w+)|class\s+(\w+)"
_SCRIPT = (
    r"(?:export\s+)?(?:default\s+)?(?:async\s+)?function\*?\s+([\w$]+)|(?:export\s+)?(?:default\s+)?(?:abstract\s+)?class\s+([\w$]+)"
    r"|(?:export\s+)?(?:const|let|var)\s+([\w$]+)\s*="
)
_TYPED = r"|(?:export\s+)?(?:enum|type)\s+([\w$]+)"
_GO = r"func\s+(\([^)]*\)\s*\w+|\w+)\s*[(\[]|type\s+(\w+)\s"
_RUST = r"(?:pub(?:\([^)]*\))?\s+)?(?:(?:const|async|unsafe)\s+)*(?:fn|struct|enum|trait|type|const|static)\s+(\w+)"
_TYPES = r"(?:(?:public|private|protected|internal|static|final|abstract|sealed|data|open)\s+)*(?:class|interface|enum|record|object)\s+(\w+)"
_BY_ENDING: Mapping[str, re.Pattern[str]] = {
    ending: re.compile(pattern)
    for endings, pattern in (
        ("py pyi", _PYTHON),
        ("js jsx mjs cjs", _SCRIPT),
        ("ts tsx mts cts", _SCRIPT + _TYPED),
        ("go", _GO),
        ("rs", _RUST),
        ("java cs", _TYPES),
        ("kt kts", _TYPES + r"|(?:\w+\s+)*fun\s+(\w+\s*\([^)]*\))"),
        ("rb", r"def\s+([\w.?!=]+)"),
        ("php", r"(?:(?:public|private|protected|static|final|abstract)\s+)*function\s+(\w+)|(?:final\s+|abstract\s+)?class\s+(\w+)"),
        ("sh bash", r"(?:function\s+)?([\w-]+)\s*\(\)\s*\{"),
        ("c h", r"#\s*define\s+(\w+)"),
        ("toml", r"\[([^\[\]]+)\]\s*$"),
    )
    for ending in endings.split()
}  # fmt: skip
_AGAIN = re.compile(r"@(?:[\w.]*\.)?(?:overload|setter|getter|deleter|register|variant|\w*dispatch)\b")
_OPENING = frozenset(["{", "(", "[", "{}", "("])

Name = str
"""Where a definition is, from the outside in, with `\\x1f` between."""


def is_code(path: str) -> bool:
    """Whether definitions are known of files with this name."""
    return _ending(path) in _BY_ENDING


def words(name: Name) -> str:
    """A name for people: with what it is in, as far as that is named."""
    return ".".join(part for part in name.split("\x1f") if not part.startswith("\x1e"))


def read(git: Git, cache: Cache, blobs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], frozenset[Name]]:
    """The names that blobs define, each with the path that says which language. One git process for what is not known."""
    wanted = {(oid, path): (oid, _ending(path)) for oid, path in blobs}
    unknown = sorted({key for key in wanted.values() if cache.get("names", key, TEXTS) is None})
    if unknown:
        data = "".join(f"{oid}\n" for oid, _ in unknown).encode()
        out = memoryview(git.run("cat-file", "--batch", data=data, timeout=_TIME))
        at = 0
        for oid, ending in unknown:
            end = bytes(out[at : at + 200]).index(b"\n") + at
            size = int(bytes(out[at:end]).split(b" ")[2])
            text = bytes(out[end + 1 : end + 1 + size]) if size <= _MOST else b""
            cache.put("names", (oid, ending), sorted(defined(text.decode("utf-8", "replace"), ending)))
            at = end + 2 + size
    known = {blob: cache.get("names", key, TEXTS) for blob, key in wanted.items()}
    return {blob: frozenset(names or ()) for blob, names in known.items()}


def defined(text: str, ending: str) -> set[Name]:
    """The names that a text defines once each. One that it defines twice itself says nothing of others. Pure."""
    pattern = _BY_ENDING[ending]
    found: dict[Name, int] = {}
    stack: list[tuple[int, str]] = []
    skip = False
    for line in text.split("\n"):
        bare = line.strip()
        if not bare or bare in _OPENING:
            continue
        indent = len(line) - len(line.lstrip())
        if bare.startswith("@"):
            skip = skip or bool(_AGAIN.match(bare))
            continue
        while stack and stack[-1][0] >= indent:
            stack.pop()
        match = pattern.match(bare)
        name = next((part for part in match.groups() if part), "") if match else ""
        label = " ".join(name.split()) if name else f"\x1e{bare}"
        stack.append((indent, label))
        if name and not skip:
            full = "\x1f".join(part for _, part in stack)
            found[full] = found.get(full, 0) + 1
        skip = False
    return {name for name, count in found.items() if count == 1}


def _ending(path: str) -> str:
    name = path.rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name else ""

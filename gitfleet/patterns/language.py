"""Path patterns: the language in which claims name paths.

Owns reading and normalising a pattern, refusing what cannot be one, and whether a pattern matches a path.
Leaves whether two patterns can meet to `overlap`, wildcards to `wildmatch`, braces to `braces`.

======================  ==================================================================================
`src/a`, `src/a/`       shape `path`: that path at the root of the repository, never at any depth, and everything
                        beneath it: the same set with and without the slash, whether or not there is such a path
`src/*.py`, `**/x`      shape `glob`: git's wildmatch with WM_PATHNAME; `*` matches leading dots too
`src/**`                everything beneath `src`, not `src` itself
`src/*/`                every match of `src/*`, and everything beneath each (`subtree`)
`src/[id].ts`           shape `glob` with two readings: as a class, and as the name that it is (`witness`)
`.`                     everything, spelled `**`
`res:gpu`, `res:gpu:2`  shape `resource`: no path at all, but units of something with a name (`resources`); a file
                        of such a name is `:/res:gpu`
======================  ==================================================================================

Many projects have names like `[id].ts` or `[[...slug]]`. A part of a path whose only wildcards are classes may be meant
either way, and what lies on one disk cannot settle what the text means to all clones. So it means both: the pattern
with such parts as classes, and the pattern with all of them as names. Where it has no other wildcards it is a path in
both readings, and takes in everything beneath.

Paths and patterns are relative to the repository's root, `str` as `os.fsdecode` gives them. By default two
spellings with one comparison key (`casefold.key`) are one path; with `case_sensitive=True` only equal strings are,
and `é` written as two code points is another path than `é` written as one.

Hooks import this on every commit, hence what is imported late or not at all here.
"""

from __future__ import annotations

from gitfleet.patterns import resources
from gitfleet.patterns.casefold import key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from gitfleet.errors import BadPath, BadPattern
    from gitfleet.patterns.wildmatch import Elements

__all__ = ["LONGEST", "ROOT", "Pattern", "key", "literal", "matches", "parse", "plain_key"]

LONGEST = 4096
"""Bytes of UTF-8 that a path or pattern may have."""
ROOT = ":/"
"""What a path from the root may begin with, wherever it is typed; as in git."""
DEEPEST = 256
"""Parts that what is claimed may have. Each is a folder of the ledger, and folders are gone through by recursion."""

_WILD = frozenset("*?[\\")
_SPECIAL = frozenset("*?[\\{")
_SAYS_NOTHING = frozenset({"", "."})
_NO_NAMES = frozenset({"", ".", "..", ".git"})
_SAYS_MORE = ("!", resources.PREFIX, ROOT)
_set = object.__setattr__


class Pattern:
    """What one claim names. Immutable; equal and hashed by `text`; made by `parse` and `literal` only.

    - `text`: canonical spelling; `parse(p.text) == (p,)`
    - `shape`: `"path"`, `"glob"` or `"resource"`
    - `units`: how many units of a resource are meant; 0 for everything that is a path
    - `components`: those of `text`, as spelled there
    - `prefix`: the leading components without wildcards, as names (escapes taken out): all of them unless a glob
    - `prefix_key`: the comparison keys of `prefix`
    - `witness`: where it may be meant by name: its components with each class as the name that it is; else None
    - `subtree`: whether everything beneath each match is matched as well (always for a path)
    - `everything`: whether every path matches: `**`, `*/`, `**/*`, …
    """

    __slots__ = (
        "_exact",
        "_folded",
        "components",
        "everything",
        "names",
        "prefix",
        "prefix_key",
        "shape",
        "subtree",
        "text",
        "units",
    )

    text: str
    shape: str
    components: tuple[str, ...]
    names: tuple[str, ...] | None
    prefix: tuple[str, ...]
    prefix_key: tuple[str, ...]
    subtree: bool
    everything: bool
    units: int
    _folded: tuple[Elements, ...] | None
    _exact: tuple[Elements, ...] | None

    def __init__(
        self,
        text: str,
        components: tuple[str, ...],
        prefix: tuple[str, ...],
        *,
        subtree: bool = True,
        glob: bool = False,
        names: tuple[str, ...] | None = None,
        units: int = 0,
    ) -> None:
        shape = "resource" if units else "glob" if glob else "path"
        _set(self, "text", text)
        _set(self, "shape", shape)
        _set(self, "units", units)
        _set(self, "components", components)
        _set(self, "prefix", prefix)
        _set(self, "prefix_key", tuple(key("/".join(prefix)).split("/")) if prefix else ())
        _set(self, "names", names)
        _set(self, "subtree", subtree)
        _set(self, "_folded", None)
        _set(self, "_exact", None)
        _set(
            self, "everything", glob and self.readings() == (((None,), None),)
        )  # one component, and whatever follows

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a Pattern does not change: {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a Pattern does not change: {name}")

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, Pattern) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[object, ...]:
        return _only, (self.text,)

    @property
    def resource(self) -> str:
        """The name of the resource that is meant (`gpu`); only where `units` is not 0."""
        return self.prefix[1]

    def readings(self, *, case_sensitive: bool = False) -> tuple[Elements, ...]:
        """The compiled forms (see `wildmatch`), folded unless `case_sensitive`: what any of them matches is matched.

        One, or two for a pattern that may be meant by name. Kept once made.
        """
        kept = self._exact if case_sensitive else self._folded
        if kept is None:
            from gitfleet.patterns.wildmatch import compile_path  # claims on paths never need it

            spelled = [self.components] if self.names is None else [self.components, self.names]
            kept = tuple(
                compile_path(one, subtree=self.subtree, folded=not case_sensitive) for one in spelled
            )
            _set(self, "_exact" if case_sensitive else "_folded", kept)
        return kept


def parse(text: str) -> tuple[Pattern, ...]:
    """The patterns that `text` names: one, or one for each alternative of its braces, without duplicates.

    `./a//b` and `:/a/b` are `a/b`: what a text means depends on nothing but the text. Raises BadPath for a path that
    cannot be in a repository (empty, absolute, with `..`, `.git` or control characters, too long or too deep),
    BadPattern for what cannot be read (`!…`, an open `[`, a backslash that escapes nothing, braces for more than 64
    patterns).
    """
    _check_text(text)
    if text.startswith(resources.PREFIX):
        return (_resource(text),)
    if text.startswith(ROOT):
        text = "." + text[1:]
    if _SPECIAL.isdisjoint(text) and not text.startswith("!"):
        return (_shallow(_plain(text, text.split("/")), text),)
    from gitfleet.patterns.braces import expand  # see `Pattern.readings`
    from gitfleet.patterns.bracket import NoPattern

    try:
        return tuple(dict.fromkeys(_shallow(_read(spelled, text), text) for spelled in expand(text)))
    except NoPattern as problem:
        raise _bad_pattern(text, problem.why, problem.hint) from None


def plain_key(text: str) -> str:
    """The comparison key of the path that `text` is, where it is one in ASCII, as `parse` would spell it; "" where only that can tell.

    For who reads very many: it takes a fifth of the time.
    """
    if not (
        text.isascii() and text.isprintable() and _SPECIAL.isdisjoint(text) and len(text) <= LONGEST // 4
    ):
        return ""
    if text.startswith(_SAYS_MORE):
        return ""
    key_ = text.lower()
    names = key_.split("/")
    return key_ if _NO_NAMES.isdisjoint(names) and len(names) <= DEEPEST else ""


def _shallow(pattern: Pattern, given: str) -> Pattern:
    if len(pattern.components) > DEEPEST:
        raise _bad_path(given, f"it has more than {DEEPEST} parts", "claim a folder further up")
    return pattern


def _resource(text: str) -> Pattern:
    try:
        name, units = resources.read(text)
    except ValueError as problem:
        why, hint = problem.args
        raise _bad_pattern(text, why, hint) from None
    spelled = resources.spelled(name, units)
    return Pattern(spelled, (spelled,), ("", name), subtree=False, units=units)


def literal(path: str) -> Pattern:
    """The pattern for this path and all beneath: wildcards, braces, `!` and backslashes are the characters that they are.

    Raises BadPath.
    """
    _check_text(path)
    return _plain(path, path.split("/"))


def matches(pattern: Pattern, path: str, *, case_sensitive: bool = False) -> bool:
    """Whether `pattern` matches `path`, a path of the repository without `.`, `..` or empty components."""
    path = path if case_sensitive else key(path)
    if pattern.shape == "glob":
        from gitfleet.patterns.wildmatch import path_matches  # see `Pattern.readings`

        names = path.split("/")
        return any(path_matches(one, names) for one in pattern.readings(case_sensitive=case_sensitive))
    claimed = "/".join(pattern.prefix if case_sensitive else pattern.prefix_key)
    return path == claimed or path.startswith(claimed + "/")


def _only(text: str) -> Pattern:
    return parse(text)[0]


def _read(text: str, given: str) -> Pattern:
    """One alternative of the pattern that was given. Raises Unreadable, BadPath."""
    from gitfleet.patterns.bracket import NoPattern  # see `Pattern.readings`
    from gitfleet.patterns.wildmatch import is_globstar

    if text.startswith("!"):
        raise NoPattern("`!` excludes, and a claim only includes", "write `\\!` for a name that begins so")
    if text.startswith("/"):
        raise _absolute(given)
    parts = [(part, *_meant(part)) for part in text.split("/")]
    if all(name is not None and not wild for _, name, wild in parts):
        return _plain(given, [name or "" for _, name, _ in parts])
    said = [(part, name, wild) for part, name, wild in parts if wild or name not in _SAYS_NOTHING]
    _check_names(given, [name for _, name, wild in said if name is not None and not wild])
    components: list[str] = []
    for part, name, wild in said:
        component = "**" if is_globstar(part) else part if wild else _escaped(name or "")
        if component != "**" or components[-1:] != ["**"]:
            components.append(component)
    by_name = all(name is not None for _, name, _ in said)
    # What `x/**` matches, it matches with everything beneath.
    subtree = (by_name or parts[-1][1] in _SAYS_NOTHING) and components[-1] != "**"
    slash = parts[-1][1] in _SAYS_NOTHING and components[-1] != "**"
    spelled, components = _spelled(given, components, slash=slash)
    names = None
    if any(wild and name is not None for _, name, wild in said):
        names = tuple(
            "**" if is_globstar(part) else part if name is None else _escaped(name) for part, name, _ in said
        )
    first = [wild for _, _, wild in said].index(True)
    prefix = tuple(name or "" for _, name, _ in said[:first])
    return Pattern(spelled, tuple(components), prefix, subtree=subtree, glob=True, names=names)


def _meant(part: str) -> tuple[str | None, bool]:
    """The name that a part of a pattern may mean (None: it cannot be one), and whether it has wildcards.

    Raises Unreadable.
    """
    from gitfleet.patterns.bracket import LongMember  # see `Pattern.readings`
    from gitfleet.patterns.wildmatch import compile_component, is_globstar, literal_name, name_with_classes

    name = literal_name(part)
    if name is not None or is_globstar(part):
        return name, name is None
    name = name_with_classes(part)
    if name is not None:
        try:
            compile_component(part, folded=True)
        except LongMember:  # `[größe]` can be no class, but is a name all the same
            return name, False
    return name, True


def _plain(given: str, parts: list[str]) -> Pattern:
    """The path at the end of the names in `parts`. Raises BadPath."""
    if parts == [""]:
        raise _bad_path(
            given, "it names nothing", "name a file, a folder with `/` behind it, or `.` for everything"
        )
    names = [part for part in parts if part not in _SAYS_NOTHING]
    if not names:
        return _read("**", given)
    _check_names(given, names)
    slash = parts[-1] in _SAYS_NOTHING
    spelled, components = _spelled(given, [_escaped(name) for name in names], slash=slash)
    return Pattern(spelled, tuple(components), tuple(names))


def _spelled(given: str, components: list[str], *, slash: bool) -> tuple[str, list[str]]:
    """The text that reads as these components, and they as they stand in it. Raises BadPath."""
    text = "/".join(components) + "/" * slash
    if text[0] == "!" or "{" in text:
        from gitfleet.patterns.braces import (
            guard,  # see `Pattern.readings`
            inert,
        )

        text = "\\" + text if text[0] == "!" else text
        text = text if inert(text) else guard(text)
        components = text.removesuffix("/").split("/")
    if text.startswith((resources.PREFIX, ROOT)):
        text = ROOT + text
    _check_length(given, text)
    return text, components


def _escaped(name: str) -> str:
    if _WILD.isdisjoint(name):
        return name
    return "".join("\\" + char if char in _WILD else char for char in name)


def _check_text(given: str) -> None:
    """Refuse what neither a path nor a pattern may hold. Raises BadPath."""
    if not given.isascii():
        _check_decoded(given)
    if not given.isprintable() and any(char < " " or char == "\x7f" for char in given):
        raise _bad_path(
            given, "it holds a control character", "claim the folder that it is in, or rename the file"
        )
    _check_length(given, given)
    if given.startswith("/"):
        raise _absolute(given)


def _check_decoded(given: str) -> None:
    hint = "pass names as `os.fsdecode` gives them"
    try:
        raw = given.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise _bad_path(given, "it holds half a character", hint) from None
    if raw.decode("utf-8", "surrogateescape") != given:
        raise _bad_path(given, "it spells a character as loose bytes", hint)


def _check_length(given: str, text: str) -> None:
    """`text`, all that `given` stands for or its canonical spelling, must not be too long to be read again."""
    if len(text) > LONGEST // 4 and len(text.encode("utf-8", "surrogateescape")) > LONGEST:
        raise _bad_path(given, f"it is longer than {LONGEST} bytes", "claim a folder further up")


def _check_names(given: str, names: list[str]) -> None:
    for name in names:
        if name == "..":
            raise _bad_path(given, "it goes up with `..`", "name it from the root of the repository on")
        if name.lower() == ".git":
            raise _bad_path(
                given, "`.git` is git's own and never part of a commit", "claim files of the repository"
            )


def _absolute(given: str) -> BadPath:
    return _bad_path(given, "it is absolute", "name it from the root of the repository on; `.` is everything")


def _bad_path(given: str, why: str, hint: str) -> BadPath:
    from gitfleet.base.text import one_line  # only who is refused pays for the words
    from gitfleet.errors import BadPath

    what = f"`{one_line(given)}`" if given else "An empty path"
    return BadPath(f"{what} cannot be claimed: {why}.", hint=hint, path=given)


def _bad_pattern(given: str, why: str, hint: str) -> BadPattern:
    """The error about a pattern that cannot be read."""
    from gitfleet.base.text import one_line  # see `_bad_path`
    from gitfleet.errors import BadPattern

    return BadPattern(f"`{one_line(given)}` cannot be read: {why}.", hint=hint, pattern=given)

"""Patterns: what is read, what is refused, and what matches, against real git and real bash."""

from __future__ import annotations

import os
import pickle
import re
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gitfleet.errors import BadPath, BadPattern
from gitfleet.patterns import automaton, casefold
from gitfleet.patterns.braces import expand
from gitfleet.patterns.charsets import accepts
from gitfleet.patterns.language import DEEPEST, LONGEST, Pattern, key, literal, matches, parse, plain_key
from tests.patterns import bruteforce
from tests.sampling import examples
from tests.workbench import ROOT, Git


def one(text: str) -> Pattern:
    (pattern,) = parse(text)
    return pattern


# --- keys


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("README.md", "readme.MD"),
        ("é", "e\u0301"),
        ("É", "e\u0301"),
        ("Straße", "STRASSE"),
        ("ẞ", "ß"),
        ("ß", "ss"),
        ("\u212a", "k"),  # the Kelvin sign
        ("\u212b", "å"),  # the Ångström sign
        ("ς", "Σ"),
        ("İ", "i\u0307"),
        ("ﬁ", "FI"),
        ("각", "\u1100\u1161\u11a8"),
        ("ǰ", "J\u030c"),
    ],
)
def test_key_of_two_spellings_of_one_name_is_equal(a: str, b: str) -> None:
    assert key(a) == key(b)


@pytest.mark.parametrize(("a", "b"), [("I", "ı"), ("İ", "i"), ("é", "e"), ("a-b", "a_b"), ("①", "1")])
def test_key_of_names_that_only_look_alike_differs(a: str, b: str) -> None:
    assert key(a) != key(b)


def test_key_of_every_character_is_its_own_key_and_adds_no_syntax() -> None:
    for code in range(0x80, 0x30000):
        folded = key(chr(code))
        assert key(folded) == folded
        assert not set(folded) & set("/*?[]\\{},!^-.")


ODD = "aAeEiIıİsSßẞﬁKk\u212a\u0300\u0301\u0307\u030c\u0323\u0327\u0345αΑᾳΐΰςσΣ\u1100\u1161\u11a8가\u09c7\u09be\udcc3\udca9\udcff/"


@given(st.text(alphabet=st.one_of(st.sampled_from(ODD), st.characters())))
def test_key_of_a_key_is_itself(text: str) -> None:
    assert key(key(text)) == key(text)


@given(st.text(alphabet=st.sampled_from(ODD)))
def test_key_of_a_path_is_made_of_the_keys_of_its_components(text: str) -> None:
    assert key(text).split("/") == [key(part) for part in text.split("/")]
    assert key(unicodedata.normalize("NFD", text)) == key(text)
    assert key(text.upper()) == key(text.upper().lower()) or not text.isascii()


def test_key_of_bytes_that_are_no_utf8_keeps_them() -> None:
    name = os.fsdecode(b"caf\xe9-\xc3\x89")
    assert os.fsencode(key(name)) == b"caf\xe9-\xc3\xa9"


def test_single_folds_hold_every_character_whose_key_is_another_one() -> None:
    wanted = [
        (code, ord(key(chr(code))))
        for code in range(0x80, 0x30000)
        if key(chr(code)) != chr(code) and len(key(chr(code))) == 1
    ]
    assert casefold.single_folds() == wanted


# --- parse: shapes and canonical text


@pytest.mark.parametrize(
    ("text", "canonical", "shape", "prefix"),
    [
        ("src/a.py", "src/a.py", "path", "src/a.py"),
        ("./src//a.py", "src/a.py", "path", "src/a.py"),
        ("src/./a.py", "src/a.py", "path", "src/a.py"),
        ("src/api/", "src/api/", "path", "src/api"),
        ("src/api//", "src/api/", "path", "src/api"),
        ("src/api/.", "src/api/", "path", "src/api"),
        ("src/*.py", "src/*.py", "glob", "src"),
        ("./src//*.py", "src/*.py", "glob", "src"),
        ("src/*/", "src/*/", "glob", "src"),
        ("src/*/.", "src/*/", "glob", "src"),
        ("src/**", "src/**", "glob", "src"),
        ("src/**/", "src/**", "glob", "src"),
        ("src/***", "src/**", "glob", "src"),
        ("src/**/**/x", "src/**/x", "glob", "src"),
        ("src/**/./**/x", "src/**/x", "glob", "src"),
        ("a**/b", "a**/b", "glob", ""),
        (".", "**", "glob", ""),
        ("./", "**", "glob", ""),
        ("**", "**", "glob", ""),
        ("**/", "**", "glob", ""),
        (".github/x", ".github/x", "path", ".github/x"),
        (".gitignore", ".gitignore", "path", ".gitignore"),
        (".git*", ".git*", "glob", ""),
        ("x.git/y", "x.git/y", "path", "x.git/y"),
        ("...", "...", "path", "..."),
        (r"a\*", r"a\*", "path", "a*"),
        (r"a\*/", r"a\*/", "path", "a*"),
        (r"\[id\].tsx", r"\[id].tsx", "path", "[id].tsx"),
        (r"a\-b", "a-b", "path", "a-b"),
        (r"a\\b", r"a\\b", "path", r"a\b"),
        (r"\!a", r"\!a", "path", "!a"),
        ("./!a", r"\!a", "path", "!a"),
        ("./!a/*", r"\!a/*", "glob", "!a"),
        ("a!", "a!", "path", "a!"),
        ("a]b", "a]b", "path", "a]b"),
        ("{a}", "{a}", "path", "{a}"),
        ("{a,b", "{a,b", "path", "{a,b"),
        ("a,b}", "a,b}", "path", "a,b}"),
        (r"\{a,b}", r"\{a,b}", "path", "{a,b}"),
        (r"{a\,b}", "{a,b}", "path", "{a,b}"),
        (r"\{a/*,b}", r"\{a/*,b}", "glob", "{a"),
        ("a b /c", "a b /c", "path", "a b /c"),
        ("Ünïcode/é", "Ünïcode/é", "path", "Ünïcode/é"),
        ("a\\*/b*/c", "a\\*/b*/c", "glob", "a*"),
    ],
)
def test_parse_of_one_pattern_normalises_it(text: str, canonical: str, shape: str, prefix: str) -> None:
    pattern = one(text)
    if canonical == "{a,b}":  # what was escaped stays so, one way or the other
        canonical = r"\{a,b}"
    assert (pattern.text, pattern.shape, "/".join(pattern.prefix)) == (canonical, shape, prefix)
    assert pattern.components == tuple(canonical.removesuffix("/").split("/"))
    assert pattern.prefix_key == tuple(key(name) for name in pattern.prefix)
    assert pattern.subtree == (shape == "path" or canonical.endswith("/"))
    assert parse(pattern.text) == (pattern,)


@pytest.mark.parametrize("text", ["**", ".", "**/", "**/**", "*/", "**/*", "**/*/", "**/?*", "**/*?", "***"])
def test_parse_of_what_matches_every_path_says_everything(text: str) -> None:
    assert one(text).everything


@pytest.mark.parametrize(
    "text", ["*", "*/**", "*/**/", "*/*/", "**/*.*", "src/", "**/??*", "[!a]*/", "**/x", "**/[!x]*"]
)
def test_parse_of_what_misses_some_path_does_not_say_everything(text: str) -> None:
    assert not one(text).everything


@pytest.mark.parametrize(
    ("text", "error", "word"),
    [
        ("", BadPath, "empty"),
        ("/", BadPath, "absolute"),
        ("/etc/passwd", BadPath, "absolute"),
        ("//x", BadPath, "absolute"),
        ("..", BadPath, ".."),
        ("../x", BadPath, ".."),
        ("a/../b", BadPath, ".."),
        ("a/..", BadPath, ".."),
        ("*/../b", BadPath, ".."),
        (r"a/\.\./b*", BadPath, ".."),
        (r"a/\.\./b", BadPath, ".."),
        (".git", BadPath, ".git"),
        (".git/", BadPath, ".git"),
        (".GIT/config", BadPath, ".git"),
        ("a/.Git/b", BadPath, ".git"),
        (r"\.git", BadPath, ".git"),
        (".git/*", BadPath, ".git"),
        ("*/.gIt", BadPath, ".git"),
        ("a\0b", BadPath, "control"),
        ("a\nb", BadPath, "control"),
        ("a\tb*", BadPath, "control"),
        ("a\x1b[2J", BadPath, "control"),
        ("a\x7f", BadPath, "control"),
        ("é\x01", BadPath, "control"),
        ("\ud800", BadPath, "half a character"),
        ("\udcc3\udca9", BadPath, "loose bytes"),
        ("a" * (LONGEST + 1), BadPath, "longer"),
        ("é" * (LONGEST // 2 + 1), BadPath, "longer"),
        ("*" * LONGEST + "/", BadPath, "longer"),
        ("a/" * DEEPEST + "a", BadPath, "parts"),
        ("*/" * DEEPEST + "a/", BadPath, "parts"),
        ("{a,}", BadPath, "names nothing"),
        ("{/a,b}", BadPath, "absolute"),
        ("{a,..}/b", BadPath, ".."),
        ("!a", BadPattern, "excludes"),
        ("!", BadPattern, "excludes"),
        ("{!a,b}", BadPattern, "excludes"),
        ("[", BadPattern, "no `]`"),
        ("a[b", BadPattern, "no `]`"),
        ("a[b/c]", BadPattern, "no `]`"),
        ("[]", BadPattern, "no `]`"),
        ("[!]", BadPattern, "no `]`"),
        ("[]a", BadPattern, "no `]`"),
        ("[a-", BadPattern, "no `]`"),
        (r"[a\]", BadPattern, "no `]`"),
        ("[[:alpha:]", BadPattern, "no `]`"),
        ("[[:alfa:]]", BadPattern, "[:alfa:]"),
        ("[[::]]", BadPattern, "[::]"),
        ("a\\", BadPattern, "escapes nothing"),
        ("*\\", BadPattern, "escapes nothing"),
        (r"a\/b", BadPattern, "escapes nothing"),
        (r"src\api\x.py", BadPattern, "escapes nothing"),
        (r"[\d]*", BadPattern, "escapes nothing"),
        ("[ß]*", BadPattern, "more than one character"),
        ("[!ß]*", BadPattern, "more than one character"),
        ("{a,b}" * 7, BadPattern, "more than 64"),
        ("{a,b}" * 700, BadPattern, "more than 64"),
        ("{" + ",".join("a" * 65) + "}", BadPattern, "more than 64"),
        ("{a," * 1000 + "}" * 1000, BadPattern, "more than 64"),
    ],
)
def test_parse_of_what_is_no_pattern_is_refused_with_a_hint(
    text: str, error: type[BadPath | BadPattern], word: str
) -> None:
    with pytest.raises(error) as caught:
        parse(text)
    assert word in caught.value.message
    assert caught.value.message.isprintable()
    assert caught.value.hint
    assert text in caught.value.facts.values()


def test_literal_path_may_be_deeper_than_what_is_claimed() -> None:
    path = "a/" * DEEPEST + "b"
    assert matches(one("a/"), path)
    assert literal(path).text == path


def test_parse_of_deep_braces_without_commas_does_not_recurse() -> None:
    text = "{" * 2000 + "}" * 2000
    assert one(text).prefix == (text,)


@pytest.mark.parametrize("size", [LONGEST - 1, LONGEST])
def test_parse_of_the_longest_path_works(size: int) -> None:
    path = "a/" * (DEEPEST - 1) + "b" * (size - 2 * DEEPEST + 2)
    assert one(path).text == path
    assert matches(one("**"), path.removesuffix("/"))
    assert matches(one("**/a/**/*[a-b]"), path.removesuffix("/"))


def test_literal_whose_escaped_spelling_is_too_long_is_refused() -> None:
    assert literal("*" * (LONGEST // 2)).text == "\\*" * (LONGEST // 2)
    with pytest.raises(BadPath):
        literal("*" * LONGEST)


# --- literal


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a[1].txt", r"a\[1].txt"),
        ("app/[id]/page.tsx", r"app/\[id]/page.tsx"),
        ("what?", r"what\?"),
        ("**", r"\*\*"),
        ("a\\b", r"a\\b"),
        ("!important", r"\!important"),
        ("{a,b}", r"\{a,b}"),
        ("{{cookiecutter.slug}}/setup.py", "{{cookiecutter.slug}}/setup.py"),
        ("plain", "plain"),
        ("{a/b,c}", r"\{a/b,c}"),
    ],
)
def test_literal_of_a_name_with_metacharacters_is_that_name(path: str, text: str) -> None:
    pattern = literal(path)
    assert (pattern.text, pattern.shape, pattern.prefix) == (text, "path", tuple(path.split("/")))
    assert matches(pattern, path)
    assert parse(text) == (pattern,)
    assert parse(text + "/") == (literal(path + "/"),)


@pytest.mark.parametrize("path", ["", "/a", "a/../b", ".git", "a/.GIT", "a\nb", "..", "a" * 5000])
def test_literal_of_what_cannot_be_in_a_repository_is_refused(path: str) -> None:
    with pytest.raises(BadPath):
        literal(path)


def test_literal_of_the_root_is_everything() -> None:
    assert literal(".") == literal("./") == one("**")


NASTY = st.text(alphabet=st.sampled_from("ab.*?[]\\{},!^-/é\udcff ~"), min_size=1, max_size=12)


@given(NASTY)
@examples(400)
def test_literal_of_any_path_survives_its_own_text(path: str) -> None:
    try:
        pattern = literal(path)
    except BadPath:
        assume(False)
    assert parse(pattern.text) == (pattern,)
    if not pattern.everything:
        name = "/".join(part for part in path.split("/") if part not in {"", "."})
        assert matches(pattern, name)
        assert not matches(pattern, name + "x")
        assert matches(pattern, name + "/x")


@given(NASTY)
@examples(800)
def test_parse_of_any_text_refuses_or_is_idempotent(text: str) -> None:
    try:
        patterns = parse(text)
    except (BadPath, BadPattern):
        return
    assert len(set(patterns)) == len(patterns)
    for pattern in patterns:
        (again,) = parse(pattern.text)
        for name in ("text", "shape", "components", "names", "prefix", "prefix_key", "subtree", "everything"):
            assert getattr(again, name) == getattr(pattern, name)
        for case_sensitive in (False, True):
            assert again.readings(case_sensitive=case_sensitive) == pattern.readings(
                case_sensitive=case_sensitive
            )


@given(st.text(max_size=30))
@examples(300)
def test_parse_of_arbitrary_unicode_raises_nothing_else(text: str) -> None:
    with suppress(BadPath, BadPattern):
        parse(text)


# --- Pattern, the value


def test_pattern_does_not_change() -> None:
    pattern = one("src/*.py")
    with pytest.raises(AttributeError):
        pattern.text = "x"
    with pytest.raises(AttributeError):
        del pattern.shape


def test_pattern_is_equal_hashed_printed_and_pickled_by_its_text() -> None:
    pattern = one("src//*.py")
    assert pattern == one("./src/*.py")
    assert pattern != one("src/*.p")
    assert len({pattern, one("src/*.py")}) == 1
    assert str(pattern) == "src/*.py"
    again = pickle.loads(pickle.dumps(pattern))
    assert again == pattern
    assert matches(again, "src/a.py")
    assert pattern != "src/*.py"


# --- braces


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("a", ["a"]),
        ("{a,b}", ["a", "b"]),
        ("x{a,b}y", ["xay", "xby"]),
        ("{a,b}{c,d}", ["ac", "ad", "bc", "bd"]),
        ("{a,{b,c}}", ["a", "b", "c"]),
        ("{a,b{c,d}e}f", ["af", "bcef", "bdef"]),
        ("x{,y}", ["x", "xy"]),
        ("x{,,}", ["x", "x", "x"]),
        ("{a}", ["{a}"]),
        ("{}", ["{}"]),
        ("{a", ["{a"]),
        ("a}", ["a}"]),
        ("{a,b", ["{a,b"]),
        ("{a,b}}", ["a}", "b}"]),
        ("{{a,b}", ["{a", "{b"]),
        ("{{a,b}}", ["{a}", "{b}"]),
        ("{a{b,c}", ["{ab", "{ac"]),
        ("a,b", ["a,b"]),
        ("{a/b,c}/d", ["a/b/d", "c/d"]),
    ],
)
def test_expand_agrees_with_the_table_and_with_bash(text: str, expanded: list[str]) -> None:
    assert list(expand(text)) == expanded
    if shutil.which("bash"):
        assert in_bash([text]) == expanded


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        (r"\{a,b}", [r"\{a,b}"]),
        (r"{a,b\}", [r"{a,b\}"]),
        (r"{a\,b}", [r"{a\,b}"]),
        (r"{a\,b,c}", [r"a\,b", "c"]),
        (r"{a\\,c}", [r"a\\", "c"]),
        ("{1..3}", ["{1..3}"]),
    ],
)
def test_expand_leaves_escapes_and_ranges_to_others(text: str, expanded: list[str]) -> None:
    assert list(expand(text)) == expanded


def in_bash(words: list[str]) -> list[str]:
    script = 'set -f; printf "%s\\0" ' + " ".join(words)
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    return os.fsdecode(done.stdout).split("\0")[:-1]


BRACED = st.recursive(
    st.sampled_from(["a", "b", "c/d", "x{y}z"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: "{" + ",".join(parts) + "}"),
        st.lists(inner, min_size=1, max_size=3).map("".join),
        inner.map(lambda part: part + "{,e}"),
    ),
    max_leaves=6,
)


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is the reference")
@given(st.lists(BRACED, min_size=1, max_size=40))
@examples(15)
def test_expand_of_closed_braces_agrees_with_bash(words: list[str]) -> None:
    assert [spelled for word in words for spelled in expand(word)] == in_bash(words)


@given(st.text(alphabet=st.sampled_from("ab{},\\"), max_size=16))
@examples(400)
def test_expand_is_complete_after_one_pass(text: str) -> None:
    try:
        spelled = expand(text)
    except ValueError:
        assume(False)
    for word in spelled:
        assert expand(word) == (word,)


def test_parse_of_braces_drops_duplicates_and_keeps_the_order() -> None:
    assert [p.text for p in parse("{b,a,b,./a}/{x,x}")] == ["b/x", "a/x"]
    assert [p.text for p in parse("src{,/api}")] == ["src", "src/api"]
    assert [p.text for p in parse("src/{a,b}/")] == ["src/a/", "src/b/"]


# --- matching: the table, and git's own opinion of it

MATCHES = [
    # pattern, matching paths, other paths
    ("a", "a a/b a/b/c", "b x/a ab"),
    ("a/b", "a/b a/b/c", "a b x/a/b"),
    ("*", "a .a ab", "a/b"),
    ("*.py", "a.py .py x.y.py", "a/b.py a.pyc py"),
    ("a*", "a ab a.b", "ba a/b"),
    ("*a*", "a bab", "b a/b"),
    ("a*b*c", "abc axbyc abbcc", "ac ab acb"),
    ("?", "a .", "ab a/b"),
    ("a?c", "abc a.c", "ac abbc a/c"),
    ("a/*", "a/b a/.b", "a a/b/c b/a"),
    ("*/b", "a/b .a/b", "b a/a/b"),
    ("*/*", "a/b", "a a/b/c"),
    ("**", "a a/b .a/.b/.c", ""),
    ("***", "a a/b", ""),
    ("**/x", "x a/x a/b/x .a/x", "ax x/a a/xa"),
    ("a/**", "a/b a/b/c a/.b", "a ab b/a"),
    ("a/**/b", "a/b a/x/b a/x/y/b", "a/bb ab a/b/c a/xb"),
    ("**/a/**", "a/b x/a/b a/a/a", "a x/a b/x"),
    ("**/a/**/b", "a/b x/a/y/b a/a/b", "b a"),
    ("a/**/**/b", "a/b a/x/b", "a b"),
    ("a**b", "ab axb", "a/b ax/b"),
    ("**b", "b ab", "a/b"),
    ("**/b*/**", "b/x a/bc/x", "b a/b x"),
    ("**/*.py", "a.py x/a.py", "a.pyc a.py/x"),
    ("[ab]", "a b a/x [ab] [ab]/x", "c ab / [ab]x x/[ab]"),
    ("a/[b]/c", "a/b/c a/b/c/d a/[b]/c a/[b]/c/d", "a/b a/[b] a/c/c a/[b]c"),
    ("[a]/[b]", "a/b [a]/[b] [a]/[b]/c", "a/[b] [a]/b"),
    ("[a]/*.x", "a/b.x [a]/b.x", "a/b.x/y [a]/b.x/y a/b"),
    ("[a]*", "a ab", "[a] [a]b a/b"),
    (r"\[a]", "[a] [a]/b", "a"),
    ("[[...a]]", "[[...a]] [[...a]]/x .] a] [] a]/x", "a . [...a]"),
    ("[a-c]x", "ax bx cx", "dx x abx"),
    ("[!a]", "b c", "a ab"),
    ("[^a]", "b c", "a"),
    ("[]a]", "] a", "b"),
    ("[!]a]", "b", "] a"),
    ("[a-]", "a -", "b"),
    ("[-a]", "a -", "b"),
    ("[a-c-e]", "a c - e", "d"),
    ("[z-a]", "z", "a m"),
    (r"[\]]", "]", "\\"),
    (r"[\-a]", "- a", "b"),
    (r"[a-\]]", "", "b"),
    (r"[\[-\]]", r"[ \ ]", "a"),
    (r"[\\]", "\\", "]"),
    (r"\*", "*", "a **"),
    (r"a\[b]", "a[b]", "ab"),
    (r"\?", "?", "a"),
    ("a]", "a]", "a"),
    ("[[:alpha:]]", "a z", "1 _ aa"),
    ("[[:digit:][:space:]x]", "1 x", "a y"),
    ("[![:digit:]]", "a _", "1"),
    ("[[:punct:]]", "- _ ]", "a 1"),
    ("[[:xdigit:]]", "a f 0", "g"),
    ("[[:a]", "a : [", "b"),
    ("[[:]", "[ :", "a"),
    ("[[a]", "[ a", "b"),
    ("[[:alpha:]-z]", "a - z", "1"),
    ("[a-[:digit:]]", ":] d]", "a 1"),
    ("x[!a]y", "xby", "xay x/y"),
    ("a[^b]/c", "ac/c", "ab/c a/c"),
    ("{a}", "{a}", "a"),
]
DIRECTORIES = [
    ("a/", "a a/b a/b/c", "ab b b/a"),
    ("a/b/", "a/b a/b/c", "a a/bc"),
    ("*/", "a a/b a/b/c", ""),
    ("a*/", "a ab a/b ab/c", "b b/a"),
    ("a/*/", "a/b a/b/c", "a b/c"),
    ("**/a/", "a x/a x/a/b", "ab x"),
    ("a/**/", "a/b a/b/c", "a"),
]
IN_ANY_CASE = [
    ("a", "a A", "b"),
    ("Src/*.PY", "src/a.py SRC/A.Py", "src/a.px"),
    ("[a-c]", "a B C", "d D"),
    ("[A-C]x", "ax BX", "dx"),
    ("[!a]", "b B", "a A"),
    ("[!A-C]", "d D", "a B"),
    ("[Z-a]", "a A z Z _", "b B"),
    ("[[:upper:]]", "a A", "1"),
    ("[[:lower:]]", "a A", "1"),
    ("[![:upper:]]", "1", "a A"),
    ("**/README*", "readme x/ReadMe.md", "read"),
]


def table(rows: list[tuple[str, str, str]]) -> list[tuple[str, str, bool]]:
    return [
        (pattern, path, expected)
        for pattern, yes, no in rows
        for expected, paths in ((True, yes), (False, no))
        for path in paths.split()
        if path not in {"/", "."}  # nothing git could be asked about
    ]


@pytest.mark.parametrize(("pattern", "path", "expected"), table(MATCHES + DIRECTORIES))
def test_matches_follows_the_table(pattern: str, path: str, expected: bool) -> None:
    assert matches(one(pattern), path, case_sensitive=True) is expected
    assert matches(one(pattern), path) is expected


@pytest.mark.parametrize(("pattern", "path", "expected"), table(IN_ANY_CASE))
def test_matches_in_any_case_follows_the_table(pattern: str, path: str, expected: bool) -> None:
    assert matches(one(pattern), path) is expected


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("[A]", "a", True),  # git with core.ignoreCase forgets single capitals in classes
        ("[A]", "A", True),
        ("[!A]", "a", False),
        ("é", "e\u0301", True),
        ("e\u0301/*", "É/x", True),
        ("[é]", "E\u0301", True),
        ("[e\u0301]", "É", True),
        ("[à-ý]", "É", True),
        ("[À-Ý]x", "éx", True),
        ("[!À-Ý]x", "éx", False),
        ("?", "e\u0301", True),
        ("?", "é", True),
        ("e*", "e\u0301", False),  # one character to everybody, however it is written
        ("straße", "STRASSE", True),
        ("STRASSE", "straße", True),
        ("stra??e", "straße", True),
        ("stra?e", "straße", False),
        ("stra*e", "straße", True),
        ("{ä,ß}", "ss", True),
        ("[k]", "\u212a", True),
        ("[\u212a]", "K", True),
        ("[J-L]", "\u212a", True),
        ("İ*", "i\u0307x", True),
        ("i*", "İ", True),
        ("ı", "i", False),
        ("[ς]", "Σ", True),
        ("\udce9*", "\udce9a", True),
        ("[\udce9]", "\udce9", True),
        ("?", "\udce9", True),
        ("?", "\udce9\udce8", False),
        ("[[:alpha:]]", "é", False),
        ("*", "a\nb", True),  # cannot be claimed by name, but by what is around it
        ("a/", "a/b\x01", True),
    ],
)
def test_matches_by_key_follows_the_documented_choices(pattern: str, path: str, expected: bool) -> None:
    assert any(matches(each, path) for each in parse(pattern)) is expected


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("a", "A", False),
        ("é", "é", True),
        ("é", "e\u0301", False),
        ("e?", "e\u0301", True),
        ("[A-C]", "b", False),
        ("[A]", "A", True),
        ("ß", "ss", False),
        ("?", "ß", True),
        ("SRC/", "src/x", False),
        ("SRC/", "SRC/x", True),
    ],
)
def test_matches_case_sensitively_compares_as_written(pattern: str, path: str, expected: bool) -> None:
    assert matches(one(pattern), path, case_sensitive=True) is expected


def readings(pattern: str) -> list[str]:
    """The patterns of git's that one of ours is: it and all beneath for a path, and each class as the name that it is."""
    parts = pattern.rstrip("/").split("/")
    named = "/".join(part if set(part) & set("*?\\") else part.replace("[", "\\[") for part in parts)
    below = ["/**"] if pattern.endswith("/") or not set(pattern) & set("*?") else []
    return [one + tail for one in dict.fromkeys(["/".join(parts), named]) for tail in ("", *below)]


Oracle = Callable[[list[str], list[str], bool], set[tuple[str, str]]]


@pytest.fixture(scope="session")
def ask_git(tmp_path_factory: pytest.TempPathFactory, git: Git) -> Oracle:
    """Which of the patterns git's wildmatch matches with which of the paths: attributes of `.gitattributes`.

    git compares what precedes the first wildcard for itself and hands wildmatch the rest, so that `a**` looks to
    it like `**`. A class in place of the first character avoids that.
    """
    repository = tmp_path_factory.mktemp("wildmatch")
    git(repository, "init", "--quiet")

    def ask(patterns: list[str], paths: list[str], ignore_case: bool) -> set[tuple[str, str]]:
        lines = []
        for number, pattern in enumerate(patterns):
            for spelled in readings(pattern):
                safe = re.sub(
                    r"^([A-Za-z.])", lambda m: f"[{m[1].lower() if ignore_case else m[1]}]", spelled
                )
                quoted = safe.replace("\\", "\\\\").replace('"', '\\"')
                lines.append(f'"/{quoted}" p{number}\n')
        (repository / ".gitattributes").write_bytes(os.fsencode("".join(lines)))
        setting = f"core.ignoreCase={str(ignore_case).lower()}"
        out = git(repository, "-c", setting, "check-attr", "-z", "--stdin", "-a", stdin="\0".join(paths))
        fields = out.split("\0")
        return {
            (patterns[int(name[1:])], path) for path, name in zip(fields[::3], fields[1::3], strict=False)
        }

    return ask


@pytest.mark.parametrize(("rows", "ignore_case"), [(MATCHES + DIRECTORIES, False), (IN_ANY_CASE, True)])
def test_matches_table_is_what_git_says(
    ask_git: Oracle, rows: list[tuple[str, str, str]], ignore_case: bool
) -> None:
    triples = table(rows)
    said = ask_git([row[0] for row in rows], sorted({path for _, path, _ in triples}), ignore_case)
    assert [(p, path) for p, path, expected in triples if ((p, path) in said) is not expected] == []


TOKENS = ["a", "b", "B", ".", "*", "?", "[ab]", "[!a]", "[a-c]", "[!.b]", "**"]
COMPONENTS = st.lists(st.sampled_from(TOKENS), min_size=1, max_size=4).map("".join)
GLOBS = st.builds(
    lambda parts, slash: "/".join(parts) + slash,
    st.lists(st.one_of(COMPONENTS, st.just("**")), min_size=1, max_size=4),
    st.sampled_from(["", "", "/"]),
).filter(lambda text: not set(text.split("/")) & {".", ".."})
PATHS = st.lists(
    st.text(alphabet=st.sampled_from("abBc."), min_size=1, max_size=4).filter(lambda name: name.strip(".")),
    min_size=1,
    max_size=4,
).map("/".join)


@given(
    patterns=st.lists(GLOBS, min_size=1, max_size=25, unique=True),
    paths=st.lists(PATHS, min_size=1, max_size=25, unique=True),
    ignore_case=st.booleans(),
)
@examples(30)
def test_matches_of_random_globs_is_what_git_says(
    ask_git: Oracle, patterns: list[str], paths: list[str], ignore_case: bool
) -> None:
    said = ask_git(patterns, paths, ignore_case)
    for pattern in patterns:
        for path in paths:
            answer = matches(one(pattern), path, case_sensitive=not ignore_case)
            assert answer is ((pattern, path) in said), (pattern, path)


@given(GLOBS, st.lists(PATHS, min_size=1, max_size=12))
@examples(300)
def test_matches_of_random_globs_is_what_regular_expressions_say(pattern: str, paths: list[str]) -> None:
    expected = bruteforce.accepted(pattern, "\n".join(paths))
    assert {path for path in paths if matches(one(pattern), path, case_sensitive=True)} == expected
    folded = bruteforce.accepted(pattern.lower(), "\n".join(paths).lower())
    assert {path for path in paths if matches(one(pattern), path)} == {
        p for p in paths if p.lower() in folded
    }


UNICODE = st.text(alphabet=st.sampled_from("aeÉé\u0301ßsSİi\u0307Kk\u212a\udcff.文"), min_size=1, max_size=4)


@given(
    st.lists(st.one_of(UNICODE, st.sampled_from(["*", "?", "[é]", "[!s]", "[a-ý]"])), min_size=1, max_size=4),
    UNICODE,
)
@examples(500)
def test_matches_by_key_is_what_the_spelling_of_the_key_matches(parts: list[str], path: str) -> None:
    text = "".join(parts)
    assume(text.strip(".") and path.strip("."))
    for pattern in parse(text):
        for spelled in (path, key(path), unicodedata.normalize("NFD", path)):
            assert matches(pattern, spelled) == matches(pattern, path)


def test_matching_many_stars_takes_the_product_of_the_lengths_at_most() -> None:
    asked = 0

    def counted(item: str, char: str) -> bool:
        nonlocal asked
        asked += 1
        return accepts(item, char)

    pattern = [part for _ in range(12) for part in (automaton.STAR, "a")] + ["b"]
    name = "a" * 200
    assert not automaton.matches(pattern, name, counted)
    assert asked <= len(pattern) * len(name)


# --- what it costs to import


def test_files_and_folders_are_read_and_compared_without_the_standard_library() -> None:
    script = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import gitfleet
before = set(sys.modules)
from gitfleet.patterns.overlap import covers, overlap
from gitfleet.patterns.language import literal, matches, parse
file, folder = *parse("src/a.py"), *parse("src/")
assert overlap(file, folder) and covers(folder, file) and matches(folder, "src/b.py")
sys.stdout.write("\\n".join(sys.modules.keys() - before))
"""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True
    )
    wanted = {"", ".casefold", ".language", ".overlap", ".resources"}
    assert set(done.stdout.split()) - {"__future__"} == {f"gitfleet.patterns{name}" for name in wanted}


def test_globs_are_compared_without_the_standard_library() -> None:
    script = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import gitfleet
before = set(sys.modules)
from gitfleet.patterns.overlap import covers, overlap, takes_in
from gitfleet.patterns.language import matches, parse
a, b = parse("src/{{*,[a-c]}}.py")
assert overlap(a, b) and covers(a, a) and takes_in(a, b) and matches(b, "src/b.py")
sys.stdout.write("\\n".join(sys.modules.keys() - before))
"""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True
    )
    assert {name for name in done.stdout.split() if not name.startswith("gitfleet.")} <= {"__future__"}


# --- paths that are known as such at a glance


@pytest.mark.parametrize("text", ["src/a.py", "README", "a", "A/b.C/d e", "x" * 200, "/".join("d" * DEEPEST)])
def test_plain_key_of_a_path_as_it_is_spelled_is_the_key_that_parse_finds(text: str) -> None:
    found = one(text)
    assert plain_key(text) == "/".join(found.prefix_key) != ""
    assert (found.text, found.shape, found.subtree, found.units) == (text, "path", True, 0)


@pytest.mark.parametrize(
    "text",
    ["", ".", "a/", "./a", "a//b", "/a", "a/../b", "a/.GIT/b", "*.py", "a[b]", "a{b,c}", "!a", "res:gpu", ":/res:gpu", "a\\*", "é", "a\nb",
     "x" * LONGEST, "/".join("d" * (DEEPEST + 1))],
)  # fmt: skip
def test_plain_key_of_anything_else_is_left_to_parse(text: str) -> None:
    assert plain_key(text) == ""


@given(st.text(alphabet="aA./:!*{}[] gitres\\é\n", max_size=12))
def test_plain_key_where_there_is_one_agrees_with_parse(text: str) -> None:
    if found := plain_key(text):
        assert (parse(text)[0].text, "/".join(one(text).prefix_key)) == (text, found)

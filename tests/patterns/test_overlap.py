"""Overlap of patterns: exact against all paths of a small world, bounded against hostile patterns."""

from __future__ import annotations

import itertools
import os
import pickle
from functools import cache

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gitfleet.errors import BadPath, BadPattern
from gitfleet.patterns.automaton import Budget
from gitfleet.patterns.language import DEEPEST, LONGEST, Pattern, key, literal, matches, parse
from gitfleet.patterns.overlap import STEPS, Overlap, covers, overlap
from gitfleet.patterns.witness import Names
from tests.patterns import bruteforce
from tests.sampling import examples


def one(text: str) -> Pattern:
    (pattern,) = parse(text)
    return pattern


def is_valid(path: str) -> bool:
    return (
        all(part.lower() not in bruteforce.FORBIDDEN for part in path.split("/"))
        and not any(char < " " or char == "\x7f" for char in path)
        and os.fsdecode(os.fsencode(path)) == path
    )


def assert_witnessed(met: Overlap | None, a: Pattern, b: Pattern, *, case_sensitive: bool = False) -> None:
    assert met is not None
    assert met.exact
    assert is_valid(met.witness)
    assert matches(a, met.witness, case_sensitive=case_sensitive)
    assert matches(b, met.witness, case_sensitive=case_sensitive)


def both_ways(a: str, b: str, *, case_sensitive: bool = False) -> Overlap | None:
    """The answer, which must not depend on the order."""
    x, y = one(a), one(b)
    met, again = overlap(x, y, case_sensitive=case_sensitive), overlap(y, x, case_sensitive=case_sensitive)
    assert (met is None) == (again is None)
    if met is not None and again is not None:
        assert met.exact == again.exact
    return met


# --- the table


@pytest.mark.parametrize(
    ("a", "b", "witness"),
    [
        ("src/a.py", "src/a.py", "src/a.py"),
        ("src/a.py", "src/", "src/a.py"),
        ("src", "src/", "src"),
        ("src/", "src/", "src"),
        ("src/", "src/api/", "src/api"),
        ("src/api/x/y.py", "src/", "src/api/x/y.py"),
        ("src/a.py", "src/*.py", "src/a.py"),
        ("src/a.py", "**", "src/a.py"),
        ("src/a.py", "**/a.py", "src/a.py"),
        ("src/", "src/*.py", "src/x.py"),
        ("src/", "src/**", "src/x"),
        ("src/", "**/*.py", "src/x.py"),
        ("src/api/", "src/**/*.py", "src/api/x.py"),
        ("src/api/", "src/*", "src/api"),
        ("src/*/", "src/api/v1/", "src/api/v1"),
        ("*.py", "test_*", "test_.py"),
        ("*.py", "*", "x.py"),
        ("**/*.py", "src/**", "src/x.py"),
        ("src/**/test_*.py", "**/api/*", "src/api/test_.py"),
        ("a/**/b", "a/b", "a/b"),
        ("a/**", "**/b", "a/b"),
        ("**/a/**", "**/b/**", "b/a/x"),
        ("**", "**", "x"),
        ("*", "?", "x"),
        ("a*", "*b", "ab"),
        ("[a-m]*", "[m-z]*", "m"),
        ("[!a]", "[!b]", "x"),
        ("?[0-9]", "x?", "x0"),
        ("README.md", "readme.md", "README.md"),
        ("README*", "**/readme.MD", "readme.md"),
        ("Src/*/", "src/A*", "Src/a"),
        ("caf\u00e9/*", "cafe\u0301/", "café/x"),
        ("*.*", ".??*", ".ax"),
        ("src", "src/a.py", "src/a.py"),
        ("src", "src/**", "src/x"),
        ("src", "src/*", "src/x"),
        ("src/a.py", "src/*/x.md", "src/a.py/x.md"),
        ("new", "**/x.py", "new/x.py"),
        ("app/[id]/page.tsx", r"app/\[id]/page.tsx", "app/[id]/page.tsx"),
        ("app/[id]/page.tsx", "app/[id]/page.tsx", "app/i/page.tsx"),
        ("app/[id]/page.tsx", "app/d/", "app/d/page.tsx"),
        ("app/[id]/page.tsx", "app/?id]/*", "app/[id]/page.tsx"),
        ("pages/[id]", r"pages/\[id]/edit.tsx", "pages/[id]/edit.tsx"),
        ("pages/[id]/", "pages/[id]/edit.tsx", "pages/i/edit.tsx"),
        ("[[...slug]].tsx", r"\[\[...slug]].tsx", "[[...slug]].tsx"),
        ("app/(group)/[id]/*.tsx", r"app/(group)/\[id]/page.tsx", "app/(group)/[id]/page.tsx"),
        ("[A]/x", r"\[a]/X", "[a]/x"),
        ("app/[größe]/x", r"app/\[größe]/x", "app/[größe]/x"),
    ],
)
def test_overlap_of_patterns_that_meet_is_witnessed(a: str, b: str, witness: str) -> None:
    met = both_ways(a, b)
    assert_witnessed(met, one(a), one(b))
    assert met is not None
    assert len(met.witness) == len(witness)  # which of the shortest is a matter of taste


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("src/a.py", "src/b.py"),
        ("src", "srcs"),
        ("src/", "srcs"),
        ("src/", "src2/"),
        ("[id]*.tsx", r"\[id].tsx"),
        (r"\[id]", "i"),
        (r"[i\]d]", r"\[i\]d]"),
        ("app/[id]/page.tsx", "app/[slug]/page.tsx"),
        ("[a]/[b]", r"\[a]/b"),
        ("src", "srb/*"),
        ("src/*.py", "src/api/"),
        ("src/*.py", "src/*.md"),
        ("src/*", "src/*/*"),
        ("*/b", "a/b/c"),
        ("**/*.py", "*.md/x"),
        ("a/**/b", "a/**/c"),
        ("a/**/b", "b/**"),
        ("a*", "b*"),
        ("*a", "*b"),
        ("?", "??"),
        ("[a-c]", "[d-f]"),
        ("[!a]", "a"),
        ("[a-m]x", "[!a-m]x"),
        ("a?c", "a/c"),
        ("*a*b", "*c"),
        ("[[:cntrl:]]*", "**"),
        ("[[:cntrl:]]?", "[[:cntrl:]]?"),
        (".gi?", ".?it"),
        (".g[i]?", ".[g]?t"),
        (".GI?", ".?It"),
        ("?.", ".?"),
        ("[.]", "?"),
        ("[z-a]b?", "[!z]*"),
    ],
)
def test_overlap_of_patterns_that_never_meet_is_none(a: str, b: str) -> None:
    assert both_ways(a, b) is None


@pytest.mark.parametrize(
    ("a", "b", "meet", "meet_as_written"),
    [
        ("A", "a", True, False),
        ("A*", "a*", True, False),
        ("SRC/", "src/x", True, False),
        ("[A-Z]", "[a-z]", True, False),
        ("[!A]", "A", False, False),
        ("[!A]", "a", False, True),
        ("é", "e\u0301", True, False),
        ("é*", "e\u0301*", True, False),
        ("é", "e?", False, False),
        ("e\u0301", "e?", False, True),
        ("ß", "ss", True, False),
        ("ß*", "*S", True, True),
        ("?", "ß", False, True),
        ("??", "ß", True, False),
        ("[!k]", "\u212a", False, True),
        ("[k]", "\u212a*", True, False),
        ("[À-Ö]", "[à-ö]", True, False),
        ("[À-Ö]", "[!à-ö]", False, True),
        ("[ı]", "[iI]", False, False),
        (".gIt*", ".GI?", False, False),
    ],
)
def test_overlap_by_key_and_as_written_differ_where_case_or_unicode_do(
    a: str, b: str, meet: bool, meet_as_written: bool
) -> None:
    for expected, case_sensitive in ((meet, False), (meet_as_written, True)):
        met = both_ways(a, b, case_sensitive=case_sensitive)
        assert (met is not None) is expected
        if met is not None:
            assert_witnessed(met, one(a), one(b), case_sensitive=case_sensitive)


@pytest.mark.parametrize(
    ("a", "b", "meet"),
    [
        ("e*", "*\u0301", True),  # not in `é`, but in `ex\u0301`
        ("e?", "?\u0301", False),  # only in `é`, and that is one character
        ("[ex]?", "?\u0301", True),
        ("*e\u0301", "*\u0301", False),
        ("\u1100*", "*\u1161", True),
        ("\u1100?", "?\u1161", False),
        ("\udcc3*", "*\udca9", True),  # with something between, or the bytes were `é`
        ("\udcc3?", "?\udca9", False),
        ("[\udcc2-\udcc4]?", "?[\udca9]", False),
        ("*\u0323", "*\u0301", False),
        ("a*\u0301", "*\u0323*", True),
        ("\u0301*", "\u0301?", True),
        ("文*", "*档", True),
        ("文?", "?档", True),
    ],
)
def test_overlap_where_neighbours_make_one_character_is_still_exact(a: str, b: str, meet: bool) -> None:
    met = both_ways(a, b)
    if meet:
        assert_witnessed(met, one(a), one(b))
        assert met is not None
        assert key(met.witness) == met.witness
    else:
        assert met is None


def test_overlap_of_names_at_the_length_limit_is_found() -> None:
    path = "a/" * (DEEPEST - 1) + "x" * (LONGEST - 2 * DEEPEST + 2)
    assert overlap(one(path), one(path)) == Overlap(path)
    assert overlap(one(path), one("a/")) == Overlap(path)
    assert overlap(one(path), one("**/x*")) == Overlap(path)
    assert overlap(one(path), one("**/y*")) == Overlap(f"{path}/y")
    assert overlap(one(path), one("*/y*")) is None
    assert overlap(literal("é" * 2048), one("É*")) == Overlap("é" * 2048)


# --- a world small enough to be looked at as a whole


@cache
def world(alphabet: str, longest: int, deepest: int) -> str:
    return "\n".join(bruteforce.paths(bruteforce.names(alphabet, longest), deepest))


def assert_agrees(a: str, b: str, paths: str) -> None:
    found = bruteforce.accepted(a, paths) & bruteforce.accepted(b, paths)
    met = both_ways(a, b, case_sensitive=True)
    if met is None:
        assert found == set()
        return
    assert met.exact
    assert is_valid(met.witness)
    # What matched is not asked of the code under test.
    assert bruteforce.accepted(a, met.witness) == bruteforce.accepted(b, met.witness) == {met.witness}
    if found:
        assert len(met.witness.split("/")) <= min(len(path.split("/")) for path in found)


CHARACTERS = ["a", "b", "*", "?", "[ab]", "[!a]", "[!b]", "[b-c]"]
NAMES = st.lists(st.sampled_from(CHARACTERS), min_size=1, max_size=5).map("".join)


@given(NAMES, NAMES)
@examples(400)
def test_overlap_of_single_components_agrees_with_all_names(a: str, b: str) -> None:
    assert_agrees(a, b, world("abc", 6, 1))


COMPONENTS = st.sampled_from(["a", "b", "*", "?", "a*", "*b", "[!a]", "[ab]?", "**", "**", "**"])
GLOBS = st.builds(
    lambda parts, slash: "/".join(parts) + slash,
    st.lists(COMPONENTS, min_size=1, max_size=4),
    st.sampled_from(["", "", "/"]),
)


@given(GLOBS, GLOBS)
@examples(250)
def test_overlap_of_paths_agrees_with_all_paths(a: str, b: str) -> None:
    assert_agrees(a, b, world("ab", 2, 5))


NAMED = st.builds(
    lambda parts, slash: "/".join(parts) + slash,
    st.lists(
        st.sampled_from(["a", "[a]", "[b]a", "[ab]", "*", "?[a]", "[a]*", "**"]), min_size=1, max_size=3
    ),
    st.sampled_from(["", "", "/"]),
)


@given(NAMED, NAMED)
@examples(250)
def test_overlap_of_what_may_be_names_agrees_with_all_paths(a: str, b: str) -> None:
    assert_agrees(a, b, world_of("a", "b", "[a]", "[b]a", "[ab]", "a]", "aa", "ba", "[a]a", deepest=4))


@cache
def world_of(*names: str, deepest: int) -> str:
    return "\n".join(bruteforce.paths(list(names), deepest))


DOTTED = st.lists(
    st.sampled_from([".", "g", "i", "t", "?", "*", "[.g]", "[!g]", "[.gi]", "[!.x]", "[it]"]),
    min_size=1,
    max_size=5,
).map("".join)


@given(DOTTED, DOTTED)
@examples(400)
def test_overlap_never_meets_in_names_that_git_refuses(a: str, b: str) -> None:
    assume(not {a, b} & {".", "..", ".git"})
    assert_agrees(a, b, world(".gitx", 4, 1))


ODD = [
    "e",
    "\u0301",
    "é",
    "É",
    "ß",
    "s",
    "S",
    "\u212a",
    "k",
    "\udcc3",
    "\udca9",
    "*",
    "?",
    "[é]",
    "[!s]",
    "[à-ý]",
]
UNICODE = st.lists(st.sampled_from(ODD), min_size=1, max_size=4).map("".join)


@cache
def odd_names() -> list[str]:
    names = bruteforce.names("e\u0301sk\udcc3\udca9x", 4)
    return [name for name in names if is_valid(name) and key(name) == name]


@given(UNICODE, UNICODE)
@examples(250)
def test_overlap_by_key_agrees_with_all_keys(a: str, b: str) -> None:
    try:
        x, y = one(a), one(b)
    except BadPath:
        assume(False)
    found = [name for name in [*odd_names(), "é", "éx"] if matches(x, name) and matches(y, name)]
    met = both_ways(a, b)
    if met is None:
        assert found == []
    elif met.exact:
        assert_witnessed(met, x, y)
    else:
        assert not (a + b).isascii()


RANDOM = st.text(alphabet=st.sampled_from("abAB.*?[]!-/\\{},é\u0301ß"), min_size=1, max_size=10)


@given(RANDOM, RANDOM, st.booleans())
@examples(500)
def test_overlap_of_any_two_patterns_is_witnessed_and_goes_both_ways(
    a: str, b: str, case_sensitive: bool
) -> None:
    try:
        pairs = list(itertools.product(parse(a), parse(b)))
    except (BadPath, BadPattern):
        assume(False)
    for x, y in pairs:
        met = overlap(x, y, case_sensitive=case_sensitive)
        assert (met is None) == (overlap(y, x, case_sensitive=case_sensitive) is None)
        if met is not None and met.exact:
            assert_witnessed(met, x, y, case_sensitive=case_sensitive)
        if case_sensitive and met is not None:
            assert overlap(x, y) is not None or not (a + b).isascii()


# --- covers


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("src/a.py", "SRC/a.py"),
        ("src/", "src"),
        ("src/", "src/a.py"),
        ("src/", "src/api/"),
        ("src/", "src/*.py"),
        ("src/", "src/**/x"),
        ("**", "src/"),
        ("*/", "**/x"),
        ("src/**", "src/api/"),
        ("src/**", "src/*.py"),
        ("src/**", "src/*/x/"),
        ("src/*", "src/*.py"),
        ("src/*.py", "src/test_*.py"),
        ("src", "src/"),
        ("src", "src/a.py"),
        ("**/*.py", "src/**/*.py"),
        ("**/*.py", "*.py"),
        ("**/x", "a/**/x"),
        ("*/", "src/"),
        ("s*/", "src/"),
        ("s*/", "src/api/*.py"),
        ("src/[a-z]*", "src/[b-d]x*"),
        ("src/?*", "src/*"),
        ("src/**/*", "src/api/"),
    ],
)
def test_covers_of_what_holds_all_of_it_is_true(a: str, b: str) -> None:
    assert covers(one(a), one(b))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("src/a.py", "src/"),
        ("src/*.py", "src/a.py"),
        ("src/*", "src/[ab]"),
        ("[ab]", "[!c]"),
        (r"\[ab]", "[ab]"),
        ("src/api/", "src/"),
        ("src/**", "src/"),
        ("src/*", "src/"),
        ("src/*", "src/api/"),
        ("src/*.py", "src/*"),
        ("src/a.py", "src/[a].py/"),
        ("src/a.py", "src/?.py"),
        ("*", "**"),
        ("*/*", "**"),
        ("**/*.py", "src/"),
        ("a", "b"),
        ("**/b", "**/a"),
        ("[a-c]", "[a-d]"),
        ("?", "*"),
        ("?", "??"),
    ],
)
def test_covers_of_what_misses_some_of_it_is_false(a: str, b: str) -> None:
    assert not covers(one(a), one(b))


def test_covers_as_written_heeds_case() -> None:
    assert not covers(one("SRC/"), one("src/a"), case_sensitive=True)
    assert covers(one("SRC/"), one("SRC/a"), case_sensitive=True)


@given(GLOBS, GLOBS)
@examples(250)
def test_covers_is_true_only_where_no_path_is_missed(a: str, b: str) -> None:
    paths = world("ab", 2, 4)
    missed = bruteforce.accepted(b, paths) - bruteforce.accepted(a, paths)
    if covers(one(a), one(b), case_sensitive=True):
        assert missed == set()


PLAIN = st.builds(
    lambda parts, slash: "/".join(parts) + slash,
    st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=3),
    st.sampled_from(["", "/"]),
)


@given(st.one_of(PLAIN, GLOBS), PLAIN)
@examples(250)
def test_covers_of_a_file_or_folder_is_exact(a: str, b: str) -> None:
    # One component longer than any literal here, and of letters that no literal has, stands for all the rest.
    deeper = "\n".join(
        path + tail
        for path in ["a", "b", *world("ab", 1, 3).split("\n")]
        for tail in ("", "/zz", "/zz/zz/zz/zz/zz")
    )
    missed = bruteforce.accepted(b, deeper) - bruteforce.accepted(a, deeper)
    assert covers(one(a), one(b), case_sensitive=True) is (missed == set())


# --- cost


def steps(a: str, b: str) -> int:
    """What one pair of components costs."""
    names = Names(Budget(10**9), folded=True)
    ((x,),), ((y,),) = one(a).readings(), one(b).readings()
    list(names.step(x, y, None))
    return 10**9 - names.budget.left


@pytest.mark.parametrize("size", [5, 10, 20, 40])
def test_overlap_of_many_stars_takes_polynomial_steps(size: int) -> None:
    a, b = "*a" * size + "*b*", "*a" * size + "*c*d"
    assert_witnessed(both_ways(a, b), one(a), one(b))
    tokens = 2 * size + 5
    assert steps(a, b) <= 4 * tokens**2 + 2000


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("*a*a*a*a*b", "*a*a*a*a*c*b"),
        ("*a*a*a*a*a*a*a*a*b", "*b*b*b*b*b*b*b*b*b"),
        ("**/a/**/a/**/a/**/a/**/b", "**/b/**/a/**/b/**/a/**/b"),
        ("?*?*?*?*?*?*?*a", "a*?*?*?*?*?*?*?"),
    ],
)
def test_overlap_of_hostile_but_short_patterns_is_exact(a: str, b: str) -> None:
    assert_witnessed(both_ways(a, b), one(a), one(b))


@pytest.mark.parametrize(
    ("a", "b", "beginning"),
    [
        ("src/" + "?*a" * 900 + "*", "src/" + "?*b" * 900 + "*", "src"),
        ("src/" + "**/a*/" * 120 + "x", "src/api/" + "**/b*/" * 120 + "x", "src/api"),
        ("*[а-я]" * 400 + "*", "*[б-ю]*" * 400 + "x", ""),
    ],
)
def test_overlap_beyond_the_bound_counts_as_overlap_and_says_so(a: str, b: str, beginning: str) -> None:
    met = both_ways(a, b)
    assert met == Overlap(beginning, exact=False)


def test_overlap_of_patterns_that_people_write_takes_few_steps() -> None:
    usual = ["*.py", "test_*.py", "*_test.go", "[A-Z]*.tsx", "*.spec.ts", "package*.json", "*"]
    assert max(steps(a, b) for a in usual for b in usual) < 1000 < STEPS


# --- Overlap, the value


def test_overlap_value_is_frozen_hashable_and_printable() -> None:
    met = Overlap("src/x.py")
    with pytest.raises(AttributeError):
        met.witness = "y"
    assert met == Overlap("src/x.py", exact=True)
    assert met != Overlap("src/x.py", exact=False)
    assert met != "src/x.py"
    assert len({met, Overlap("src/x.py")}) == 1
    assert repr(met) == "Overlap('src/x.py', exact=True)"
    assert pickle.loads(pickle.dumps(met)) == met

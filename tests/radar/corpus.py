"""What the radar is measured against: all pairs merged, and definitions of real source files that are doubled or are not."""

from __future__ import annotations

import ast
import random
import sysconfig
from collections.abc import Iterator, Sequence
from itertools import combinations, product
from pathlib import Path
from typing import NamedTuple

from gitfleet.git.program import Git
from gitfleet.git.quarantine import Conflicted, Merged, quarantine
from gitfleet.radar import definitions
from gitfleet.radar.model import Findings

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def conflicts(path: str, found: Findings) -> set[tuple[str, str]]:
    """The pairs of a round's heads that conflict beyond the base, by merging every pair that is no stack."""
    stacked = {frozenset(names) for names in found.stacks}
    with quarantine(Git(f"{path}/.git")) as place:
        merged = [(head, place.merge(found.base, head.commit)) for head in found.heads]
        normal = [
            (head.name, place.stand_in(one.tree, found.base, head.commit))
            for head, one in merged
            if isinstance(one, Merged)
        ]
        pairs = [
            pair for pair in combinations(normal, 2) if frozenset((pair[0][0], pair[1][0])) not in stacked
        ]
        answers = place.merge_all([(one[1], two[1]) for one, two in pairs])
    return {
        (one[0], two[0])
        for (one, two), answer in zip(pairs, answers, strict=True)
        if isinstance(answer, Conflicted)
    }


class Score(NamedTuple):
    """Of so many pairs that `doubled` a definition the radar names `right`, of so many that do not (`single`) `wrong`."""

    right: int
    doubled: int
    wrong: int
    single: int


def watched(most: int) -> Score:
    """How the tier watch does on the source files of Python's library, with `most` pairs of each kind.

    Doubled: two branches add the same definition to the same scope, at two places. Not doubled: they add one each of two
    that have the same name in the file as it is (methods of two classes, setters, fallbacks, overloads).
    """
    chance = random.Random(1)
    files = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")) + sorted(
        Path(sysconfig.get_paths()["stdlib"]).glob("[a-s]*/*.py")
    )
    doubled, single = [], []
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
            tree = ast.parse(text)
        except (ValueError, SyntaxError):
            continue
        scopes = [[one for one in scope if isinstance(one, Definition)] for scope in _scopes(tree)]
        doubled += [
            found for scope in scopes if len(scope) > 2 for found in _doubled(text, chance.sample(scope, 3))
        ]
        single += list(_single(text, [one for scope in scopes for one in scope], chance))
    doubled, single = (chance.sample(found, min(most, len(found))) for found in (doubled, single))
    return Score(
        sum(map(_reported, doubled)), len(doubled), sum(map(_reported, single)), len(single)
    )  # fmt: skip


def _scopes(tree: ast.Module) -> Iterator[Sequence[ast.AST]]:
    for node in ast.walk(tree):
        for field in ("body", "orelse", "handlers", "finalbody"):
            if isinstance(body := getattr(node, field, None), list):
                yield body


class _Pair(NamedTuple):
    base: str
    one: str
    two: str


def _doubled(text: str, scope: Sequence[Definition]) -> Iterator[_Pair]:
    moved, _, after = sorted(scope, key=lambda one: one.lineno)
    if sum(one.name == moved.name for one in scope) > 1 or _is_again(moved):
        return
    rows = text.split("\n")
    first, last = _lines(moved)
    end = _lines(after)[1]
    base = rows[:first] + rows[last:]
    two = rows[:first] + rows[last:end] + rows[first:last] + rows[end:]
    yield _Pair("\n".join(base), text, "\n".join(two))


def _single(text: str, found: Sequence[Definition], chance: random.Random) -> Iterator[_Pair]:
    by_name: dict[str, list[Definition]] = {}
    for one in found:
        by_name.setdefault(one.name, []).append(one)
    rows = text.split("\n")
    for same in by_name.values():
        pairs = [pair for pair in combinations(same, 2) if _lines(pair[0])[1] <= _lines(pair[1])[0]]
        for one, two in chance.sample(pairs, min(3, len(pairs))):
            (a, b), (c, d) = _lines(one), _lines(two)
            yield _Pair(
                "\n".join(rows[:a] + rows[b:c] + rows[d:]),
                "\n".join(rows[:c] + rows[d:]),
                "\n".join(rows[:a] + rows[b:]),
            )


def _lines(one: Definition) -> tuple[int, int]:
    first = min([one.lineno, *(decorator.lineno for decorator in one.decorator_list)])
    return first - 1, one.end_lineno or one.lineno


def _is_again(one: Definition) -> bool:
    """Whether it is meant to have a name that another has (a setter, an overload)."""
    return any(
        (isinstance(mark, ast.Attribute) and mark.attr in {"setter", "getter", "deleter", "register"})
        or (isinstance(mark, ast.Name) and mark.id == "overload")
        for mark in one.decorator_list
    )


def _reported(pair: _Pair) -> bool:
    base, one, two = (definitions.defined(text, "py") for text in pair)
    return any(a == b for a, b in product(one - base, two - base))

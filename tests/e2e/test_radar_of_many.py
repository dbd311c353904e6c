"""Scenario 9: a hundred branches of three clones; each true conflict is told with commits and lines, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import pytest

from tests.e2e.bench import Bench, Branch

LINES = "".join(f"line {number}\n" for number in range(60))
MANY = 93


def _line(number: int, text: str) -> str:
    return LINES.replace(f"line {number}\n", f"{text}\n")


ODD: Mapping[str, Mapping[str, str | None]] = {
    "left": {"src/a.txt": _line(30, "left")},
    "right": {"src/a.txt": _line(31, "right")},
    "file": {"place": "a file\n"},
    "folder": {"place/within.txt": "a file in a folder\n"},
    "renames": {f"old/{number}.txt": None for number in range(4)}
    | {f"new/{number}.txt": f"{number}\n{LINES}" for number in range(4)},
    "adds": {"old/5.txt": "one more\n", "new/5.txt": "another\n"},
}
"""Pairs that conflict; the last one since git moves what is added to a folder that the other one renames."""


@pytest.mark.slow
def test_radar_tells_of_a_hundred_branches_what_brute_force_finds_with_a_tenth_of_the_merges(
    bench: Bench,
) -> None:
    bench.push(
        {"src/a.txt": LINES, "src/b.txt": LINES}
        | {f"old/{number}.txt": f"{number}\n{LINES}" for number in range(4)}
    )
    plain = [
        Branch(f"plain{number}", {f"own/{number}.txt": "1\n", **({"src/b.txt": _line(number, "x")} if number % 8 == 0 and number < 57 else {})})
        for number in range(MANY)
    ]  # fmt: skip
    odd = [Branch(name, files) for name, files in ODD.items()]
    heads = dict(zip([one.name for one in (*plain, *odd)], bench.branch(*plain, *odd), strict=True))
    (heads["stacked"],) = bench.branch(
        Branch("stacked", {"src/a.txt": _line(30, "left, again")}, base="refs/heads/left")
    )
    found = bench("ada", "radar", "--json").ok().json()["data"]
    told = {tuple(sorted((row["a"]["branch"], row["b"]["branch"]))) for row in found["conflicts"]}
    truth = _brute_force(bench, heads)
    assert ("file", "folder") in truth
    assert ("left", "right") in truth
    assert told == {pair for pair in truth if pair != ("left", "stacked")}
    (named,) = (
        row for row in found["conflicts"] if {row["a"]["branch"], row["b"]["branch"]} == {"left", "right"}
    )
    assert {named["a"]["commit"], named["b"]["commit"]} == {heads["left"], heads["right"]}
    assert named["paths"] == [{"path": "src/a.txt", "kinds": ["contents"], "hunks": [[31, 32]]}]
    effort = found["effort"]
    assert effort["heads"] >= len(heads)
    assert effort["merges"] <= effort["pairs"] / 10, effort
    again = bench("ada", "radar", "--json").ok().json()["data"]
    assert (again["conflicts"], again["told"], again["effort"]["merges"]) == (found["conflicts"], [], 0)
    for other in ("bob", "cyd"):
        seen = bench(other, "radar", "--json").ok().json()["data"]
        assert {tuple(sorted((row["a"]["branch"], row["b"]["branch"]))) for row in seen["conflicts"]} == told
    ada = bench.clone("ada")
    bench.git(ada, "fetch", "--quiet", "origin")
    bench.git(ada, "switch", "--quiet", "--create", "wip", "origin/main")
    (ada / "src/a.txt").write_text(_line(30, "not committed"))
    dirty = bench("ada", "radar", "--json").ok().json()["data"]["conflicts"]
    seen_now = {
        tuple(sorted((row["a"]["branch"], row["b"]["branch"])))
        for row in dirty
        if row["a"]["dirty"] or row["b"]["dirty"]
    }
    assert seen_now == {("left", "wip"), ("right", "wip"), ("stacked", "wip")}


def _brute_force(bench: Bench, heads: Mapping[str, str]) -> set[tuple[str, str]]:
    """The pairs that git cannot merge, each tried."""
    pairs = list(combinations(sorted(heads), 2))
    asked = "".join(f"{heads[one]} {heads[two]}\n" for one, two in pairs)
    out = bench.git(bench.hub, "merge-tree", "--stdin", "--name-only", "--no-messages", stdin=asked)
    fields, found = iter(out.split("\0")), set()
    for pair in pairs:
        if next(fields) == "0":
            found.add(pair)
        while next(fields):
            pass
    return found

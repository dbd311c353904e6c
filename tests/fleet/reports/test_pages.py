"""Reports as pages: what stands in them, and that nothing of what others wrote is more than text there."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from gitfleet.errors import Blocked, UsageError
from gitfleet.fleet.reports import charts, fleet_page, page
from tests.fleet.reports import plans
from tests.triage.candidates import candidate
from tests.triage.test_planning import reply


class Reader(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, data: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(data)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "rect", "path", "circle", "polyline"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert not self.open or self.open.pop() == tag, f"</{tag}> closes something else"
        self.text += " " if tag in {"td", "th", "li", "dd", "dt", "header", "svg"} else ""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data


def text_of(made: str) -> str:
    reader = Reader(made)
    assert reader.open == []
    return re.sub(r"\s+", " ", reader.text)


def test_page_of_a_fleet_tells_hosts_gaps_selection_evidence_and_outcomes() -> None:
    told = text_of(fleet_page.html(plans.usual()))
    for words in (
        "2 of 3 hosts answered", "host3 unreachable", "1 host gave no answer: nothing is known of what runs there",
        "host2: 3 own processes could be read in part only; 12 of other users were not looked at; the system hides processes",
        "Selected: 4 of 400 groups, from all hosts as one pool, so that at most 5% of what is selected are mistakes. Mistakes to expect among these, by their probabilities: 0.008.",
        "node server.js 5 host1, host2", "session ended +14.0", "connections 1 -4.0", "needed: 11.0",
        "refused-gate host1 c-000000000002 dev-server node server.js terminate open-files: writes ~/h-1/notes.db",
        "Reported as mistakes", "that was mine", "1 of 3 actions done",
    ):  # fmt: skip
        assert words in told


def test_page_of_one_host_tells_of_no_other_and_of_its_machine() -> None:
    told = text_of(fleet_page.html(plans.usual("host2")))
    assert "c-000000000001" not in told
    assert "host3" not in told
    for words in (
        "8 cores",
        "swap in use",
        "Killed by the kernel for want of memory since boot: 2",
        "jest --watch",
        "CPU not known",
    ):
        assert words in told


def test_report_of_a_host_that_the_plan_has_not_is_refused() -> None:
    with pytest.raises(UsageError, match="has no host 'host9'"):
        plans.usual("host9")


def test_page_of_a_plan_with_nothing_at_all_is_one() -> None:
    told = text_of(fleet_page.html(plans.fleet_of(reply(1, status="timeout"))))
    assert "0 of 1 hosts answered" in told
    assert "Nothing has been done." in told


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("\"'><img src=x onerror=alert(1)>", "\"'><img src=x onerror=alert(1)>"),
        ("{{ 7 * 7 }}{% raw %}", "{{ 7 * 7 }}{% raw %}"),
        ("</style></svg></title>&lt;", "</style></svg></title>&lt;"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("a\x1b[31mb\x00c\x07\x85", "a\\x1b[31mb\\x00c\\x07\\x85"),
        ("\udcff\ud800", "\\xff\\ud800"),
    ],
    ids=["script", "attribute", "template", "ends", "bidi", "control", "surrogate"],
)  # fmt: skip
def test_page_with_hostile_words_in_every_place_shows_them_as_text(text: str, seen: str) -> None:
    report = soiled(plans.usual(), text)
    made = fleet_page.html(report)
    made.encode()
    reader = Reader(made)
    clean = Reader(fleet_page.html(soiled(plans.usual(), "x")))
    assert reader.tags == clean.tags
    assert reader.text.count(seen) >= 30
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", made)


def soiled(value: Any, text: str, name: str = "") -> Any:
    """The same with this text behind each text, but for ids and words that tell what is done with a row."""
    if isinstance(value, dict):
        return {key: soiled(one, text, key) for key, one in value.items()}
    if isinstance(value, list):
        return [soiled(one, text, name) for one in value]
    kept = {"host", "host_id", "hosts", "candidate_id", "state", "status", "action", "outcome"}
    return f"{value}{text}" if isinstance(value, str) and name not in kept else value


@pytest.mark.parametrize("name", ["status", "action", "outcome", "host_id"])
def test_page_with_a_hostile_word_where_a_class_is_made_of_it_gives_it_none(name: str) -> None:
    report: Any = plans.usual()
    for row in (*report["hosts"], *report["candidates"], *report["actions"]):
        if name in row:
            row[name] = 'x" onmouseover="alert(1)'
    reader = Reader(fleet_page.html(report))
    assert all("onmouseover" not in found for _, found in reader.tags)


def test_page_loads_nothing_runs_nothing_and_forbids_both() -> None:
    reader = Reader(fleet_page.html(plans.usual()))
    names = {name for tag, found in reader.tags for name in found}
    assert not {"src", "href", "style", "srcset", "action"} & names
    assert not [name for name in names if name.startswith("on")]
    assert not {"script", "link", "img", "iframe", "object", "use", "foreignobject"} & {
        tag for tag, _ in reader.tags
    }
    policy = next(str(found["content"]) for _, found in reader.tags if found.get("http-equiv"))
    assert policy.startswith("default-src 'none'; style-src 'sha256-")


def test_page_of_a_large_plan_counts_what_it_does_not_show() -> None:
    many = [candidate(number, log_e=30.0) for number in range(1, fleet_page.MOST_CARDS + 8)]
    told = text_of(fleet_page.html(plans.fleet_of(reply(1, *many))))
    assert "Not shown here: 7 more" in told


def test_write_replaces_a_report_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    made = fleet_page.html(plans.usual())
    for _ in range(2):
        page.write(str(path), made)
        assert path.read_text() == made
        assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("<!doctype html>\n<p>mine")
    with pytest.raises(Blocked, match="is no report"):
        page.write(str(path), made)
    assert path.read_text() == "<!doctype html>\n<p>mine"


@pytest.mark.parametrize(
    ("bits", "x", "width"), [(8.0, 100, 50), (-4.0, 75, 25), (99.0, 100, 100), (-99.0, 0, 100)]
)
def test_signed_bar_grows_from_the_middle_to_its_side(bits: float, x: float, width: float) -> None:
    assert charts.signed(bits, 16.0) == charts.SignedBar(x, width, bits > 0)


def test_stacked_bar_fills_all_of_it_and_leaves_out_what_there_is_none_of() -> None:
    parts = charts.stacked([1, 0, 3])
    assert [(part.place, part.x, part.width) for part in parts] == [(0, 0, 25), (2, 25, 75)]
    assert charts.stacked([0, 0, 0]) == ()


def test_selection_curves_mark_the_last_one_that_each_rule_selects() -> None:
    report = plans.usual()
    curves = charts.selection(report["candidates"], report["fleet_fdr"])
    assert curves
    points = curves.evidence.points.split(" ")
    limit = [float(point.split(",")[1]) for point in curves.evidence.limit.split(" ")]
    heights = [float(point.split(",")[1]) for point in points]
    chosen = [place for place, pair in enumerate(zip(heights, limit, strict=True)) if pair[0] <= pair[1]]
    dot = curves.evidence.dots[0]
    assert points[max(chosen)] == f"{dot.x},{dot.y}"
    assert curves.evidence.last == 11

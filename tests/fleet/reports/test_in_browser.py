"""Reports in a real browser: readable at every width, on paper and in the dark; nothing is loaded, nothing runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitfleet.fleet.reports import fleet_page, scan_page
from gitfleet.fleet.views import scan_rows
from gitfleet.triage import this_host
from tests.browser import Browser, browser, needs_browser
from tests.fleet.reports import plans
from tests.fleet.reports.test_pages import soiled

pytestmark = needs_browser
HOSTILE = (
    "<script>document.title='caught'</script><img src=http://127.0.0.1:9/x onerror=\"document.title='caught'\">"
    "\u202e</style><style>body{display:none}</style>" + "w" * 400
)
_WIDER = "[...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right > innerWidth + 0.5).length"
_CONTRAST = """
(() => {
  const light = one => one.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, place) => sum + v * [0.2126, 0.7152, 0.0722][place], 0);
  const ground = one => { while (one) { const found = getComputedStyle(one).backgroundColor;
    if (!found.startsWith('rgba(0, 0, 0, 0')) return found; one = one.parentElement; } return 'rgb(255, 255, 255)'; };
  return Math.min(...[...document.querySelectorAll('body *:not(svg *):not(svg)')].filter(one => one.innerText).map(one => {
    const both = [light(getComputedStyle(one).color), light(ground(one))];
    return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05); }));
})()
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages as they are, and with hostile words in every place."""
    found = this_host.look(profile="safe", seconds=0.0)
    scan = scan_rows.scan_answer(found)
    uses = scan_rows.session_answer(found)["sessions"]
    row = dict(scan["groups"][0], orphan=True, zombie=False)
    made = {
        "fleet": fleet_page.html(plans.usual()),
        "host": fleet_page.html(plans.usual("host2")),
        "hostile": fleet_page.html(soiled(plans.usual(), HOSTILE)),
        "scan": scan_page.html(scan, uses, name="build-01", at=1_796_000_000),
        "hostile scan": scan_page.html(
            soiled({**scan, "groups": [row]}, HOSTILE), soiled(uses, HOSTILE), name=HOSTILE, at=1_796_000_000
        ),
    }
    folder = tmp_path_factory.mktemp("pages")
    for name, page in made.items():
        (folder / f"{name}.html").write_text(page)
    return {name: folder / f"{name}.html" for name in made}


@pytest.mark.parametrize("name", ["fleet", "host", "hostile", "scan", "hostile scan"])
def test_page_at_every_width_has_nothing_beside_it_loads_nothing_and_runs_nothing(
    shown: Browser, pages: dict[str, Path], name: str
) -> None:
    shown.open(pages[name])
    for width in (1440, 1024, 740, 735, 480, 360, 320):
        shown.widen(width)
        assert shown.value("document.documentElement.scrollWidth") == width
        assert shown.value(_WIDER) == 0, width
    assert (shown.asked, shown.said) == ([], [])
    assert "caught" not in shown.value("document.title") or "<script>" in shown.value("document.title")
    assert shown.value("document.scripts.length + document.images.length") == 0
    assert shown.value("getComputedStyle(document.body).display") == "block"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["fleet", "scan"])
def test_page_in_light_and_dark_has_words_that_stand_out(
    shown: Browser, pages: dict[str, Path], name: str, scheme: str
) -> None:
    shown.open(pages[name], scheme=scheme)
    ground = [
        int(one) for one in re.findall(r"\d+", shown.value("getComputedStyle(document.body).backgroundColor"))
    ]
    assert (sum(ground[:3]) < 200) is (scheme == "dark")
    assert shown.value(_CONTRAST) >= 4.5  # what WCAG 2 asks for, at level AA


def test_page_on_paper_is_black_on_white_with_its_tables_and_charts(
    shown: Browser, pages: dict[str, Path], tmp_path: Path
) -> None:
    shown.open(pages["fleet"], width=794, scheme="dark", media="print")
    assert shown.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert shown.value("getComputedStyle(document.querySelector('thead')).display") == "table-header-group"
    assert shown.value("getComputedStyle(document.querySelector('svg.bar')).printColorAdjust") == "exact"
    assert shown.value(_CONTRAST) >= 4.5
    shown.paper(tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF-")


def test_chart_of_evidence_has_its_bars_on_both_sides_of_one_axis(
    shown: Browser, pages: dict[str, Path]
) -> None:
    shown.open(pages["fleet"], width=1000)
    middle, towards, away = (
        shown.value(f"document.querySelector('.evidence .{one}').getBoundingClientRect().{side}")
        for one, side in (("axis", "left"), ("towards", "left"), ("away", "right"))
    )
    assert abs(middle - towards) < 2
    assert abs(middle - away) < 2

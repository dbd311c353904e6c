"""Views become HTML: text of others stays text, a row that is the same is rendered once, and a change is told as what has changed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from gitfleet.base import clock
from gitfleet.web.page import rendering, sessions, words
from gitfleet.web.page.rendering import PageParts, Rendered
from gitfleet.web.page.sessions import ORDER, SessionLine

HOSTILE = "<script>alert(1)</script>\u202egnp\x1b[2J'\"&"


def line(key: str, title: str = "A title", said: str = "") -> SessionLine:
    return SessionLine(
        key=key, state="working", title=title, said=said, agent="codex", node="n", branch="b", ahead=1, behind=0, dirty=0,
        claims=1, waits=0, trouble="", active_at=clock.now(),
    )  # fmt: skip


def view(*lines: SessionLine) -> SimpleNamespace:
    return SimpleNamespace(sessions=lines, changes=())


def test_text_of_others_is_escaped_and_its_control_characters_are_shown() -> None:
    rows = dict(Rendered("sessions").lists(view(line("one", HOSTILE, HOSTILE))))["sessions"]
    html = rows[0][1]
    assert "<script" not in html
    assert html.isprintable()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\u202egnp\\x1b[2J" in html


def test_a_row_that_is_the_same_again_is_not_rendered_again() -> None:
    made = Rendered("sessions")
    first, second = line("one"), line("two")
    before = dict(made.lists(view(first, second)))["sessions"]
    after = dict(made.lists(view(second, line("one", "Another title"))))["sessions"]
    assert [key for key, _ in after] == ["sessions:two", "sessions:one"]
    assert after[0][1] is before[1][1]
    assert "Another title" in after[1][1]


def test_a_difference_is_what_has_changed_and_what_is_gone() -> None:
    before = PageParts("1", "T", {"a": "x", "b": "y", "l:1": "r"}, {"l": ("l:1",), "m": ()})
    after = PageParts("2", "T", {"a": "x", "b": "z", "l:2": "r"}, {"l": ("l:2",), "m": ()})
    assert rendering.difference(before, after) == {
        "title": "T", "blocks": {"b": "z", "l:2": "r"}, "lists": {"l": ["l:2"]}, "gone": ["l:1"],
    }  # fmt: skip


def test_every_state_has_a_glyph_of_the_sprite_and_no_two_look_the_same() -> None:
    sprite = rendering.document("glyphs.html")
    for one in words.STATES.values():
        assert f'id="g-{one.glyph}"' in sprite
    shown = [words.state(state) for state in ORDER]
    assert len({(one.glyph, one.word) for one in shown}) == len(ORDER)
    assert words.state("of-tomorrow").word == "Of tomorrow"


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("src/harbor/auth/store.py", ("src/harbor/auth/", "store.py")),
        ("src/", ("", "src/")),
        ("README.md", ("", "README.md")),
        ("docs/**", ("docs/", "**")),
        ("", ("", "")),
        ("/", ("", "/")),
    ],
)
def test_a_path_is_cut_in_its_folders_and_not_in_its_name(path: str, parts: tuple[str, str]) -> None:
    assert words.path_parts(path) == parts


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({"liveness": "dead", "idle": 3}, "dead"),
        ({"id": "asks"}, "needs-input"),
        ({"liveness": "quiet", "id": "waits"}, "quiet"),
        ({"id": "waits"}, "waiting"),
        ({"liveness": "unknown"}, "unknown"),
        ({"person": True, "liveness": "person"}, "person"),
        ({"idle": 299}, "working"),
        ({"idle": 300}, "idle"),
        ({"idle": None}, "idle"),
    ],
)
def test_the_state_of_a_session_is_the_worst_that_holds(facts: dict[str, object], state: str) -> None:
    row = {"id": "s", "liveness": "alive", "idle": 0, "person": False, **facts}
    assert sessions.state_of(row, waits={"waits"}, asking={"asks"}) == state  # type: ignore[arg-type]

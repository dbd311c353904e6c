"""What can be done, as the table of states allows it, and how dialogs say it."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from gitfleet.mergequeue import states
from gitfleet.mergequeue.states import State
from gitfleet.web.page import acts, queue_acts
from gitfleet.web.page.act_form import ActChoice, ActField, ActForm
from gitfleet.web.routes import ROUTES


@pytest.mark.parametrize(
    ("state", "reason", "wanted"),
    [
        ("queued", "next", "bump hold drop"), ("testing", "testing", "bump hold drop"),
        ("held", "hold", "unhold bump drop"), ("held", "approval", "approve bump drop"),
        ("rejected", "gate-failed", "retry bump hold drop"), ("blocked", "conflict-ahead", "retry bump hold drop"),
        ("landed", "landed", ""), ("dropped", "dropped", ""), ("expired", "expired", ""),
    ],
)  # fmt: skip
def test_possible_acts_of_an_entry_are_the_legal_moves(state: State, reason: str, wanted: str) -> None:
    assert queue_acts.possible(state, reason) == wanted.split()


def test_possible_acts_are_acts_in_every_state() -> None:
    assert {one for state in states.STATES for one in queue_acts.possible(state, "hold")} < set(acts.ACTS)


class Names(HTMLParser):
    """The fields of a form by name, with their attributes, and those of the form."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fields: dict[str, dict[str, str | None]] = {}
        self.form: dict[str, str | None] = {}
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.add(tag)
        if tag == "form":
            self.form = found
        if found.get("name"):
            self.fields[str(found["name"])] = found


def test_dialog_of_hostile_words_is_a_form_and_nothing_else() -> None:
    words = "</textarea><script>x</script>\u202e'\"&"
    path = next(one.path for one in ROUTES if one.command == "queue hold")
    fields = [
        ActField("text", "Text", "area", value=words, hint=words),
        ActField("mode", words, "choice", value="b", choices=(ActChoice("a", words), ActChoice("b", "B", "--b"))),
        ActField("floor", "Floor", "number", value="5", usual="5", most=9),
    ]  # fmt: skip
    form = ActForm(
        words, "Do", [words], path, {"entry": words}, ["queue", "hold", words], words, fields, [words]
    )
    html = acts.html(form)
    found = Names(html)
    assert not found.tags & {"script", "style", "img"}
    assert "\u202e" not in html
    assert found.form["data-path"] == path
    assert found.form["data-fixed"] == '{"entry": "</textarea><script>x</script>\\u202e\'\\"&"}'
    assert list(found.fields) == ["text", "mode", "floor"]
    assert (found.fields["floor"]["max"], found.fields["floor"]["data-usual"]) == ("9", "5")
    assert form.command == "gitfleet queue hold $'</textarea><script>x</script>\\u202e\\'\"&'"

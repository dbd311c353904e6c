"""What is done from the page, in a real browser: nothing before its command was shown, and a refusal says what is so now.

The tests share one fleet, and each changes something of its own there.
"""

from __future__ import annotations

import json

import pytest

from gitfleet.base.names import SessionId
from gitfleet.mergequeue import model
from tests.browser import Browser, needs_browser
from tests.web.page.showing import Shown, seen

__all__ = ["seen"]
pytestmark = needs_browser


def click(page: Browser, selector: str) -> None:
    assert page.until(f"document.querySelector({json.dumps(selector)})?.checkVisibility()")
    page.value(f"document.querySelector({json.dumps(selector)}).click()")


def fill(page: Browser, name: str, text: str) -> None:
    page.value(
        f"(() => {{ const one = document.querySelector('#act-{name}'); one.value = {json.dumps(text)}; "
        "one.dispatchEvent(new Event('input', {bubbles: true})) })()"
    )


def dialog(page: Browser) -> str:
    """The words of the dialog that is open, once it is."""
    return str(page.until("document.querySelector('#act[open] form')?.innerText"))


def command(page: Browser) -> str:
    return str(page.value("document.querySelector('#act [data-command]').textContent"))


def sent(page: Browser) -> str:
    """Do what the dialog asks; what is said then."""
    page.value("document.querySelector('#toast').textContent = ''")
    click(page, "#act [type=submit]")
    page.until("!document.querySelector('#act[open]') || !document.querySelector('#act [data-no]').hidden")
    return str(
        page.value(
            "document.querySelector('#toast').textContent || document.querySelector('#act [data-no]').textContent"
        )
    )


def test_entry_is_held_with_its_command_and_a_second_time_refused_with_what_is_so(seen: Shown) -> None:
    page = seen.page
    seen.open("/queue?id=four")
    click(page, "#panel [data-act=hold]")
    assert "does not land" in dialog(page)
    fill(page, "reason", "it's <late>")
    with seen.fleets.open("alone") as fleet:
        entry = fleet.queue.find("four")
        assert entry.state == "queued"
        assert (
            command(page) == f"""gitfleet queue hold {entry.id} --session mira --reason 'it'"'"'s <late>'"""
        )
        assert page.value("document.querySelector('#act [data-copy]').dataset.copy") == command(page)
        fleet.queue.hold(SessionId("mira"), "four", "somebody was faster")
    assert "Nothing was changed." in sent(page)
    page.press("Escape")
    click(page, "#panel [data-act=unhold]")
    assert "somebody was faster" in dialog(page)
    assert sent(page) == "Goes on: four"
    click(page, "#panel [data-act=drop]")
    dialog(page)
    fill(page, "reason", "no more")
    assert sent(page) == "Dropped: four"
    page.until("!document.querySelector('#panel [data-act]')")
    page.until("document.activeElement.matches('#panel h2')")  # the button that had the focus is gone
    with seen.fleets.open("alone") as fleet:
        entry = fleet.queue.find("four")
        assert (entry.state, entry.by, entry.evidence.words) == ("dropped", "mira", "no more")


def test_refusal_that_comes_once_its_dialog_was_closed_is_still_said(seen: Shown) -> None:
    page = seen.page
    seen.open("/queue")
    click(page, "[data-act=enqueue]")
    dialog(page)
    fill(page, "branch", "work")
    page.value("window.real = fetch; window.fetch = () => new Promise(done => { window.answered = done })")
    click(page, "#act [type=submit]")
    page.until("window.answered")
    page.press("Escape")
    page.until("!document.querySelector('#act[open]')")
    page.value(
        'window.fetch = window.real; window.answered(new Response(\'{"data":{"error":{"message":"It is held."}}}\', {status: 409}))'
    )
    page.until("document.querySelector('#toast').textContent === 'Nothing was changed. It is held.'")


def test_queue_is_paused_for_a_reason_and_resumed(seen: Shown) -> None:
    page = seen.page
    seen.open("/queue")
    click(page, "[data-act=pause]")
    dialog(page)
    click(page, "#act [type=submit]")
    assert page.value("document.querySelector('#act[open] input:invalid')?.name") == "reason"
    fill(page, "reason", "release day")
    fill(page, "mode", "frozen")
    fill(page, "floor", "80")
    assert command(page) == "gitfleet queue pause --session mira --reason 'release day' --freeze --floor 80"
    assert sent(page) == "Paused"
    click(page, "[data-act=resume]")
    assert "release day" in dialog(page)
    assert sent(page) == "Resumed"


def test_paths_are_claimed_and_released_and_a_conflict_names_the_holder(seen: Shown) -> None:
    page = seen.page
    seen.open("/claims?q=free.txt")
    click(page, ".ans [data-act=claim]")
    dialog(page)
    fill(page, "paths", "--all")
    assert command(page) == "gitfleet claim :/--all --session mira"
    fill(page, "paths", "free.txt\nsrc/a b.py\n")
    assert command(page) == "gitfleet claim free.txt 'src/a b.py' --session mira"
    assert "Nothing was changed." in sent(page)
    assert "worker" in page.value("document.querySelector('#act [data-no]').textContent")
    fill(page, "paths", "free.txt")
    assert sent(page) == "Claimed"
    click(page, ".ans [data-act=release]")
    assert "free.txt" in dialog(page)
    assert sent(page) == "Released"
    with seen.fleets.open("alone") as fleet:
        assert not list(fleet.claims.find(fleet.current(), texts=["free.txt"]))


def test_items_are_read_by_key_and_button_and_a_message_is_told(seen: Shown) -> None:
    page = seen.page
    seen.open("/overview")
    item = "li[data-item]:not(.read):not([data-item^=kind-])"
    page.until(f"document.querySelector('{item}')")
    name = page.value(f"document.querySelector('{item}').dataset.item")
    page.value(f"document.querySelector('[data-item=\"{name}\"]').focus()")
    page.press("e")
    page.until(f"document.querySelector('[data-item=\"{name}\"].read')")
    click(page, f'[data-item="{name}"] [data-mark]')
    page.until(f"document.querySelector('[data-item=\"{name}\"]:not(.read)')")
    page.widen(390, 844)
    assert page.value("document.querySelector('[data-mark]').getBoundingClientRect().width") >= 44
    seen.open("/sessions?id=waiter")
    click(page, "#panel [data-act=tell]")
    dialog(page)
    fill(page, "text", "-wait")
    assert command(page) == "gitfleet tell --session mira waiter -- -wait"
    fill(page, "text", "Please <wait>")
    assert command(page) == "gitfleet tell --session mira waiter 'Please <wait>'"
    assert sent(page) == "Told waiter"


def test_dialog_is_reached_and_left_by_keyboard_and_gives_the_focus_back(seen: Shown) -> None:
    page = seen.page
    seen.open("/sessions")
    page.value("document.querySelector('h1').focus()")
    page.press("j")
    page.until("document.activeElement.matches('[data-row]')")
    page.press("r")
    page.until("document.querySelector('#panel [aria-current][data-review]')")
    page.press("Escape")
    page.until("!location.search.includes('id=')")
    page.press("g", "q")
    page.until("document.querySelector('#view h1')?.textContent === 'Queue'")
    page.value("document.querySelector('[data-act=enqueue]').focus()")
    page.press("Enter")
    dialog(page)
    assert page.value("document.activeElement.name") == "branch"
    page.press("q")
    assert page.value("document.activeElement.value") == "q"
    page.press("Escape")
    page.until("!document.querySelector('#act[open]')")
    assert page.value("document.activeElement.dataset.act") == "enqueue"


@pytest.mark.parametrize(
    "view", ["/queue?id=four", "/claims?q=src/a", "/sessions?id=worker&tab=review", "/overview"]
)
def test_who_may_only_look_is_offered_nothing_to_do(seen: Shown, view: str) -> None:
    seen.sign_in(seen.read_only)
    try:
        _offers_nothing(seen, view)
    finally:
        seen.sign_in(seen.token)


def _offers_nothing(seen: Shown, view: str) -> None:
    seen.open(view)
    assert seen.page.value("document.querySelectorAll('[data-act], [data-mark]').length") == 0
    assert "read only" in seen.page.value("document.body.innerText")
    status = seen.page.call(
        "Runtime.evaluate", awaitPromise=True, returnByValue=True,
        expression="fetch('/act/pause', {headers: {Authorization: 'Bearer ' + localStorage.getItem('gitfleet.token')}}).then(a => a.status)",
    )  # fmt: skip
    assert status["result"]["value"] == 403


def test_work_is_accepted_by_keyboard_and_what_forbids_it_is_said(seen: Shown) -> None:
    page = seen.page
    seen.open("/sessions?id=worker&tab=review")
    page.until("document.querySelector('#panel [data-act=accept]')")
    page.press("a")
    assert "It will conflict with main" in dialog(page)
    fill(page, "priority", "95")
    assert command(page).endswith(" --session mira --priority 95")
    assert "not covered by claims" in sent(page)
    with seen.fleets.open("alone") as fleet:
        assert "work" not in {one.branch for one in model.readable(fleet.current().view)}
    page.press("Escape")

"""The page with a real fleet behind it: it shows what is, changes as that does, says what it does not know, and is usable by keyboard."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gitfleet.base.names import SessionId
from gitfleet.sessions.service import Start
from tests.browser import needs_browser
from tests.cli.conftest import Cli
from tests.web.page.conftest import HOME, Shown
from tests.workbench import PATIENCE

pytestmark = needs_browser
Show = Callable[..., Shown]
HOSTILE = "<img src=x onerror=alert(1)>\u202e\u0007" + "w" * 400
ROWS = "[...document.querySelectorAll('#view [data-list=sessions] > .lr')]"


@contextmanager
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that an agent could be."""
    with subprocess.Popen(["sleep", "3600"]) as process:
        try:
            yield process
        finally:
            process.kill()


def begin(cli: Cli, name: str, title: str, *, pid: int = 0, log: Path | None = None) -> None:
    """Have one more session in the clone."""
    with cli.clone.open() as fleet:
        start = Start(id=SessionId(name), agent="codex", title=title, pid=pid, log=str(log or ""))
        fleet.sessions.start(start)


def test_a_link_with_the_token_signs_in_and_leaves_the_address(show: Show, cli: Cli) -> None:
    shown = show(cli)
    assert "token" not in shown.page.value("location.href")
    assert shown.page.value("document.title").endswith("gitfleet")
    assert shown.page.value("document.cookie") == ""
    shown.at("/sessions")
    assert shown.text("h1") == "Sessions"


def test_a_wrong_token_leads_to_the_form_which_takes_the_right_one(show: Show, cli: Cli) -> None:
    shown = show(cli)
    shown.page.open(f"{shown.site.started['data']['url']}/overview#token={'x' * 43}")
    shown.says("#sign-no", "not one of this server")
    shown.page.value(
        f"document.querySelector('#token').value = {shown.site.token!r}; "
        "document.querySelector('#sign-in').requestSubmit()"
    )
    shown.page.until(HOME)
    assert shown.text("#view h1") == "Overview"
    assert shown.page.value("document.querySelector('#sign-in').hidden")


def test_an_address_without_a_page_says_so_and_leads_on(show: Show, cli: Cli) -> None:
    shown = show(cli)
    shown.page.open(f"{shown.site.started['data']['url']}/sesions?id=<b>")
    shown.says("#nowhere", "There is nothing at /sesions.")
    assert shown.page.value("document.activeElement.textContent") == "No such page"
    shown.click("#nowhere [href='/sessions']")
    shown.says("#view h1", "Sessions")
    assert not shown.page.value("document.querySelector('#nowhere').checkVisibility()")
    shown.page.value("history.back()")
    shown.says("#nowhere", "There is nothing at /sesions.")
    assert not shown.page.value("document.querySelector('#view').checkVisibility()")
    shown.at("/sessions/")
    assert shown.text("#view h1") == "Sessions"


def test_a_claim_is_shown_when_it_is_made_without_anything_else_being_touched(show: Show, cli: Cli) -> None:
    shown = show(cli)
    shown.at("/sessions")
    shown.page.value(f"window.before = {ROWS}; document.querySelector('[data-find]').focus()")
    cli("claim", "src/", "docs/x.md").ok()
    shown.page.until(f"{ROWS}.some(row => row.querySelector('.c5').textContent.startsWith('2'))")
    assert shown.page.value(f"{ROWS}.every((row, i) => row === window.before[i])")
    assert shown.page.value("document.activeElement.matches('[data-find]')")


def test_the_end_of_a_process_and_a_line_of_a_log_are_shown_as_they_come(
    show: Show, cli: Cli, tmp_path: Path
) -> None:
    log = tmp_path / "agent.log"
    log.write_text("beginning\n")
    with sleeper() as process:
        begin(cli, "lively", "Lively", pid=process.pid, log=log)
        shown = show(cli)
        shown.at("/sessions?id=lively")
        shown.says("#panel .tail", "beginning")
        with log.open("a") as file:
            file.write("\x1b[31mpassed\x1b[0m\n")
        shown.says("#panel .tail", "passed")
        assert shown.focused() == "Lively"
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
        shown.says("#panel .call", "process is gone")
        shown.says("#panel .call", "gitfleet session end lively")
    shown.page.press("g", "o")
    shown.says("#view .att", "gitfleet session end lively")


def test_rows_keep_their_place_until_they_are_sorted_again(show: Show, cli: Cli) -> None:
    with sleeper() as process:
        begin(cli, "zeta", "Zeta", pid=process.pid)
        shown = show(cli)
        shown.at("/sessions")
        shown.page.until(f"{ROWS}.length >= 3")
        before = shown.page.value(f"{ROWS}.map(row => row.dataset.item)")
        process.kill()
        process.wait(PATIENCE)
        shown.page.until(f"{ROWS}.some(row => row.dataset.state === 'dead')")
        assert shown.page.value(f"{ROWS}.map(row => row.dataset.item)") == before
        shown.page.press(".")
        assert shown.page.value(f"{ROWS}[0].dataset.item") == "zeta"
    cli("session", "end", "zeta").ok()
    shown.page.until("document.querySelector('[data-item=zeta][data-own-gone]')")
    shown.page.press(".")
    assert shown.page.value("document.querySelector('[data-item=zeta]')") is None


def test_the_page_is_walked_by_keyboard_and_back_again(show: Show, cli: Cli) -> None:
    shown = show(cli)
    shown.page.press("g", "s")
    shown.page.until("location.pathname === '/sessions' && document.querySelector('#view .lr')")
    assert shown.focused() == "Sessions"
    shown.page.press("j")
    first = shown.page.value("document.activeElement.closest('.lr').dataset.item")
    shown.page.press("Enter")
    shown.page.until("document.activeElement.id === 'panel-h'")
    assert f"id={first}" in shown.page.value("location.search")
    shown.page.press("Escape")
    shown.page.until("document.querySelector('#panel').hidden")
    assert shown.page.value("document.activeElement.closest('.lr')?.dataset.item") == first
    shown.page.press("/")
    shown.page.call("Input.insertText", text="nothing has this name")
    shown.says("[data-nomatch]", "No session matches")
    assert "q=nothing" in shown.page.value("location.search")
    shown.page.press("Escape")
    shown.page.until("!location.search && document.querySelector('[data-nomatch]').hidden")
    shown.page.value("history.back()")
    shown.page.until("location.search.includes('id=') && !document.querySelector('#panel').hidden")


def test_an_address_gives_the_view_that_it_was_copied_from(show: Show, cli: Cli) -> None:
    begin(cli, "other-work", "Search tolerates typos")
    shown = show(cli)
    shown.at("/sessions?id=other-work&q=typos")
    shown.says("#panel", "Search tolerates typos")
    assert shown.page.value("document.querySelector('[data-find]').value") == "typos"
    assert shown.page.value(f"{ROWS}.filter(row => !row.hidden).map(row => row.dataset.item)") == ["other-work"]  # fmt: skip


def test_a_server_that_goes_is_said_on_top_and_one_that_comes_again_ends_that(show: Show, cli: Cli) -> None:
    shown = show(cli)
    shown.says(".foot .live", "Live")
    os.kill(shown.site.process.pid, signal.SIGKILL)
    shown.site.process.wait(PATIENCE)
    shown.says("#banner", "Not live")
    shown.says("#banner", "not of now")
    again = show(cli, "--port", str(shown.site.port))
    assert again.site.port == shown.site.port
    shown.says(".foot .live", "Live")
    assert shown.page.value("document.querySelector('#banner').hidden")


def test_a_person_is_listed_by_name_and_not_by_the_branch_that_everybody_is_on(show: Show, cli: Cli) -> None:
    with cli.clone.open() as fleet:
        fleet.sessions.start(Start(id=SessionId("mira"), person=True, agent="Mira Noor"))
    shown = show(cli)
    shown.at("/sessions?id=mira")
    shown.says("#view .ttl", "Mira Noor")
    shown.says("#panel h2", "Mira Noor")


def test_a_round_of_the_radar_is_made_from_the_page_and_said_to_be_old_once_a_branch_moves(
    show: Show, cli: Cli
) -> None:
    shown = show(cli)
    shown.at("/radar")
    shown.says("[data-block=round]", "no round yet")
    shown.click("[data-act=radar]")
    shown.says("#act [data-command]", "gitfleet radar")
    shown.click("#act [type=submit]")
    shown.says("[data-block=round]", "no branch has moved since")
    cli.clone.out("branch", "other", "main")
    shown.at("/radar")
    shown.says("[data-block=round]", "Not of now")


def test_a_token_to_look_only_is_said_and_a_fleet_without_news_is_quiet(show: Show, cli: Cli) -> None:
    shown = show(cli, "--read-only")
    shown.says(".foot", "read only")
    shown.says("#view", "Nothing needs a person")


def test_what_others_wrote_stays_text_in_its_box_at_every_width(show: Show, cli: Cli) -> None:
    begin(cli, "odd", HOSTILE)
    cli("claim", "--reason", HOSTILE, "src/").ok()
    shown = show(cli)
    for path in ("/overview", "/sessions?id=odd", f"/sessions?id={cli.clone.session}"):
        for width in (320, 390, 820, 1280):
            shown.at(path, width=width)
            wide = shown.page.value("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, (path, width, wide)
    shown.says("#panel", "<img src=x onerror=alert(1)>")
    assert shown.page.value("document.querySelectorAll('#view img').length") == 0
    assert shown.page.said == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_loaded_from_elsewhere_and_the_policy_of_the_page_is_kept(
    show: Show, cli: Cli, scheme: str
) -> None:
    shown = show(cli)
    url = shown.site.started["data"]["url"]
    for name in ("overview", "sessions", "claims", "queue", "radar", "jobs", "hosts", "log"):
        shown.at(f"/{name}", scheme=scheme)
        assert shown.page.said == [], name
        assert all(one.startswith((f"{url}/static/", f"{url}/page/")) for one in shown.page.asked), name


def test_more_tabs_than_a_browser_has_connections_all_show_the_fleet(show: Show, cli: Cli) -> None:
    shown = show(cli)
    url = f"{shown.site.started['data']['url']}/sessions"
    tabs = [shown.page.call("Target.createTarget", url=url, background=True)["targetId"] for _ in range(8)]

    def titles() -> list[str]:
        told = shown.page.call("Target.getTargets")["targetInfos"]
        return [str(one["title"]) for one in told if one["targetId"] in tabs]

    try:
        end = time.monotonic() + PATIENCE
        while not all("Sessions" in title for title in titles()):
            assert time.monotonic() < end, titles()
        cli("claim", "src/").ok()
        shown.page.press("g", "s")
        shown.page.until(f"{ROWS}.some(row => row.querySelector('.c5').textContent.startsWith('1'))")
    finally:
        for tab in tabs:
            shown.page.call("Target.closeTarget", targetId=tab)

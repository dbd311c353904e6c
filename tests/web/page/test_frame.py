"""What holds for the page as a whole is said on top: that the hub was not seen for long, and what it has yet to agree to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

from gitfleet.fleet.fleet import Fleet
from gitfleet.web.page import frame
from gitfleet.web.page.page import PageQuery
from tests.cli.conftest import Cli
from tests.fleetbench import Fleets
from tests.web.conftest import Site

LONG_AGO = 1_700_000_000


def test_a_hub_that_was_not_seen_for_long_and_what_waits_for_it_are_said_on_top(
    serve: Callable[..., Site], hub_cli: Cli
) -> None:
    site = serve(hub_cli)

    def banner() -> str:
        return str(site.ask("GET", "/page/overview").json["blocks"]["frame_banner"])

    assert banner() == ""
    shutil.move(hub_cli.clone.fleets.hub, hub_cli.clone.fleets.root / "gone.git")
    hub_cli("claim", "src/")
    assert "1 operation" in banner()
    seen = hub_cli.clone.fleets.state(hub_cli.clone.name) / "seen"
    os.utime(seen, (LONG_AGO, LONG_AGO))
    assert "Hub not seen" in banner()
    assert f'data-at="{LONG_AGO}"' in banner()


def test_a_folder_whose_name_would_turn_words_round_is_named_visibly(fleets: Fleets) -> None:
    place = fleets.root / "\u202egnp\x1b[1m<b>"
    fleets.clone("alone").rename(place)
    with Fleet.open(str(place)) as fleet:
        view = frame.look(fleet, PageQuery(), page="overview", read_only=False)
    assert view.repository == "\\u202egnp\\x1b[1m<b>"


def test_a_token_to_look_only_and_a_server_to_look_only_are_told_alike(
    serve: Callable[..., Site], cli: Cli
) -> None:
    site = serve(cli)
    looks = {"Authorization": f"Bearer {site.read_only}"}
    assert site.ask("GET", "/page/overview").json["blocks"]["frame_mode"] == ""
    assert site.ask("GET", "/page/overview", looks).json["blocks"]["frame_mode"] == "read only"
    assert serve(cli, "--read-only").ask("GET", "/page/overview").json["blocks"]["frame_mode"] == "read only"


def test_a_fleet_without_sessions_says_how_one_is_begun(serve: Callable[..., Site], cli: Cli) -> None:
    for session in (cli.clone.session, cli.clone.other):
        cli("session", "end", session).ok()
    blocks = serve(cli).ask("GET", "/page/sessions").json["blocks"]
    assert "gitfleet session start" in blocks["none"]
    overview = serve(cli).ask("GET", "/page/overview").json["blocks"]
    assert "Nothing needs a person" in overview["gist"]
    assert "Nobody is at work" in overview["gist"]

"""What the fleet tells hosts of its sessions."""

from __future__ import annotations

import subprocess

from gitfleet.fleet.fleet import Fleet
from gitfleet.triage import known_sessions
from gitfleet.triage.known_sessions import ENDED, LIVE, NOBODYS
from tests.cli.conftest import Cli
from tests.gatebench import Gated


def known(cli: Cli) -> known_sessions.KnownSessions:
    with Fleet.open(str(cli.clone.path)) as fleet:
        return known_sessions.known(fleet)


def test_session_that_has_ended_is_told_from_one_that_lives(cli: Cli) -> None:
    assert known(cli).states == {cli.clone.session: LIVE, cli.clone.other: LIVE}
    cli("session", "end", env=cli.other).ok()
    found = known(cli)
    assert found.states == {cli.clone.session: LIVE, cli.clone.other: ENDED}
    assert list(found.ends) == [cli.clone.other]


def test_session_whose_process_has_ended_counts_as_ended(cli: Cli) -> None:
    agent = subprocess.Popen(["sleep", "600"])
    cli("session", "start", "--id", "gone-7h3k9q2m", "--pid", str(agent.pid), env=cli.nobody).ok()
    before = known(cli).states["gone-7h3k9q2m"]
    agent.kill()
    agent.wait()
    assert (before, known(cli).states["gone-7h3k9q2m"]) == (LIVE, ENDED)


def test_place_of_several_sessions_is_the_fleets_and_no_sessions(cli: Cli) -> None:
    assert known(cli).places[str(cli.clone.path)] == NOBODYS


def test_worktree_of_a_session_that_has_ended_stays_its_place(cli: Cli) -> None:
    done = cli("session", "start", "--", "sh", "-c", "echo $GITFLEET_SESSION", env=cli.nobody).ok()
    session = done.stdout.strip().splitlines()[-1]
    found = known(cli)
    assert found.states[session] == ENDED
    assert [path for path, one in found.places.items() if one == session] == [
        str(cli.clone.path / ".worktrees" / session)
    ]


def test_place_where_sessions_of_another_clone_have_ended_is_nobodys_here(hub_cli: Cli, bob: Gated) -> None:
    """A session that is not known here yet may be at work there by now, by the name of one that is."""
    other = Cli(bob, hub_cli.gitfleet)
    hub_cli("sync", env=hub_cli.nobody).ok()
    assert _ending(known(hub_cli).places, "/bob")
    for env in (None, other.other):
        other("session", "end", env=env).ok()
    hub_cli("sync", env=hub_cli.nobody).ok()
    found = known(hub_cli)
    assert (found.states[bob.session], found.states[bob.other]) == (ENDED, ENDED)
    assert not _ending(found.places, "/bob")
    assert _ending(known(other).places, "/bob")


def _ending(places: dict[str, str], end: str) -> list[str]:
    return [path for path in places if path.endswith(end)]

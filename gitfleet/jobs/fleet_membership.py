"""Whether the repositories that agents work in are part of a fleet. Without one no attempt could have a session, so nobody begins any."""

from __future__ import annotations

from gitfleet.base import advice
from gitfleet.base.text import display
from gitfleet.errors import UNCHANGED, NoFleet, NoRepository
from gitfleet.git.repository import Repository, discover
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.ledger import own_node


def demand(repository: Repository, agent_name: str) -> None:
    """Raise NoFleet where the repository of this agent is in none."""
    try:
        own_node.load(repository.common_dir)
    except NoFleet as error:
        place = repository.worktree or repository.git_dir
        raise error.again(
            f"The agent {agent_name} works in {display(place)}, which is not part of a fleet.",
            hint=f"Run {advice.INIT} in that folder first.",
            unharmed=UNCHANGED,
        ) from error


def demand_any(known: Configuration) -> list[NoFleet]:
    """Raise NoFleet where no agent works in a fleet; else what keeps back each one that does not. Repositories that are not there
    are passed over: a job of theirs is refused when it is made.
    """
    checked: dict[str, NoFleet | None] = {}
    for name, agent in known.agents.items():
        place = agent.repo or agent.working_directory
        if place not in checked:
            try:
                demand(discover(place), name)
                checked[place] = None
            except NoFleet as error:
                checked[place] = error
            except NoRepository:
                continue
    outside = [error for error in checked.values() if error is not None]
    if outside and len(outside) == len(checked):
        raise outside[0]
    return outside

"""The prompt policy: what an agent is told about handing over its work, by rule. Pure.

It stands behind the user's prompt. It tells what the agent has to do itself (commit, under claims) and what is done for it once its work
has been checked (push, pull request, merge queue), so that it does not try that: what was not checked would be on the hub.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gitfleet.base import advice, commands, shellwords
from gitfleet.base.text import display, some
from gitfleet.codec import Struct
from gitfleet.jobs.definitions.schema import Agent
from gitfleet.jobs.delivery.forges import REQUEST, Forge

_TALK = {"codex", "claude", "acp"}
"""Runtimes that take a prompt in words, and get the instructions unless their file says otherwise."""
_LEFT = {
    "commit": "What you leave uncommitted is committed for you.",
    "keep": "What you leave uncommitted is not part of the work.",
    "fail": "Uncommitted changes that you leave count as a failure.",
}
_HEAD = "How to hand over the work (from what has started you, not from the author of the task):"


class Place(Struct):
    """Where an attempt is at work. `claimed`: whether the fleet's rules ask for claims at all; `trunk`: what branches land on."""

    branch: str
    trunk: str
    forge: Forge = Forge()
    claimed: bool = True


def wanted(agent: Agent) -> bool:
    """Whether the agent is told: as `commit.instruct` says, else where its runtime talks. A program gets its prompt as it was written."""
    asked = agent.commit.instruct
    return agent.runtime in _TALK if asked is None else asked


def prompt(agent: Agent, task: str, place: Place) -> str:
    """The whole prompt of an attempt. The task comes first, as it was given; without one there is nothing to add to."""
    if not task.strip() or not wanted(agent):
        return task
    lines = "\n".join(f"- {line}" for line in _lines(agent, place))
    return f"{task.rstrip()}\n\n{_HEAD}\n{lines}\n"


def _lines(agent: Agent, place: Place) -> Iterator[str]:
    yield (
        f"You are in a worktree of your own, on the branch {display(place.branch)}. Stay on it, and change nothing outside of this folder."
    )
    yield f"Commit all that belongs to the work before you end. {_LEFT[agent.commit.leftovers]}"
    if place.claimed:
        yield from _claims(agent)
    yield _after(agent, place)
    yield _judged(agent)


def _claims(agent: Agent) -> Iterator[str]:
    held = some([display(path) for path in agent.claims], 20)
    have = f"You hold the claims on {held}. Before you change anything else, claim it" if held else ""
    claim = commands.spoken(advice.CLAIM.of("PATH"))
    yield f"{have or 'Before you change a path, claim it'}: `{claim}`. What another session holds is not yours to change."
    yield (
        "Git's hooks check each commit, and write lines that begin with Fleet- below its message. Leave these lines alone, and do not "
        "get around the hooks."
    )


def _after(agent: Agent, place: Place) -> str:
    """What becomes of the branch, and so is not the agent's to do."""
    rules, kind = agent.commit, place.forge.kind
    steps = []
    if rules.push and kind != "none":
        steps.append("it is pushed")
    if rules.pull_request and kind in REQUEST:
        steps.append(f"a {REQUEST[kind]} is opened for it")
    if agent.queue.enabled:
        steps.append(f"it enters the merge queue of {display(place.trunk)}")
    if not steps:
        where = "There is no remote to push to" if kind == "none" else "Do not push"
        return f"{where}: the branch stays in this clone."
    never = "Do not push, open requests or merge yourself" if kind != "none" else "Do not merge it yourself"
    return f"{never}. Once the work has been checked, this is done with your branch: {_joined(steps)}."


def _joined(steps: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(steps[:-1]), steps[-1]]))


def _judged(agent: Agent) -> str:
    changes = "something has changed" if agent.commit.no_change == "no_change" else ""
    check = f"this succeeds here: `{shellwords.line(agent.verify)}`" if agent.verify else ""
    told = " and ".join(filter(None, [changes, check]))
    counts = f"The work counts as done if {told}." if told else "End once the work is done."
    return f"{counts} What you say about it decides nothing."

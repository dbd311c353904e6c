"""The quick way to yes for an agent's edit: the session has claimed the path, and its lease holds.

Standard library only, little of it, no network. It only ever says yes: where no fleet is concerned, and where the path is
the session's for certain. Whatever else goes to `full_hook`, with the paths that were found out here, since what the agent
said can be read only once.
"""

from __future__ import annotations

import os

from gitfleet.agenthooks import hook_input, place
from gitfleet.clients import acting
from gitfleet.githooks import coverage
from gitfleet.githooks.gitdirs import content

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gitfleet.agenthooks.hook_input import WantedEdit
    from gitfleet.agenthooks.place import EditedTree

OFF = b'"edits":"off"'
EDITED, WRITTEN = "e", "w"
"""What a path is named for: a file that is edited, or one that a shell command writes."""


def main(arguments: list[str]) -> int:
    """Answer one event of an agent: 0 and nothing said means that it may go on."""
    agent = arguments[0]
    try:
        edit = hook_input.read(agent)
    except Exception as error:  # noqa: BLE001 - whatever it is, `full_hook` says it, and where no fleet is concerned nobody does
        return hand_over([agent, "unread", type(error).__name__])
    if edit is None:
        return 0
    try:
        places = place.find(edit.paths, edit.folder, edit.written)
        if all(certain(agent, edit, one) for one in places):
            return 0
    except Exception:  # noqa: BLE001 - a doubt of whatever kind is for the full check, which names it
        places = place.tops(edit.paths, edit.folder, edit.written)
    named = []
    for one in places:
        named += [text for path in one.paths for text in (EDITED, one.top, path)]
        named += [text for path in one.written for text in (WRITTEN, one.top, path)]
    try:
        return hand_over([agent, "edit", edit.session, edit.turn, *named])
    except OSError:  # more files than the arguments of a program may name
        return hand_over([agent, "unread", "it names too many files"])


def hand_over(arguments: list[str]) -> int:
    """Become the full check."""
    from gitfleet.githooks import handover  # of no use on the way to yes

    return handover.hand_over(arguments, package="agenthooks")


def certain(agent: str, edit: WantedEdit, one: EditedTree) -> bool:
    """Whether the agent's session may edit the paths in one worktree for certain."""
    rules = f"{one.common_dir}/gitfleet/policy.json"
    if os.path.exists(rules) and OFF in content(rules):
        return True
    session = acting.session_of(f"{one.common_dir}/gitfleet", agent, edit.session)
    if not edit.session:
        session = os.environ.get("GITFLEET_SESSION")
    names = [os.fsencode(path) for path in (*one.paths, *one.written)]
    return coverage.covered(one.git_dir, one.common_dir, session, lambda: names) is not None

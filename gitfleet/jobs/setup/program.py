"""The program that makes an attempt's worktree ready and then becomes its agent.

It runs where the agent will: in its folder, with its environment, in its session, under its shepherd. So the setup has
the agent's limits, is cancelled as the agent is, and what it writes is kept in the same stream, up to a line that ends it.
Where the setup fails, that line never comes, and the agent never runs. Standard input is left to the agent.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence

from gitfleet.base.text import counted, display
from gitfleet.errors import FleetError
from gitfleet.git import checkout
from gitfleet.git.program import Git
from gitfleet.jobs.setup import ignored_files
from gitfleet.jobs.setup.copying import Copier
from gitfleet.jobs.setup.records import BEFORE, PLAN, SetupLeft, SetupPlan, stamp, units
from gitfleet.jobs.shepherd import records

_SHOWN = 10
_GRACE = 5.0


class SetupFailed(Exception):
    """The worktree could not be made ready; the text says why, in words."""


def main(arguments: Sequence[str]) -> int:
    """Make ready what the plan in the folder `arguments[0]` says, and become the agent; 1 where that failed."""
    folder = arguments[0]
    try:
        plan = _plan(folder)
        env = {**os.environ, **units(folder)}
        before = _uncommitted(plan)
        _files(plan)
        _template(plan)
        _command(plan, env)
        _note_what_is_left(folder, before, _uncommitted(plan))
        _become(plan, env)
    except (SetupFailed, ignored_files.NotThere, FleetError, OSError, ValueError) as error:
        _say(str(error), 2)
        return 1
    return 0


def _plan(folder: str) -> SetupPlan:
    plan = records.load(SetupPlan, folder, PLAN)
    if plan is None:
        raise SetupFailed("there is no plan of it")
    return plan


def _say(text: str, output: int = 1) -> None:
    os.write(output, f"setup: {display(text)}\n".encode())


def _files(plan: SetupPlan) -> None:
    if plan.files and not plan.checkout:
        raise SetupFailed("`files` are copied from the repository's own checkout, and it has none")
    if plan.checkout and (paths := ignored_files.chosen(plan.checkout, plan.common_dir, plan.files)):
        copier = Copier(plan.checkout, plan.worktree)
        copier.files(_without_ways_out(plan.checkout, paths, copier))
        _tell(copier, plan.checkout)


def _without_ways_out(top: str, paths: Sequence[str], copier: Copier) -> list[str]:
    """Without links that lead out of the checkout."""
    inside = []
    real = os.path.realpath(top)
    for path in paths:
        there = os.path.join(top, path)
        leads = os.path.realpath(there)
        if os.path.islink(there) and (
            os.path.isabs(os.readlink(there)) or os.path.commonpath([real, leads]) != real
        ):
            copier.passed.append((path, "it is a link that leads out of the checkout"))
        else:
            inside.append(path)
    return inside


def _template(plan: SetupPlan) -> None:
    if not plan.template:
        return
    if not os.path.isdir(plan.template):
        raise SetupFailed(f"the template {plan.template} is no folder")
    copier = Copier(plan.template, plan.worktree)
    copier.everything()
    _tell(copier, plan.template)


def _tell(copier: Copier, source: str) -> None:
    _say(f"{counted(copier.copied, 'file')} copied from {source}")
    for path, why in copier.passed[:_SHOWN]:
        _say(f"{path} was left out: {why}")
    if len(copier.passed) > _SHOWN:
        _say(f"{len(copier.passed) - _SHOWN} more were left out")


def _command(plan: SetupPlan, env: dict[str, str]) -> None:
    """Run the command, in a process group of its own, so that it can be ended with all that it started."""
    if not plan.command:
        return
    _say(" ".join(plan.named or plan.command))
    name = (plan.named or plan.command)[0]
    limit = None if plan.timeout is None else plan.timeout / 1000
    with subprocess.Popen(list(plan.command), stdin=subprocess.DEVNULL, env=env, process_group=0) as child:
        try:
            code = child.wait(limit)
        except subprocess.TimeoutExpired:
            _end(child)
            raise SetupFailed(f"'{name}' took longer than {limit:.0f} s") from None
    if code:
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise SetupFailed(f"'{name}' ended with {how}")


def _end(child: subprocess.Popen[bytes]) -> None:
    os.killpg(child.pid, signal.SIGTERM)
    try:
        child.wait(_GRACE)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)


def _uncommitted(plan: SetupPlan) -> dict[str, tuple[int, ...]]:
    """By path, what is not committed and not ignored, as `stamp` has it."""
    rows = checkout.differing(Git(plan.git_dir, cwd=plan.worktree), submodules="all")
    return {path: stamp(plan.worktree, path) for _, path in rows}


def _note_what_is_left(
    folder: str, before: dict[str, tuple[int, ...]], now: dict[str, tuple[int, ...]]
) -> None:
    """What git would take for the agent's work, though it is ours; what an earlier attempt left there is none of it."""
    left = {path: known for path, known in now.items() if before.get(path) != known}
    if left:
        records.save(folder, BEFORE, SetupLeft(left))


def _become(plan: SetupPlan, env: dict[str, str]) -> None:
    for output in (1, 2):
        os.write(output, f"{plan.marker}\n".encode())
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)  # what Python has changed
    os.execvpe(plan.argv[0], list(plan.argv), env)

"""`restore SESSION` and `restore --all`: interrupted sessions gone on with, in this terminal or in windows of tmux."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence

from gitfleet.base import processes, shellwords
from gitfleet.base.names import SessionId
from gitfleet.base.text import display
from gitfleet.cli import launching
from gitfleet.cli.answer import Reply
from gitfleet.cli.launching import Launch, Where
from gitfleet.errors import Blocked, UsageError
from gitfleet.sessions.interrupted import InterruptedSession

_TMUX_SESSION = "gitfleet"
_TIME = 30.0


def here(found: Sequence[InterruptedSession], name: str) -> Reply:
    """Go on with the session of that name in this terminal, as itself, in its worktree; comes back when its agent ends.

    Raises UsageError where nothing is known to go on with, or its worktree is gone.
    """
    one = next((one for one in found if one.session == name), None)
    if one is None:
        names = ", ".join(one.session for one in found) or "none"
        raise UsageError(
            f"No session '{display(name[:80])}' was interrupted here.", hint=f"Those that were: {names}."
        )
    if not one.resumes:
        raise UsageError(
            f"gitfleet cannot go on with {one.session}: its agent was {display(one.agent or one.command or 'nobody in particular')}.",
            hint=f"Start it yourself, as the same session: cd {shellwords.word(one.worktree)} && gitfleet session start --id {one.session} --here -- COMMAND.",
        )
    try:
        os.chdir(one.worktree)
    except OSError as error:
        raise UsageError(
            f"The worktree of {one.session} is gone: {display(one.worktree)}.",
            hint="Its branch may be; `gitfleet worktree archive --list` shows what was archived.",
        ) from error
    launch = Launch(one.resumes, SessionId(one.session), one.agent, one.title)
    return launching.start(launch, Where(here=True, maintain=False))


def in_windows(
    found: Sequence[InterruptedSession], options: Sequence[str], environ: Mapping[str, str]
) -> list[str]:
    """Open each that can be gone on with in a window of tmux: of the one that this runs in, else of its session `gitfleet`; which those are.

    Raises UsageError without tmux, Blocked where it opens none.
    """
    ready = [one for one in found if one.resumes and os.path.isdir(one.worktree)]
    tmux = shutil.which("tmux")
    if not ready:
        return []
    if tmux is None:
        raise UsageError(
            "--all opens a window of tmux for each session, and there is no tmux here.",
            hint="Continue them one by one: `gitfleet restore SESSION`.",
        )
    inside = bool(environ.get("TMUX"))
    opened: list[str] = []
    for one in ready:
        program = [sys.executable, "-P", "-m", "gitfleet", "restore", *options, one.session]
        there = inside or _asked([tmux, "has-session", "-t", f"={_TMUX_SESSION}"], environ) == ""
        begin = ["new-window", "-d"] if there else ["new-session", "-d", "-s", _TMUX_SESSION]
        target = ["-t", f"={_TMUX_SESSION}:"] if there and not inside else []
        said = _asked([tmux, *begin, *target, "-n", one.session, "-c", one.worktree, "--", *program], environ)
        if said:
            raise Blocked(
                f"tmux opened no window for {one.session}: {said}",
                hint="Continue it by itself: `gitfleet restore SESSION`.",
                unharmed=f"Opened before it: {', '.join(opened) or 'none'}.",
            )
        opened.append(one.session)
    return opened


def attach(environ: Mapping[str, str]) -> str:
    """How the windows are looked at."""
    return "tmux: windows of this session" if environ.get("TMUX") else f"tmux attach -t {_TMUX_SESSION}"


def _asked(argv: Sequence[str], environ: Mapping[str, str]) -> str:
    """What tmux says of a failure; "" where there was none."""
    done = processes.run(argv, cwd=None, env=environ, timeout=_TIME)
    said = display((done.stderr or done.stdout).decode("utf-8", "replace").strip()[:400])
    return "" if done.code == 0 else said or f"exit code {done.code}"

"""What git said of its settings, noted for whoever asks the same soon: a process less, where the files that settings stand in are as they were.

The note holds for an hour, since what is the machine's may stand where only git knows; and there is none where settings lead to other files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from gitfleet.base import clock, files, statefile
from gitfleet.base.digests import sha256
from gitfleet.codec import TEXT, WHOLE, Struct, Table, field
from gitfleet.errors import FleetError
from gitfleet.git import refs
from gitfleet.git.config_text import OWN
from gitfleet.git.program import Git

HOLDS = 3600
"""Seconds."""
_NONE = 1
"""git's exit code for a setting that there is none of."""


class SettingsNote(Struct):
    """What git answered, by its arguments, while the files of settings had this `digest`; `at`: when, in seconds since 1970."""

    digest: str = field(TEXT)
    at: int = field(WHOLE)
    answers: Mapping[str, str] = field(Table(TEXT), default={})


def answer(git: Git, *arguments: str) -> str:
    """What git prints for a question about its settings; "" where it says no more than that it failed. At most one process. Never raises."""
    digest, path = _digest(git), _place(git)
    question = "\0".join([git.git_dir, *arguments])
    note = _noted(path) if digest else None
    if note and (note.digest != digest or not 0 <= clock.now() - note.at < HOLDS):
        note = None
    if note and question in note.answers:
        return note.answers[question]
    done = git.ask(*arguments)
    said = os.fsdecode(done.stdout)
    if digest and done.code in (0, _NONE) and digest == _digest(git):
        known = note or SettingsNote(digest, clock.now())
        try:
            statefile.save(
                path,
                SettingsNote(digest, known.at, {**known.answers, question: said}),
                mode=0o600,
                durable=False,
            )
        except (FleetError, OSError):  # a folder of somebody else's
            return said
    return said


def _noted(path: str) -> SettingsNote | None:
    try:
        return statefile.load(SettingsNote, path)
    except (FleetError, OSError):  # the note of another user of the clone
        return None


def _place(git: Git) -> str:
    return os.path.join(refs.common(git.git_dir), "gitfleet", "settings.json")


def _digest(git: Git) -> str:
    """What differs when settings do; "" where that cannot be told."""
    common = refs.common(git.git_dir)
    of_old = [
        name for folder in ("remotes", "branches") for name in files.names(os.path.join(common, folder))
    ]
    if of_old or not os.path.isdir(os.path.dirname(_place(git))):
        return ""
    found = [
        f"{name}={value}"
        for name, value in sorted({**os.environ, **git.env}.items())
        if name.startswith("GIT_CONFIG")
    ]
    parts = [os.fsencode(f"{git.cwd}\0" + "\0".join(found))]
    for path in places(git):
        try:
            text = files.read(path)
        except (FleetError, OSError):
            return ""
        plain = (text or b"").lower()
        for own in OWN:
            plain = plain.replace(own, b"")
        if b"include" in plain:
            return ""
        parts.append(b"-" if text is None else text)
    return sha256(b"\0\0".join(parts)).hexdigest()


def places(git: Git) -> Iterator[str]:
    """The files in which settings may stand, there or not, but for those that others of them include."""
    common, home = refs.common(git.git_dir), os.path.expanduser("~")
    yield from (os.path.join(common, name) for name in ("config", "config.gitfleet"))
    yield os.path.join(git.git_dir, "config.worktree")
    yield os.environ.get("GIT_CONFIG_SYSTEM") or "/etc/gitconfig"
    if own := os.environ.get("GIT_CONFIG_GLOBAL"):
        yield own
    else:
        yield os.path.join(home, ".gitconfig")
        yield os.path.join(
            os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "git", "config"
        )

"""Our settings in a config file of the repository: a file beside it, and the one section by which git reads that.

No line of the user's is touched, and git itself puts the section in and takes it out. No other section of the file has its
name, so git puts it at the end, where it wins over all that stands before: `[include]`, or where there is one already
`[includeIf "gitdir:/**"]`, whose condition holds everywhere. The file beside it is ours alone, and whoever may read the
user's may read it.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress

from gitfleet.base import clock, files
from gitfleet.base.digests import sha256
from gitfleet.errors import LockHeld
from gitfleet.git.program import Git, failed

NAME = "config.gitfleet"
_PLAIN, _OTHER = "include", "includeIf.gitdir:/**"
_HEADERS = {_PLAIN: b"[include]\n", _OTHER: b'[includeIf "gitdir:/**"]\n'}
_TAKEN = re.compile(rb"\[\s*include\s*\]", re.IGNORECASE)
_NO_LOCK = 255
_PATIENCE = 1.0
_PAUSE = 0.02


class ConfigFile:
    """One config file of the repository, which need not exist, and the file `own` of ours that it is to lead to by `name`.

    `name` is relative to the config file's folder, or absolute. A link is followed, as git does.
    """

    def __init__(self, git: Git, path: str, name: str) -> None:
        self._git = git
        self._path = os.path.realpath(path)
        self._name = name
        self.own = os.path.join(os.path.dirname(path), name)

    def leads_to_ours(self) -> bool:
        """Whether git reads our file, and no other by such a section, and by the plain one where that can be."""
        found = {section: self._leads_to(section) for section in _HEADERS}
        if found[_PLAIN]:
            return found == {_PLAIN: [self._name], _OTHER: []}
        return found[_OTHER] == [self._name] and self._is_taken()

    def write(self, text: str) -> None:
        """Have our file say this, for whom the config file is; nothing is written where it does."""
        mode = _mode(self._path) or 0o644
        if files.read(self.own) != os.fsencode(text) or _mode(self.own) != mode:
            files.replace(self.own, os.fsencode(text), mode=mode)

    def lead_to_ours(self) -> None:
        """Have git read our file, after all that the config file says. Raises LockHeld, GitFailed."""
        self._take_out()
        self._run("--add", f"{_OTHER if self._is_taken() else _PLAIN}.path", self._name)

    def lead_away(self, unended: str) -> None:
        """Have git read our file no more. `unended` is what `unended` answered before. Raises LockHeld, GitFailed."""
        self._take_out()
        if unended:
            self._restore_end(unended)

    def unended(self) -> str:
        """A fingerprint of a content whose last line has no end, which git would add; "" for any other."""
        content = files.read(self._path) or b""
        return _fingerprint(content) if content and not content.endswith(b"\n") else ""

    def without_sections(self, beginning: str) -> None:
        """Remove sections that somebody wrote with names of ours, which begin so (`hook.gitfleet-`)."""
        done = self._git.ask(
            "config", "--file", self._path, "--null", "--name-only",
            "--get-regexp", f"^{re.escape(beginning)}",
        )  # fmt: skip
        keys = os.fsdecode(done.stdout).split("\0")[:-1]
        for section in dict.fromkeys(key.rpartition(".")[0] for key in keys):
            self._run("--remove-section", section)

    def _take_out(self) -> None:
        for section in _HEADERS:
            known = self._leads_to(section)
            if known and self._is_alone(section):
                self._run("--remove-section", section)
                continue
            for name in known:
                self._run("--fixed-value", "--unset-all", f"{section}.path", name)

    def _is_alone(self, section: str) -> bool:
        """Whether nothing stands in our section, below it, or under its name again, that somebody else may have written."""
        _, *behind = (files.read(self._path) or b"").split(_HEADERS[section])
        return len(behind) == 1 and bool(re.fullmatch(rb"\tpath = [^\n]*\n(?:\[[\s\S]*)?", behind[0]))

    def _is_taken(self) -> bool:
        """Whether there is a section, or what looks like one, to which git would add ours."""
        return bool(_TAKEN.search(files.read(self._path) or b""))

    def _restore_end(self, unended: str) -> None:
        """Take away the end of the last line, where nothing else was changed. Git writes into no file, but replaces it."""
        with suppress(PermissionError, FileNotFoundError), open(self._path, "rb+") as file:
            content = file.read()
            if content.endswith(b"\n") and _fingerprint(content[:-1]) == unended:
                file.truncate(len(content) - 1)

    def _leads_to(self, section: str) -> list[str]:
        done = self._git.ask("config", "--file", self._path, "--null", "--get-all", f"{section}.path")
        found = os.fsdecode(done.stdout).split("\0")[:-1]
        return [name for name in found if os.path.basename(name).startswith(NAME)]

    def _run(self, *arguments: str) -> None:
        end, lock = clock.elapsed() + _PATIENCE, f"{self._path}.lock"
        while (done := self._git.ask("config", "--file", self._path, *arguments)).code:
            if done.code != _NO_LOCK or not os.path.lexists(lock):
                raise failed(done)
            if clock.elapsed() > end:
                raise LockHeld(
                    f"{lock} exists: another program is changing that file, or died doing so.",
                    hint="If no git command is running in this clone, remove that file; then run the same command again.",
                    lock=lock,
                    holder="",
                )
            clock.wait(_PAUSE)


def _mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode) if os.path.exists(path) else 0


def _fingerprint(content: bytes) -> str:
    return sha256(content).hexdigest()

"""Git hooks of a clone: put in, taken out.

`install` and `uninstall` can be called again at any time, also after a crash in the middle or after other tools
have been at work, and then complete or repair; nothing to do means nothing is written. The user's own hooks run
at every moment in between. Both change only the clone's own git directory: no tracked file, no global
configuration. Where no core.hooksPath is set our scripts stand in the default folder, beside or in front of what
is there (`hook_files`); where one is set, whoever set it, our own folder takes its place and hands everything on to it.
Newer gits also find the gates in the configuration itself (`configured`). Both are settings of ours (`config_file`).

The caller holds the node's lock; nothing here takes one. What is in force is told by `inspection`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from gitfleet.base import files
from gitfleet.base.text import display
from gitfleet.codec import replace
from gitfleet.errors import FleetError
from gitfleet.git import sharing
from gitfleet.githooks import configured, hook_files, install_record, readiness, shims
from gitfleet.githooks.hook_files import HooksFolder
from gitfleet.githooks.hooks_path import CHAINED_TO, SHARED, HookedClone, Scope
from gitfleet.githooks.install_record import HooksRecord
from gitfleet.githooks.shims import GATED, OPTIONAL

_OURS = (*GATED, *OPTIONAL)


class Installation(NamedTuple):
    """What `install` did: the folders that hold our scripts now, whether anything was changed, and what to tell.

    `closed` is what users whom the repository is for cannot get at all the same, in words.
    """

    folders: tuple[str, ...]
    changed: bool
    notes: tuple[str, ...]
    closed: tuple[str, ...] = ()


class Removal(NamedTuple):
    """What `uninstall` did: whether anything was changed, and what it left and why, for people."""

    changed: bool
    notes: tuple[str, ...]


def install(common_dir: str, worktree: str | None, *, interpreter: str, gate: str) -> Installation:
    """Make git run our gates in every worktree of this clone. `worktree` is the top of any of them.

    `interpreter` and `gate` are the absolute paths of the Python and the script that the gates start. Raises
    Blocked (no worktree, or a path that cannot be written down) and LocalStorage (no permission) with nothing
    changed, LockHeld when another program keeps the lock of git's configuration, GitFailed. Where every gate is in
    place already, nothing has to be writable.
    """
    clone = readiness.checked(common_dir, worktree, (interpreter, gate))
    launcher = f"{interpreter}\n{gate}\n"
    if not readiness.in_place(clone, launcher):
        readiness.writable(clone)
    with files.storage(clone.common):
        return _Installer(clone).install(launcher)


def check(common_dir: str, worktree: str | None, *, interpreter: str, gate: str) -> None:
    """Raise what `install` would, as far as that can be told beforehand. Changes nothing."""
    clone = readiness.checked(common_dir, worktree, (interpreter, gate))
    if not readiness.in_place(clone, f"{interpreter}\n{gate}\n"):
        readiness.writable(clone)


def uninstall(common_dir: str, worktree: str | None = None) -> Removal:
    """Take everything out that `install` put in. Files that nobody changed since are restored to the byte.

    Raises LocalStorage, LockHeld, GitFailed; a second call goes on from there. The state folder itself
    (`<common dir>/gitfleet`) is removed only if `install` made it and nothing else is in it.
    """
    clone = HookedClone(common_dir, worktree)
    with files.storage(clone.common):
        return _Installer(readiness.writable(clone)).uninstall()


def check_leaving(common_dir: str, worktree: str | None = None) -> None:
    """Raise LocalStorage where `uninstall` would have no permission. Changes nothing."""
    readiness.writable(HookedClone(common_dir, worktree))


class _Installer:
    def __init__(self, clone: HookedClone) -> None:
        self._clone = clone
        self._record_path = os.path.join(clone.state, "hooks.json")
        self._launcher = os.path.join(clone.state, "launcher")
        self._staging = os.path.join(clone.state, "hooks-staging")
        self._scripts = configured.Scripts(clone.state)
        recorded = install_record.load(self._record_path)
        self._first = recorded is None
        self._record = recorded or HooksRecord()

    # In.

    def install(self, launcher: str) -> Installation:
        before = self._picture()
        self._sweep()
        scopes = self._clone.scopes()
        self._write_down_plan()
        try:
            notes = self._put_in(launcher, scopes)
            closed = sharing.share(self._clone.git, [self._clone.state], self._open_to_all())
        except (FleetError, OSError):
            if self._first:
                with contextlib.suppress(FleetError, OSError):
                    self._take_out()
            raise
        self._sweep()
        return Installation(tuple(self._folders()), self._picture() != before, tuple(notes), tuple(closed))

    def _write_down_plan(self) -> None:
        if self._first:
            made = [name for name in ("gitfleet", "hooks") if not os.path.lexists(self._clone.path(name))]
            self._record = replace(self._record, made=tuple(made))
        self._record = replace(self._record, known=tuple(sorted(self._known())))
        files.folder(self._clone.state)
        sharing.share(self._clone.git, [self._clone.state])  # what is put in below follows it
        self._save()

    def _put_in(self, launcher: str, scopes: list[Scope]) -> list[str]:
        if files.read(self._launcher) != os.fsencode(launcher):
            files.replace(self._launcher, os.fsencode(launcher))
        self._scripts.put(self._gates())
        notes: list[str] = []
        behind = {scope.slug: self._clone.stands_for(scope) for scope in scopes}
        for scope in scopes:
            notes += self._given_up(scope, behind[scope.slug])
            folder = behind[scope.slug]
            if folder is not None:
                notes += self._take_over(scope, folder)
            elif scope.slug == SHARED:
                notes += self._stand_beside(scope)
        taken_over = {slug for slug, folder in behind.items() if folder is not None}
        return notes + self._clear_others({SHARED, *taken_over}, taken_over)

    def _given_up(self, scope: Scope, behind: str | None) -> list[str]:
        """What to tell once where somebody has chosen another hooks folder since ours took the place of one."""
        former = self._clone.stood_for(os.path.join(self._clone.own, scope.slug))
        if former in {"", behind, self._clone.hooks}:
            return []
        now = f"is {display(behind)}" if behind else "is not set any more"
        return [f"the hooks in {display(former)} no longer run: core.hooksPath {now}"]

    def _stand_beside(self, scope: Scope) -> list[str]:
        """Use the default folder; only then give up our own, if it was in use."""
        files.folder(self._clone.hooks)
        notes = self._settle(self._default(), shims.texts_beside_others(self._gates()))
        self._set(scope, None)
        return notes

    def _take_over(self, scope: Scope, behind: str) -> list[str]:
        """Let our own folder stand in for `behind`: first the folder, whole, then the one line that names it."""
        place = self._own(scope.slug)
        texts = shims.texts_instead_of(self._clone.seen_from(scope.slug, behind), self._gates())
        line = os.fsencode(f"{behind}\n")
        if not os.path.isdir(place.folder):
            hook_files.build(place, texts, CHAINED_TO, line)
        chained_to = os.path.join(place.folder, CHAINED_TO)
        if files.read(chained_to) != line:
            files.replace(chained_to, line)
        notes = self._settle(place, texts)
        self._set(scope, place.folder)
        if scope.slug == SHARED and not os.path.islink(self._clone.hooks):
            notes += hook_files.clear(self._default(), _OURS)
        return notes

    def _set(self, scope: Scope, folder: str | None) -> None:
        """Have git take hooks from `folder` (None: from where the user wants it to), and the gates from the configuration."""
        config = self._clone.settings(scope.slug, scope.file)
        shared = scope.slug == SHARED
        config.write(_settings(folder, self._gates() if shared else ()))
        if shared:
            config.without_sections(configured.SECTIONS)
        if config.leads_to_ours() and (folder is None or scope.live):
            return
        if unended := config.unended():
            self._record = replace(self._record, unended={**self._record.unended, scope.file: unended})
            self._save()
        config.lead_to_ours()

    def _settle(self, place: HooksFolder, texts: Mapping[str, bytes]) -> list[str]:
        """Put our scripts in, and take out those that the rules have switched off since."""
        notes = hook_files.give_back(place, [hook for hook in OPTIONAL if hook not in texts])
        return notes + hook_files.settle(place, texts)

    def _gates(self) -> tuple[str, ...]:
        return shims.gates(self._clone.state)

    # Out.

    def uninstall(self) -> Removal:
        before = self._picture()
        self._sweep()
        notes = self._take_out()
        return Removal(self._picture() != before, tuple(notes))

    def _take_out(self) -> list[str]:
        notes = self._clear_others((), ())
        self._scripts.take_out()
        if not os.path.islink(self._clone.hooks):
            notes += hook_files.clear(self._default(), _OURS)
        files.remove(self._launcher)
        self._sweep()
        files.remove(self._record_path)
        for name in reversed(self._record.made):
            hook_files.remove_if_empty(self._clone.path(name))
        return notes

    def _clear_others(self, settings: Collection[str], folders: Collection[str]) -> list[str]:
        """Take out what is ours in all scopes but these: first what leads git to a folder of ours, then the folder."""
        kept = set()
        for slug, file in self._clone.config_files().items():
            config = self._clone.settings(slug, file)
            if slug in settings:
                kept.add(config.own)
                continue
            if slug == SHARED:
                config.without_sections(configured.SECTIONS)
            config.lead_away(self._record.unended.get(file, ""))
        for path in self._clone.own_files():
            if path not in kept:
                files.remove(path)
        notes: list[str] = []
        for slug in files.names(self._clone.own):
            if slug not in folders:
                notes += hook_files.dissolve(self._own(slug), CHAINED_TO)
        hook_files.remove_if_empty(self._clone.own)
        return notes

    # Places and papers.

    def _known(self) -> frozenset[str]:
        return shims.fingerprints().union(self._record.known)

    def _default(self) -> HooksFolder:
        return HooksFolder(self._clone.hooks, self._clone.before, self._staging, self._known())

    def _own(self, slug: str) -> HooksFolder:
        folder = os.path.join(self._clone.own, slug)
        return HooksFolder(folder, f"{self._clone.before}.{slug}", self._staging, self._known())

    def _open_to_all(self) -> list[str]:
        """What whoever commits must be able to get at, beside our own folder."""
        default = self._default()
        scripts = [path for hook in _OURS for path in default.ours(hook)]
        return [
            default.folder,
            *self._clone.folders_of_kept(),
            *(os.path.join(default.folder, p) for p in scripts),
        ]

    def _folders(self) -> list[str]:
        own = [os.path.join(self._clone.own, slug) for slug in sorted(files.names(self._clone.own))]
        default = self._default()
        return ([default.folder] if any(map(default.ours, _OURS)) else []) + own

    def _save(self) -> None:
        install_record.save(self._record_path, self._record)

    def _sweep(self) -> None:
        """Remove what a crash left half written."""
        shutil.rmtree(self._staging, ignore_errors=True)
        own = [path for slug in _paths(self._clone.own) for path in _paths(slug)]
        for path in [*_paths(self._clone.state), *own]:
            name = os.path.basename(path)
            if name.endswith(".tmp") and name.startswith(_PAPERS):
                files.remove(path)

    def _picture(self) -> dict[str, tuple[int, int, int]]:
        """Everything that we could change, as the file system numbers and dates it."""
        folders = [self._clone.hooks, self._scripts.folder, *self._clone.folders_of_kept()]
        folders += [path for path in _paths(self._clone.own) if os.path.isdir(path)]
        paths = [self._record_path, self._launcher, *(path for folder in folders for path in _paths(folder))]
        paths += [*map(self._clone.path, self._clone.config_files().values()), *self._clone.own_files()]
        seen = {path: os.lstat(path) for path in paths if os.path.lexists(path)}
        return {path: (stat.st_ino, stat.st_mtime_ns, stat.st_mode) for path, stat in seen.items()}


_PAPERS = ("launcher.", "hooks.json.", f"{CHAINED_TO}.")


def _paths(folder: str) -> list[str]:
    try:
        return [os.path.join(folder, name) for name in os.listdir(folder)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _settings(folder: str | None, gates: Sequence[str]) -> str:
    """What our own file says: where hooks lie, and the gates as hooks of the configuration."""
    quoted = (folder or "").replace("\\", "\\\\").replace('"', '\\"')
    chosen = f'[core]\n\thooksPath = "{quoted}"\n' if folder else ""
    return f"# Put here by `gitfleet init`, taken out by `gitfleet uninstall`.\n{chosen}{configured.settings(gates)}"

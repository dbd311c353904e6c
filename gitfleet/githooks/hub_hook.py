"""The gate of a hub that one keeps oneself: put into a bare repository, taken out again.

Like `install` for clones: can be called again at any time; the hook that stood there before is kept and runs first;
taken out, everything is as it was, to the byte. Nothing but the folder of hooks and a folder of ours is touched, and no
configuration. One caller at a time.
"""

from __future__ import annotations

import os
import shutil

from gitfleet.base import files
from gitfleet.base.text import display
from gitfleet.errors import Blocked
from gitfleet.git import refs, sharing
from gitfleet.git.repository import Repository, discover
from gitfleet.githooks import hook_files, install_record, shims
from gitfleet.githooks.hook_files import HooksFolder
from gitfleet.githooks.install import Installation, Removal
from gitfleet.githooks.install_record import HooksRecord
from gitfleet.githooks.shims import ON_HUBS


def install(path: str, *, interpreter: str, gate: str) -> Installation:
    """Make git judge what the bare repository at `path` receives. `interpreter` and `gate` are absolute paths.

    Raises Blocked (no bare repository, or its hooks lie elsewhere) and LocalStorage with nothing changed.
    """
    repository = _checked(discover(path, named=True))
    with files.storage(repository.common_dir):
        home = _Home(repository)
        before = home.known
        made = tuple(name for name in ("gitfleet", "hooks") if not os.path.lexists(home.path(name)))
        files.folder(home.path("gitfleet"))
        files.folder(home.path("hooks"))
        sharing.share(repository.git, [home.path("gitfleet")])  # what is put in below follows it
        present = [shims.fingerprint(shims.text(hook)) for hook in ON_HUBS]
        kept = HooksRecord(tuple({*before.known, *present}), before.made if before.known else made)
        install_record.save(home.record, kept)
        launcher = os.fsencode(f"{interpreter}\n{gate}\n")
        changed = files.read(home.launcher) != launcher or not home.stands()
        if files.read(home.launcher) != launcher:
            files.replace(home.launcher, launcher)
        notes = hook_files.settle(home.place(kept), {hook: shims.text(hook) for hook in ON_HUBS})
        shutil.rmtree(home.path("gitfleet/hooks-staging"), ignore_errors=True)
        closed = sharing.share(repository.git, [home.path("gitfleet")], home.open_to_all())
        return Installation(
            (home.path("hooks"),), changed, (*notes, *_without_trunk(repository)), tuple(closed)
        )


def uninstall(path: str) -> Removal:
    """Take out what `install` put in, and give back what stood there. Raises LocalStorage; a second call goes on."""
    repository = discover(path, named=True)
    with files.storage(repository.common_dir):
        home = _Home(repository)
        if not home.known.known:
            return Removal(changed=False, notes=())
        notes = hook_files.clear(home.place(home.known), ON_HUBS)
        shutil.rmtree(home.path("gitfleet/hooks-staging"), ignore_errors=True)
        made = home.known.made
        files.remove(home.launcher)
        files.remove(home.record)
        for name in reversed(made):
            hook_files.remove_if_empty(home.path(name))
        return Removal(changed=True, notes=tuple(notes))


class _Home:
    """Where things are in one bare repository."""

    def __init__(self, repository: Repository) -> None:
        self._root = repository.common_dir
        self.record = self.path("gitfleet/hub-hooks.json")
        self.launcher = self.path("gitfleet/launcher")
        self.known = install_record.load(self.record) or HooksRecord()

    def path(self, name: str) -> str:
        return os.path.join(self._root, name)

    def place(self, known: HooksRecord) -> HooksFolder:
        return HooksFolder(
            self.path("hooks"),
            self.path("hooks-before-gitfleet"),
            self.path("gitfleet/hooks-staging"),
            frozenset(known.known),
        )

    def stands(self) -> bool:
        paths = {hook: self.path(f"hooks/{hook}") for hook in ON_HUBS}
        return all(files.read(path) == shims.text(hook) for hook, path in paths.items())

    def open_to_all(self) -> list[str]:
        """What whoever pushes must be able to get at, beside our own folder."""
        return [
            self.path(name) for name in ("hooks", "hooks-before-gitfleet", *(f"hooks/{h}" for h in ON_HUBS))
        ]


def _without_trunk(repository: Repository) -> list[str]:
    """What to say where HEAD names no branch that is there, though there are branches: the rules are on none of them."""
    named = repository.git.line("symbolic-ref", "HEAD") or ""
    branches = refs.read(repository.git, "refs/heads/")
    if not branches or named in branches:
        return []
    head = display(named or "no branch")
    words = (
        f"nothing is judged yet: this repository's HEAD names {head}, which is not there, so it has no trunk"
    )
    return [f"{words}; `git symbolic-ref HEAD refs/heads/BRANCH` here names it"]


def _checked(repository: Repository) -> Repository:
    if repository.worktree is not None or repository.git.line("rev-parse", "--is-bare-repository") != "true":
        raise Blocked(
            f"{display(repository.common_dir)} is not a bare repository, so nobody should push to it.",
            hint="Name the bare repository that the clones push to; in a clone, run `gitfleet init`.",
        )
    said = os.fsdecode(
        repository.git.ask("config", "--show-scope", "-z", "--get-all", "core.hooksPath").stdout
    )
    values = said.split("\0")
    elsewhere = [path for scope, path in zip(values[::2], values[1::2], strict=False) if scope != "command"]
    if elsewhere:
        raise Blocked(
            f"Git looks for the hooks of this repository in {display(elsewhere[-1])} (core.hooksPath).",
            hint="Unset core.hooksPath for this repository first.",
        )
    return repository

"""Which hooks folder is in force, and who says so.

core.hooksPath can be set for the machine, for the user, for the repository, and (extensions.worktreeConfig) for one
worktree. A relative value counts from wherever git runs the hook: the top of each worktree. What is asked here is
what the user chose, with our own entries taken away.
"""

from __future__ import annotations

import os
from collections.abc import Collection

from gitfleet.base import files
from gitfleet.codec import Struct, replace
from gitfleet.git import sharing
from gitfleet.git.program import Git, failed
from gitfleet.git.repository import main_worktree
from gitfleet.githooks.config_file import KEY, ConfigEdit, ConfigFile
from gitfleet.githooks.install_record import HooksRecord

SHARED = "shared"
_BY_WORKTREE = "extensions.worktreeConfig"
_SETTINGS = rf"^({KEY}|{sharing.SETTING}|{_BY_WORKTREE})$".replace(".", r"\.").lower()
CHAINED_TO = "chained-to"  # in each folder of ours: one line, the folder that it stands in for


class Value(Struct):
    """One value of core.hooksPath: git's name for its scope, the file it is from, and the path (`~` expanded)."""

    scope: str
    origin: str
    path: str


class Scope(Struct):
    """One config file in which we may have to set core.hooksPath.

    `slug` is `shared` for what all worktrees share, else it names a worktree; `file` is relative to the common dir;
    `chosen` is the folder that the user wants hooks from (None: git's default); `ours` the path of our own folder
    that the file names, whether or not in force; `live` tells whether it is.
    """

    slug: str
    file: str
    chosen: str | None
    ours: str | None
    live: bool


class HookedClone:
    """The paths of one clone that have to do with hooks. Asks git at each call, remembers nothing."""

    def __init__(self, common_dir: str, worktree: str | None) -> None:
        self.common = os.path.abspath(common_dir)
        self.worktree = os.path.abspath(worktree or common_dir)
        self.state = self.path("gitfleet")
        self.own = self.path("gitfleet/hooks")
        self.hooks = self.path("hooks")
        self.before = self.path("hooks-before-gitfleet")
        self.git = Git(self.common, cwd=self.worktree)

    def path(self, name: str) -> str:
        """A path below the common dir, made absolute."""
        return os.path.join(self.common, name)

    def folders_of_kept(self) -> list[str]:
        """The folders, there or not, with hooks that ours displaced: one for each hooks folder that we are in."""
        name = os.path.basename(self.before)
        return [self.path(entry) for entry in files.names(self.common) if entry.startswith(name)]

    # What is set, and by whom.

    def settings(self) -> frozenset[str]:
        """Which of the settings that concern hooks are set at all, in small letters."""
        done = self.git.ask("config", "--null", "--show-scope", "--name-only", "--get-regexp", _SETTINGS)
        if done.code > 1:  # 1: none
            raise failed(done)
        rows = os.fsdecode(done.stdout).split("\0")
        ours = ("command", KEY.lower())  # with which we call git
        return frozenset(row[1] for row in zip(rows[::2], rows[1::2], strict=False) if row != ours)

    def scopes(self, record: HooksRecord, settings: Collection[str] | None = None) -> list[Scope]:
        """The shared scope first, then each worktree whose own config sets core.hooksPath. `settings`, where they are known."""
        said = self.settings() if settings is None else settings
        found = self._values() if KEY.lower() in said else []
        values = [value for value in found if value.scope in ("system", "global", "local")]
        scopes = [self._scope(SHARED, "config", values, record)]
        if (
            _BY_WORKTREE.lower() in said
            and self.git.line("config", "--type=bool", "--get", _BY_WORKTREE) == "true"
        ):
            for slug, file in self._worktree_files():
                values = self._values("--file", self.path(file), "--includes")
                scopes += [self._scope(slug, file, values, record)] if values else []
        return scopes

    def _scope(self, slug: str, file: str, values: list[Value], record: HooksRecord) -> Scope:
        paths = [value.path for value in values]
        ours = next((path for path in reversed(paths) if self.is_ours(path, record)), None)
        theirs = [path for path in paths if not self.is_ours(path, record)]
        live = bool(paths) and paths[-1] == ours
        chosen = theirs[-1] if theirs else None
        if live and ours:
            edit = self.edit_to_undo(file, ours, record)
            if edit.before is not None or slug != SHARED:
                chosen = edit.chosen  # our value stands where theirs stood
        return Scope(slug, file, chosen, ours, live)

    def _values(self, *where: str) -> list[Value]:
        done = self.git.ask(
            "config", *where, "--null", "--show-scope", "--show-origin", "--type=path", "--get-all", KEY
        )
        if done.code > 1:  # 1: not set
            raise failed(done)
        fields = os.fsdecode(done.stdout).split("\0")[:-1]
        return [Value(*fields[at : at + 3]) for at in range(0, len(fields), 3)]

    def config_files(self) -> list[str]:
        """The config files of this clone, relative to the common dir."""
        return ["config", *(file for _, file in self._worktree_files())]

    def _worktree_files(self) -> list[tuple[str, str]]:
        found = [("main", "config.worktree")]
        found += [
            (f"worktree-{name}", f"worktrees/{name}/config.worktree")
            for name in files.names(self.path("worktrees"))
        ]
        return [(slug, file) for slug, file in found if os.path.isfile(self.path(file))]

    # What of it is ours.

    def is_ours(self, path: str, record: HooksRecord) -> bool:
        """Whether a value of core.hooksPath is one that we set, be it before the clone was moved or copied."""
        folder = os.path.dirname(path)
        gone = folder.endswith("/gitfleet/hooks") and not os.path.exists(path)
        return folder == self.own or gone or record.edit_behind(path) is not None

    def edited_files(self, record: HooksRecord) -> list[tuple[str, str]]:
        """(config file, value) wherever a file of this clone names a folder of ours."""
        found = []
        for file in self.config_files():
            values = ConfigFile(self.git, self.path(file)).values()
            found += [(file, value) for value in values if self.is_ours(value, record)]
        return found

    def edit_to_undo(self, file: str, ours: str, record: HooksRecord) -> ConfigEdit:
        """How our value `ours` got into `file`: as recorded, or as far as our own folder still tells."""
        edit = record.edit_of(file) or record.edit_behind(ours)
        if edit is not None:
            return edit if edit.ours == ours else replace(edit, ours=ours, old="", new="")
        line = os.fsdecode(files.read(os.path.join(ours, CHAINED_TO)) or b"").removesuffix("\n")
        before = line if line and line != self.hooks else None
        return ConfigEdit(file, os.path.basename(ours), ours, "", "", before, before)

    # What follows from it.

    def stands_for(self, scope: Scope) -> str | None:
        """The folder that ours must stand in for in this scope; None where we can use git's default folder.

        A default folder that is a link to somewhere else (often to tracked files) is not ours to write into.
        """
        if scope.chosen is None and scope.slug == SHARED and os.path.islink(self.hooks):
            return self.hooks
        return scope.chosen

    def seen_from(self, slug: str, folder: str) -> str:
        """The absolute path of a hooks folder as git finds it in the worktree of that scope."""
        top = self.worktree
        if slug == "main":
            top = main_worktree(self.common) or top
        elif slug.startswith("worktree-"):
            link = files.read(self.path(f"worktrees/{slug.removeprefix('worktree-')}/gitdir")) or b""
            top = os.path.dirname(os.fsdecode(link).removesuffix("\n")) or top
        return os.path.join(top, folder)

"""Which hooks folder is in force, and who says so.

core.hooksPath can be set for the machine, for the user, for the repository, and (extensions.worktreeConfig) for one
worktree. A relative value counts from wherever git runs the hook: the top of each worktree. What is asked here is
what the user chose, beside what our own file (`config_file`) puts in its place.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator

from gitfleet.base import files
from gitfleet.codec import Struct
from gitfleet.git import sharing
from gitfleet.git.program import Git, failed
from gitfleet.git.repository import main_worktree
from gitfleet.githooks import config_file
from gitfleet.githooks.config_file import ConfigFile

SHARED = "shared"
CHAINED_TO = "chained-to"  # in each folder of ours: one line, the folder that it stands in for
_KEY = "core.hooksPath"
_BY_WORKTREE = "extensions.worktreeConfig"
_SETTINGS = rf"^({_KEY}|{sharing.SETTING}|{_BY_WORKTREE})$".replace(".", r"\.").lower()


class Value(Struct):
    """One value of core.hooksPath: git's name for its scope, the file it is from, and the path (`~` expanded)."""

    scope: str
    origin: str
    path: str

    @property
    def is_ours(self) -> bool:
        """Whether we set it: it is from a file of ours."""
        return os.path.basename(self.origin).startswith(config_file.NAME)


class Scope(Struct):
    """One config file in which we may have to set core.hooksPath.

    `slug` is `shared` for what all worktrees share, else it names a worktree; `file` is relative to the common dir;
    `chosen` is the folder that the user wants hooks from (None: git's default); `ours` the path of our own folder
    that stands in for it, whether or not in force; `live` tells whether it is.
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

    def keys_set(self) -> frozenset[str]:
        """Which of the settings that concern hooks are set at all, in small letters."""
        done = self.git.ask("config", "--null", "--show-scope", "--name-only", "--get-regexp", _SETTINGS)
        if done.code > 1:  # 1: none
            raise failed(done)
        rows = os.fsdecode(done.stdout).split("\0")
        ours = ("command", _KEY.lower())  # with which we call git
        return frozenset(row[1] for row in zip(rows[::2], rows[1::2], strict=False) if row != ours)

    def scopes(self, known: Collection[str] | None = None) -> list[Scope]:
        """The shared scope first, then each worktree whose own config sets core.hooksPath. `known`: what `keys_set` said."""
        said = self.keys_set() if known is None else known
        found = self._values() if _KEY.lower() in said else []
        values = [value for value in found if value.scope in ("system", "global", "local")]
        scopes = [_scope(SHARED, "config", values)]
        if (
            _BY_WORKTREE.lower() in said
            and self.git.line("config", "--type=bool", "--get", _BY_WORKTREE) == "true"
        ):
            for slug, file in self._worktree_files():
                values = self._values("--file", self.path(file), "--includes")
                scopes += [_scope(slug, file, values)] if values else []
        return scopes

    def _values(self, *where: str) -> list[Value]:
        done = self.git.ask(
            "config", *where, "--null", "--show-scope", "--show-origin", "--type=path", "--get-all", _KEY
        )
        if done.code > 1:  # 1: not set
            raise failed(done)
        fields = os.fsdecode(done.stdout).split("\0")[:-1]
        return [Value(*fields[at : at + 3]) for at in range(0, len(fields), 3)]

    def config_files(self) -> dict[str, str]:
        """The config files of this clone, relative to the common dir, each by the slug of its scope."""
        return {SHARED: "config", **dict(self._worktree_files())}

    def settings(self, slug: str, file: str) -> ConfigFile:
        """Ours in one of these. Git copies a worktree's file to worktrees that are made from it, so that names ours in full."""
        shared = slug == SHARED
        name = config_file.NAME if shared else self.path(f"{config_file.NAME}.{slug}")
        return ConfigFile(self.git, self.path(file), name)

    def own_files(self) -> list[str]:
        """Every file of ours that a config file leads to or led to, half written ones included."""
        return [self.path(name) for name in os.listdir(self.common) if name.startswith(config_file.NAME)]

    def _worktree_files(self) -> Iterator[tuple[str, str]]:
        places = {"main": "config.worktree"}
        names = files.names(self.path("worktrees"))
        places |= {f"worktree-{name}": f"worktrees/{name}/config.worktree" for name in names}
        return ((slug, file) for slug, file in places.items() if os.path.isfile(self.path(file)))

    # What follows from it.

    def stands_for(self, scope: Scope) -> str | None:
        """The folder that ours must stand in for in this scope; None where we can use git's default folder.

        A default folder that is a link to somewhere else (often to tracked files) is not ours to write into.
        """
        if scope.chosen is None and scope.slug == SHARED and os.path.islink(self.hooks):
            return self.hooks
        return scope.chosen

    def stood_for(self, folder: str) -> str:
        """The folder that one of ours was made to stand in for; "" where that cannot be told."""
        return os.fsdecode(files.read(os.path.join(folder, CHAINED_TO)) or b"").removesuffix("\n")

    def seen_from(self, slug: str, folder: str) -> str:
        """The absolute path of a hooks folder as git finds it in the worktree of that scope."""
        top = self.worktree
        if slug == "main":
            top = main_worktree(self.common) or top
        elif slug.startswith("worktree-"):
            link = files.read(self.path(f"worktrees/{slug.removeprefix('worktree-')}/gitdir")) or b""
            top = os.path.dirname(os.fsdecode(link).removesuffix("\n")) or top
        return os.path.join(top, folder)


def _scope(slug: str, file: str, values: list[Value]) -> Scope:
    ours = next((value.path for value in reversed(values) if value.is_ours), None)
    theirs = [value.path for value in values if not value.is_ours]
    return Scope(slug, file, theirs[-1] if theirs else None, ours, bool(values) and values[-1].is_ours)

"""A throwaway repository beside another one, from which the other's remotes can be read.

For clones in which nothing may be left behind (a checkout of CI): what is fetched, the ends of a shallow history and
what git notes about a partial one go into a folder that is removed at the end. How the remote is reached (its address,
proxies, credentials of that clone) is lent by the environment, and so is never written down.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from gitfleet.base.processes import Completed
from gitfleet.errors import Unverifiable
from gitfleet.git.program import Git, with_settings
from gitfleet.git.remote import Remote

PATIENCE = 600.0

_LENT = ("http.", "credential.", "url.", "protocol.", "ssh.")
_LENT_KEYS = frozenset(["core.sshcommand", "core.askpass", "core.gitproxy"])
_OF_REMOTE = frozenset(["url", "uploadpack", "proxy", "proxyauthmethod", "vcs"])
_NOT_THERE = (b"not our ref", b"couldn't find remote ref", b"unadvertised object")


class Scratch:
    """One throwaway repository for one remote, by the name that the other repository has for it."""

    def __init__(self, git: Git, remote: Remote) -> None:
        self.git = git
        self.remote = remote

    def fetch(self, wanted: Sequence[str], *, depth: int, contents: bool = True) -> None:
        """Bring the last `depth` commits of refs or object ids here; without `contents` no files where the remote can leave them out.

        Raises HubUnreachable, HubRefused; Unverifiable when the remote does not have one of them (any more).
        """
        specs = [f"+{name}:refs/scratch/{number}" for number, name in enumerate(wanted)]
        done = self.git.ask(
            "-c", "fetch.fsckObjects=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false",
            "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--recurse-submodules=no",
            "--refmap=", "--update-shallow", f"--depth={depth}", "--no-filter" if contents else "--filter=blob:none",
            "--end-of-options", self.remote.name, *specs, timeout=PATIENCE,
        )  # fmt: skip
        if done.code:
            raise self._error(done)

    def tip(self, number: int) -> str:
        """The commit that the last fetch brought for the wanted name at this place."""
        return os.fsdecode(self.git.run("rev-parse", "--verify", f"refs/scratch/{number}^{{commit}}")).strip()

    def _error(self, done: Completed) -> Exception:
        if any(words in done.stderr for words in _NOT_THERE):
            return Unverifiable(
                f"The hub '{self.remote.name}' lacks a commit that was asked for.",
                hint="Push it first, or name a range that the hub has.",
            )
        return self.remote.error(done)


@contextmanager
def scratch(git: Git, remote: str) -> Iterator[Scratch]:
    """A throwaway repository that can read the remote `remote` of the repository of `git`; gone at the end."""
    with tempfile.TemporaryDirectory(prefix="gitfleet-", ignore_cleanup_errors=True) as folder:
        git.run("init", "--quiet", "--bare", "--object-format=sha1", "--template=", "--", folder)
        yours = Git(folder, cwd=git.cwd, env={**git.env, **_lent(git, remote)})
        yield Scratch(yours, Remote(yours, remote))


def _lent(git: Git, remote: str) -> dict[str, str]:
    """The environment that lends configuration of the repository itself: what is the user's own, git finds everywhere."""
    rows = os.fsdecode(git.run("config", "--list", "--show-scope", "--includes", "-z")).split("\0")
    lent: list[tuple[str, str]] = []
    for scope, row in zip(rows[::2], rows[1::2], strict=False):
        key, said, value = row.partition("\n")
        if scope in {"local", "worktree"} and _is_lent(key, remote):
            lent.append((key, value if said else "true"))
    before = {
        name: value for name, value in os.environ.items() if name == "GIT_CONFIG_COUNT" and value.isdigit()
    }
    return with_settings(before, lent)


def _is_lent(key: str, remote: str) -> bool:
    if key.startswith(f"remote.{remote}."):
        return key.removeprefix(f"remote.{remote}.") in _OF_REMOTE
    return key.startswith(_LENT) or key in _LENT_KEYS

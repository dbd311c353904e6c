"""A clone whose hooks can be installed, run and looked at, with a gate that writes down how it was called.

Every hook in these tests, the users' and the tools' too, writes one line to one log: the order of the lines is the
order in which things ran.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gitfleet.githooks.inspection import Inspection
from gitfleet.githooks.inspection import inspect as look
from gitfleet.githooks.install import Installation, Removal
from gitfleet.githooks.install import install as put_in
from gitfleet.githooks.install import uninstall as take_out
from gitfleet.githooks.shims import GATED, OPTIONAL
from tests.workbench import Git, Ran

# Stands for Python: `INTERPRETER -I -S GATE HOOK ARGS...`. A shell starts ten times as fast.
INTERPRETER = """\
#!/bin/sh
[ "$1 $2" = "-I -S" ] || exit 99
shift 2
. "$1"
"""
GATE = """\
hook=$2
shift 2
echo "gate $hook $*" >>"$HOOK_LOG"
[ "$hook" != pre-push ] || sed 's/^/  stdin /' >>"$HOOK_LOG"
exit "${GATE_CODE:-0}"
"""

Tree = dict[str, tuple[int, str | bytes]]


class Bench:
    """One clone. `log` is where hooks write, by way of the environment variable HOOK_LOG."""

    def __init__(self, repository: Path, git: Git, tools: Path) -> None:
        self.path, self._git = repository, git
        self.common = repository / ".git"
        self.log = tools / "log"
        self.interpreter = tools / 'python \'of "ours"'
        self.gate = tools / "gäte.py"
        if not self.gate.exists():
            self.interpreter.write_text(INTERPRETER)
            self.interpreter.chmod(0o755)
            self.gate.write_text(GATE)
        os.environ["HOOK_LOG"] = str(self.log)

    def folder_only(self) -> None:
        """Have git run no gate as a hook of the configuration: what an older git does, under every git."""
        names = [f"gitfleet-{hook}" for hook in (*GATED, *OPTIONAL)]
        os.environ["GIT_CONFIG_COUNT"] = str(len(names))
        for number, name in enumerate(names):
            os.environ[f"GIT_CONFIG_KEY_{number}"] = f"hook.{name}.enabled"
            os.environ[f"GIT_CONFIG_VALUE_{number}"] = "false"

    def join_fleet(self) -> None:
        """What `gitfleet init` does before it installs hooks."""
        (self.common / "gitfleet").mkdir(exist_ok=True)
        (self.common / "gitfleet/node.json").write_text("{}\n")

    def install(self) -> Installation:
        return put_in(
            os.fsdecode(self.common),
            os.fsdecode(self.path),
            interpreter=str(self.interpreter),
            gate=str(self.gate),
        )

    def uninstall(self) -> Removal:
        return take_out(os.fsdecode(self.common), os.fsdecode(self.path))

    def inspect(self) -> Inspection:
        return look(os.fsdecode(self.common), os.fsdecode(self.path))

    def states(self) -> dict[str, str]:
        """Hook to state, in the scope that all worktrees share."""
        return {hook.hook: hook.state for hook in self.inspect().hooks if hook.scope == "shared"}

    def hook(self, name: str, says: str = "user", *, code: int = 0, folder: str = ".git/hooks") -> Path:
        """A hook of the user's that logs `says` and ends with `code`."""
        return script(self.path / folder / name, f'#!/bin/sh\necho "{says}" >>"$HOOK_LOG"\nexit {code}\n')

    def git(self, *args: str | Path, at: Path | None = None) -> str:
        return self._git(at or self.path, *args)

    def commit(self, *args: str, at: Path | None = None) -> Ran:
        """Try an empty commit."""
        return self._git.ask(at or self.path, "commit", "--quiet", "--allow-empty", "-m", "try", *args)

    def run(self, hook: str, *args: str, at: Path | None = None) -> Ran:
        """Run one hook as git does."""
        words = ("hook", "run", "--ignore-missing", hook, *(("--", *args) if args else ()))
        return self._git.ask(at or self.path, *words)

    def ran(self) -> list[str]:
        """The lines logged since the last time this was asked."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.write_text("")
        return lines

    def ran_at_commit(self, at: Path | None = None) -> list[str]:
        """What ran at a commit that worked, hooks' arguments left out."""
        self.ran()
        self.commit(at=at).ok()
        return [" ".join(line.split()[:2]) for line in self.ran()]


def script(path: Path, text: str, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def tree(folder: Path) -> Tree:
    """Every file and link below `folder`: path to (mode, content or link target)."""
    found: Tree = {}
    for root, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            path = Path(root, name)
            mode = stat.S_IMODE(path.lstat().st_mode)
            key = path.relative_to(folder).as_posix()
            if path.is_symlink():
                found[key] = (0, os.readlink(path))
            elif path.is_file():
                found[key] = (mode, path.read_bytes())
            else:
                found[key] = (mode, "folder")
    return found


def state_of(bench: Bench) -> Tree:
    """What an installation could change in a clone: hooks, kept hooks, our state and the configuration."""
    found = tree(bench.common)
    gone = ("objects", "logs", "refs", "worktrees/", "index", "COMMIT_EDITMSG", "HEAD", "ORIG_HEAD", "info")
    return {path: what for path, what in found.items() if not path.startswith(gone) or "config" in path}

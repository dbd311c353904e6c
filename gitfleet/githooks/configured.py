"""The gates as hooks of the repository's configuration, where git has those (2.54 and later).

No hook manager displaces them: husky, lefthook and the frameworks replace files in a hooks folder, or name another
folder. Older gits pass over the settings, so they are made under every git, and need nothing when git is upgraded; the
scripts in the hooks folder stay for older gits, and for programs that start hooks themselves. The script `once` keeps
the two from asking one gate twice.

Owns the text of the settings and the folder `<common dir>/gitfleet/gates` with the scripts that they start. How git comes
to read them is `config_file`'s.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from gitfleet.base import files
from gitfleet.codec import Struct
from gitfleet.git.program import Git
from gitfleet.githooks import shims

_UNKNOWN = 129  # what git answers to a command line that it does not know
_PREFIX = "gitfleet-"
SECTIONS = f"hook.{_PREFIX}"
"""How the names of our settings begin."""
_MARKS = "asked"
_SETTINGS = (
    '[hook "{name}"]\n\tevent = {hook}\n\tcommand = "{first}{find}; {stop}; exec \\"$f/gates/{hook}\\""\n'
)
_FIND = "f=.git/gitfleet; [ -d $f ] || f=$(git rev-parse --git-common-dir)/gitfleet"
_STOP = (
    '[ -d \\"$f\\" ] || exit 0; [ -x \\"$f/gates/{hook}\\" ] || '
    '{{ echo \\"gitfleet: {hook}: this user may not run $f/gates/{hook} (gitfleet doctor tells more)\\" >&2; exit 1; }}'
)
# else a shell more for each state of each ref
_FIRST = {"reference-transaction": '[ \\"$1\\" = prepared ] || exit 0; '}


class InForce(Struct):
    """What the git that answers here would do at each gate.

    `knows`: whether it has hooks of the configuration at all; `configured`: the gates that it would run as such.
    """

    knows: bool
    configured: frozenset[str]


def settings(gates: Sequence[str]) -> str:
    """The settings for these gates. The same in every clone: no path in it can become wrong."""
    return "".join(
        _SETTINGS.format(
            name=_PREFIX + hook,
            hook=hook,
            first=_FIRST.get(hook, ""),
            find=_FIND,
            stop=_STOP.format(hook=hook),
        )
        for hook in gates
    )


class Scripts:
    """The folder with what the settings start: the gates' own scripts, and the marks that they leave."""

    def __init__(self, state: str) -> None:
        self.folder = os.path.join(state, "gates")

    def put(self, gates: Sequence[str]) -> None:
        """Have exactly these scripts there; nothing is written where they are."""
        texts = {hook: shims.text(hook) for hook in (*gates, *shims.BESIDE)}
        files.folder(os.path.join(self.folder, _MARKS))
        for name, text in texts.items():
            path = os.path.join(self.folder, name)
            if files.read(path) != text or not os.access(path, os.X_OK):
                files.replace(path, text, mode=0o755)
        for name in os.listdir(self.folder):
            if name not in texts and name != _MARKS:
                files.remove(os.path.join(self.folder, name))

    def stand(self, hook: str) -> bool:
        """Whether the script of a gate is there and can be run."""
        return os.access(os.path.join(self.folder, hook), os.X_OK)

    def take_out(self) -> None:
        """Remove the folder."""
        from shutil import rmtree  # 2 ms, of no use to who looks

        rmtree(self.folder, ignore_errors=True)


def known(git: Git) -> bool:
    """Whether git has hooks of the configuration. By what it can do: the versions of builds between releases mislead."""
    return git.ask("hook", "list", "pre-commit").code != _UNKNOWN


def in_force(git: Git, state: str, gates: Sequence[str]) -> InForce:
    """Ask git, in two calls, which gates it would run as hooks of the configuration."""
    git = Git(git.git_dir, cwd=git.cwd, env=git.env, hooks=True)  # our other calls switch all of these off
    if not known(git):
        return InForce(knows=False, configured=frozenset())
    said = os.fsdecode(git.ask("config", "--null", "--get-regexp", r"^hook\.").stdout).split("\0")
    events: dict[str, list[str]] = {}
    last: dict[str, str] = {}
    for key, _, value in (row.partition("\n") for row in said if row):
        if key.endswith(".event"):
            name = key.removeprefix("hook.").removesuffix(".event")
            events[name] = [*events.get(name, []), value] if value else []
        else:
            last[key] = value
    scripts = Scripts(state)
    ours = {
        hook
        for hook in gates
        if hook in events.get(_PREFIX + hook, [])
        and f"/gates/{hook}" in last.get(f"hook.{_PREFIX}{hook}.command", "")
        and not _is_off(last.get(f"hook.{_PREFIX}{hook}.enabled"))
        and not _is_off(last.get(f"hook.{hook}.enabled"))  # from 2.55 on; the folder's runs all the same
        and scripts.stand(hook)
    }
    return InForce(knows=True, configured=frozenset(ours))


def _is_off(value: str | None) -> bool:
    return value is not None and value.lower() in {"false", "no", "off", "0", ""}

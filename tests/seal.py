"""The seal around a test: its environment, HOME, working directory and umask, whoever runs it and whatever ran before."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from tests.workbench import OUTER_ENVIRONMENT

# What would make a test depend on who runs it (PYTHONDONTWRITEBYTECODE alone would make each process of ours slower).
LEAKS = (
    "GIT",
    "GITFLEET",
    "SSH_",
    "PIP_",
    "UV_",
    "XDG_",
    "PYTHON",
    "LC_",
    "CLAUDE",
    "CODEX",
    "TMUX",
    "CLICOLOR",
)
LEAKING = {
    "CI", "COLORTERM", "COLUMNS", "EDITOR", "EMAIL", "FORCE_COLOR", "LANG", "LANGUAGE", "LESS", "LINES", "NO_COLOR",
    "PAGER", "PY_COLORS", "STY", "TERM", "TERM_PROGRAM", "VISUAL",
}  # fmt: skip

GIT_CONFIG = """\
[user]
	name = Ada Tester
	email = ada@example.org
[init]
	defaultBranch = main
	templateDir = {template}
[protocol "file"]
	allow = always
[gc]
	auto = 0
[maintenance]
	auto = false
[receive]
	autogc = false
[core]
	fsync = none
[advice]
	detachedHead = false
"""


class Seal:
    """`seal(folder)`: what follows works in `folder`, with a HOME that nobody has used; without a folder, between tests."""

    def __init__(self, homes: Path, between: Path) -> None:
        self._homes, self._between, self._count = homes, between, 0
        (homes / "template/hooks").mkdir(
            parents=True
        )  # git's own has many samples, which every copy would copy
        (homes / "template/info").mkdir()
        (homes / "template/info/exclude").touch()
        self()

    def __call__(self, folder: Path | None = None) -> None:
        self._count += 1
        home = _make_home(self._homes / str(self._count))
        folder = folder or self._between
        _enter(_sealed(home, folder))
        time.tzset()
        os.umask(0o022)
        os.chdir(folder)


def _sealed(home: Path, ceiling: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in OUTER_ENVIRONMENT.items()
        if name not in LEAKING and not name.startswith((*LEAKS, "PYTEST"))
    }
    return kept | {
        "HOME": str(home),
        "TMPDIR": tempfile.gettempdir(),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_DATA_HOME": str(home / ".local/share"),
        "XDG_STATE_HOME": str(home / ".local/state"),
        "XDG_RUNTIME_DIR": str(home / ".run"),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CEILING_DIRECTORIES": str(ceiling),
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
    }


def _enter(environment: dict[str, str]) -> None:
    for name in os.environ.keys() - environment.keys():
        if not name.startswith("PYTEST"):  # pytest puts in and takes out its own
            del os.environ[name]
    for name, value in environment.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def _make_home(path: Path) -> Path:
    path.mkdir()
    (path / ".run").mkdir(mode=0o700)
    config = GIT_CONFIG.format(template=path.parent / "template")
    (path / ".gitconfig").write_text(config, encoding="utf-8")
    return path

"""Where the files lie that gitfleet brings along: git hook shims and templates.

In a checkout they are the folders `hooks/` and `templates/` beside the package; in an installation they are
below the package, in `_data/`. Everybody else asks here, so that no other module knows the difference.
"""

from __future__ import annotations

import os

from gitfleet.errors import LocalStorage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Kind = Literal["hooks", "templates"]

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def folder(kind: Kind, *, package: str = _PACKAGE) -> str:
    """The absolute path of the folder of that kind. Raises LocalStorage when the installation is incomplete.

    A folder beside the package counts only in a checkout (where pyproject.toml lies there too): beside an
    installed package it would be somebody else's.
    """
    installed = os.path.join(package, "_data", kind)
    if os.path.isdir(installed):
        return installed
    root = os.path.dirname(package)
    checkout = os.path.join(root, kind)
    if os.path.isdir(checkout) and os.path.isfile(os.path.join(root, "pyproject.toml")):
        return checkout
    raise LocalStorage(
        f"gitfleet's own folder {installed} is missing: this installation is incomplete.",
        hint="Install gitfleet again.",
        path=installed,
    )


def program(name: str) -> str:
    """The absolute path of a module of ours that is started as a program, such as `githooks/run.py`."""
    return os.path.join(_PACKAGE, *name.split("/"))


def read(kind: Kind, name: str, *, package: str = _PACKAGE) -> bytes:
    """The bytes of one file of that folder; `name` may hold `/`. Raises LocalStorage as `folder` does."""
    path = os.path.join(folder(kind, package=package), *name.split("/"))
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise LocalStorage(
            f"gitfleet's own file {path} cannot be read: {error.strerror}.",
            hint="Install gitfleet again.",
            path=path,
        ) from error

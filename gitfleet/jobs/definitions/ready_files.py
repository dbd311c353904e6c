"""Agent files that are ready to use: one for each runtime, with comments, written where agent files are."""

from __future__ import annotations

import json
import os

from gitfleet.base import files, resources
from gitfleet.base.text import display
from gitfleet.errors import UsageError
from gitfleet.jobs.definitions import values
from gitfleet.jobs.definitions.configuration import FLEET_FILE

_FOLDER, _ENDS = "agents", (".yaml", ".yml")
_PLACE = "\nworking_directory: ..\n"


def runtimes() -> list[str]:
    """The runtimes that there is a file for."""
    names = files.names(os.path.join(resources.folder("templates"), _FOLDER))
    return [name.removesuffix(".yaml") for name in names if name.endswith(".yaml")]


def text(runtime: str, working_directory: str = "..") -> str:
    """The file for a runtime. Raises UsageError for one that there is none for."""
    if runtime not in runtimes():
        known = ", ".join(runtimes())
        raise UsageError(f"'{display(runtime[:40])}' is no runtime.", hint=f"The runtimes are: {known}.")
    said = resources.read("templates", f"{_FOLDER}/{runtime}.yaml").decode()
    place = working_directory if working_directory == ".." else json.dumps(working_directory)
    return said.replace(_PLACE, f"\nworking_directory: {place}\n")


def write(folder: str, name: str, runtime: str, *, top: str) -> str:
    """Put the file of a new agent into `folder`, for the repository whose worktree is at `top`; its path.

    Raises UsageError where the name is none, or the folder has a file of that name already: that one stays as it is.
    """
    try:
        values.name(name)
    except ValueError as error:
        raise UsageError(f"{error}.") from error
    said = text(runtime, os.path.relpath(os.path.realpath(top), os.path.realpath(folder)))
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise UsageError(f"{display(folder)} is no folder.", hint="Name the folder of the agent files.")
    taken = {os.path.splitext(one)[0].lower(): one for one in files.names(folder) if one.endswith(_ENDS)}
    taken.setdefault(os.path.splitext(FLEET_FILE)[0], FLEET_FILE)
    path = os.path.join(files.folder(folder), f"{name}.yaml")
    if name.lower() in taken or not files.create(path, said.encode()):
        there = taken.get(name.lower(), f"{name}.yaml")
        reserved = there == FLEET_FILE
        raise UsageError(
            f"{FLEET_FILE} is the file of the whole fleet." if reserved else f"There is {there} in {display(folder)} already.",
            hint="Choose another name.",
        )  # fmt: skip
    return path

"""Filters that git cannot do without (`filter.X.required`), as for large files: whether they work, before git is in the middle.

Where the program of one is missing, git stops half-way: old files are gone, new ones were not written, and it cannot put
them back, for that takes the same program. So each is tried on one file before anything is begun; and the files that
pass through one are kept aside meanwhile, for those that fail later.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from gitfleet.base import files, ids
from gitfleet.base.text import one_line
from gitfleet.git.program import Git, nul_ended, redact
from gitfleet.git.undoing import PathChange, index_aside

_TIME = 1800.0


class BrokenFilter(NamedTuple):
    """A required filter that does not work: its name, a path that needs it, and git's words."""

    driver: str
    path: str
    words: str


def passing(here: Git, moved: Sequence[PathChange], new: str) -> dict[str, str]:
    """Those of the changed paths that pass through a required filter, now or by the attributes of `new`, with its name.

    One git process where no filter is required, five elsewhere.
    """
    required = _required(here)
    paths = [change.path for change in moved if not change.gitlink]
    if not required or not paths:
        return {}
    now = here.ask("check-attr", "-z", "--stdin", "filter", data=nul_ended(paths))
    found = {**_attributes(now.stdout), **_then(here, paths, new)}
    return {path: driver for path, driver in found.items() if driver in required}


def broken(
    here: Git, moved: Sequence[PathChange], through: Mapping[str, str], *, both: bool
) -> BrokenFilter | None:
    """The first of the filters that does not work, tried on the smallest file that it has to write; with `both` ways."""
    wanted = {change.path: change.oid for change in moved if change.letter != "D" and change.path in through}
    sizes = _sizes(here, wanted.values())
    tried: set[str] = set()
    for path in sorted(wanted, key=lambda path: sizes.get(wanted[path], 0)):
        driver = through[path]
        if driver not in tried:
            tried.add(driver)
            words = _try(here, driver, path, wanted[path], both=both)
            if words:
                return BrokenFilter(driver, path, words)
    return None


def _required(here: Git) -> set[str]:
    done = here.ask("config", "-z", "--type=bool", "--get-regexp", r"^filter\..*\.required$")
    rows = [row.partition("\n") for row in os.fsdecode(done.stdout).split("\0") if row]
    return {
        key.removeprefix("filter.").removesuffix(".required") for key, _, value in rows if value == "true"
    }


def _then(here: Git, paths: Sequence[str], new: str) -> dict[str, str]:
    """By the attributes that `new` has, read from an index of its own."""
    with index_aside(here) as env:
        here.run("read-tree", new, env=env, timeout=_TIME)
        found = here.ask("check-attr", "--cached", "-z", "--stdin", "filter", data=nul_ended(paths), env=env)
        return _attributes(found.stdout)


def _attributes(out: bytes) -> dict[str, str]:
    fields = os.fsdecode(out).split("\0")
    rows = zip(fields[::3], fields[2::3], strict=False)
    return {path: value for path, value in rows if path and value not in {"unspecified", "unset", "set"}}


def _sizes(here: Git, oids: Iterable[str]) -> dict[str, int]:
    data = "".join(f"{oid}\n" for oid in oids).encode()
    out = here.ask("cat-file", "--batch-check=%(objectname) %(objectsize)", data=data, timeout=_TIME).stdout
    rows = [row.split(" ") for row in out.decode("ascii", "replace").splitlines()]
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdecimal()}


def _try(here: Git, driver: str, path: str, oid: str, *, both: bool) -> str:
    """Git's words about a filter that fails; "" where it works. Runs it as git would, in the worktree."""
    aside = os.path.join(here.git_dir, f"gitfleet-attributes.{ids.ulid()}")
    files.replace(aside, os.fsencode(f"* filter={driver}\n"), durable=False)
    attributes = ("-c", f"core.attributesFile={aside}")
    try:
        done = here.ask(*attributes, "cat-file", "--filters", f"--path={path}", oid, timeout=_TIME)
        if done.code == 0 and both:
            done = here.ask(
                *attributes, "hash-object", "--stdin", f"--path={path}", data=done.stdout, timeout=_TIME
            )
    finally:
        files.remove(aside)
    if done.code == 0:
        return ""
    return one_line(redact(done.stderr.decode("utf-8", "replace")), 300) or f"git ended with {done.code}"

"""What an installation of hooks must remember, kept in `<common dir>/gitfleet/hooks.json`.

Written before each change that it describes, so that a crash in between leaves nothing that nobody knows about.
Most of what is needed to take the hooks out again is not here but on disk: a script of ours is known by its
text, a kept hook by its name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from gitfleet.base import canonical, files
from gitfleet.codec import TEXT, WHOLE, Many, Struct, Table, field, replace
from gitfleet.errors import UNCHANGED, Corrupt, NewerFormat

FORMAT = 1


class HooksRecord(Struct):
    """`known`: fingerprints of our texts, former ones included; `made`: folders that were not there before us; `unended`:
    config files whose last line had no end, as `config_file` tells. Folders and files are relative to the common dir.
    """

    known: tuple[str, ...] = field(Many(TEXT), default=())
    made: tuple[str, ...] = field(Many(TEXT), default=())
    unended: Mapping[str, str] = field(Table(TEXT), default={})
    version: int = field(WHOLE, default=FORMAT, key="v")


def load(path: str) -> HooksRecord | None:
    """The record, or None when there is none. Raises NewerFormat, Corrupt."""
    data = files.read(path)
    if data is None:
        return None
    try:
        raw = canonical.load(data)
        if (version := WHOLE.decode(raw.get("v"))) > FORMAT:
            raise NewerFormat(
                f"{path} has format {version}; this gitfleet reads up to {FORMAT}.",
                unharmed=UNCHANGED,
                hint="Upgrade gitfleet.",
                where=path,
                version=version,
                understood=FORMAT,
            )
        return HooksRecord.decode(raw)
    except ValueError as error:
        raise Corrupt(
            f"{path} cannot be read: {error}.",
            unharmed="No hook was changed.",
            hint=f"Compare `git config core.hooksPath` with what you want, remove {os.path.basename(path)}, and try again.",
            where=path,
        ) from error


def save(path: str, record: HooksRecord) -> None:
    """Write the record unless it is there already. Atomic."""
    data = canonical.dump(replace(record, known=tuple(sorted(set(record.known)))).encode())
    if files.read(path) != data:
        files.replace(path, data)

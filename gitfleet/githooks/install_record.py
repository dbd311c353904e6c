"""What an installation of hooks must remember, kept in `<common dir>/gitfleet/hooks.json`.

Written before each change that it describes, so that a crash in between leaves nothing that nobody knows about.
Most of what is needed to take the hooks out again is not here but on disk: a script of ours is known by its
text, a kept hook by its name.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace

from gitfleet.base import canonical, files
from gitfleet.errors import UNCHANGED, Corrupt, NewerFormat
from gitfleet.githooks.config_file import ConfigEdit

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Record:
    """`known`: fingerprints of our texts, former ones included; `made`: folders that were not there before us,
    relative to the common dir; `edits`: the config files in which we changed core.hooksPath, one edit each; `block`: what
    we put at the end of the shared one for `configured`.
    """

    known: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    edits: tuple[ConfigEdit, ...] = ()
    block: str = ""

    def edit_of(self, file: str) -> ConfigEdit | None:
        """The edit made to this config file."""
        return next((edit for edit in self.edits if edit.file == file), None)

    def edit_behind(self, value: str) -> ConfigEdit | None:
        """The edit that this value of core.hooksPath comes from; git copies it along with a worktree's config."""
        return next((edit for edit in self.edits if edit.ours == value), None)

    def with_edit(self, edit: ConfigEdit) -> Record:
        """The record with `edit` in the place of any other for the same file."""
        return replace(self.without_edit(edit.file), edits=(*self.without_edit(edit.file).edits, edit))

    def without_edit(self, file: str) -> Record:
        """The record without an edit for that file."""
        return replace(self, edits=tuple(edit for edit in self.edits if edit.file != file))


def load(path: str) -> Record | None:
    """The record, or None when there is none. Raises NewerFormat, Corrupt."""
    data = files.read(path)
    if data is None:
        return None
    try:
        raw = canonical.load(data)
        if int(raw["v"]) > FORMAT:
            raise NewerFormat(
                f"{path} has format {raw['v']}; this gitfleet reads up to {FORMAT}.",
                unharmed=UNCHANGED,
                hint="Upgrade gitfleet.",
                where=path,
                version=raw["v"],
                understood=FORMAT,
            )
        edits = tuple(ConfigEdit(**edit) for edit in raw["edits"])
        return Record(tuple(raw["known"]), tuple(raw["made"]), edits, str(raw["block"]))
    except (KeyError, ValueError, TypeError) as error:
        raise Corrupt(
            f"{path} cannot be read: {error}.",
            unharmed="No hook was changed.",
            hint=f"Compare `git config core.hooksPath` with what you want, remove {os.path.basename(path)}, and try again.",
            where=path,
        ) from error


def save(path: str, record: Record) -> None:
    """Write the record unless it is there already. Atomic."""
    known = sorted(set(record.known))
    edits = [asdict(edit) for edit in sorted(record.edits, key=lambda edit: edit.file)]
    raw = {"v": FORMAT, "known": known, "made": list(record.made), "edits": edits, "block": record.block}
    data = canonical.dump(raw)
    if files.read(path) != data:
        files.replace(path, data)

"""What an installation of hooks must remember, kept in `<common dir>/gitfleet/hooks.json`.

Written before each change that it describes, so that a crash in between leaves nothing that nobody knows about.
Most of what is needed to take the hooks out again is not here but on disk: a script of ours is known by its
text, a kept hook by its name.
"""

from __future__ import annotations

import os

from gitfleet.base import canonical, files
from gitfleet.codec import TEXT, WHOLE, Many, One, Struct, field, replace
from gitfleet.errors import UNCHANGED, Corrupt, NewerFormat
from gitfleet.githooks.config_file import LINES, ConfigEdit

FORMAT = 1


class HooksRecord(Struct):
    """`known`: fingerprints of our texts, former ones included; `made`: folders that were not there before us,
    relative to the common dir; `edits`: the config files in which we changed core.hooksPath, one edit each; `block`: what
    we put at the end of the shared one for `configured`.
    """

    known: tuple[str, ...] = field(Many(TEXT), default=())
    made: tuple[str, ...] = field(Many(TEXT), default=())
    edits: tuple[ConfigEdit, ...] = field(Many(One(ConfigEdit)), default=())
    block: str = field(LINES, default="")
    version: int = field(WHOLE, default=FORMAT, key="v")

    def edit_of(self, file: str) -> ConfigEdit | None:
        """The edit made to this config file."""
        return next((edit for edit in self.edits if edit.file == file), None)

    def edit_behind(self, value: str) -> ConfigEdit | None:
        """The edit that this value of core.hooksPath comes from; git copies it along with a worktree's config."""
        return next((edit for edit in self.edits if edit.ours == value), None)

    def with_edit(self, edit: ConfigEdit) -> HooksRecord:
        """The record with `edit` in the place of any other for the same file."""
        return replace(self.without_edit(edit.file), edits=(*self.without_edit(edit.file).edits, edit))

    def without_edit(self, file: str) -> HooksRecord:
        """The record without an edit for that file."""
        return replace(self, edits=tuple(edit for edit in self.edits if edit.file != file))


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
    edits = tuple(sorted(record.edits, key=lambda edit: edit.file))
    data = canonical.dump(replace(record, known=tuple(sorted(set(record.known))), edits=edits).encode())
    if files.read(path) != data:
        files.replace(path, data)

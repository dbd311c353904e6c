"""What a dialog asks before something is done: what changes, the command that does the same, and what may be said with it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from gitfleet.base import shellwords
from gitfleet.codec import Struct

FieldKind = Literal["text", "area", "paths", "number", "choice"]


class ActChoice(Struct):
    """One of what may be chosen; `flag` is what the command says for it ("": nothing)."""

    value: str
    words: str
    flag: str = ""


class ActField(Struct):
    """Something that may be said. `name` is the field of the request; `flag` that of the command, "" where it has none.

    A field that is left as `usual` is not sent. `paths` are lines, sent as a list.
    """

    name: str
    label: str
    kind: FieldKind = "text"
    value: str = ""
    flag: str = ""
    hint: str = ""
    required: bool = False
    usual: str = ""
    choices: Sequence[ActChoice] = ()
    least: int = 0
    most: int = 1000


class ActForm(Struct):
    """`fixed` are the fields of the request that are not asked for; `path` is its route; `verb` stands on the button, `done` is said afterwards.

    `warns` is what speaks against it.
    """

    title: str
    verb: str
    says: Sequence[str]
    path: str
    fixed: Mapping[str, object]
    argv: Sequence[str]
    done: str
    fields: Sequence[ActField] = ()
    warns: Sequence[str] = ()

    @property
    def command(self) -> str:
        """What a shell takes for the same, without the fields."""
        return shellwords.line(["gitfleet", *self.argv])

"""What a command has to say, before it is decided how it is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from gitfleet.codec import Struct
from gitfleet.errors import EXIT_CODES
from gitfleet.fleet.views.envelope import Envelope, envelope


class Grid(Struct):
    """A table: `head` and `rows` of equal length. Text in it is made safe when it is shown.

    `colours` gives a colour to cells of the column `coloured` by their first word. A terminal that is too narrow goes
    without the columns in `optional`, the first of them first, and cuts cells of others short; then without those in `spare`,
    where cells would be too short to be read. Where those in `kept` cannot stay whole, a row becomes several lines.
    """

    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    coloured: str = ""
    colours: Mapping[str, str] = {}
    optional: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    spare: tuple[str, ...] = ()


class Reply(Struct):
    """The outcome of one command: `data` for programs (or what makes it, of no use to people), `lines` for people, `code` for the shell, `status` in one word ("":
    that of the code).

    `lines` may hold tables, and text from records; it is made safe when it is shown, and not even made for programs where it is
    an iterator. `session` is whom the command acted for.
    """

    data: Mapping[str, object] | Callable[[], Mapping[str, object]]
    lines: Iterable[str | Grid] = ()
    status: str = ""
    code: int = 0
    warnings: Sequence[str] = ()
    session: str = ""

    @property
    def told(self) -> Mapping[str, object]:
        """The data, made."""
        return self.data() if callable(self.data) else self.data

    def envelope(self, command: str) -> Envelope:
        """The JSON form, the same for every command."""
        return envelope(command, self.status or _words(self.code), self.told, self.warnings)


def _words(code: int) -> str:
    return EXIT_CODES[code][0] if code else "ok"


class Telling(Struct):
    """The outcome of a command that tells as it goes: each of `replies` as it comes. Ctrl-C is its usual end."""

    replies: Iterator[Reply]


class Watching(Struct):
    """The outcome of a command that goes on: what `look` answers, where its `gist` has changed; again whenever `wait` comes back.

    `wait` answers whether anybody can still read what is shown.
    """

    look: Callable[[], Reply]
    gist: Callable[[Reply], object]
    wait: Callable[[], bool]
    close: Callable[[], object] = lambda: None

"""Named resources: what a claim on something that is no file looks like.

Owns the spelling `res:NAME` and `res:NAME:UNITS`, as in `res:gpu:2`. Leaves how many units there are to the rules of the
fleet, and who may have one to `capacity`.

A resource is a pattern like any other, of shape `resource`, so that whatever carries patterns carries it too. It
matches no path, and meets nothing but itself: its prefix begins with an empty name, which no path of a repository has.
Names are compared without case, and are written small. A file whose name begins with `res:` is `:/res:…`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gitfleet.patterns.bracket import NoPattern

PREFIX = "res:"
"""What the name of a resource begins with."""
LONGEST_NAME = 64
MOST_UNITS = 1000
"""The largest capacity that a resource may have."""

_FIRST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_FURTHER = _FIRST | frozenset("._-")


def is_name(text: str) -> bool:
    """Whether `text` names a resource, as it is written in records."""
    return 0 < len(text) <= LONGEST_NAME and text[0] in _FIRST and _FURTHER.issuperset(text)


def read(text: str) -> tuple[str, int]:
    """The name and the number of units that `text` spells. Raises classes.Unreadable."""
    name, counted, count = text.removeprefix(PREFIX).partition(":")
    name = name.lower() if name.isascii() else name
    if not is_name(name):
        why = "it begins like a resource (`res:NAME`), and that is no name of one"
        hint = (
            f"A name has 1 to {LONGEST_NAME} letters, digits, `.`, `_` and `-`, and begins with a letter or a digit. "
            "A file whose name begins so is written `:/res:…`."
        )
        raise _unreadable(why, hint)
    units = 1
    if counted:
        sound = count.isascii() and count.isdecimal() and len(count) <= len(str(MOST_UNITS))
        units = int(count) if sound else 0
        if not 0 < units <= MOST_UNITS:
            why = "what follows the name of a resource is how many units of it are wanted"
            raise _unreadable(why, f"Write a number from 1 to {MOST_UNITS}, as in `res:gpu:2`.")
    return name, units


def spelled(name: str, units: int) -> str:
    """The canonical text for so many units of a resource."""
    return f"{PREFIX}{name}" + (f":{units}" if units > 1 else "")


def is_counted(text: str) -> bool:
    """Whether `text` says how many units it means; to be asked of what was typed."""
    return text.startswith(PREFIX) and ":" in text[len(PREFIX) :]


def _unreadable(why: str, hint: str) -> NoPattern:
    from gitfleet.patterns.bracket import NoPattern  # only who is refused pays for it

    return NoPattern(why, hint)

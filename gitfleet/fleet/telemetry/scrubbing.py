"""What of a text may go into a report that is handed to strangers: gitfleet's own words, numbers, and nothing else.

A word stays where gitfleet's own program text has it; whatever else there is (names, paths, URLs, what somebody has written,
every secret) becomes `h-…`, equal words in one report the same, by a key that nobody keeps. What is quoted is never ours.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from gitfleet.onhost import secret_words
from gitfleet.onhost.redaction import HIDDEN, SAFE, Redactor

LONGEST = 500
"""Characters of one text."""
DEEPEST = 12
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*[A-Za-z0-9]|[A-Za-z]")
_QUOTED = re.compile(r"(?<!\w)(?:'[^']*'|\"[^\"]*\"|“[^”]*”)(?!\w)")
_PIECE = re.compile(r"(\s+)")
_AROUND = re.compile(r"([`(\[⟨]*)(.*?)([`)\]⟩,;:.!?…]*)\Z", re.DOTALL)
_FILLERS = frozenset(("=", ":", "is", "was", "to", "as"))
"""What may stand between the name of a secret and the secret."""
_SPOKEN = re.compile(
    r"-[pu]|(?!author).*(?:passw\w*|passphrase|passcode|kennw\w*|credentials?|contrase\w*|senha|auth|cookie|secret|token|otp|pwd|api[-_]?key)"
    r"|(?:.*[-_.])?(?:pw|pin|pass|creds?|key|salt|jwt)",
    re.IGNORECASE,
)
"""Words after which people write a secret, be it one that is made of our own words."""
_INVISIBLE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[^\w\s\-.]")
_NUMBER = re.compile(r"[v+-]?\d{1,6}(?:\.\d{1,6}){0,2}(?:ms|[smhd%])?\Z")


class Scrubber:
    """Hides for one report all but gitfleet's own words; `names` are hidden even where they are such words."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._redactor = Redactor(SAFE, secrets.token_bytes(32))
        self._names = {name.casefold() for name in names if name}
        self._own = own_words()

    def text(self, text: str) -> str:
        """A sentence: of ours, or of git, or of anybody. What follows a word for a secret is hidden to its end, since a secret may have blanks."""
        shown, secret = [], False
        for piece in _PIECE.split(_QUOTED.sub(lambda found: self._hide(found.group()), text[: 4 * LONGEST])):
            if not piece or piece.isspace():
                shown.append(piece and " ")
                continue
            fills = secret and piece in _FILLERS
            shown.append(HIDDEN if secret and not fills else self.word(piece))
            secret = secret or introduces(piece)
        return "".join(shown).strip()[:LONGEST]

    def word(self, piece: str) -> str:
        """One word, with the signs around it."""
        found = _AROUND.match(piece)
        if found is None:
            return self._hide(piece)
        before, word, after = found.groups()
        return piece if self._may_stay(word) else f"{before}{self._hide(word)}{after}"

    def value(self, value: object, depth: int = 0) -> object:
        """Anything that JSON can say: numbers stay, texts and keys are scrubbed."""
        if depth > DEEPEST:
            return HIDDEN
        if isinstance(value, bool | int | float) or value is None:
            return value
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.of(str(key), one, depth + 1) for key, one in value.items()}
        if isinstance(value, list | tuple):
            before = [None, *value]
            return [
                HIDDEN
                if isinstance(last, str) and introduces(last.rpartition(" ")[2])
                else self.value(one, depth + 1)
                for last, one in zip(before, value, strict=False)
            ]
        return self.text(str(value))

    def of(self, key: str, value: object, depth: int = 0) -> object:
        """The value of a setting, by its name, too."""
        return HIDDEN if secret_words.named(key) or introduces(key) else self.value(value, depth)

    def _may_stay(self, word: str) -> bool:
        if not word or _HASHED.match(word) or word == HIDDEN or not any(map(str.isalnum, word)):
            return True
        if word.casefold() in self._names or secret_words.holds(word):
            return False
        return bool(_NUMBER.match(word)) or word.lstrip("-").casefold() in self._own

    def _hide(self, word: str) -> str:
        return self._redactor.digest(word) if word else ""


def introduces(word: str) -> bool:
    """Whether a word, whatever signs are in it, is followed by a secret as a rule."""
    plain = _INVISIBLE.sub("", word).strip(".")
    return secret_words.introduces(word) or bool(_SPOKEN.fullmatch(plain))


_HASHED = re.compile(r"h-[0-9a-f]{8}\Z")


@cache
def own_words() -> frozenset[str]:
    """The words of gitfleet's own program text, in small letters; none where that cannot be read."""
    found: set[str] = set()
    top = Path(__file__).parents[2]
    for folder, _, names in os.walk(top):
        for name in names:
            if name.endswith(".py"):
                text = (Path(folder) / name).read_text(encoding="utf-8", errors="replace")
                found.update(word.casefold() for word in _WORD.findall(text))
    return frozenset(found)

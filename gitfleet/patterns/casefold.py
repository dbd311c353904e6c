"""When two spellings name the same path.

Owns the comparison key of paths. Leaves patterns to `patterns`, and the choice between keys and exact
spellings to callers. It exists because one clone may be on a file system that keeps `README` apart from
`readme` and another on one that does not, and because macOS writes `é` as two code points: a claim has
to hold in both clones.

Unicode promises that case folding and NFC of assigned characters never change, so that nodes whose Pythons know
different versions of it differ at most about characters newer than the older one.
"""

from __future__ import annotations

_FOLDS: list[tuple[int, int]] = []
_LAST_CASED = 0x2FA20  # behind it Unicode has neither case nor canonical compositions


def key(text: str) -> str:
    """The comparison key of a path or of one component: NFC, full case folding, NFC again.

    Idempotent, and `key("a/b")` is `key("a") + "/" + key("b")`. Full folding changes lengths: `ß`, `ẞ`
    and `ss` share the key `ss`; `İ` becomes `i` with a combining dot. Bytes that are no UTF-8 (lone
    surrogates, as `os.fsdecode` keeps them) stay as they are.
    """
    if text.isascii():
        return text.lower()
    from unicodedata import normalize  # a shared object to load; most repositories never need it

    return normalize("NFC", normalize("NFC", text).casefold())


def single_folds() -> list[tuple[int, int]]:
    """Every non-ASCII code point whose key is one other code point, with that one; ascending.

    Made on first use (some 60 ms), which only a class with a non-ASCII range asks for.
    """
    if not _FOLDS:
        for code in range(0x80, _LAST_CASED):
            folded = key(chr(code))
            if len(folded) == 1 and ord(folded) != code:
                _FOLDS.append((code, ord(folded)))
    return _FOLDS

"""What a shell command plainly writes: the targets of its redirections, and of `tee`.

No shell: whatever is not spelled out (variables, patterns, what runs inside of `$(…)`) is passed over, since a commit is
judged later anyway. Text that a command is given (`<<EOF`, quotes) is not taken for a command.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_SHELLS = frozenset(["bash", "sh", "zsh", "dash", "ksh"])
_DEEPEST = 4
_BLANK = " \t\r"
_UNCLEAR = "$`*?[{~"

Token = tuple[str, str]
"""("word", text), ("?", "") for a word that is not spelled out, ("op", operator)."""


def written(command: str, deep: int = 0) -> list[str]:
    """The files that the command writes for certain, each once, counted from the folder that it starts in."""
    found: dict[str, bool] = {}
    folders: list[str | None] = [""]
    for words, targets, end in _commands(command):
        for kind, target in targets if ("word", "[[") not in words else ():  # there `>` compares
            _note(found, folders[-1], kind, target)
        texts = [text if kind == "word" else None for kind, text in words]
        name = os.path.basename(texts[0] or "") if texts else ""
        if name == "cd":
            folders[-1] = _changed(folders[-1], texts[1:])
        elif name == "tee":
            for text in texts[1:]:
                if text and not text.startswith("-"):
                    _note(found, folders[-1], "word", text)
        elif (
            name in _SHELLS and len(texts) > 2 and texts[1] in {"-c", "-lc"} and texts[2] and deep < _DEEPEST
        ):
            for text in written(texts[2], deep + 1):
                _note(found, folders[-1], "word", text)
        if end == "(":
            folders.append(folders[-1])
        elif end == ")" and len(folders) > 1:
            folders.pop()
    return list(found)


def folder(command: str) -> str:
    """The folder that the command goes to before anything else (`cd sub && …`); "" where it stays."""
    words, targets, end = next(_commands(command), ([], [], ""))
    if end not in {"&&", ";", "\n"} or targets or not words or words[0] != ("word", "cd"):
        return ""
    return _changed("", [text if kind == "word" else None for kind, text in words[1:]]) or ""


def _note(found: dict[str, bool], base: str | None, kind: str, text: str) -> None:
    if kind == "word" and text and (base is not None or text.startswith("/")):
        found[os.path.join(base or "", text)] = True


def _changed(base: str | None, words: list[str | None]) -> str | None:
    """The folder after `cd WORDS`; None where that cannot be told."""
    named = [word for word in words if word is None or not word.startswith("-")]
    if len(named) != 1 or named[0] is None or (base is None and not named[0].startswith("/")):
        return None
    return os.path.join(base or "", named[0])


def _commands(command: str) -> Iterator[tuple[list[Token], list[Token], str]]:
    """The simple commands in order: their words, what they are redirected into, and the operator behind them."""
    words: list[Token] = []
    targets: list[Token] = []
    into = False
    for kind, text in _tokens(command):
        if kind == "op" and text[:1] in "><":
            into = text != "<"
            if text == "<":
                targets.append(("skip", ""))
            continue
        if kind == "op":
            yield words, [target for target in targets if target[0] != "skip"], text
            words, targets, into = [], [], False
        elif targets and targets[-1] == ("skip", ""):
            targets.pop()
        elif into:
            targets.append((kind, text))
            into = False
        else:
            words.append((kind, text))
    yield words, [target for target in targets if target[0] != "skip"], ""


def _tokens(command: str) -> Iterator[Token]:
    reader = _ShellReader(command)
    while (token := reader.token()) is not None:
        yield token


class _ShellReader:
    """Takes a command apart, as a shell would, as far as that needs no shell."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._here: list[tuple[str, bool]] = []

    def token(self) -> Token | None:
        text = self._text
        while self._at < len(text):
            rest = text[self._at]
            if rest in _BLANK:
                self._at += 1
            elif text.startswith("\\\n", self._at):
                self._at += 2
            elif rest == "#":
                self._at = _find(text, "\n", self._at)
            elif rest == "\n":
                self._at += 1
                self._skip_given()
                return "op", "\n"
            else:
                return self._operator() or self._word()
        return None

    def _operator(self) -> Token | None:
        text, at = self._text, self._at
        for sign in ("&>>", "&>", "&&", "||", ";;", ";", "|&", "|", "&", "(", ")"):
            if text.startswith(sign, at):
                self._at += len(sign)
                return "op", ">" if sign.startswith("&>") else sign
        digits = at
        while text[digits : digits + 1].isdecimal():
            digits += 1
        if text[digits : digits + 1] not in {"<", ">"}:
            return None
        return self._redirection(digits)

    def _redirection(self, at: int) -> Token | None:
        text = self._text
        for sign in ("<<<", "<<-", "<<", "<&", "<>", ">>", ">|", ">&", ">(", "<(", "<", ">"):
            if text.startswith(sign, at):
                self._at = at + len(sign)
                break
        if sign in {"<<", "<<-"}:
            token = self.token()
            if token and token[0] == "word":
                self._here.append((token[1], sign == "<<-"))
            return self.token()
        if sign in {">(", "<("}:
            self._nested(")")
            return "?", ""
        if sign in {"<&", "<<<"}:
            return "op", "<"
        if sign == ">&" and (
            text[self._at : self._at + 1].isdecimal() or text[self._at : self._at + 1] == "-"
        ):
            return "op", "<"  # another name for an open file: nothing is written by name
        return "op", "<" if sign == "<" else ">"

    def _word(self) -> Token:
        text, parts, clear = self._text, [], True
        while self._at < len(text) and text[self._at] not in _BLANK + "\n;&|()<>":
            here = text[self._at]
            if here == "'":
                end = _find(text, "'", self._at + 1)
                parts.append(text[self._at + 1 : end])
                self._at = end + 1
            elif here == '"':
                part, plain = self._quoted()
                parts.append(part)
                clear = clear and plain
            elif here == "\\":
                parts.append(text[self._at + 1 : self._at + 2].replace("\n", ""))
                self._at += 2
            elif here == "`":
                self._at = _find(text, "`", self._at + 1) + 1
                clear = False
            elif here == "$" and text.startswith("$(", self._at):
                self._at += 2
                self._nested(")")
                clear = False
            else:
                clear = clear and here not in _UNCLEAR
                parts.append(here)
                self._at += 1
        found = "".join(parts)
        return ("word", found) if clear or found == "[[" else ("?", "")

    def _quoted(self) -> tuple[str, bool]:
        """The text in double quotes, and whether it is what it says."""
        text, parts, plain = self._text, [], True
        self._at += 1
        while self._at < len(text) and text[self._at] != '"':
            here = text[self._at]
            if here == "\\" and text[self._at + 1 : self._at + 2] in {'"', "\\", "$", "`", "\n"}:
                parts.append(text[self._at + 1].replace("\n", ""))
                self._at += 2
                continue
            if text.startswith("$(", self._at):
                self._at += 2
                self._nested(")")
                plain = False
                continue
            plain = plain and here not in "$`"
            parts.append(here)
            self._at += 1
        self._at += 1
        return "".join(parts), plain

    def _nested(self, closing: str) -> None:
        """Pass over what a shell of its own would run, up to where it closes."""
        depth = 1
        while self._at < len(self._text) and depth:
            here = self._text[self._at]
            if here == "'":
                self._at = _find(self._text, "'", self._at + 1)
            elif here == "\\":
                self._at += 1
            depth += (here == "(") - (here == closing)
            self._at += 1

    def _skip_given(self) -> None:
        """Pass over the text that `<<` promised."""
        for end, tabs in self._here:
            while self._at < len(self._text):
                stop = _find(self._text, "\n", self._at)
                line = self._text[self._at : stop]
                self._at = stop + 1
                if (line.lstrip("\t") if tabs else line) == end:
                    break
        self._here = []


def _find(text: str, sign: str, at: int) -> int:
    place = text.find(sign, at)
    return len(text) if place < 0 else place

"""Plain command lines, understood without the command line framework, whose import costs more than most commands.

Whatever is not spelled in a plain way, mistakes first of all, is left to the framework: it understands the same
declarations, and knows what to say (a test holds the two together).
"""

from __future__ import annotations

from collections.abc import Sequence

from gitfleet.cli.declaring import Option, Parameter


class Odd(Exception):
    """Not spelled in a plain way."""


def parse(
    params: Sequence[Parameter], words: Sequence[str], *, passes_on: bool = False
) -> dict[str, object] | None:
    """What the words give for each of the parameters; None when they are for the framework.

    A command that `passes_on` leaves what follows its first argument to another program.
    """
    try:
        return _parse(params, words, passes_on=passes_on)
    except Odd:
        return None


def _parse(params: Sequence[Parameter], words: Sequence[str], *, passes_on: bool) -> dict[str, object]:
    given: dict[str, object] = {}
    options = {name: one for one in params for name in (*one.opts, *one.secondary_opts)}
    plain: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            plain += rest
            break
        if word.startswith("-") and word != "-":
            _take(options, word, rest, given)
        else:
            plain.append(word)
            if passes_on:
                plain += rest
                break
    given |= _arguments([one for one in params if one.is_argument], plain)
    if any(one.required and one.name not in given for one in params):
        raise Odd
    return {one.name: given.get(one.name, one.default) for one in params}


def _take(options: dict[str, Parameter], word: str, rest: list[str], given: dict[str, object]) -> None:
    """Note what one option says; its value is taken from `rest`."""
    name, joined, value = word.partition("=")
    if name not in options:
        raise Odd
    one = options[name]
    if one.is_flag:
        if joined:
            raise Odd
        given[one.name] = name not in one.secondary_opts
        return
    if joined and not name.startswith("--"):
        raise Odd
    if not joined:
        if not rest or rest[0].startswith("-"):
            raise Odd
        value = rest.pop(0)
    if one.many:
        values = given.setdefault(one.name, [])
        assert isinstance(values, list)
        values.append(_value(one, value))
    else:
        given[one.name] = _value(one, value)


def _value(one: Parameter, text: str) -> object:
    if one.kind is str:
        return text
    if not (text.isascii() and text.replace(".", "", one.kind is float).isdigit() and len(text) < 10):
        raise Odd
    value = one.kind(text)
    low, high = (one.declared.min, one.declared.max) if isinstance(one.declared, Option) else (None, None)
    if (low is not None and value < low) or (high is not None and value > high):
        raise Odd
    return value


def _arguments(wanted: Sequence[Parameter], words: list[str]) -> dict[str, object]:
    """The words, dealt out to the arguments: one each, and a list takes what is left."""
    given: dict[str, object] = {}
    for number, one in enumerate(wanted):
        later = len(wanted) - number - 1
        count = max(0, len(words) - later) if one.many else min(1, len(words))
        taken, words = words[:count], words[count:]
        if taken:
            given[one.name] = taken if one.many else taken[0]
    if words:
        raise Odd
    return given

"""What commands take, as they declare it in their signatures, and what is read from that.

Parsing, help, the manual page and completion are all made from these declarations. Imports no command line framework:
most command lines are plain, and importing one would cost more than what they do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, get_args, get_origin, get_type_hints

from gitfleet.codec import Struct

if TYPE_CHECKING:
    from gitfleet.cli.answer import Reply, Telling, Watching


class Option:
    """An option, in an `Annotated`: how it is spelled (`--on/--off` for a switch), what it does, and what it may hold.

    `complete` names the function in `completing` that knows its values; `values` are all that there are.
    """

    def __init__(
        self, *names: str, help: str = "", metavar: str = "", min: float | None = None,
        max: float | None = None, complete: str = "", values: Iterable[str] = (),
    ) -> None:  # fmt: skip
        on, _, off = names[0].partition("/")
        self.names = (on, *names[1:])
        self.off = (off,) if off else ()
        self.help, self.metavar = help, metavar
        self.min, self.max = min, max
        self.complete, self.values = complete, tuple(values)


class Argument:
    """An argument, in an `Annotated`. `complete` and `values` as of an option."""

    def __init__(
        self, *, metavar: str = "", help: str = "", complete: str = "", values: Iterable[str] = ()
    ) -> None:
        self.metavar, self.help = metavar, help
        self.complete, self.values = complete, tuple(values)


class Parameter(Struct):
    """One parameter of a command: `kind` is the type of a value, `many` whether it may be given again and again."""

    name: str
    declared: Option | Argument
    kind: type
    many: bool
    required: bool
    default: object

    @property
    def is_argument(self) -> bool:
        """Whether it is an argument, and no option."""
        return isinstance(self.declared, Argument)

    @property
    def is_flag(self) -> bool:
        """Whether it is an option that takes no value."""
        return self.kind is bool and not self.is_argument

    @property
    def help(self) -> str:
        """What it does."""
        return self.declared.help

    @property
    def metavar(self) -> str:
        """What stands for its value."""
        return self.declared.metavar or (self.name.upper() if self.is_argument else "N")

    @property
    def opts(self) -> tuple[str, ...]:
        """How an option is spelled; nothing for an argument."""
        return self.declared.names if isinstance(self.declared, Option) else ()

    @property
    def secondary_opts(self) -> tuple[str, ...]:
        """How a switch is put off."""
        return self.declared.off if isinstance(self.declared, Option) else ()


JSON = Parameter(
    "as_json", Option("--json", help="Print the answer as JSON, in the versioned envelope."), bool, many=False, required=False, default=False,
)  # fmt: skip
"""What every command takes, whether or not its function has a parameter for it."""


class Command(Struct):
    """A command by its full name, and where its function is (`module.function` in this package), imported when needed."""

    name: str
    home: str
    passes_on: bool = False

    @property
    def function(self) -> Callable[..., Reply | Watching | Telling]:
        """What answers it."""
        module, _, name = self.home.rpartition(".")
        found: Callable[..., Reply | Watching | Telling] = getattr(
            import_module(f"gitfleet.cli.{module}"), name
        )
        return found

    @property
    def help(self) -> str:
        """What it says of itself."""
        return "\n".join(line.strip() for line in (self.function.__doc__ or "").strip().splitlines())

    @property
    def params(self) -> Sequence[Parameter]:
        """What it takes, in the order of its help."""
        own = parameters(self.function)
        return own if JSON in own else (*own, JSON)

    def run(self, **values: object) -> int:
        """Run it with a value for each parameter, show what it answers, and return the exit code."""
        from gitfleet.cli import boundary  # of no use to help

        as_json = bool(values.pop(JSON.name)) or values.get("format") == "json"
        if JSON in parameters(self.function):
            values[JSON.name] = as_json
        return boundary.run(self.name, lambda: self.function(**values), as_json=as_json)


class Group(Struct):
    """A noun, or the whole: commands by their last word, and what it takes itself, without one; `default` is the verb of a
    noun alone ("": it shows its help).
    """

    name: str
    help: str
    commands: Mapping[str, Command | Group]
    params: Sequence[Parameter]
    default: str = ""

    def find(self, words: Sequence[str]) -> tuple[Command | Group, list[str]]:
        """The command that the words begin with, and the words that are left for it."""
        found: Command | Group = self
        rest = list(words)
        while isinstance(found, Group) and rest and rest[0] in found.commands:
            found = found.commands[rest.pop(0)]
        return found, rest


@cache
def parameters(function: Callable[..., object]) -> Sequence[Parameter]:
    """What the signature of a function declares."""
    return tuple(_declared(function))


def _declared(function: Callable[..., object]) -> Iterator[Parameter]:
    hints = _hints(function)
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    defaults = function.__defaults__ or ()
    first = len(names) - len(defaults)
    for position, name in enumerate(names):
        required = position < first
        annotation, declared = get_args(hints[name])
        kind, many = _kind(annotation)
        default = None if required else defaults[position - first]
        yield Parameter(name, declared, kind, many, required, default)


def _hints(function: Callable[..., object]) -> Mapping[str, object]:
    """What the annotations of a function stand for. Where all are names, these are looked up: to compile each costs a tenth of a claim."""
    said = {name: text for name, text in function.__annotations__.items() if name != "return"}
    known = function.__globals__
    if all(text in known for text in said.values()):
        return {name: known[text] for name, text in said.items()}
    return get_type_hints(function, include_extras=True)


def _kind(annotation: object) -> tuple[type, bool]:
    """The type of a value, and whether there is a list of them."""
    if get_origin(annotation) is list:
        return get_args(annotation)[0], True
    if isinstance(annotation, type):
        return annotation, False
    return _kind(next(one for one in get_args(annotation) if one is not type(None)))

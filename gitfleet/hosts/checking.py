"""Whether hosts can be asked: what each of them says of itself, and what keeps one from answering."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from gitfleet.base import text
from gitfleet.codec import FLAG, WHOLE, Broken, Maybe, One, Struct, Text, field
from gitfleet.hosts.asking import HostAnswer, Reach
from gitfleet.hosts.inventory import HostSpec
from gitfleet.hosts.status import HostProblem, HostStatus

_WORD = Text[str](120, cut=True)


class HostGreeting(Struct):
    """What a host says first."""

    tool_version: str = field(_WORD, default="")
    python: str = field(_WORD, default="")
    uid: int = field(WHOLE, default=0)


class HostMachine(Struct):
    """What of a machine matters before it is scanned. `hidden`: its /proc hides processes of others."""

    system: str = field(_WORD, default="")
    cores: int = field(WHOLE, default=0)
    memory_total: int = field(WHOLE, default=0)
    memory_available: int = field(WHOLE, default=0)
    hidden: bool = field(FLAG, default=False)


class HostState(Struct):
    """A machine, why scans cannot be kept there ("": they can), and how many patterns protect something there (None: they cannot be read,
    and everything is protected).
    """

    facts: HostMachine = field(One(HostMachine), default=HostMachine())
    state: str = field(_WORD, default="")
    protects: int | None = field(Maybe(WHOLE), default=0)


class HostCheck(Struct):
    """How it is with one host. `took`: milliseconds from its turn to the end; `problem` None: it can be scanned."""

    spec: HostSpec
    took: int
    greeting: HostGreeting
    machine: HostMachine
    protects: int | None
    problem: HostProblem | None


async def check(reach: Reach, specs: Sequence[HostSpec]) -> AsyncIterator[HostCheck]:
    """Ask each host what it is, in the order in which they answer. Changes nothing there but for the folder that scans are kept in."""
    async for answer in reach.ask_all(specs, lambda _: ({"op": "check"},)):
        yield checked(answer)


def checked(answer: HostAnswer) -> HostCheck:
    """What an answer comes to; what cannot be read of it is a problem, too."""
    problem = answer.problem
    try:
        greeting = HostGreeting.decode(answer.hello)
        state = HostState.decode(answer.answers[0]) if answer.answers else HostState()
    except Broken as error:
        greeting, state = HostGreeting(), HostState()
        problem = problem or HostProblem(
            HostStatus.ERROR, f"its answer cannot be read: {text.one_line(str(error))}"
        )
    if problem is None and state.state:
        words = f"scans cannot be kept there: {text.one_line(state.state)}"
        problem = HostProblem(
            HostStatus.BLOCKED, words, "Check that your home folder there can be written to."
        )
    return HostCheck(answer.spec, answer.took, greeting, state.facts, state.protects, problem)

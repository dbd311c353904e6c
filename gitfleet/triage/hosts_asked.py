"""A scan on each of many hosts, and how it went with each, in words for a plan."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Protocol

from gitfleet.codec import Struct
from gitfleet.hosts.asking import HostAnswer
from gitfleet.hosts.inventory import HostSpec
from gitfleet.triage.planning import ScanReply


class ScanOrder(Struct):
    """What every host is asked: sessions by state, when those that have ended did, the places of this machine's worktrees, the key and profile of redaction."""

    sessions: Mapping[str, str]
    places: Mapping[str, str]
    ends: Mapping[str, int]
    key: bytes
    profile: str
    seconds: float = 1.0

    def request(self, spec: HostSpec, session_id: str) -> Mapping[str, object]:
        """The request for one host, which keeps what it finds as `session_id`. Paths of this machine are told to no other one."""
        asked = {
            "sessions": dict(self.sessions),
            "places": dict(self.places) if spec.is_local else {},
            "ends": dict(self.ends),
            "protect": [],
            "key": self.key.hex(),
            "profile": self.profile,
            "seconds": self.seconds,
            "session_id": session_id,
        }
        return {"op": "scan", "asked": asked}


class Asking(Protocol):
    """What asks many hosts; `hosts.asking.Reach` is one."""

    def ask_all(
        self, specs: Sequence[HostSpec], requests: Callable[[HostSpec], Sequence[Mapping[str, object]]]
    ) -> AsyncIterator[HostAnswer]:
        """The answers in the order in which they come."""
        ...


async def scan(
    reach: Asking,
    specs: Sequence[HostSpec],
    order: ScanOrder,
    session_ids: Mapping[str, str],
    *,
    bootstrap: bool,
    told: Callable[[ScanReply], None],
) -> list[ScanReply]:
    """One reply for each host, in the order of `specs`; `told` hears of each as it comes."""
    found: dict[str, ScanReply] = {}
    asked = reach.ask_all(specs, lambda spec: [order.request(spec, session_ids[spec.host_id])])
    async for answer in asked:
        reply = reply_of(answer, session_ids[answer.spec.host_id], bootstrap=bootstrap)
        found[reply.host_id] = reply
        told(reply)
    return [found[spec.host_id] for spec in specs]


def reply_of(answer: HostAnswer, session_id: str, *, bootstrap: bool) -> ScanReply:
    """What a plan has to know of an answer."""
    spec, problem = answer.spec, answer.problem
    return ScanReply(
        spec.host_id, spec.user, spec.host, spec.port, str(answer.status), session_id,
        answer.answers[0] if answer.answers else None,
        problem.words if problem else "", problem.hint if problem else "", bootstrap,
    )  # fmt: skip

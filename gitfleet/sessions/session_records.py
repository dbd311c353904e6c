"""A session as a record: who is at work, where, by which process.

Pure. The record lives at `sessions/<shard>/<id>/session.json`; beside it, `claims/` lists where the session's
claims are filed, so that releasing them never searches the claims of others. The lease of all claims of a session
is here too (`renewed`, `renewed_at`): a renewal rewrites one small record however many claims there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from gitfleet.base.identity import ProcessIdentity
from gitfleet.base.ids import is_name, shard
from gitfleet.base.names import NodeId, SessionId
from gitfleet.codec import FLAG, TEXT, WHOLE, Broken, Record, field
from gitfleet.errors import BadName, Corrupt, FleetError, NewerFormat
from gitfleet.ledger import format
from gitfleet.ledger.model import NODE_ID, SESSION_ID, View

ROOT = "sessions"
MAX_TEXT = 4096


class Session(Record):
    """One session's shared facts. Times are seconds of its own node's clock; `renewed` counts renewals.

    `pid`, `start`, `boot`, `namespace` identify the process it lives and dies with (pid 0: none, a person's session).
    `uptime` is the moment of the last renewal on the other clock of its node (`base.uptime`), which nobody can set.
    """

    KIND = "session"

    id: SessionId = field(SESSION_ID)
    node: NodeId = field(NODE_ID)
    worktree: str = field(TEXT)
    nonce: str = field(TEXT, default="")
    branch: str = field(TEXT, default="")
    base: str = field(TEXT, default="")
    agent: str = field(TEXT, default="")
    command: str = field(TEXT, default="")
    pid: int = field(WHOLE, default=0)
    start: int = field(WHOLE, default=0)
    boot: str = field(TEXT, default="")
    namespace: int = field(WHOLE, default=0)
    user: str = field(TEXT, default="")
    title: str = field(TEXT, default="")
    orchestrator: str = field(TEXT, default="")
    pattern: str = field(TEXT, default="generic")
    log: str = field(TEXT, default="")
    person: bool = field(FLAG, default=False)
    started_at: int = field(WHOLE, default=0)
    renewed: int = field(WHOLE, default=0)
    renewed_at: int = field(WHOLE, default=0)
    uptime: str = field(TEXT, default="", omit=True)

    def check(self) -> None:
        """Raise Broken for an id that is none."""
        if not is_name(self.id):
            raise Broken("an id was expected", "id")

    @property
    def process(self) -> ProcessIdentity | None:
        """Its process, where it told of one."""
        names = ("pid", "start", "boot", "namespace")
        return ProcessIdentity.from_record({name: getattr(self, name) for name in names})


def folder(session_id: str) -> str:
    """Where everything of a session is filed. Raises BadName for an id that is none."""
    if not is_name(session_id):
        raise BadName(
            f"{session_id[:80]!a} is not a session id.",
            hint="Use 1 to 64 letters, digits, dots, dashes or underscores, starting with a letter or digit.",
            name=session_id,
        )
    return f"{ROOT}/{shard(session_id)}/{session_id}"


def path(session_id: str) -> str:
    """Where the session's record is."""
    return f"{folder(session_id)}/session.json"


def claim_index(session_id: str, claim_id: str) -> str:
    """Where the session's note of one of its claims is."""
    return f"{folder(session_id)}/claims/{claim_id}"


@lru_cache(maxsize=1024)  # a command looks at all of them more than once
def parse(data: bytes, where: str) -> Session:
    """The session in a record. Pure. Raises Corrupt, NewerFormat; values of wrong types and sizes count as corrupt."""
    session = format.read(Session, data, where)
    if path(session.id) != where:
        raise Corrupt(
            f"{where} in the ledger is filed under another session's name. It was left alone.", where=where
        )
    return session


def find(view: View, session_id: str) -> Session | None:
    """The session with this id, or None. Raises Corrupt, NewerFormat, BadName."""
    where = path(session_id)
    data = view.get(where)
    return parse(data, where) if data is not None else None


def known(view: View, session_id: str) -> Session | None:
    """The session with this id; None also where its record, or the id, cannot be read."""
    try:
        return find(view, session_id)
    except FleetError:
        return None


def readable(view: View, node: str = "") -> Iterator[Session]:
    """The sessions whose records can be read: all of the fleet's, or those of one node."""
    for item in everyone(view):
        if isinstance(item, Session) and (not node or item.node == node):
            yield item


def everyone(view: View) -> Iterator[Session | Corrupt | NewerFormat]:
    """Every session of the fleet, ordered by shard and id; for a record that cannot be read, the error about it."""
    view.load(ROOT, depth=2)  # without the notes of their claims
    for shard_name, _ in view.names(ROOT):
        for name, _ in view.names(f"{ROOT}/{shard_name}"):
            home = f"{ROOT}/{shard_name}/{name}"
            where = f"{home}/session.json"
            data = view.get(where)
            if data is None and next(view.files(home), None) is None:
                continue  # it has ended, and that is not on the hub yet
            try:
                yield parse(data or b"", where)
            except (Corrupt, NewerFormat) as error:
                yield error

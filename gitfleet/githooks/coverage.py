"""Whether a session's claims cover paths for certain, read from the ledger in few round trips.

Standard library only. Certain is little: whatever is unclear (another holder, an old lease, an offline claim, a message for the
session) is for the full gate, which can explain.
"""

from __future__ import annotations

import os

from gitfleet.base import clock, fast_json
from gitfleet.base.ids import is_name, is_oid, is_ulid, shard
from gitfleet.git.fleetrefs import COORD
from gitfleet.githooks.catfile import Records, Unexpected
from gitfleet.githooks.gitdirs import content, listed
from gitfleet.patterns.casefold import key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypedDict

    class PlainClaim(TypedDict):
        """What is read of a claim here."""

        id: str
        session: str
        pattern: str
        token: int
        ttl: int
        granted_at: int


_MODES = ("exclusive", "shared")
_TEXTS = ("id", "session", "node", "pattern", "mode", "nonce", "reason", "branch", "operation")
_SPECIAL = frozenset("*?[\\{!:")
"""What makes a pattern more than a path, or at its beginning could."""
_NUMBERS = ("token", "ttl", "granted_at")


class Cover:
    """The claims of a session that cover some paths for certain, for `left` seconds more.

    `tip` is the ledger commit that says so ("": not named by a file). `plain` tells whether the session's claims on and
    above the paths are all names of files and folders as they are written.
    """

    __slots__ = ("claims", "left", "plain", "tip")

    def __init__(self, tip: str, claims: list[PlainClaim], left: int, *, plain: bool) -> None:
        self.tip, self.claims, self.left, self.plain = tip, claims, left, plain

    def names(self) -> list[str]:
        """The claims as commits name them: `id@token`, sorted."""
        return sorted(name(claim) for claim in self.claims)


def name(claim: PlainClaim) -> str:
    """A claim as commits name it."""
    return f"{claim['id']}@{claim['token']}"


def for_the_queue(common_dir: str, wanted: Iterable[str], *, hub: bool) -> bool:
    """Whether one of these refs is the trunk of the hub (with `hub`; else of a clone that is its own), and the rules may leave that
    to the merge queue alone. Raises where anything is not as expected.
    """
    node = fast_json.load(content(f"{common_dir}/gitfleet/node.json"))
    if bool(node["hub"]) is not hub or f"refs/heads/{node['trunk']}" not in wanted:
        return False
    try:
        return b'"required":true' in content(f"{common_dir}/gitfleet/policy.json")
    except FileNotFoundError:
        return False


def covered(
    git_dir: str, common_dir: str, session: str | None, paths: Callable[[], list[bytes]]
) -> Cover | None:
    """The claims of `session` that cover all `paths`; None when that is not certain here and now.

    `paths` is asked once the ledger's reader has been started. Raises where anything is not as expected.
    """
    if session is None or not is_name(session) or unclear(git_dir, common_dir, session):
        return None
    node = fast_json.load(content(f"{common_dir}/gitfleet/node.json"))["id"]
    tip = _tip(common_dir)
    ledger = Records(common_dir, tip or COORD)
    try:
        if unread(ledger, common_dir, session):
            return None
        return _covering(ledger, session, node, paths(), young=_young(common_dir), tip=tip)
    finally:
        ledger.close()


def _tip(common_dir: str) -> str:
    """The ledger's tip, where it has a file of its own."""
    try:
        text = content(f"{common_dir}/{COORD}").decode("ascii", "replace").rstrip("\n")
    except OSError:
        return ""
    return text if is_oid(text) else ""


def _covering(
    ledger: Records, session: str, node: object, paths: list[bytes], *, young: int, tip: str
) -> Cover | None:
    """See `covered`. Certain is a lease of which not a third is over, and a claim not older than `young` seconds."""
    idle = _idle(ledger, session, node)
    if idle is None:
        return None
    now, left = clock.now(), young
    claims = LedgerClaims(ledger)
    names = [os.fsdecode(raw) for raw in paths]
    claims.read_ahead(names)
    used = {}
    for path in names:
        claim = claims.first(path, lambda claim: claim["session"] == session)
        if claim is None or idle >= claim["ttl"] / 3 or not 0 <= now - claim["granted_at"] < young:
            return None
        left = min(left, -(-claim["ttl"] // 3) - idle, young - (now - claim["granted_at"]))
        used[claim["id"]] = claim
    return Cover(tip, list(used.values()), left, plain=claims.plain(session))


class LedgerClaims:
    """The claims of one ledger commit, found by the paths that they cover."""

    def __init__(self, ledger: Records) -> None:
        self._ledger = ledger
        self._known: dict[bytes, PlainClaim] = {}

    def read_ahead(self, paths: list[str]) -> None:
        """Ask for everything that is filed at the paths and above them, depth by depth, in few round trips."""
        places = {_place(path) for path in paths}
        self._ledger.read_folders(list(places))
        every = {place[:depth] for place in places for depth in range(1, len(place) + 1)}
        self._ledger.read_blobs([oid for place in every for _, oid in self._filed(place)])

    def first(self, path: str, wanted: Callable[[PlainClaim], bool]) -> PlainClaim | None:
        """The claim nearest to the root that covers `path` and is `wanted`."""
        place = _place(path)
        for depth in range(1, len(place) + 1):
            for file, oid in self._filed(place[:depth]):
                claim = self._known.get(oid)
                if claim is None:
                    claim = self._known[oid] = _claim(self._ledger.blob(oid))
                named = file == b"@" + claim["id"].encode() + b".json"
                if named and wanted(claim) and _covers(claim["pattern"], path, place[:depth]):
                    return claim
        return None

    def plain(self, session: str) -> bool:
        """Whether all claims of a session that were looked at are names of files and folders as they are written."""
        return all(
            _SPECIAL.isdisjoint(claim["pattern"])
            for claim in self._known.values()
            if claim["session"] == session
        )

    def _filed(self, place: tuple[str, ...]) -> list[tuple[bytes, bytes]]:
        """The claims filed at a place: name and object id."""
        entries = self._ledger.folder(place).items()
        return [(file, oid) for file, (is_folder, oid) in entries if not is_folder and file[:1] == b"@"]


def readable(ledger: Records) -> bool:
    """Whether this version may read this ledger."""
    fleet = ledger.file("fleet.json")
    rules = {} if fleet is None else fast_json.load(fleet)
    oldest = rules.get("min_reader")
    return (rules.get("v"), rules.get("kind")) == (1, "fleet") and type(oldest) is int and oldest <= 1


def _idle(ledger: Records, session: str, node: object) -> int | None:
    """Seconds since a session of this node was renewed, by the clock that says more; None when one cannot be right.

    None, too, without such a session in a ledger that this version may read. The other clock is `base.uptime`'s.
    """
    home = ledger.file("sessions", shard(session), session, "session.json")
    if home is None or not readable(ledger):
        return None
    record = fast_json.load(home)
    renewed = record["renewed_at"]
    if (record["v"], record["kind"]) != (1, "session") or type(renewed) is not int:
        return None
    ages = [clock.now() - renewed]
    boot, _, since = str(record.get("uptime", "")).rpartition(":")
    if since:
        ages.append(int(clock.elapsed()) - int(since) if _is_this_boot(boot) else -1)
    return max(ages) if (record["id"], record["node"]) == (session, node) and min(ages) >= 0 else None


def _is_this_boot(boot: str) -> bool:
    """Whether the machine was not started again since; as `base.identity` knows it, which costs more to load."""
    try:
        return content("/proc/sys/kernel/random/boot_id").strip() == boot.encode()
    except FileNotFoundError:
        from gitfleet.base.identity import boot_id

        return boot_id() == boot


def _young(common_dir: str) -> int:
    """Half of the greatest age that claims may reach here; the full gate knows about older ones."""
    policy = f"{common_dir}/gitfleet/policy.json"
    said = content(policy).partition(b'"max_age":')[2] if os.path.exists(policy) else b""
    digits = said[: len(said) - len(said.lstrip(b"0123456789"))]
    return (int(digits) if digits else 86400) // 2


def _place(path: str) -> tuple[str, ...]:
    return ("claims", *("=" + key(part) for part in path.split("/")))


def _claim(data: bytes) -> PlainClaim:
    """A claim that the full gate would believe, too. Raises for anything else."""
    claim = fast_json.load(data)
    sound = (
        (claim["v"], claim["kind"]) == (1, "claim") and claim["mode"] in _MODES and is_ulid(str(claim["id"]))
    )
    sound = sound and all(_is_text(claim[name]) for name in _TEXTS)
    if not sound or not all(type(claim[name]) is int for name in _NUMBERS) or claim.get("accept_within"):
        raise Unexpected
    return claim  # type: ignore[return-value]  # which has just been seen


def _is_text(value: object) -> bool:
    return type(value) is str and len(value) <= 4096


def _covers(pattern: str, path: str, place: tuple[str, ...]) -> bool:
    """Whether a pattern that is filed at `place` belongs there and matches the path."""
    name = pattern.removesuffix("/")
    if _SPECIAL.isdisjoint(name) and (path == name or path.startswith(name + "/")):
        return place == _place(name)
    from gitfleet.patterns import language  # 3 ms, where a claim is more than a path as it is written

    (parsed,) = language.parse(pattern)
    return place[1:] == tuple("=" + name for name in parsed.prefix_key) and language.matches(parsed, path)


def unclear(git_dir: str, common_dir: str, session: str) -> bool:
    """Whether something here calls for the full gate: an offline claim, a message, a merge being committed."""
    state = f"{common_dir}/gitfleet"
    return (
        bool(listed(f"{state}/outbox/tentative"))
        or bool(listed(f"{state}/notices/{session}"))
        or os.path.exists(f"{git_dir}/MERGE_HEAD")
        or (
            os.path.exists(f"{state}/policy.json")
            and b'"case_sensitive":true' in content(f"{state}/policy.json")
        )
    )


def unread(ledger: Records, common_dir: str, session: str) -> bool:
    """Whether the session has a message that it was not shown (see `sessions.reading`)."""
    inbox = ledger.folder(("sessions", shard(session), session, "inbox"))
    if not inbox:
        return False
    shown = f"{common_dir}/gitfleet/shown/{session}.json"
    names = fast_json.load(content(shown))["names"] if os.path.exists(shown) else []
    if not isinstance(names, list):
        raise Unexpected
    return any(os.fsdecode(name) not in names for name in inbox)

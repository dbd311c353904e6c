"""The quick way to yes: everything that is staged is claimed by this session, and its lease holds.

Standard library only, little of it, no network, some 30 ms. It only ever says yes; whatever is unclear (another
holder, an old lease, no session, an offline claim, a message for the session) goes to `full`, which can explain.
"""

from __future__ import annotations

import os
import sys

from gitfleet.base import clock, records
from gitfleet.base.ids import is_name, is_ulid, shard
from gitfleet.clients import acting
from gitfleet.git.fleetrefs import COORD
from gitfleet.git.trailers import NAMES, PLAIN
from gitfleet.githooks.objects import Records, Unexpected, collect, spawn
from gitfleet.patterns.casefold import key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

QUICK = frozenset(["pre-commit", "prepare-commit-msg", "commit-msg"])
RULES = b"gitfleet.yaml"  # what is wrong in it the full gate says, when it is committed
_MODES = ("exclusive", "shared")
_TEXTS = ("id", "session", "node", "pattern", "mode", "nonce", "reason", "branch", "operation")
_SPECIAL = frozenset("*?[\\{!:")
"""What makes a pattern more than a path, or at its beginning could."""
_NUMBERS = ("token", "ttl", "granted_at")


def main(arguments: list[str]) -> int:
    """Answer one hook: 0, or what the full gate says."""
    if arguments[0] in QUICK:
        try:
            if quick(arguments):
                return 0
        except Exception:  # noqa: BLE001, S110 - a doubt of whatever kind is for the full gate, which names it
            pass
    return hand_over(arguments)


def hand_over(arguments: list[str], program: str = "") -> int:
    """Become the full gate (or another `program` of ours), with site packages."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-I", program or script(), "--full", *arguments])


def script() -> str:
    """The script that the hook shims start."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "run.py")


def detach(argv: list[str]) -> None:
    """Start a program that goes on by itself: no terminal, no wait."""
    null = os.devnull
    actions = [(os.POSIX_SPAWN_OPEN, n, null, os.O_RDWR, 0) for n in (0, 1, 2)]
    os.posix_spawn(argv[0], argv, os.environ, file_actions=actions, setsid=True)


def quick(arguments: list[str]) -> bool:
    """Whether the answer is a certain yes. For `prepare-commit-msg` the trailers are then added."""
    if arguments[0] == "commit-msg":
        return written(arguments[1])
    if arguments[0] == "prepare-commit-msg":
        _forget()  # what a commit has left that came to nothing
    git_dir = os.environ.get("GIT_DIR") or git_dir_of(".git")
    common_dir = common_dir_of(git_dir)
    session = session_here(git_dir, common_dir)
    changed: list[bytes] = []

    def paths() -> list[bytes]:
        changed.extend(staged())
        return changed

    used = covered(git_dir, common_dir, session, paths)
    if session is None or used is None or (RULES in changed and arguments[0] == "pre-commit"):
        return False
    if arguments[0] == "prepare-commit-msg":
        from gitfleet.githooks import amending  # of no use to the other hooks

        if amending.suspected(arguments[1:], git_dir, staged=bool(changed)) and amending.amends():
            return False
        sign(arguments[1:], session, sorted(used))
    return True


def session_here(git_dir: str, common_dir: str) -> str | None:
    """The session that acts here, as far as it can be told at once; the order is that of `sessions.local.whoami`."""
    for client, own in acting.callers(os.environ):
        session = acting.session_of(f"{common_dir}/gitfleet", client, own)
        if session is not None:
            return session
        if acting.anybody(f"{common_dir}/gitfleet"):
            return None  # what the environment says may be another one's
    return os.environ.get("GITFLEET_SESSION") or _marked(git_dir, common_dir)


def covered(
    git_dir: str, common_dir: str, session: str | None, paths: Callable[[], list[bytes]]
) -> set[str] | None:
    """The claims of `session` that cover all `paths`, as `id@token`; None when that is not certain here and now.

    `paths` is asked once the ledger's reader has been started. Raises where anything is not as expected.
    """
    if session is None or not is_name(session) or _unclear(git_dir, common_dir, session):
        return None
    node = records.load(_read(f"{common_dir}/gitfleet/node.json"))["id"]
    ledger = Records(common_dir, COORD)
    try:
        if _unread(ledger, common_dir, session):
            return None
        return _claims_for(ledger, session, node, paths(), _young(common_dir))
    finally:
        ledger.close()


def staged() -> list[bytes]:
    """The paths that the commit would change: old and new names of renames, deletions and modes too."""
    return _diff("HEAD")


def sign(arguments: list[str], session: str, claims: list[str]) -> None:
    """Put the session and the claims it used into a commit message, each once. `arguments` are those of the hook.

    Where somebody is about to write the message, and ends the commit by writing none, `unwritten` has them wait.
    """
    source = arguments[1] if len(arguments) > 1 else ""
    named = [f"{NAMES[0]}: {session}", *(f"{NAMES[1]}: {claim}" for claim in claims)]
    if source in {"", "template"} and os.environ.get("GIT_EDITOR") != ":":  # `:`: git opens no editor
        from gitfleet.githooks import unwritten  # where somebody writes, a millisecond is none

        unwritten.leave(note(), arguments[0], named)
        return
    add_trailers(arguments[0], named)


def written(file: str) -> bool:
    """Put trailers that waited for the message in `file` to be written into it. Raises Unexpected, OSError."""
    if os.path.exists(note()):
        from gitfleet.githooks import unwritten

        trailers = unwritten.due(note(), file)
        if trailers:
            add_trailers(file, trailers)
        _forget()
    return True


def note() -> str:
    """Where trailers wait for this worktree's next message (see `unwritten`); the shim of `commit-msg` looks there too."""
    git_dir = os.environ.get("GIT_DIR") or ".git"
    common_dir = common_dir_of(git_dir_of(git_dir))
    return f"{common_dir}/gitfleet/unwritten-{git_dir.rpartition('/')[2]}"


def _forget() -> None:
    if os.path.exists(note()):
        os.unlink(note())


def add_trailers(file: str, trailers: list[str]) -> None:
    """Add the trailers that a message does not have yet."""
    argv = ["git", *PLAIN, "interpret-trailers", "--in-place", "--no-divider"]
    argv += ["--if-exists", "addIfDifferent", "--if-missing", "add"]
    for trailer in trailers:
        argv += ["--trailer", trailer]
    _end_last_line(file)
    pid, out, _ = spawn([*argv, file])
    collect(pid, out)


def _end_last_line(file: str) -> None:
    """`git merge` leaves its message without a newline; trailers would then follow the subject without a blank line."""
    with open(file, "rb+") as message:
        if message.read()[-1:] not in {b"", b"\n"}:
            message.write(b"\n")


def _diff(against: str) -> list[bytes]:
    argv = [
        "git",
        "diff-index",
        "--cached",
        "--name-only",
        "--no-renames",
        "--ignore-submodules=none",
        "-z",
        against,
        "--",
    ]
    pid, out, _ = spawn(argv)
    return [path for path in collect(pid, out).split(b"\0") if path]


def _claims_for(ledger: Records, session: str, node: str, paths: list[bytes], young: int) -> set[str] | None:
    """The claims of `session` that cover all `paths`, as `id@token`; None when one is not covered for certain.

    Certain is a lease of which not a third is over, and a claim not older than `young` seconds.
    """
    idle = _idle(ledger, session, node)
    if idle is None:
        return None
    now, used = clock.now(), set()
    known: dict[bytes, dict[str, Any]] = {}
    names = [os.fsdecode(raw) for raw in paths]
    _read_ahead(ledger, names)
    for path in names:
        claim = _covering(ledger, session, path, known)
        if claim is None or idle >= claim["ttl"] / 3 or not 0 <= now - claim["granted_at"] < young:
            return None
        used.add(f"{claim['id']}@{claim['token']}")
    return used


def _idle(ledger: Records, session: str, node: str) -> int | None:
    """Seconds since a session of this node was renewed, by the clock that says more; None when one cannot be right.

    None, too, without such a session in a ledger that this version may read. The other clock is `base.uptime`'s.
    """
    fleet, home = ledger.file("fleet.json"), ledger.file("sessions", shard(session), session, "session.json")
    if fleet is None or home is None:
        return None
    rules, record = records.load(fleet), records.load(home)
    if (rules["v"], rules["kind"], record["v"], record["kind"]) != (1, "fleet", 1, "session"):
        return None
    renewed, oldest = record["renewed_at"], rules["min_reader"]
    if type(renewed) is not int or type(oldest) is not int or oldest > 1:
        return None
    ages = [clock.now() - renewed]
    boot, _, since = record.get("uptime", "").rpartition(":")
    if since:
        ages.append(int(clock.elapsed()) - int(since) if _is_this_boot(boot) else -1)
    return max(ages) if (record["id"], record["node"]) == (session, node) and min(ages) >= 0 else None


def _is_this_boot(boot: str) -> bool:
    """Whether the machine was not started again since; as `base.identity` knows it, which costs more to load."""
    try:
        return _read("/proc/sys/kernel/random/boot_id").strip() == boot.encode()
    except FileNotFoundError:
        from gitfleet.base.identity import boot_id

        return boot_id() == boot


def _young(common_dir: str) -> int:
    """Half of the greatest age that claims may reach here; the full gate knows about older ones."""
    policy = f"{common_dir}/gitfleet/policy.json"
    said = _read(policy).partition(b'"max_age":')[2] if os.path.exists(policy) else b""
    digits = said[: len(said) - len(said.lstrip(b"0123456789"))]
    return (int(digits) if digits else 86400) // 2


def _read_ahead(ledger: Records, paths: list[str]) -> None:
    """Ask for everything that is filed at the paths and above them, depth by depth, in few round trips."""
    places = {_place(path) for path in paths}
    ledger.read_folders(list(places))
    every = {place[:depth] for place in places for depth in range(1, len(place) + 1)}
    ledger.read_blobs([oid for place in every for _, oid in _filed(ledger, place)])


def _place(path: str) -> tuple[str, ...]:
    return ("claims", *("=" + key(part) for part in path.split("/")))


def _filed(ledger: Records, place: tuple[str, ...]) -> list[tuple[bytes, bytes]]:
    """The claims filed at a place: name and object id."""
    entries = ledger.folder(place).items()
    return [(name, oid) for name, (is_folder, oid) in entries if not is_folder and name[:1] == b"@"]


def _covering(
    ledger: Records, session: str, path: str, known: dict[bytes, dict[str, Any]]
) -> dict[str, Any] | None:
    place = _place(path)
    for depth in range(1, len(place) + 1):
        for name, oid in _filed(ledger, place[:depth]):
            claim = known.get(oid)
            if claim is None:
                claim = known[oid] = _claim(ledger.blob(oid))
            named = name == b"@" + claim["id"].encode() + b".json"
            if named and claim["session"] == session and _covers(claim["pattern"], path, place[:depth]):
                return claim
    return None


def _claim(data: bytes) -> dict[str, Any]:
    """A claim that the full gate would believe, too. Raises for anything else."""
    claim = records.load(data)
    sound = (claim["v"], claim["kind"]) == (1, "claim") and claim["mode"] in _MODES and is_ulid(claim["id"])
    sound = sound and all(type(claim[name]) is str and len(claim[name]) <= 4096 for name in _TEXTS)
    if not sound or not all(type(claim[name]) is int for name in _NUMBERS) or claim.get("accept_within"):
        raise Unexpected
    return claim


def _covers(pattern: str, path: str, place: tuple[str, ...]) -> bool:
    """Whether a pattern that is filed at `place` belongs there and matches the path."""
    name = pattern.removesuffix("/")
    if _SPECIAL.isdisjoint(name) and (path == name or path.startswith(name + "/")):
        return place == _place(name)
    from gitfleet.patterns import language  # 3 ms, where a claim is more than a path as it is written

    (parsed,) = language.parse(pattern)
    return place[1:] == tuple("=" + name for name in parsed.prefix_key) and language.matches(parsed, path)


def _unclear(git_dir: str, common_dir: str, session: str) -> bool:
    """Whether something here calls for the full gate: an offline claim, a message, a merge being committed."""
    state = f"{common_dir}/gitfleet"
    return (
        bool(_listed(f"{state}/outbox/tentative"))
        or bool(_listed(f"{state}/notices/{session}"))
        or os.path.exists(f"{git_dir}/MERGE_HEAD")
        or (
            os.path.exists(f"{state}/policy.json")
            and b'"case_sensitive":true' in _read(f"{state}/policy.json")
        )
    )


def _unread(ledger: Records, common_dir: str, session: str) -> bool:
    """Whether the session has a message that it was not shown (see `sessions.reading`)."""
    inbox = ledger.folder(("sessions", shard(session), session, "inbox"))
    if not inbox:
        return False
    shown = f"{common_dir}/gitfleet/shown/{session}.json"
    names = records.load(_read(shown))["names"] if os.path.exists(shown) else []
    return any(os.fsdecode(name) not in names for name in inbox)


def _marked(git_dir: str, common_dir: str) -> str | None:
    """The session of this worktree as it was marked, if it lives; None where git's configuration may name one."""
    if "GIT_CONFIG_COUNT" in os.environ or "fleet" in os.environ.get("GIT_CONFIG_PARAMETERS", "").lower():
        return None
    for file in (f"{common_dir}/config", f"{git_dir}/config.worktree"):
        if os.path.exists(file):
            said = _read(file).lower()
            if b"[fleet" in said or b"[include" in said:
                return None
    mark = f"{git_dir}/gitfleet-session"
    session = os.fsdecode(_read(mark)).strip() if os.path.exists(mark) else ""
    return session if is_name(session) and _lives(common_dir, session) else None


def _lives(common_dir: str, session: str) -> bool:
    """Whether a session is at work in this worktree for certain: an agent may have died, and left its mark."""
    here = records.load(_read(f"{common_dir}/gitfleet/sessions/{session}.json"))
    if here["worktree"] != os.getcwd():
        return False
    if here["person"] is True:
        return True
    from gitfleet.base.identity import ProcessIdentity, state  # 2 ms, where an agent commits

    process = ProcessIdentity.from_record(here["process"])
    return process is not None and state(process) != "dead"


def git_dir_of(path: str) -> str:
    """The git dir of a worktree whose `.git` is at `path`."""
    if os.path.isdir(path):
        return path
    target = os.fsdecode(_read(path)).removeprefix("gitdir: ").rstrip("\n")
    return os.path.join(os.path.dirname(path), target)


def common_dir_of(git_dir: str) -> str:
    """The folder that all worktrees of a git dir share."""
    link = f"{git_dir}/commondir"
    if not os.path.exists(link):
        return git_dir
    return os.path.join(git_dir, os.fsdecode(_read(link)).rstrip("\n"))


def in_fleet(common_dir: str) -> bool:
    """Whether a clone is part of a fleet. Raises PermissionError where that cannot be seen and there are traces of one."""
    try:
        os.stat(f"{common_dir}/gitfleet/node.json")
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError:
        if os.path.lexists(f"{common_dir}/gitfleet"):
            raise
        return False
    return True


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()

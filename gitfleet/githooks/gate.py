"""The quick way to yes: everything that is staged is claimed by this session, and its lease holds.

Standard library only, little of it, no network, some 30 ms. It only ever says yes; whatever is unclear (another
holder, an old lease, no session, an offline claim, a message for the session) goes to `full`, which can explain.
"""

from __future__ import annotations

import os
import sys
import time

from gitfleet.base.ids import is_name, shard
from gitfleet.claims.keys import key
from gitfleet.git.fleetrefs import COORD
from gitfleet.githooks import records
from gitfleet.githooks.objects import Records, Unexpected, collect, spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
TRAILERS = ("Fleet-Session", "Fleet-Claim")


def main(arguments: list[str]) -> int:
    """Answer one hook: 0, or what the full gate says."""
    if arguments[0] in {"pre-commit", "prepare-commit-msg"}:
        try:
            if quick(arguments):
                return 0
        except (Unexpected, OSError, ValueError, KeyError, TypeError):
            pass
    return hand_over(arguments)


def hand_over(arguments: list[str]) -> int:
    """Become the full gate, with site packages."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-I", script(), "--full", *arguments])


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
    git_dir = os.environ.get("GIT_DIR") or _git_dir(".git")
    common_dir = _common_dir(git_dir)
    session = os.environ.get("GITFLEET_SESSION") or _marked(git_dir, common_dir)
    if session is None or not is_name(session) or _unclear(git_dir, common_dir, session):
        return False
    ledger = Records(common_dir, COORD)
    try:
        used = _claims_for(ledger, session, staged())
    finally:
        ledger.close()
    if used is None:
        return False
    if arguments[0] == "prepare-commit-msg":
        add_trailers(arguments[1], session, sorted(used))
    return True


def staged() -> list[bytes]:
    """The paths that the commit would change: old and new names of renames, deletions and modes too."""
    return _diff("HEAD")


def add_trailers(file: str, session: str, claims: list[str]) -> None:
    """Put the session and the claims it used into a commit message, each once."""
    argv = ["git", "interpret-trailers", "--in-place", "--if-exists", "addIfDifferent", "--if-missing", "add"]
    for name, value in [(TRAILERS[0], session), *((TRAILERS[1], claim) for claim in claims)]:
        argv += ["--trailer", f"{name}: {value}"]
    pid, out, _ = spawn([*argv, file])
    collect(pid, out)


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


def _claims_for(ledger: Records, session: str, paths: list[bytes]) -> set[str] | None:
    """The claims of `session` that cover all `paths`, as `id@token`; None when one is not covered for certain."""
    home = ledger.file("sessions", shard(session), session, "session.json")
    if home is None:
        return None
    renewed = records.load(home)["renewed_at"]
    now, used = time.time(), set()
    known: dict[bytes, dict[str, Any]] = {}
    names = [os.fsdecode(raw) for raw in paths]
    _read_ahead(ledger, names)
    for path in names:
        claim = _covering(ledger, session, path, known)
        if claim is None or not 0 <= now - renewed < claim["ttl"] / 3:
            return None
        used.add(f"{claim['id']}@{claim['token']}")
    return used


def _read_ahead(ledger: Records, paths: list[str]) -> None:
    """Ask for everything that is filed at the paths and above them, depth by depth, in few round trips."""
    places = {_place(path) for path in paths}
    ledger.read_folders(list(places))
    every = {place[:depth] for place in places for depth in range(1, len(place) + 1)}
    ledger.read_blobs([oid for place in every for oid in _filed(ledger, place)])


def _place(path: str) -> tuple[str, ...]:
    return ("claims", *("=" + key(part) for part in path.split("/")))


def _filed(ledger: Records, place: tuple[str, ...]) -> list[bytes]:
    entries = ledger.folder(place).items()
    return [oid for name, (is_folder, oid) in entries if not is_folder and name[:1] == b"@"]


def _covering(
    ledger: Records, session: str, path: str, known: dict[bytes, dict[str, Any]]
) -> dict[str, Any] | None:
    place = _place(path)
    for depth in range(1, len(place) + 1):
        for oid in _filed(ledger, place[:depth]):
            claim = known.get(oid)
            if claim is None:
                claim = known[oid] = _claim(ledger.blob(oid))
            if claim["session"] == session and _covers(claim["pattern"], path):
                return claim
    return None


def _claim(data: bytes) -> dict[str, Any]:
    claim = records.load(data)
    if claim["v"] != 1 or claim["kind"] != "claim":
        raise Unexpected
    return claim


def _covers(pattern: str, path: str) -> bool:
    if pattern == path:
        return True
    from gitfleet.claims import patterns  # 3 ms, where a claim is more than a file

    return patterns.matches(patterns.parse(pattern)[0], path)


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


def _marked(git_dir: str, common_dir: str) -> str | None:
    """The session of this worktree as it was marked, unless its configuration names one."""
    for file in (f"{common_dir}/config", f"{git_dir}/config.worktree"):
        if os.path.exists(file) and b"[fleet" in _read(file).lower():
            return None
    mark = f"{git_dir}/gitfleet-session"
    return os.fsdecode(_read(mark)).strip() if os.path.exists(mark) else None


def _git_dir(path: str) -> str:
    if os.path.isdir(path):
        return path
    target = os.fsdecode(_read(path)).removeprefix("gitdir: ").rstrip("\n")
    return os.path.join(os.path.dirname(path), target)


def _common_dir(git_dir: str) -> str:
    link = f"{git_dir}/commondir"
    if not os.path.exists(link):
        return git_dir
    return os.path.join(git_dir, os.fsdecode(_read(link)).rstrip("\n"))


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()

"""What the quick gate found out of a session, for the shell that answers for the next hook (`hooks/permit`).

A permit says which files and folders a session may change in one worktree, and what that rests upon: the ledger's tip, the
rules, who is meant here and why, the clocks. It says nothing of a commit. So a hook that goes by one judges its own index,
and looks at all of this again; where anything differs, it asks the gate. Nothing that is killed, or runs at once, can make it
wrong: it is replaced whole, and what it rests upon is compared, not dated.

Lines: a version; the tip; the interpreter; the variables that name sessions; the folder; the node; the rules; what tells who
is meant, a file and its content; the process that must still run; the session; when this was written, by the wall clock and
since boot, until when it counts, and which boot. Then each claim: `<id>@<token> <path>`. By the wall clock it counts until the
file's own date. Where something cannot be said so, there is no permit. Standard library only.
"""

from __future__ import annotations

import os

from gitfleet.base import clock, fast_json
from gitfleet.clients import acting
from gitfleet.githooks.coverage import name
from gitfleet.githooks.gitdirs import content

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gitfleet.githooks.coverage import Cover

FOLDER = "permits"
VERSION = "gitfleet permit 1"
VARIABLES = (*acting.VARIABLES, "GITFLEET_SESSION")
"""What names a session in the environment, in the order in which the shell writes it down."""
_CLAIMS = 40  # the shell compares each path with each of them
_CLOCKS = 10  # the line with the clocks, the last before the claims
_SKEW = 2


def leave(git_dir: str, common_dir: str, session: str, cover: Cover) -> None:
    """Replace this worktree's permit. Raises OSError, ValueError, LookupError where there can be none."""
    who = _evidence(git_dir, common_dir, session)
    if who is None or not cover.tip or not cover.plain or not cover.claims or cover.left < 1:
        return
    named = [os.environ.get(variable, "") for variable in VARIABLES]
    if any("|" in text for text in named):  # the shell could take two for one
        return
    wall, up = clock.milliseconds() // 10, int(clock.elapsed() * 100)
    boot = _line("/proc/sys/kernel/random/boot_id")
    head = [
        VERSION,
        cover.tip,
        os.fsdecode(content(f"{common_dir}/gitfleet/launcher")).partition("\n")[0],
        "|".join(named),
        os.getcwd(),
        _line(f"{common_dir}/gitfleet/node.json"),
        _line(f"{common_dir}/gitfleet/policy.json"),
        *who,
        session,
        f"{wall} {up} {up + cover.left * 100} {boot}",
    ]
    path = f"{common_dir}/gitfleet/{FOLDER}/{os.path.basename(git_dir)}"
    claims = {f"{name(claim)} {claim['pattern'].removesuffix('/')}" for claim in cover.claims}
    lines, until = _with_former(path, head, claims, wall // 100 + cover.left)
    if all(line.isprintable() and len(line) < 4096 for line in lines):
        _replace(path, os.fsencode("\n".join(lines) + "\n"), wall // 100, until)


def _evidence(git_dir: str, common_dir: str, session: str) -> tuple[str, str] | None:
    """What tells that `session` is meant here: a file below our folder with its line, and a process that must run."""
    state = f"{common_dir}/gitfleet"
    callers = acting.callers(os.environ)
    if len(callers) > 1:
        return None
    for client, own in callers:
        note = acting.path(state, client, own)
        line = _line(note)
        return (f"{note.removeprefix(state + '/')} {line}", "") if line else None
    if os.environ.get("GITFLEET_SESSION"):
        return "", ""
    here = f"sessions/{session}.json"
    record = fast_json.load(content(f"{state}/{here}"))
    process = record["process"] if record["person"] is not True else None
    running = f"{int(process['pid'])} {int(process['start'])}" if isinstance(process, dict) else ""
    return (f"{here} {_line(f'{state}/{here}')}", running) if running or record["person"] is True else None


def _with_former(path: str, head: list[str], claims: set[str], until: int) -> tuple[list[str], int]:
    """The lines of a permit that keeps what the former one allows where that rests upon the same; and its end."""
    try:
        former, ends = os.fsdecode(content(path)).splitlines(), int(os.stat(path).st_mtime)
    except OSError:
        former, ends = [], 0
    kept = set(former[_CLOCKS + 1 :]) - claims
    if not kept or former[:_CLOCKS] != head[:_CLOCKS] or len(kept | claims) > _CLAIMS:
        return [*head, *sorted(claims)[:_CLAIMS]], until
    wall, up, end, boot = head[_CLOCKS].split(" ")
    sooner = min(int(end), int(former[_CLOCKS].split(" ")[2]))
    return [*head[:_CLOCKS], f"{wall} {up} {sooner} {boot}", *sorted(kept | claims)], min(until, ends)


def _replace(path: str, data: bytes, now: int, until: int) -> None:
    """Whole or not at all, dated `until`. Not where files are dated by another clock than ours."""
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        from gitfleet.base import files  # once a clone

        files.folder(folder)
    aside = f"{path}.{os.getpid()}.tmp"
    try:
        with open(aside, "wb") as file:
            file.write(data)
        dated = os.stat(aside).st_mtime
        os.utime(aside, (until, until))
        if abs(dated - now) <= _SKEW:
            os.replace(aside, path)
            aside = ""
    finally:
        if aside:
            os.unlink(aside)


def _line(path: str) -> str:
    """The only line of a file; "" where there is no file. Raises ValueError for more."""
    if not os.path.exists(path):
        return ""
    text = os.fsdecode(content(path))
    if text.count("\n") != 1 or text[-1] != "\n":
        raise ValueError
    return text[:-1]

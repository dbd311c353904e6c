"""A small `git receive-pack` that does what it is told to do wrong: `oddhub.py HOW [no-atomic] REPOSITORY`.

Put in place with `remote.<name>.receivepack` (see `put_before`), it is a hub that compares its refs with what a push
says, and then `lies` about what came of it, or `overwrites` what the other push has done, or keeps only `half` of an
atomic push back, or breaks off (`hangs-up`); `sound` does all of it right.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import IO

ZERO = "0" * 40


def put_before(clone: Path, how: str, *more: str) -> None:
    """Have the pushes of `clone` to its origin received by this program."""
    command = shlex.join([sys.executable, "-S", str(Path(__file__)), how, *more])
    subprocess.run(["git", "config", "remote.origin.receivepack", command], cwd=clone, check=True)


def main() -> None:
    how, *more, repository = sys.argv[1:]
    entry, out = open(0, "rb", buffering=0), sys.stdout.buffer  # noqa: SIM115 - what follows is index-pack's to read
    advertise(repository, out, "" if "no-atomic" in more else " atomic")
    commands = list(updates(entry))
    if not commands:
        return
    if any(new != ZERO for _, new, _ in commands):
        command = ["index-pack", "--stdin", "--fix-thin"]
        subprocess.run(["git", *command], cwd=repository, stdin=entry, stdout=subprocess.DEVNULL, check=True)
    done = (
        [move(how, repository, *command) for command in commands]
        if how != "sound"
        else together(repository, commands)
    )
    if how == "hangs-up" and not all(done):
        return
    write(out, "unpack ok\n")
    for (_, _, ref), went in zip(commands, done, strict=True):
        write(out, f"ok {ref}\n" if went or how == "lies" else f"ng {ref} it has moved\n")
    out.write(b"0000")


def advertise(repository: str, out: IO[bytes], atomic: str) -> None:
    told = git(repository, "for-each-ref", "--format=%(objectname) %(refname)").stdout.decode().splitlines()
    abilities = f"report-status delete-refs ofs-delta object-format=sha1{atomic}"
    for number, line in enumerate(told or [f"{ZERO} capabilities^{{}}"]):
        write(out, f"{line}\0{abilities}\n" if number == 0 else f"{line}\n")
    out.write(b"0000")
    out.flush()


def updates(entry: IO[bytes]) -> list[tuple[str, str, str]]:
    found = []
    while (size := int(exactly(entry, 4) or b"0", 16)) > 4:
        old, new, ref = exactly(entry, size - 4).split(b"\0")[0].decode().strip().split(" ", 2)
        found.append((old, new, ref))
    return found


def exactly(entry: IO[bytes], size: int) -> bytes:
    data = b""
    while len(data) < size and (more := entry.read(size - len(data))):
        data += more
    return data


def move(how: str, repository: str, old: str, new: str, ref: str) -> bool:
    value = [] if how == "overwrites" else [old]
    arguments = ["-d", ref, *value] if new == ZERO else [ref, new, *value]
    return git(repository, "update-ref", *arguments).returncode == 0


def together(repository: str, commands: list[tuple[str, str, str]]) -> list[bool]:
    lines = "".join(f"update {ref}\0{new}\0{old}\0" for old, new, ref in commands).encode()
    done = subprocess.run(
        ["git", "update-ref", "-z", "--stdin"], cwd=repository, input=lines, capture_output=True
    )
    return [done.returncode == 0] * len(commands)


def git(repository: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=repository, capture_output=True)


def write(out: IO[bytes], text: str) -> None:
    out.write(b"%04x%s" % (len(text) + 4, text.encode()))
    out.flush()


if __name__ == "__main__":
    main()

"""A docker without containers: it notes what it is told, and runs the program of a container as a process that its client leaves.

Containers are files named after their ids; each has its labels and the process that it is. `docker run` starts that process in a
session of its own, without the mark of an attempt, hands on TERM, and ends as it does. `stuck`, `silent` and `unlimited` are files
that make it behave so.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

HOME = Path(__file__).parent


def run(words: list[str]) -> int:
    """Start a container, and wait for its end."""
    options = []
    while words[0].startswith("-"):
        options.append(words.pop(0))
    image, *command = words
    told = dict(option.lstrip("-").partition("=")[::2] for option in options)
    names = [option.removeprefix("--env=") for option in options if option.startswith("--env=")]
    env = {"PATH": os.environ["PATH"], "IMAGE": image}
    for name in names:
        key, equals, value = name.partition("=")
        if equals or key in os.environ:
            env[key] = value if equals else os.environ[key]
    env.pop("GITFLEET_SESSION", None)  # of another user, as far as can be seen
    gate, opener = os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    pid = os.fork()
    if pid == 0:
        os.close(opener)
        become(command, told["workdir"], env, gate)
    box = HOME / "containers" / f"{pid:064x}"
    box.parent.mkdir(exist_ok=True)
    aside = HOME / f"{box.name}.new"
    aside.write_text(json.dumps([told["label"], pid]))
    aside.rename(box)
    signal.signal(signal.SIGTERM, lambda number, _: hand_on(pid, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    os.write(opener, b"g")
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    box.unlink(missing_ok=True)
    return code if code >= 0 else 128 - code


def become(command: list[str], folder: str, env: dict[str, str], gate: int) -> NoReturn:
    """In the child: run the program once the container is known, as a daemon knows it before anything of it runs."""
    try:
        os.setsid()
        os.chdir(folder)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        if os.read(gate, 1):
            os.execvpe(command[0], command, env)
    finally:
        os._exit(127)


def hand_on(pid: int, number: int) -> None:
    """Send the container a signal."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def ps(words: list[str]) -> int:
    """Tell the ids of the containers with a label."""
    if (HOME / "silent").exists():
        sys.exit("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.")
    (label,) = [word.removeprefix("--filter=label=") for word in words if word.startswith("--filter")]
    for box in sorted((HOME / "containers").glob("*")):
        with suppress(FileNotFoundError):  # it has ended
            if json.loads(box.read_text())[0] == label:
                print(box.name)
    return 0


def rm(words: list[str]) -> int:
    """Kill containers and remove them."""
    if (HOME / "stuck").exists():
        sys.exit("Error response from daemon: could not kill container")
    for name in words[1:]:
        box = HOME / "containers" / name
        with suppress(FileNotFoundError):  # it has ended
            pid = json.loads(box.read_text())[1]
            hand_on(pid, signal.SIGKILL)
            while runs(pid):
                time.sleep(0.005)
            box.unlink()
    return 0


def runs(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in {b"Z", b"X"}
    except (FileNotFoundError, ProcessLookupError):
        return False


def version(_: list[str]) -> int:
    """Tell that it is there."""
    if (HOME / "silent").exists():
        sys.exit("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.")
    print("28.2.2")
    return 0


def info(_: list[str]) -> int:
    """Tell whether memory can be limited."""
    print("false" if (HOME / "unlimited").exists() else "true")
    return 0


if __name__ == "__main__":
    with (HOME / "told.jsonl").open("a") as file:
        file.write(json.dumps([sys.argv[1:], dict(os.environ)]) + "\n")
    sys.exit({"run": run, "ps": ps, "rm": rm, "info": info, "version": version}[sys.argv[1]](sys.argv[2:]))

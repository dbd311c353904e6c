"""A docker without containers: it notes what it is told, and runs the program of a container as a process that its client leaves.

Containers are files named after their ids; each has its labels and the process that it is. `docker run` starts that process in a
session of its own, without the mark of an attempt, hands on TERM, and ends as it does. `stuck`, `silent` and `unlimited` are files
that make it behave so.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

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
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    child = subprocess.Popen(command, cwd=told["workdir"], env=env, start_new_session=True)
    box = HOME / "containers" / f"{child.pid:064x}"
    box.parent.mkdir(exist_ok=True)
    box.write_text(json.dumps([told["label"], child.pid]))
    signal.signal(signal.SIGTERM, lambda number, _: child.send_signal(number))
    for number in asked:
        child.send_signal(number)
    code = child.wait()
    box.unlink(missing_ok=True)
    return code if code >= 0 else 128 - code


def ps(words: list[str]) -> int:
    """Tell the ids of the containers with a label."""
    if (HOME / "silent").exists():
        sys.exit("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.")
    (label,) = [word.removeprefix("--filter=label=") for word in words if word.startswith("--filter")]
    for box in sorted((HOME / "containers").glob("*")):
        if json.loads(box.read_text())[0] == label:
            print(box.name)
    return 0


def rm(words: list[str]) -> int:
    """Kill containers and remove them."""
    if (HOME / "stuck").exists():
        sys.exit("Error response from daemon: could not kill container")
    for name in words[1:]:
        box = HOME / "containers" / name
        os.kill(json.loads(box.read_text())[1], signal.SIGKILL)
        box.unlink(missing_ok=True)
    return 0


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

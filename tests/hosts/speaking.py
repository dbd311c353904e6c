"""A program that answers as a host's gitfleet does, as far as the wire goes, and does wrong what it is asked to, or its arguments say."""

from __future__ import annotations

import json
import os
import signal
import sys
import time

RECORD_VERSION = 1
ANSWERS: dict[str, dict[str, object]] = {
    "odd-facts": {"facts": {"cores": "many"}},
    "locked": {"state": "\x1b[31mread-only"},
}
"""By fault, what is answered to everything."""


class Speaker:
    """One conversation."""

    def __init__(self, nonce: str, faults: list[str]) -> None:
        self.nonce, self.faults = nonce, faults
        self.answers: list[dict[str, object]] = [body for name, body in ANSWERS.items() if name in faults]

    def tell(self, kind: str, body: object) -> None:
        """Write a frame."""
        data = json.dumps(body).encode("ascii")
        self.write(b"\n%s %s %d\n%s\n" % (self.nonce.encode(), kind.encode(), len(data), data))

    def write(self, data: bytes) -> None:
        """Write bytes."""
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def speak(self) -> None:
        """Hello, an answer to each line, and goodbye."""
        if "mute" in self.faults:
            time.sleep(1000)
        version = 7 if "other-version" in self.faults else RECORD_VERSION
        self.tell("hello", {"record_version": version, "tool_version": "0", "pid": os.getpid()})
        for line in sys.stdin.buffer:
            asked = json.loads(line)
            if "dies" in self.faults:
                os.kill(os.getpid(), signal.SIGKILL)
            getattr(self, f"do_{asked['op']}", self.do)(asked)
        if "stays" in self.faults:
            time.sleep(1000)
        self.tell("end", {})

    def do(self, asked: dict[str, object]) -> None:
        """Answer as is right, or as a fault has it."""
        self.tell("event", {"noticed": asked["op"]})
        usual = {"op": asked["op"], "home": os.environ.get("HOME")}
        self.tell("answer", {"id": asked["id"], **(self.answers[0] if self.answers else usual)})

    def do_hang(self, asked: dict[str, object]) -> None:
        """Answer nothing."""
        time.sleep(1000)

    def do_huge(self, asked: dict[str, object]) -> None:
        """Begin to answer with 100 MB."""
        self.write(b"%s answer %d\n" % (self.nonce.encode(), 100 << 20))
        self.do_chatter(asked)

    def do_chatter(self, asked: dict[str, object]) -> None:
        """Write 100 MB that are no frame."""
        for _ in range(100):
            self.write(b"x" * (1 << 20))

    def do_escapes(self, asked: dict[str, object]) -> None:
        """Tell of an error with words for a terminal."""
        self.tell(
            "error", {"code": "odd", "message": "\x1b[2J\x1b]0;owned\x07 broken\u202e", "id": asked["id"]}
        )

    def do_denied(self, asked: dict[str, object]) -> None:
        """Tell that something was not permitted."""
        self.tell("error", {"code": "permission", "message": "not permitted", "id": asked["id"]})

    def do_stop(self, asked: dict[str, object]) -> None:
        """Say goodbye instead of an answer."""
        self.tell("end", {})

    def do_other(self, asked: dict[str, object]) -> None:
        """Answer something else."""
        self.tell("answer", {"id": "another"})

    def do_damaged(self, asked: dict[str, object]) -> None:
        """Answer with a frame that something was written into."""
        self.write(b'%s answer 9\n{"id"noise: 1}\n' % self.nonce.encode())


if __name__ == "__main__":
    Speaker(sys.argv[sys.argv.index("--nonce") + 1], sys.argv[1:]).speak()

"""A program that answers as a host's gitfleet does, as far as the wire goes, and does wrong what its arguments say."""

from __future__ import annotations

import json
import os
import signal
import sys
import time

RECORD_VERSION = 1


def main(nonce: str, faults: list[str]) -> None:
    """Answer each line with what it was; `faults` name what goes wrong."""

    def tell(kind: str, body: object) -> None:
        data = json.dumps(body).encode("ascii")
        sys.stdout.buffer.write(b"\n%s %s %d\n%s\n" % (nonce.encode(), kind.encode(), len(data), data))
        sys.stdout.buffer.flush()

    if "mute" in faults:
        time.sleep(1000)
    version = 7 if "other-version" in faults else RECORD_VERSION
    tell("hello", {"record_version": version, "tool_version": "0", "pid": os.getpid()})
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        if "dies" in faults or asked["op"] == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if asked["op"] == "hang":
            time.sleep(1000)
        if asked["op"] == "huge":
            sys.stdout.buffer.write(b"%s answer %d\n" % (nonce.encode(), 100 << 20))
            for _ in range(100):
                sys.stdout.buffer.write(bytes(1 << 20))
        if asked["op"] == "chatter":
            for _ in range(100):
                sys.stdout.buffer.write(b"x" * (1 << 20))
        if asked["op"] == "escapes":
            tell("error", {"code": "odd", "message": "\x1b[2J\x1b]0;owned\x07 broken\u202e"})
            continue
        tell("event", {"noticed": asked["op"]})
        tell("answer", {"id": asked["id"], "op": asked["op"], "home": os.environ.get("HOME")})
    tell("end", {})


if __name__ == "__main__":
    main(sys.argv[sys.argv.index("--nonce") + 1], sys.argv[1:])

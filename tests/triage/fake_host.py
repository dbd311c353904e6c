"""A program that answers as a host's gitfleet does, with what a file says: a host that does wrong what a test wants of it.

`fake_host.py FILE on-host --nonce X`. FILE is JSON: by op the answer, without the session id, which is the asker's. `{"lines": [...]}` is
written as it is instead; `{"error": {...}}` is an error; `{"die": true}` kills it. `hello`: what is other in its first words.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

RECORD_VERSION = 1


def main(path: str, nonce: str) -> None:
    with open(path, encoding="utf-8") as file:
        answers: dict[str, Any] = json.load(file)

    def tell(kind: str, body: object) -> None:
        data = json.dumps(body, ensure_ascii=True).encode("ascii")
        sys.stdout.buffer.write(b"%s %s %d\n%s\n" % (nonce.encode(), kind.encode(), len(data), data))
        sys.stdout.buffer.flush()

    version = answers.get("record_version", RECORD_VERSION)
    said = {"record_version": version, "tool_version": "0", "python": "3.11", "boot": "b", "uid": 1000}
    tell("hello", {**said, **answers.get("hello", {})})
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        answer = answers.get(asked["op"], {})
        if answer.get("die"):
            os.kill(os.getpid(), signal.SIGKILL)
        for text in answer.get("lines", ()):
            sys.stdout.buffer.write(text.replace("NONCE", nonce).encode() + b"\n")
        if "error" in answer:
            tell("error", {**answer["error"], "id": asked["id"]})
        else:
            session = asked.get("asked", asked).get("session_id", "")
            tell("answer", {"session_id": session, **answer, "id": asked["id"]})
    tell("end", {})


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[sys.argv.index("--nonce") + 1])

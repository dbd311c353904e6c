"""`gitfleet on-host --nonce X`, and what is sent to a host that has no gitfleet: answers until its input ends."""

from __future__ import annotations

import sys
from typing import Sequence

from gitfleet.onhost import serving


def main(arguments: Sequence[str]) -> int:
    """Serve on the standard streams; 2 for a command line that is none."""
    if len(arguments) != 2 or arguments[0] != "--nonce" or not serving.NONCE.match(arguments[1]):
        sys.stderr.write(
            "gitfleet on-host: it takes --nonce and 32 hexadecimal digits, and is for other hosts to start\n"
        )
        return 2
    serving.serve(arguments[1], sys.stdin.buffer, sys.stdout.buffer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

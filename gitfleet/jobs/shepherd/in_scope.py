"""What `systemd-run` starts in a scope: `python -I -S in_scope.py FILE`. It reads the file, removes it, and becomes the agent.

A program of its own, which imports nothing of ours: it lives for milliseconds, in each attempt.
"""

import json
import os
import sys

if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        start = json.load(file)
    os.unlink(sys.argv[1])
    try:
        os.execvpe(start["argv"][0], start["argv"], start["env"])
    except OSError as error:
        sys.exit(f"{start['argv'][0]} could not be started: {error.strerror}")

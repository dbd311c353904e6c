"""A manager in the background: `python -P run.py CONFIG STATE HANDLE`. See `program`."""

import os
import sys

sys.path.insert(0, __file__.rsplit("/", 4)[0])

if __name__ == "__main__":
    os.closerange(int(sys.argv[3]) + 1, 1 << 16)  # whoever waits for the end of a file must not wait for ours

    from gitfleet.jobs.daemon import program

    sys.exit(program.main(sys.argv[1:]))

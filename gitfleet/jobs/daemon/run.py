"""A manager in the background: `python -P run.py CONFIG STATE HANDLE`. See `program`."""

import sys

sys.path.insert(0, __file__.rsplit("/", 4)[0])

if __name__ == "__main__":
    from gitfleet.jobs.daemon import program

    sys.exit(program.main(sys.argv[1:]))

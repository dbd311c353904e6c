"""The server, as a client starts it: `python -I -S run.py`. Without site packages, which only the commands that it runs need."""

import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])

if __name__ == "__main__":
    from gitfleet.mcp import server

    sys.exit(server.main())

"""`python -m gitfleet`."""

from __future__ import annotations

import sys

from gitfleet.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

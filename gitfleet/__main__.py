"""`python -m gitfleet`."""

from __future__ import annotations

from gitfleet.cli.main import process

if __name__ == "__main__":
    process()

"""Which gitfleet this is: said by every command, and by a host that is asked, wherever its code came from."""

from __future__ import annotations

__version__ = "0.1.0"

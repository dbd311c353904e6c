"""How the lines that name sessions and claims in a commit's message are written and read, whatever the user's own settings."""

from __future__ import annotations

NAMES = ("Fleet-Session", "Fleet-Claim")
PLAIN = ("-c", "trailer.separators=:")
"""Whatever the user's own trailers are written with."""

"""JSON that is no record of the ledger: what other programs say, and state files that hold floats. The one door for it.

Whatever cannot be read raises ValueError alone: what is no JSON, no UTF-8, or nested too deeply. How long it may be, its reader says.
"""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:  # which would cost a server of tools a third of its start
    from typing import Any


def load(data: bytes | str) -> Any:
    """The value in `data`. Raises ValueError."""
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None

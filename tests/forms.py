"""JSON output held against what the rows in `gitfleet/fleet/views/` say of it, field by field: a field that a row lacks fails."""

from __future__ import annotations

from typing import Any

from gitfleet.cli import schemas
from gitfleet.errors import EXIT_CODES
from gitfleet.fleet.views import schema
from gitfleet.fleet.views.envelope import Envelope, FailureAnswer


def held(answer: Any, code: int = 0, command: str = "") -> Any:
    """The data of an answer that ended with `code`. `command` names it where an option changes its data (`claim --wait`)."""
    schema.validate(Envelope, answer)
    name = command or answer["command"]
    assert answer["command"] == name.partition(" --")[0]
    known = schemas.COMMANDS[name]
    if "error" in answer["data"]:
        schema.validate(FailureAnswer, answer["data"], more=True)
        assert code in {*known.codes, *schemas.EVERYWHERE}
    else:
        schema.validate(known.data, answer["data"])
        assert answer["status"] in known.statuses
        assert code in {0, *known.codes}
    assert code in EXIT_CODES
    return answer["data"]

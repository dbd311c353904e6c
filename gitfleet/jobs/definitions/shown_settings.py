"""What agent files come to, as it may be shown: merged, with its defaults, without secrets, and in the words of agent files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo
from ruamel.yaml import YAML

from gitfleet.git.program import redact
from gitfleet.jobs import durations
from gitfleet.jobs.definitions.schema import Agent, FleetSettings
from gitfleet.jobs.definitions.values import Lease, Milliseconds, Rhythm

MASK = "***"
_TIMES = {
    one.func
    for kind in (Lease, Milliseconds, Rhythm)
    for one in get_args(kind)
    if isinstance(one, BeforeValidator)
}


def agent(found: Agent) -> dict[str, object]:
    """One agent. Values in `env.set`, and passwords in addresses, are masked."""
    return _section(found)


def fleet(found: FleetSettings) -> dict[str, object]:
    """What holds for all of them."""
    return _section(found)


def yaml(value: Mapping[str, object]) -> str:
    """The same as an agent file has it."""
    writer: Any = YAML(typ="safe", pure=True)
    writer.width, writer.default_flow_style, writer.sort_base_mapping_type_on_output = 4096, False, False
    stream = io.StringIO()
    writer.dump(_literal(value), stream)
    return stream.getvalue()


def _literal(value: object) -> object:
    """The same, with what would stand for a variable in a file written as one writes it there."""
    match value:
        case str():
            return value.replace("${", "$${")
        case Mapping():
            return {key: _literal(one) for key, one in value.items()}
        case list():
            return [_literal(one) for one in value]
    return value


def _section(section: BaseModel) -> dict[str, object]:
    """What is absent, or as empty as it is without a word, is left out."""
    found: dict[str, object] = {}
    for name, info in type(section).model_fields.items():
        value = getattr(section, name)
        default = info.get_default(call_default_factory=True)
        if value in (None, "", (), {}) and value == default:
            continue
        shown = _value(value, info)
        if shown != {} or value == {}:
            found[name] = shown
    if isinstance(known := found.get("set"), dict):
        found["set"] = dict.fromkeys(known, MASK)
    return found


def _value(value: object, info: FieldInfo | None = None) -> object:
    match value:
        case BaseModel():
            return _section(value)
        case Mapping():
            return {str(key): _value(one) for key, one in value.items()}
        case tuple() | list():
            return [_value(one) for one in value]
        case int() if info is not None and _is_time(info):
            return durations.words(value)
        case str():
            return "\n".join(redact(line) if "://" in line else line for line in value.split("\n"))
    return value


def _is_time(info: FieldInfo) -> bool:
    said = [
        *info.metadata,
        *(one for kind in get_args(info.annotation) for one in getattr(kind, "__metadata__", ())),
    ]
    return any(isinstance(one, BeforeValidator) and one.func in _TIMES for one in said)

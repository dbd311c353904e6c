"""The rules of `gitfleet.yaml`: their shape, and their reading from YAML, with every fault named.

Apart from `policy_file`, because the libraries that do this cost 110 ms, and only a file that has changed is read.
"""

from __future__ import annotations

import difflib
import io
import re
import shlex
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from gitfleet.claims.policy import CommitRule, EditRule, Policy, UnverifiableRule
from gitfleet.errors import FleetError
from gitfleet.git.drivers import UNION
from gitfleet.patterns import language, resources
from gitfleet.sessions import orchestration
from gitfleet.trunk.durations import Seconds
from gitfleet.trunk.notify_rules import NotifyRules
from gitfleet.trunk.queue_rules import QueueRules

MAX_BYTES = 256 * 1024


def _pattern(value: object) -> object:
    if isinstance(value, str):
        try:
            language.parse(value)
        except FleetError as error:
            raise ValueError(error.message) from error
    return value


PatternText = Annotated[str, BeforeValidator(_pattern)]


def _switch(value: object) -> object:
    return {"on": True, "off": False}.get(value, value) if isinstance(value, str) else value


Switch = Annotated[bool, BeforeValidator(_switch)]  # to YAML 1.2 `on` and `off` are words


def _capacity(value: object) -> object:
    return value if isinstance(value, dict) else {"capacity": value}


def _resource(value: object) -> object:
    if isinstance(value, str) and not resources.is_name(value.lower()):
        raise ValueError(f"{value!a} is not a resource name: letters, digits, '.', '_' and '-', at most 64")
    return value


def _named_once(value: dict[str, ResourceRules]) -> dict[str, ResourceRules]:
    small = {name.lower(): resource for name, resource in value.items()}
    if len(small) < len(value):
        raise ValueError("one resource is named twice; case makes no difference")
    return small


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClaimRules(_Strict):
    """`claims:` in gitfleet.yaml."""

    ttl: Seconds = Policy().ttl
    max_age: Seconds = Field(default=Policy().max_age, alias="max-age")
    shared: tuple[PatternText, ...] = ()
    everything: bool = False
    case: Literal["insensitive", "sensitive"] = "insensitive"


class StateRules(_Strict):
    """`state:` in gitfleet.yaml."""

    max_age: Seconds = Field(default=Policy().state_max_age, alias="max-age")
    unverifiable: UnverifiableRule = "stop"


class GateRules(_Strict):
    """`gates:` in gitfleet.yaml: gates that stand aside unless they are switched on."""

    reference_transaction: Switch = Field(
        default=Policy().reference_transaction, alias="reference-transaction"
    )


class ResourceRules(_Strict):
    """One entry of `resources:`; a bare number is its capacity."""

    capacity: int = Field(ge=1, le=resources.MOST_UNITS, strict=True)


_NUMBER = {"type": "integer", "minimum": 1, "maximum": resources.MOST_UNITS}
_RESOURCE_SCHEMA = {
    "anyOf": [
        _NUMBER,
        {
            "type": "object",
            "properties": {"capacity": _NUMBER},
            "required": ["capacity"],
            "additionalProperties": False,
        },
    ]
}
Resource = Annotated[ResourceRules, BeforeValidator(_capacity), WithJsonSchema(_RESOURCE_SCHEMA)]
ResourceName = Annotated[str, BeforeValidator(_resource)]


class DriverRules(_Strict):
    """One entry of `merge.drivers:`; `union: built-in` is git's own."""

    command: str = Field(min_length=1, max_length=4096)
    version: str = Field(min_length=1, max_length=200)

    @field_validator("command")
    @classmethod
    def _splits(cls, value: str) -> str:
        try:
            words = shlex.split(value)
        except ValueError as error:
            raise ValueError(f"cannot be split into words: {error}") from error
        if not words or "%A" not in value:
            raise ValueError("must name a program, and %A, where it is to leave the result")
        return value


def _kind(value: object) -> str:
    return "[git's]" if isinstance(value, str) else "[named]"


Driver = Annotated[
    Annotated[DriverRules, Tag("[named]")] | Annotated[Literal["built-in"], Tag("[git's]")],
    Discriminator(_kind),
]


def _drivers(value: dict[str, Driver]) -> dict[str, Driver]:
    for name, driver in value.items():
        if (driver == "built-in") != (name == UNION):
            raise ValueError(
                f"{name!a}: `union: built-in` is the only driver of git's own; others need command and version"
            )
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name) or name in {"text", "binary"}:
            raise ValueError(
                f"{name!a} is not a name for a merge driver: letters, digits, '_' and '-', not text or binary"
            )
    return value


class MergeSection(_Strict):
    """`merge:` in gitfleet.yaml."""

    drivers: Annotated[dict[str, Driver], AfterValidator(_drivers)] = {}


class Rules(_Strict):
    """The whole of gitfleet.yaml."""

    version: Literal[1]
    commits: CommitRule = "require-claim"
    edits: EditRule = "claim-on-edit"
    claims: ClaimRules = ClaimRules()
    state: StateRules = StateRules()
    gates: GateRules = GateRules()
    merge: MergeSection = MergeSection()
    resources: Annotated[dict[ResourceName, Resource], AfterValidator(_named_once)] = {}
    orchestrators: dict[str, object] = {}
    queue: QueueRules = QueueRules()
    notify: NotifyRules = NotifyRules()


def parse(data: bytes) -> Rules:
    """The rules in the bytes of a gitfleet.yaml. Raises ValueError naming each fault with its key."""
    if len(data) > MAX_BYTES:
        raise ValueError(f"{len(data)} bytes are more than it may have ({MAX_BYTES})")
    try:
        raw = YAML(typ="safe", pure=True).load(io.BytesIO(data))
    except (YAMLError, RecursionError, ValueError) as error:
        raise ValueError(f"not readable as YAML: {_place(str(error))}") from error
    try:
        rules = Rules.model_validate(raw if raw is not None else {})
    except ValidationError as error:
        raise ValueError(
            "; ".join(_words(fault["loc"], _fault(fault), fault["type"]) for fault in error.errors())
        ) from error
    _, faults = orchestration.read_markers(rules.orchestrators)
    if faults:
        raise ValueError("; ".join(faults))
    return rules


def _place(said: str) -> str:
    """What the YAML library says, without its own names for things."""
    said = " ".join(said.partition("To suppress this check")[0].split())
    return re.sub(r'in "<[^"]*>", (?=line)', "at ", said)


def _fault(fault: ErrorDetails) -> str:
    """What is wrong with one value, in our words; those of the library where we have none."""
    facts = fault.get("ctx", {})
    expected = str(facts.get("expected", ""))
    if fault["type"] == "literal_error":
        known = re.findall(r"'([^']*)'", expected)
        near = difflib.get_close_matches(str(fault["input"]), known, n=1, cutoff=0.7)
        return f"must be {expected}" + (f"; did you mean {near[0]}?" if near else "")
    words = _FAULTS.get(fault["type"])
    return fault["msg"].removeprefix("Value error, ") if words is None else words.format(**facts)


_FAULTS = {
    "missing": "must be given",
    "model_type": "must hold keys with values",
    "dict_type": "must hold keys with values",
    "tuple_type": "must be a list",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


def _words(loc: tuple[int | str, ...], said: str, kind: str) -> str:
    """One fault; where a key is unknown, with the one that may be meant. Words in brackets are the library's, and no keys."""
    where = ".".join(part for part in map(str, loc) if not part.startswith("[")) or "the file"
    if kind != "extra_forbidden":
        return f"{where}: {said}"
    spelled = where.lower().replace("_", "-")
    section, _, last = spelled.rpartition(".")
    beside = [key for key in _KEYS if section and key.rpartition(".")[0] == section]
    near = difflib.get_close_matches(spelled, beside, n=1, cutoff=0.9)
    if spelled not in near:
        near += [key for key in _KEYS if key.rpartition(".")[2] == last and key not in near]
    near = near or difflib.get_close_matches(spelled, _KEYS, n=1, cutoff=0.7)
    return f"{where}: there is no such key" + (f"; did you mean {' or '.join(near)}?" if near else "")


def _keys(model: type[BaseModel], before: str = "") -> list[str]:
    """Every key that the rules know, those inside of others with a dot."""
    found = []
    for name, field in model.model_fields.items():
        key = f"{before}{field.alias or name}"
        found.append(key)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found += _keys(field.annotation, f"{key}.")
    return found


_KEYS = _keys(Rules)


def compiled(rules: Rules) -> dict[str, object]:
    """The rules as gates read them (`claims.policy`)."""
    return {
        "commits": rules.commits,
        "edits": rules.edits,
        "ttl": min(rules.claims.ttl, rules.claims.max_age),
        "max_age": rules.claims.max_age,
        "shared": list(rules.claims.shared),
        "everything": rules.claims.everything,
        "case_sensitive": rules.claims.case == "sensitive",
        "state_max_age": rules.state.max_age,
        "unverifiable": rules.state.unverifiable,
        "reference_transaction": rules.gates.reference_transaction,
        "resources": {name: resource.capacity for name, resource in rules.resources.items()},
        "merge_drivers": {
            name: {} if isinstance(driver, str) else driver.model_dump()
            for name, driver in rules.merge.drivers.items()
        },
        "orchestrators": rules.orchestrators,
        "queue": rules.queue.compiled(),
        "notify": rules.notify.compiled(),
    }

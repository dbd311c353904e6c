"""`gitfleet.yaml`: read from the trunk of the hub, validated, and compiled to JSON for gates.

Never the copy in a worktree or on a branch under judgement. A file that cannot be understood changes nothing: the
rules that held before go on, and the fault is named.
"""

from __future__ import annotations

import io
import os
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from gitfleet.base import canonical, files
from gitfleet.claims import patterns
from gitfleet.claims.policy import Policy
from gitfleet.errors import FleetError
from gitfleet.git import fleetrefs, refs
from gitfleet.git.program import Git
from gitfleet.git.repository import Repository
from gitfleet.ledger.node import Node, state_folder
from gitfleet.sessions import orchestration

CONFIG = "gitfleet.yaml"
MAX_BYTES = 256 * 1024
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(value: Any) -> Any:
    if isinstance(value, str) and value[-1:] in _UNITS and value[:-1].isdigit():
        return int(value[:-1]) * _UNITS[value[-1]]
    return value


def _pattern(value: Any) -> Any:
    if isinstance(value, str):
        try:
            patterns.parse(value)
        except FleetError as error:
            raise ValueError(error.message) from error
    return value


Seconds = Annotated[int, BeforeValidator(_seconds), Field(ge=60, le=30 * 86400)]
PatternText = Annotated[str, BeforeValidator(_pattern)]


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
    unverifiable: Literal["stop", "warn", "allow"] = "stop"


class Rules(_Strict):
    """The whole of gitfleet.yaml."""

    version: Literal[1]
    commits: Literal["require-claim", "claim-on-commit", "conflicts-only", "warn", "off"] = "require-claim"
    claims: ClaimRules = ClaimRules()
    state: StateRules = StateRules()
    orchestrators: dict[str, Any] = {}


def parse(data: bytes) -> Rules:
    """The rules in the bytes of a gitfleet.yaml. Raises ValueError naming each fault with its key."""
    if len(data) > MAX_BYTES:
        raise ValueError(f"{len(data)} bytes are more than it may have ({MAX_BYTES})")
    try:
        raw = YAML(typ="safe", pure=True).load(io.BytesIO(data))
    except (YAMLError, RecursionError, ValueError) as error:
        raise ValueError(f"not readable as YAML: {' '.join(str(error).split())}") from error
    try:
        rules = Rules.model_validate(raw if raw is not None else {})
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}" for fault in error.errors()]
        raise ValueError("; ".join(faults)) from error
    _, faults = orchestration.read_markers(rules.orchestrators)
    if faults:
        raise ValueError("; ".join(faults))
    return rules


def compiled(rules: Rules) -> dict[str, Any]:
    """The rules as gates read them (`claims.policy`)."""
    return {
        "commits": rules.commits,
        "ttl": rules.claims.ttl,
        "max_age": rules.claims.max_age,
        "shared": list(rules.claims.shared),
        "everything": rules.claims.everything,
        "case_sensitive": rules.claims.case == "sensitive",
        "state_max_age": rules.state.max_age,
        "unverifiable": rules.state.unverifiable,
        "orchestrators": rules.orchestrators,
    }


def refresh(repository: Repository, node: Node) -> list[str]:
    """Compile the trunk's rules again if they have moved; warnings when they cannot be understood."""
    git = repository.git
    trunk = trunk_tip(git, node)
    blob = (
        git.line("rev-parse", "--verify", "--quiet", "--end-of-options", f"{trunk}:{CONFIG}")
        if trunk
        else None
    )
    path = os.path.join(state_folder(repository.common_dir), "policy.json")
    if not blob:
        files.remove(path)
        return []
    known = canonical.load(files.read(path) or b"{}")
    if known.get("blob") == blob:
        return [str(known["fault"])] if known.get("fault") else []
    try:
        record = {**compiled(parse(git.run("cat-file", "blob", blob))), "fault": ""}
    except ValueError as error:
        words = f"gitfleet.yaml on the trunk '{node.trunk}' cannot be used, so the rules from before it go on: {error}"
        record = {**known, "fault": words}
    files.replace(path, canonical.dump({**record, "blob": blob}))
    return [record["fault"]] if record["fault"] else []


def trunk_tip(git: Git, node: Node) -> str | None:
    """The newest commit of the trunk that this clone has seen of the hub; of the branch itself without a hub."""
    if not node.hub:
        return refs.read(git, f"refs/heads/{node.trunk}").get(f"refs/heads/{node.trunk}")
    theirs, tracked = fleetrefs.seen_trunk(node.hub), f"refs/remotes/{node.hub}/{node.trunk}"
    known = refs.read(git, theirs, tracked)
    if theirs not in known or tracked not in known:
        return known.get(theirs) or known.get(tracked)
    newer = git.ask("merge-base", "--is-ancestor", known[theirs], known[tracked]).code == 0
    return known[tracked] if newer else known[theirs]

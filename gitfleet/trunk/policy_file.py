"""`gitfleet.yaml`: taken from the trunk of the hub, and compiled to JSON for gates when the trunk's copy has changed.

Never the copy in a worktree or on a branch under judgement. A file that cannot be understood changes nothing: the
rules that held before go on, and the fault is named. What the rules are is `policy_rules`' business.
"""

from __future__ import annotations

import os

from gitfleet.base import canonical, files
from gitfleet.git.program import Git
from gitfleet.git.repository import Repository
from gitfleet.ledger.own_node import Node, state_folder
from gitfleet.trunk import draft, position
from gitfleet.trunk.draft import CONFIG


def refresh(repository: Repository, node: Node) -> list[str]:
    """Compile the trunk's rules again if they have moved; warnings when they cannot be understood."""
    git = repository.git
    tip = position.tip(git, node)
    path = os.path.join(state_folder(repository.common_dir), "policy.json")
    known = _compiled(path)
    still = str(known.get("blob", "")) if tip and known.get("commit") == tip else ""
    blob = still or (_blob(git, tip) if tip else None)
    if not blob:
        files.remove(path)
        return []
    if draft.pending(os.path.dirname(path)):
        draft.settle(repository.common_dir)
    if known.get("blob") == blob:
        if not still:
            files.replace(path, canonical.dump({**known, "commit": tip}))
        return [str(known["fault"])] if known.get("fault") else []
    try:
        record = {**_compile(git, blob), "fault": ""}
    except ValueError as error:
        words = f"gitfleet.yaml on the trunk '{node.trunk}' cannot be used, so the earlier rules still hold: {error}"
        record = {**known, "fault": words}
    files.replace(path, canonical.dump({**record, "blob": blob, "commit": tip}))
    return [str(record["fault"])] if record["fault"] else []


def staged_faults(data: bytes) -> list[str]:
    """What is wrong with the rules that are about to be committed. Costs 110 ms."""
    from gitfleet.trunk import policy_rules  # see `_compile`

    try:
        policy_rules.parse(data)
    except ValueError as error:
        return [f"{CONFIG} as staged cannot be used, so its rules will not hold after it lands: {error}"]
    return []


def compiled_at(git: Git, revision: str) -> tuple[dict[str, object], list[str]]:
    """The same, as it is compiled: nothing where the defaults hold."""
    blob = _blob(git, revision)
    try:
        return (_compile(git, blob) if blob else {}), []
    except ValueError as error:
        return {}, [f"gitfleet.yaml on the trunk cannot be used, so the defaults hold: {error}"]


def _blob(git: Git, revision: str) -> str | None:
    return git.line("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}:{CONFIG}")


def _compile(git: Git, blob: str) -> dict[str, object]:
    from gitfleet.trunk import policy_rules  # pydantic and YAML: 110 ms, for a file that has changed

    return policy_rules.compiled(policy_rules.parse(git.run("cat-file", "blob", blob)))


def _compiled(path: str) -> dict[str, object]:
    """What was compiled before; nothing when that cannot be read, so that it is made again."""
    try:
        return canonical.load(files.read(path) or b"{}")
    except ValueError:
        return {}

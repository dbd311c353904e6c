"""How a clone joins a fleet, and how it leaves without a trace.

Joining writes the node file last: until it is there, hooks do nothing and the clone is no part of a fleet, so a crash
on the way leaves nothing that acts. Leaving takes it away first. Hooks themselves are `githooks.install`'s.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gitfleet.base import canonical, files, ids, resources
from gitfleet.base.ids import ALPHABET, is_name
from gitfleet.base.locks import NodeLock
from gitfleet.base.text import display
from gitfleet.errors import Blocked, Corrupt, HubAlarm, NoFleet, UsageError
from gitfleet.fleet import probe, trunk
from gitfleet.git import fleetrefs, refs
from gitfleet.git.objects import open_objects
from gitfleet.git.program import Git
from gitfleet.git.remote import Push, Remote, Update, hub_error
from gitfleet.git.repository import MAIN, Repository, note_main
from gitfleet.git.trees import Objects, Snapshot
from gitfleet.ledger import commits
from gitfleet.ledger import node as nodes
from gitfleet.ledger.hub import RemoteHub, alarm
from gitfleet.ledger.node import Node, state_folder
from gitfleet.ledger.outbox import Outbox
from gitfleet.worktrees import leaving

CONFIG = "gitfleet.yaml"


@dataclass(frozen=True, slots=True)
class Joined:
    """The node, whether it is new, what the hub was found to do, and what people should know."""

    node: Node
    fresh: bool
    findings: Sequence[probe.Finding]
    warnings: Sequence[str]
    config: str


def join(repository: Repository, hub: str | None, announce: Callable[[str], None]) -> Joined:
    """Make this clone a node of the fleet at `hub` (None: as before, else `origin`, the only remote, or, where there is none, the clone itself).

    Twice is harmless; two nodes at once agree. Raises UsageError, HubUnreachable, HubRefused, HubAlarm with the clone
    as it was.
    """
    if repository.worktree is None:
        raise UsageError(
            "This is a bare repository; a fleet's node is a clone with a worktree.", hint="Run it in a clone."
        )
    state = state_folder(repository.common_dir)
    fresh = not os.path.exists(state)
    known = refs.read(repository.git, fleetrefs.ROOT, fleetrefs.HUB)
    files.folder(state)
    try:
        with NodeLock(os.path.join(state, "lock")).held(30.0, announce):
            return _join(repository, hub)
    except BaseException:
        if fresh and not os.path.exists(os.path.join(state, "node.json")):
            _forget_refs(repository, known)
            shutil.rmtree(state, ignore_errors=True)
        raise


def _join(repository: Repository, hub: str | None) -> Joined:
    before = _before(repository.common_dir)
    name = _hub(repository, hub, before)
    node = Node(id=before.id if before else _new_id(), hub=name, trunk=_trunk(repository, name, before))
    objects = open_objects(repository.common_dir)
    try:
        root = commits.write_root(objects)
        objects.flush()
        _check_writing(repository, node)
        findings, warnings = (
            _open_hub(repository, objects, node, root, before)
            if name
            else ([], _open_here(repository, root, before))
        )
    finally:
        objects.close()
    Outbox(state_folder(repository.common_dir)).prepare()
    config = _write_config(repository, node)
    note_main(repository)
    if before is None:
        _note_beginning(repository)
    nodes.save(repository.common_dir, node)
    return Joined(node, before is None, findings, warnings, config)


def leave(repository: Repository, *, force: bool) -> list[str]:
    """Take back all that `join` and use have left in this clone; what is said about what stays.

    Refuses (Blocked) while operations wait for the hub, unless forced. The hub's refs belong to the fleet and stay;
    so do unreachable objects, until git's own `gc`. A `gitfleet.yaml` that was changed or committed stays.
    """
    state = state_folder(repository.common_dir)
    if not force:
        check_leaving(repository)
    kept = [*_remove_config(state), *leaving.leave(repository)]
    files.remove(os.path.join(state, "node.json"))
    _forget_refs(repository, {})
    files.remove(os.path.join(repository.common_dir, MAIN))
    for folder in [repository.common_dir, *_worktree_dirs(repository.common_dir)]:
        files.remove(os.path.join(folder, "gitfleet-session"))
        shutil.rmtree(os.path.join(folder, "gitfleet-logs"), ignore_errors=True)  # of launched sessions
    shutil.rmtree(state)
    return kept


def check_leaving(repository: Repository) -> None:
    """Raise NoFleet where there is nothing to leave, Blocked while operations wait that leaving would lose."""
    state = state_folder(repository.common_dir)
    if not os.path.isdir(state):
        raise NoFleet(
            "This clone is not part of a fleet; there is nothing to take back.", path=repository.common_dir
        )
    outbox = Outbox(state).root
    if any(files.names(os.path.join(outbox, place)) for place in ("new", "taken", "tentative")):
        raise Blocked(
            "Operations of this clone still wait for the hub; leaving now would lose them. Nothing was changed.",
            hint="Run `gitfleet sync` first.",
        )


def _before(common_dir: str) -> Node | None:
    try:
        return nodes.load(common_dir)
    except (NoFleet, Corrupt):  # a broken file is mended by joining anew, as its own error advises
        return None


def _hub(repository: Repository, wanted: str | None, before: Node | None) -> str:
    remotes = _remotes(repository)
    if wanted is not None:
        if wanted in remotes:
            return wanted
        words = f"There is no remote '{display(wanted)}' here (remotes: {', '.join(remotes) or 'none'}). Nothing was changed."
        raise UsageError(words, hint="Add it with `git remote add`, or leave `--hub` out.")
    if before is not None:
        return before.hub
    if "origin" in remotes:
        return "origin"
    if len(remotes) > 1:  # to guess would let two clones agree through different hubs, or through none
        raise UsageError(
            f"There are several remotes here ({', '.join(remotes)}), and none is called 'origin'. Nothing was changed.",
            hint="Say which one the fleet agrees through: `gitfleet init --hub REMOTE`.",
        )
    return remotes[0] if remotes else ""


def _remotes(repository: Repository) -> list[str]:
    return os.fsdecode(repository.git.run("remote")).split()


def _trunk(repository: Repository, hub: str, before: Node | None) -> str:
    if before is not None and before.hub == hub == "":
        return before.trunk
    if hub:
        out = repository.git.ask("ls-remote", "--symref", "--quiet", "--", hub, "HEAD").stdout
        for line in os.fsdecode(out).splitlines():
            if line.startswith("ref: refs/heads/"):
                return line.removeprefix("ref: refs/heads/").split("\t")[0]
    return _main_branch(repository)


def _main_branch(repository: Repository) -> str:
    """What people will take for the trunk in a clone that is its own hub: rarely the branch that happens to be out."""
    git = repository.git
    usual = [git.line("config", "--get", "init.defaultBranch") or "main", "main", "master", "trunk"]
    there = refs.read(git, *[f"refs/heads/{name}" for name in usual])
    current = (git.line("symbolic-ref", "--quiet", "HEAD") or "refs/heads/main").removeprefix("refs/heads/")
    return next((name for name in usual if f"refs/heads/{name}" in there), current)


def _open_hub(
    repository: Repository, objects: Objects, node: Node, root: str, before: Node | None
) -> tuple[list[probe.Finding], list[str]]:
    """Find the hub able, and the ledger there; make the ledger if there is none."""
    git, remote = repository.git, Remote(repository.git, node.hub)
    hub = RemoteHub(git, objects, remote)
    findings = probe.probe(remote, node.id, root, _second(objects, root))
    warnings = probe.demand(findings, node.hub)
    ours = refs.read(git, fleetrefs.COORD).get(fleetrefs.COORD)
    if fleetrefs.COORD not in remote.look(fleetrefs.COORD):
        if ours is not None and before is not None and before.hub == node.hub:
            raise alarm("vanished", node.hub, ours, None)
        begun = remote.push([Update(fleetrefs.COORD, ours or root, None)])
        if begun.outcome is Push.REFUSED:
            raise hub_error(node.hub, begun.output, what="write to", refused=True)
    try:
        hub.fetch()
    except HubAlarm as error:
        if before is not None and before.hub != node.hub:
            raise _another_fleet(node, before, error) from error
        raise
    return findings, warnings


def _another_fleet(node: Node, before: Node, found: HubAlarm) -> HubAlarm:
    """The hub named anew belongs to others: no hub of ours is damaged, and there is nothing to repair."""
    whose = f"that of the hub '{before.hub}'" if before.hub else "its own"
    return HubAlarm(
        f"The hub '{node.hub}' has a ledger that does not continue this clone's, which is {whose}. Nothing was changed.",
        hint=f"To leave that for the fleet of '{node.hub}': `gitfleet uninstall`, then `gitfleet init --hub {node.hub}`.",
        **found.facts,
    )


def _open_here(repository: Repository, root: str, before: Node | None) -> list[str]:
    remotes = _remotes(repository)
    warnings = []
    if remotes:
        warnings = [f"there is a remote now; to agree through it: `gitfleet init --hub {remotes[0]}`"]
    if fleetrefs.COORD in refs.read(repository.git, fleetrefs.COORD):
        return warnings
    refs.move(repository.git, fleetrefs.COORD, new=root, old=None)
    if before is None or before.hub:
        return warnings
    return [
        *warnings,
        f"{fleetrefs.COORD} was gone, and this clone was its only place: the fleet begins anew",
    ]


def _second(objects: Objects, root: str) -> str:
    """Another commit for the probe: a child of the root that no ledger has."""
    tip = commits.read(objects, root)
    return commits.write(
        objects, Snapshot(objects, tip.tree), tip, [], ["probe"], node="probe", at=commits.ROOT_TIME
    ).oid


def _new_id() -> str:
    host = os.uname().nodename.split(".")[0].lower()
    word = "".join(c if c.isalnum() and c.isascii() else "-" for c in host).strip("-")[:24]
    tail = "".join(ALPHABET[byte & 31] for byte in os.urandom(8)).lower()
    name = f"{word}-{tail}"
    return name if is_name(name) else f"node-{tail}"


def _note_beginning(repository: Repository) -> None:
    """Note where the branches stand: what was committed before the fleet began here needed nobody's claim."""
    tips = {*refs.read(repository.git, "refs/heads").values(), refs.resolve(repository.here, "HEAD") or ""}
    path = os.path.join(state_folder(repository.common_dir), "begun")
    files.replace(path, "".join(f"{oid}\n" for oid in sorted(tips) if oid).encode())


def _write_config(repository: Repository, node: Node) -> str:
    """Put a commented gitfleet.yaml into the worktree, once for the clone, unless the trunk has one already."""
    assert repository.worktree is not None
    path = os.path.join(repository.worktree, CONFIG)
    note = os.path.join(state_folder(repository.common_dir), "made.json")
    if os.path.lexists(path) or os.path.exists(note):
        return "kept"
    tip = trunk.tip(repository.git, node)
    if tip and refs.resolve(repository.git, f"{tip}:{CONFIG}"):
        return "kept"
    template = resources.read("templates", CONFIG)
    files.replace(note, canonical.dump({"path": path, "sha256": hashlib.sha256(template).hexdigest()}))
    return "written" if files.create(path, template) else "kept"


def _check_writing(repository: Repository, node: Node) -> None:
    """Raise LocalStorage, or what else stands in the way of the files and refs of a node, before the hub is asked for anything."""
    state = state_folder(repository.common_dir)
    files.tryout(os.path.join(state, "node.json"))
    Outbox(state).prepare()
    config = os.path.join(repository.worktree or "", CONFIG)
    if not os.path.lexists(config) and not os.path.exists(os.path.join(state, "made.json")):
        files.tryout(config)
    trial = f"{fleetrefs.seen(node.hub or 'here')}trial-{ids.ulid().lower()}"
    present = refs.resolve(repository.here, "HEAD")
    if present:
        if not refs.move(repository.git, trial, new=present, old=None):
            raise refs.locked(repository.git, trial)
        refs.delete(repository.git, trial, old=present)


def _remove_config(state: str) -> list[str]:
    note = files.read(os.path.join(state, "made.json"))
    if note is None:
        return []
    made = canonical.load(note)
    path = str(made["path"])
    data = files.read(path)
    if data is None:
        return []
    folder = os.path.dirname(path)
    there = Git(os.path.join(folder, ".git"), cwd=folder)
    tracked = there.ask("ls-files", "--error-unmatch", "--", CONFIG).code == 0
    if tracked or hashlib.sha256(data).hexdigest() != made["sha256"]:
        return [f"{path} was changed or committed since, so it stays"]
    files.remove(path)
    return []


def _forget_refs(repository: Repository, known: Mapping[str, str]) -> None:
    """Take away the fleet's refs in this clone, but for those in `known`, and the folders that they leave empty."""
    for name, oid in refs.read(repository.git, fleetrefs.ROOT, fleetrefs.HUB).items():
        if name not in known:
            refs.delete(repository.git, name, old=oid)
    _remove_empty(repository.common_dir)


def _worktree_dirs(common_dir: str) -> list[str]:
    folder = os.path.join(common_dir, "worktrees")
    return [os.path.join(folder, name) for name in files.names(folder)]


def _remove_empty(common_dir: str) -> None:
    """The folders that deleted refs leave behind."""
    for base in ("refs", "logs/refs"):
        for name in ("fleet", "fleet-hub"):
            top = os.path.join(common_dir, base, name)
            for folder, _, _ in os.walk(top, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    continue

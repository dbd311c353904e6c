"""How a clone joins a fleet, and how it leaves without a trace.

Joining writes the node file last: until it is there, hooks do nothing and the clone is no part of a fleet, so a crash
on the way leaves nothing that acts. Leaving takes it away first. Hooks themselves are `githooks.install`'s.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gitfleet.base import advice, files, ids, shellwords
from gitfleet.base.ids import ALPHABET, is_name
from gitfleet.base.locks import NodeLock
from gitfleet.base.names import NodeId
from gitfleet.base.text import display
from gitfleet.codec import replace
from gitfleet.errors import UNCHANGED, Blocked, Corrupt, HubAlarm, HubUnreachable, NoFleet, UsageError
from gitfleet.fleet import copies, probe
from gitfleet.gates import checkout, slots
from gitfleet.git import fleetrefs, refs, sharing
from gitfleet.git.advertisement import Shown
from gitfleet.git.objects import open_objects
from gitfleet.git.program import Git
from gitfleet.git.remote import Addresses, Push, Remote, Update, elsewhere, hub_error
from gitfleet.git.repository import NOTE_OF_MAIN, Repository, note_main
from gitfleet.git.trees import Objects
from gitfleet.ledger import commits, own_node
from gitfleet.ledger.news import News
from gitfleet.ledger.outbox import Outbox
from gitfleet.ledger.own_node import Node, state_folder
from gitfleet.ledger.remote_hub import RemoteHub, alarm
from gitfleet.trunk import draft, hub_head, position
from gitfleet.worktrees import leaving

_HEADS = "refs/heads/"
ConfigWord = Literal["written", "kept", "landed", "none"]
"""What became of gitfleet.yaml; "landed": one is on the trunk."""


@dataclass(frozen=True, slots=True)
class Joined:
    """The node, whether it is new, what the hub was found to do, and what people should know."""

    node: Node
    fresh: bool
    findings: Sequence[probe.Trial]
    warnings: Sequence[str]
    config: ConfigWord


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
    sharing.share(repository.git, [state])  # what is put in below follows it
    try:
        with NodeLock(os.path.join(state, "lock")).held(30.0, announce):
            return _join(repository, hub)
    except BaseException as error:
        if isinstance(error, HubUnreachable):
            error.unharmed = "Nothing was changed here."
            error.hint = f"Run {advice.INIT} again when the hub can be reached."
        if fresh and not os.path.exists(os.path.join(state, "node.json")):
            _forget_refs(repository, known)
            shutil.rmtree(state, ignore_errors=True)
        raise


def _join(repository: Repository, hub: str | None) -> Joined:
    before = _before(repository.common_dir)
    name = _hub(repository, hub, before)
    node = Node(before.id if before else _new_id(), name, before.trunk if before else "")
    findings: list[probe.Trial] = []
    objects = open_objects(repository.common_dir)
    try:
        root = commits.write_root(objects)
        objects.flush()
        _check_writing(repository, node)
        if name:
            node, findings, warnings = _open_hub(repository, objects, node, root, before)
        else:
            node, warnings = _open_here(repository, node, root, before)
    finally:
        objects.close()
    Outbox(state_folder(repository.common_dir)).prepare()
    config = _write_config(repository, node, root)
    note_main(repository)
    if before is None:
        _note_beginning(repository)
    copies.note(repository.common_dir, node)
    own_node.save(repository.common_dir, node)
    return Joined(node, before is None, findings, warnings, config)


def leave(repository: Repository, *, force: bool) -> list[str]:
    """Take back all that `join` and use have left in this clone; what stays here and on the hub, and what takes that away.

    Refuses (Blocked) while operations wait for the hub, unless forced. The hub's refs belong to the fleet and stay;
    so do unreachable objects, until git's own `gc`. A `gitfleet.yaml` that was changed or committed stays.
    """
    state = state_folder(repository.common_dir)
    if not force:
        check_leaving(repository)
    before = _before(repository.common_dir)
    kept = [*draft.take_back(state), *leaving.leave(repository), *_on_the_hub(before.hub if before else "")]
    if before:
        places = checkout.remove(repository, slots.root(before.id))
        kept += [f"stays: {display(folder)}, where a gate ran; it could not be deleted" for folder in places]
    files.remove(os.path.join(state, "node.json"))
    _forget_refs(repository, {})
    files.remove(os.path.join(repository.common_dir, NOTE_OF_MAIN))
    shutil.rmtree(state)
    return kept


def _on_the_hub(hub: str) -> list[str]:
    """What stays on the hub, and how whoever leaves last takes it away: git deletes there what is not here any more."""
    if not hub:
        return []
    every = f"{fleetrefs.ROOT}*"
    command = shellwords.line(["git", "push", "--prune", hub, f"{every}:{every}"])
    guarded = f"where the hub has our gate: {advice.HUB_HOOK_OFF.of('PATH')} there, first"
    return [
        f"stays on the hub '{display(hub)}', for the others: the fleet's records ({every}), and what was pushed",
        f"the last one to leave takes the records away: `{command}` ({guarded})",
    ]


def check_leaving(repository: Repository) -> None:
    """Raise NoFleet where there is nothing to leave, Blocked while operations wait that leaving would lose."""
    state = state_folder(repository.common_dir)
    if not os.path.isdir(state):
        raise NoFleet(
            "This clone is not part of a fleet; there is nothing to undo.", path=repository.common_dir
        )
    outbox = Outbox(state).root
    if any(files.names(os.path.join(outbox, place)) for place in ("new", "taken", "tentative")):
        raise Blocked(
            "Operations of this clone still wait for the hub; leaving now would lose them.",
            hint=f"Run {advice.SYNC} first.",
        )


def _before(common_dir: str) -> Node | None:
    try:
        return own_node.load(common_dir)
    except (NoFleet, Corrupt):  # a broken file is mended by joining anew, as its own error advises
        return None


def _hub(repository: Repository, wanted: str | None, before: Node | None) -> str:
    remotes = _remotes(repository)
    if wanted is not None:
        if wanted in remotes:
            return wanted
        words = f"There is no remote '{display(wanted)}' here (remotes: {', '.join(remotes) or 'none'})."
        raise UsageError(words, hint="Add it with `git remote add`, or leave `--hub` out.")
    if before is not None:
        return before.hub
    if "origin" in remotes:
        return "origin"
    if len(remotes) > 1:  # to guess would let two clones agree through different hubs, or through none
        raise UsageError(
            f"There are several remotes here ({', '.join(remotes)}), and none is called 'origin'.",
            hint=f"Name the one that the fleet should use: {advice.INIT_HUB.of('REMOTE')}.",
        )
    return remotes[0] if remotes else ""


def _remotes(repository: Repository) -> list[str]:
    return os.fsdecode(repository.git.run("remote")).split()


def _main_branch(repository: Repository) -> str:
    """What people will take for the trunk in a clone that is its own hub: rarely the branch that happens to be out."""
    git = repository.git
    usual = [git.line("config", "--get", "init.defaultBranch") or "main", "main", "master", "trunk"]
    there = refs.read(git, *[_HEADS + name for name in usual])
    current = (git.line("symbolic-ref", "--quiet", "HEAD") or "refs/heads/main").removeprefix(_HEADS)
    return next((name for name in usual if _HEADS + name in there), current)


def _open_hub(
    repository: Repository, objects: Objects, node: Node, root: str, before: Node | None
) -> tuple[Node, list[probe.Trial], list[str]]:
    """Find the hub able, and the ledger there; make the ledger if there is none. The node, with what was learnt."""
    git, state = repository.git, state_folder(repository.common_dir)
    again = before is not None and before.hub == node.hub
    remote = Remote(git, node.hub, None)
    addresses = _one_address(remote)
    place = _place(repository)
    head, shown = remote.survey("HEAD", f"{_HEADS}*", fleetrefs.COORD, *probe.names(place))
    ground = probe.Ground(place, probe.folder(state), lambda parent: _throwaway(objects, root, parent))
    try:
        findings = probe.probe(remote, addresses, ground, shown)
    finally:
        _drop(git, fleetrefs.seen_probe(node.hub))
    warnings = probe.demand(findings, node.hub)
    ours = refs.read(git, fleetrefs.COORD).get(fleetrefs.COORD)
    if fleetrefs.COORD not in shown:
        if ours is not None and again:
            raise alarm("vanished", node.hub, ours, None)
        begun = remote.push([Update(fleetrefs.COORD, ours or root, None)])
        if begun.outcome is Push.REFUSED:
            raise hub_error(node.hub, begun.output, what="write to", refused=True)
    named = head.branch or (node.trunk if again else "") or _main_branch(repository)
    news = News(state, git, node.hub)
    try:
        RemoteHub(
            git, objects, remote, news, trunk=lambda: named
        ).fetch()  # rules that have landed hold at once
    except HubAlarm as error:
        if before is not None and not again:
            raise _another_fleet(node, before, error) from error
        raise
    hub_head.begin(state, head)
    branches = {name.removeprefix(_HEADS): oid for name, oid in shown.items() if name.startswith(_HEADS)}
    news.note(Shown(branches), named)
    node = replace(node, trunk=named, push=addresses.apart)
    return node, findings, warnings


def _one_address(remote: Remote) -> Addresses:
    found = remote.addresses()
    if len(found.push) > 1:
        raise elsewhere(remote.name, found, why="These are several places.")
    return found


def _place(repository: Repository) -> int:
    """Where on the hub this clone tries it: always in the same place, also after it has left."""
    name = f"{os.uname().nodename}:{repository.common_dir}"
    return hashlib.sha256(os.fsencode(name)).digest()[0]


def _another_fleet(node: Node, before: Node, found: HubAlarm) -> HubAlarm:
    """The hub named anew belongs to others: no hub of ours is damaged, and there is nothing to repair."""
    whose = f"that of the hub '{before.hub}'" if before.hub else "its own"
    return found.again(
        f"The hub '{node.hub}' has a ledger that does not continue this clone's, which is {whose}.",
        unharmed=UNCHANGED,
        hint=f"To leave that for the fleet of '{node.hub}': {advice.UNINSTALL}, then {advice.INIT_HUB.of(node.hub)}.",
    )


def _open_here(repository: Repository, node: Node, root: str, before: Node | None) -> tuple[Node, list[str]]:
    new = before is None or bool(before.hub)
    node = replace(node, trunk=_main_branch(repository)) if new else node
    remotes = _remotes(repository)[:1]
    warnings = [f"there is a remote now; to agree through it: {advice.INIT_HUB.of(name)}" for name in remotes]
    if fleetrefs.COORD not in refs.read(repository.git, fleetrefs.COORD):
        refs.move(repository.git, fleetrefs.COORD, new=root, old=None)
        if not new:
            warnings.append(f"{fleetrefs.COORD} was gone, and only this clone had it: the fleet starts again")
    return node, warnings


def _throwaway(objects: Objects, root: str, parent: str | None) -> str:
    """A commit for a try of the hub, like no other, that follows `parent`; it has the files of the ledger's root."""
    message = f"gitfleet tries what this hub can do ({os.urandom(8).hex()})\n"
    tree = commits.read(objects, root).tree
    oid = objects.write("commit", commits.as_bytes(tree, parent, "probe", commits.ROOT_TIME, message))
    objects.flush()
    return oid


def _new_id() -> NodeId:
    host = os.uname().nodename.split(".")[0].lower()
    word = "".join(c if c.isalnum() and c.isascii() else "-" for c in host).strip("-")[:24]
    tail = "".join(ALPHABET[byte & 31] for byte in os.urandom(8)).lower()
    name = f"{word}-{tail}"
    return NodeId(name if is_name(name) else f"node-{tail}")


def _note_beginning(repository: Repository) -> None:
    """Note where the branches stand: what was committed before the fleet began here needed nobody's claim."""
    tips = {*refs.read(repository.git, "refs/heads").values(), refs.resolve(repository.here, "HEAD") or ""}
    path = os.path.join(state_folder(repository.common_dir), "begun")
    files.replace(path, "".join(f"{oid}\n" for oid in sorted(tips) if oid).encode())


def _write_config(repository: Repository, node: Node, root: str) -> ConfigWord:
    """Put a commented gitfleet.yaml into the worktree where the fleet begins: its ledger holds nothing yet, its trunk no such file.

    In every clone it would be one more file that git will not pull over, once somebody has landed one.
    """
    assert repository.worktree is not None
    tip = position.tip(repository.git, node)
    path = os.path.join(repository.worktree, draft.CONFIG)
    if tip and refs.resolve(repository.git, f"{tip}:{draft.CONFIG}"):
        return "landed"
    if os.path.lexists(path) or draft.pending(state_folder(repository.common_dir)):
        return "kept"
    begins = refs.read(repository.git, fleetrefs.COORD).get(fleetrefs.COORD) == root
    return "written" if begins and draft.write(repository) else "none"


def _check_writing(repository: Repository, node: Node) -> None:
    """Raise LocalStorage, or what else stands in the way of the files and refs of a node, before the hub is asked for anything."""
    state = state_folder(repository.common_dir)
    files.tryout(os.path.join(state, "node.json"))
    Outbox(state).prepare()
    config = os.path.join(repository.worktree or "", draft.CONFIG)
    if not os.path.lexists(config) and not draft.pending(state):
        files.tryout(config)
    trial = f"{fleetrefs.seen(node.hub or 'here')}trial-{ids.ulid().lower()}"
    present = refs.resolve(repository.here, "HEAD")
    if present:
        if not refs.move(repository.git, trial, new=present, old=None):
            raise refs.locked(repository.git, trial)
        refs.delete(repository.git, trial, old=present)


def _forget_refs(repository: Repository, known: Mapping[str, str]) -> None:
    """Take away the fleet's refs in this clone, but for those in `known`, and the folders that they leave empty."""
    _drop(repository.git, fleetrefs.ROOT, fleetrefs.HUB, known=known)
    _remove_empty(repository.common_dir)


def _drop(git: Git, *names: str, known: Collection[str] = ()) -> None:
    for name, oid in refs.read(git, *names).items():
        if name not in known:
            refs.delete(git, name, old=oid)


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

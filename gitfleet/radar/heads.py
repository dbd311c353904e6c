"""The live lines of work: branches of the hub and of this clone that the trunk does not have, and what is uncommitted here.

Live is what the trunk lacks: every branch of the hub, every branch of this clone, and every worktree of it as it stands,
uncommitted files and all. Of very many the newest count, and those of sessions. A branch that is ahead here of the hub's
counts as it is here. What is uncommitted on other nodes only they can see.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import NamedTuple

from gitfleet.base import files, ids
from gitfleet.base.names import SessionId
from gitfleet.base.text import display
from gitfleet.errors import FleetError
from gitfleet.git import fleetrefs, git_worktrees, refs
from gitfleet.git.git_worktrees import Worktree
from gitfleet.git.program import Git, redact
from gitfleet.git.quarantine import Quarantine
from gitfleet.git.remote import Remote
from gitfleet.git.repository import Repository
from gitfleet.ledger.ledger import Ledger
from gitfleet.nodes.peers import Peers
from gitfleet.radar.model import Untold, WorkHead
from gitfleet.sessions import session_records
from gitfleet.sessions.session_records import Session

MOST = 400
"""Branches of nobody that are looked at: the newest."""
_TIME = 600.0
_HEADS = "refs/heads/"


class Gathered(NamedTuple):
    """The heads, what could not be looked at, and warnings."""

    heads: list[WorkHead]
    untold: list[Untold]
    warnings: list[str]


def gather(
    repository: Repository, ledger: Ledger, place: Quarantine, *, fetch: bool, patience: int, aside: str = ""
) -> Gathered:
    """All heads there are; but for worktrees below the folder `aside`, where gates test what others made. Asks the hub once with `fetch`, and once more for what is new there. Raises GitFailed."""
    git, node = repository.git, ledger.node
    everyone = list(session_records.readable(ledger.current().view))
    hub, warnings = _of_hub(repository, ledger, fetch=fetch)
    here = {
        name.removeprefix(_HEADS): oid
        for name, oid in refs.read(git, _HEADS).items()
        if name.startswith(_HEADS)
    }
    if not node.hub:
        here.pop(node.trunk, None)
    trees = [
        tree
        for tree in git_worktrees.listed(git)
        if not tree.bare and tree.prunable is None and tree.git_dir and not _is_below(tree.path, aside)
    ]
    with Peers(repository, ledger, patience=patience) as peers:
        owners = _owners(peers, node.id, everyone, trees)
    tips = _newest(git, _tips(git, here, hub), owners, warnings)
    owners = {
        **_authors(git, {name: oid for name, oid in tips.items() if name not in owners}, everyone),
        **owners,
    }
    found = [
        _owned(WorkHead(name, oid, oid, here=name in here and here[name] != hub.get(name)), owners.get(name))
        for name, oid in tips.items()
    ]
    dirty, untold = _dirty(place, repository, [one for one in everyone if one.node == node.id], trees)
    replaced = {(head.name, head.tip) for head in dirty}
    return Gathered(
        [*(one for one in found if (one.name, one.tip) not in replaced), *dirty], untold, warnings
    )


def _is_below(path: str, folder: str) -> bool:
    return bool(folder) and os.path.realpath(path).startswith(os.path.join(os.path.realpath(folder), ""))


def _of_hub(repository: Repository, ledger: Ledger, *, fetch: bool) -> tuple[dict[str, str], list[str]]:
    """The branches of the hub but the trunk, by name, all of them here; as last seen where it cannot be asked."""
    git, node = repository.git, ledger.node
    if not node.hub:
        return {}, []
    warnings = []
    if fetch:
        try:
            return _fetched(repository, ledger), []
        except FleetError as error:
            warnings = [f"{error.message} The radar goes by what was last seen of it."]
    prefix = f"refs/remotes/{node.hub}/"
    seen = {name.removeprefix(prefix): oid for name, oid in refs.read(git, prefix).items()}
    return {name: oid for name, oid in seen.items() if name not in {node.trunk, "HEAD"}}, warnings


def _fetched(repository: Repository, ledger: Ledger) -> dict[str, str]:
    git, node = repository.git, ledger.node
    remote = Remote(git, node.hub)
    with ledger.lock.held(60.0):
        said = remote.look(f"{_HEADS}*")
        found = {name.removeprefix(_HEADS): oid for name, oid in said.items()}
        found.pop(node.trunk, None)
        wanted = {_key(name): name for name in found}
        lacking = _lacking(git, found)
        keep = fleetrefs.seen_live(node.hub, "")
        kept = {name.removeprefix(keep): oid for name, oid in refs.read(git, keep).items()}
        for key in kept.keys() - wanted.keys():
            refs.delete(git, fleetrefs.seen_live(node.hub, key), old=kept[key])
        if lacking:
            specs = [f"+{_HEADS}{name}:{fleetrefs.seen_live(node.hub, _key(name))}" for name in lacking]
            remote.fetch(*specs, prune=False)
            now = refs.read(git, keep)
            found |= {name: now[f"{keep}{_key(name)}"] for name in lacking if f"{keep}{_key(name)}" in now}
    return found


def _key(name: str) -> str:
    return sha256(os.fsencode(name)).hexdigest()[:40]


def _lacking(git: Git, tips: Mapping[str, str]) -> list[str]:
    """The names whose commits are not here."""
    data = "".join(f"{oid}\n" for oid in tips.values()).encode()
    out = git.run("cat-file", "--batch-check=there", data=data, timeout=_TIME, env={"GIT_NO_LAZY_FETCH": "1"})
    return [name for name, said in zip(tips, out.split(b"\n"), strict=False) if said != b"there"]


def _tips(git: Git, here: Mapping[str, str], hub: Mapping[str, str]) -> dict[str, str]:
    """Where each branch is: here, unless the hub's is the newer one."""
    found = {**hub, **here}
    for name in here.keys() & hub.keys():
        if (
            here[name] != hub[name]
            and git.ask("merge-base", "--is-ancestor", here[name], hub[name]).code == 0
        ):
            found[name] = hub[name]
    return found


def _newest(
    git: Git, tips: Mapping[str, str], owners: Mapping[str, Session], warnings: list[str]
) -> dict[str, str]:
    """Of very many branches those of sessions, and the newest."""
    others = [name for name in tips if name not in owners]
    if len(others) <= MOST:
        return dict(tips)
    data = "".join(f"{oid}\n" for oid in {tips[name] for name in others}).encode()
    out = git.run("rev-list", "--stdin", "--no-walk=unsorted", "--timestamp", data=data, timeout=_TIME)
    times = {row.split(" ")[1]: int(row.split(" ")[0]) for row in out.decode("ascii").splitlines()}
    others.sort(key=lambda name: (times.get(tips[name], 0), name), reverse=True)
    left = set(others[MOST:])
    warnings.append(f"of {len(others)} branches without a session only the newest {MOST} were looked at")
    return {name: oid for name, oid in tips.items() if name not in left}


def _owners(
    peers: Peers, node: str, everyone: Iterable[Session], trees: Sequence[Worktree]
) -> dict[str, Session]:
    """The session of each branch: that is at work on it now; of several the first."""
    branches = {os.path.realpath(tree.path): tree.branch or "" for tree in trees}
    found: dict[str, Session] = {}
    for session in sorted(everyone, key=_rank):
        detail = peers.detail(session.node, session.id) if session.node != node else None
        branch = (detail.branch if detail else None) or session.branch
        if session.node == node:
            branch = branches.get(os.path.realpath(session.worktree), branch)
        found.setdefault(branch.removeprefix(_HEADS), session)
    found.pop("", None)
    return found


def _rank(session: Session) -> tuple[bool, int, str]:
    """Whose a worktree is where several are at work: an agent's before a person's, and who came first."""
    return session.person, session.started_at, session.id


def _authors(git: Git, tips: Mapping[str, str], everyone: Iterable[Session]) -> dict[str, Session]:
    """The session of each branch that nobody is known to be at work on: whose last commit it is, if that session goes on."""
    if not tips:
        return {}
    known = {session.id: session for session in everyone}
    out = git.run(
        "rev-list", "--stdin", "--no-walk=unsorted", "--no-commit-header",
        "--format=%H %(trailers:key=Fleet-Session,valueonly,separator=%x20)",
        data="".join(f"{oid}\n" for oid in set(tips.values())).encode(), timeout=_TIME,
    )  # fmt: skip
    said = dict(row.partition(" ")[::2] for row in os.fsdecode(out).splitlines())
    found = {name: known.get(SessionId(said.get(oid, "").strip())) for name, oid in tips.items()}
    return {name: session for name, session in found.items() if session is not None}


def _owned(head: WorkHead, session: Session | None) -> WorkHead:
    if session is None:
        return head
    return head._replace(owner=session.id, title=session.title, since=session.started_at)


def _dirty(
    place: Quarantine, repository: Repository, mine: Sequence[Session], trees: Sequence[Worktree]
) -> tuple[list[WorkHead], list[Untold]]:
    """The worktrees of this clone with uncommitted work, each as a commit that is in the quarantine only."""
    at = {os.path.realpath(one.worktree): one for one in sorted(mine, key=_rank, reverse=True)}
    found, untold = [], []
    for tree in trees:
        name = (tree.branch or tree.path).removeprefix(_HEADS)
        session = at.get(os.path.realpath(tree.path))
        if tree.head is None or not os.path.isdir(tree.path):
            continue
        if busy := git_worktrees.in_progress(tree.git_dir):
            untold.append(Untold((name,), f"a {busy} is in progress in {display(tree.path)}"))
            continue
        snapshot = _snapshot(place, repository.common_dir, tree)
        if isinstance(snapshot, Untold):
            untold.append(snapshot._replace(names=(name,)))
        elif snapshot != place.tree(tree.head):
            commit = place.stand_in(snapshot, tree.head)
            head = WorkHead(name, commit, tree.head, dirty=True, here=True, worktree=tree.path)
            found.append(_owned(head, session))
        elif not tree.branch:  # a detached worktree's commits are on no branch
            head = WorkHead(name, tree.head, tree.head, here=True, worktree=tree.path)
            found.append(_owned(head, session))
    return found, untold


def _snapshot(place: Quarantine, common_dir: str, tree: Worktree) -> str | Untold:
    """The tree of all that stands in a worktree and is not ignored. Touches neither its index nor the clone's objects."""
    objects = os.path.join(common_dir, "objects")
    with _copied_index(place.git.git_dir, tree.git_dir) as index:
        env = {
            "GIT_INDEX_FILE": index,
            "GIT_OBJECT_DIRECTORY": os.path.join(place.git.git_dir, "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(objects),
        }
        here = Git(tree.git_dir, cwd=tree.path, env=env)
        added = here.ask(
            "-c", "core.fsmonitor=false", "-c", "core.fsync=none", "-c", "core.safecrlf=false", "-c", "advice.addEmbeddedRepo=false",
            "add", "--all", "--", ".", timeout=_TIME,
        )  # fmt: skip
        written = here.ask("write-tree", timeout=_TIME)
    if added.code or written.code:
        words = redact((added.stderr or written.stderr).decode("utf-8", "replace")).strip().split("\n")[0]
        return Untold((), f"what stands in {display(tree.path)} cannot be read: {words}")
    return written.stdout.decode("ascii").strip()


def _quoted(path: str) -> str:
    """A folder as git's lists of them have it."""
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"' if set(path) & set(':"\n') else path


@contextmanager
def _copied_index(folder: str, git_dir: str) -> Iterator[str]:
    path = os.path.join(folder, f"index.{ids.ulid()}")
    try:
        if os.path.exists(source := os.path.join(git_dir, "index")):
            shutil.copy2(source, path)  # with its time: by that git sees which files may have changed unseen
        yield path
    finally:
        files.remove(path)

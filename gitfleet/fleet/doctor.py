"""What is wrong with a clone's part of the fleet, in words, and what can be mended without asking.

Looks, and changes nothing, unless told to repair; repairs never throw anything away.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gitfleet.base import files
from gitfleet.base.advice import INIT, REPAIR, SYNC
from gitfleet.base.text import counted, display, duration
from gitfleet.claims import model
from gitfleet.clients import confined
from gitfleet.clone import OPERATIONS, Clone
from gitfleet.errors import Damaged, FleetError, HubAlarm, HubError, LocalStorage
from gitfleet.fleet import copies, hooks
from gitfleet.git import fleetrefs, refs, ssh_sharing
from gitfleet.git.objects import BulkObjects, open_objects
from gitfleet.git.remote import Remote
from gitfleet.githooks.agents import client_versions, ready
from gitfleet.ledger import damage, own_node
from gitfleet.ledger.repair import Repairer
from gitfleet.sessions import session_records
from gitfleet.telling.claims_without_files import unmatched
from gitfleet.trunk import hub_head, policy_file


class Finding(NamedTuple):
    """One thing looked at: whether it is as it should be, what was found, and what to do."""

    what: str
    ok: bool
    words: str
    advice: str = ""


class Diagnosis(NamedTuple):
    """What was found, and what was mended before, in words."""

    findings: Sequence[Finding]
    repaired: Sequence[str] = ()

    @property
    def sound(self) -> bool:
        """Whether all is as it should be."""
        return all(finding.ok for finding in self.findings)


def examine(fleet: Clone) -> list[Finding]:
    """Look at everything once. Asks the hub; a hub that is out of reach is a finding, not an error."""
    looks = (
        _copies,
        _hub,
        _trunk,
        _objects,
        _records,
        _claims,
        _outbox,
        _plans,
        _policy,
        _repository,
        _hooks,
        _agents,
    )
    found: list[Finding] = []
    for look in looks:
        try:
            found += look(fleet)
        except (Damaged, LocalStorage) as raised:
            error = confined.explained(raised, "doctor", os.environ)
            found.append(Finding(look.__name__.strip("_"), ok=False, words=error.message, advice=error.hint))
    return found


def repair(fleet: Clone) -> list[str]:
    """Mend the ledger here and on the hub, and the hooks; what was done, in words. Raises HubError when the hub does not let us."""
    ledger = fleet.ledger
    ledger.outbox.prepare()
    done: list[str] = []
    if ledger.node.hub:
        with ledger.lock.held(30.0):
            done += damage.mend(fleet.repository.git, ledger.node.hub)
            try:
                ledger.hub.fetch()
            except HubAlarm as alarm:
                git = fleet.repository.git
                remote = Remote(git, ledger.node.hub, ledger.node.push)
                repairer = Repairer(
                    git=git, objects=ledger.objects, remote=remote, outbox=ledger.outbox, kinds=OPERATIONS
                )
                done += repairer.mend(alarm).words
        ledger.sync()
    return [*done, *hooks.put_again(fleet.repository)]


def _copies(fleet: Clone) -> Iterator[Finding]:
    """A clone that was copied; nothing of any other."""
    node = fleet.ledger.node
    if before := copies.original(fleet.repository.common_dir, node):
        words = f"this clone is a copy of {display(before)}, and both act as the node {node.id}"
        state = own_node.state_folder(fleet.repository.common_dir)
        advice = f"Make the copy a node of its own: remove {display(state)} here, then {INIT}."
        yield Finding("node", ok=False, words=words, advice=advice)


def _hub(fleet: Clone) -> Iterator[Finding]:
    ledger = fleet.ledger
    if not ledger.node.hub:
        yield Finding("hub", ok=True, words="this clone is its own hub")
        return
    try:
        with ledger.lock.held(30.0):
            tip = ledger.hub.fetch()
        hub_head.ask(fleet.repository, fleet.ledger)
    except HubAlarm as error:
        yield Finding("hub", ok=False, words=error.message, advice=REPAIR)
    except HubError as error:
        yield Finding("hub", ok=False, words=error.message, advice=error.hint)
    else:
        words = f"'{ledger.node.hub}' agrees with this clone at generation {tip.generation}"
        yield Finding("hub", ok=True, words=words)
    if Remote(fleet.repository.git, ledger.node.hub).is_shared():
        words = f"commands share one connection to the hub, for {ssh_sharing.PERSIST} s after its last use"
        yield Finding("ssh", ok=True, words=f"{words} (`git config {ssh_sharing.KEY} false` ends that)")


def _trunk(fleet: Clone) -> Iterator[Finding]:
    node = fleet.ledger.node
    if not node.hub:
        yield Finding("trunk", ok=True, words=f"'{display(node.trunk)}' of this clone")
        return
    ok = hub_head.is_sound(fleet.repository, fleet.ledger)
    advice = "" if ok else "On the hub: `git symbolic-ref HEAD refs/heads/BRANCH`."
    yield Finding("trunk", ok=ok, words=hub_head.words(fleet.ledger), advice=advice)


def _objects(fleet: Clone) -> Iterator[Finding]:
    lacking = damage.lacking(fleet.repository.git)
    if not lacking:
        yield Finding("objects", ok=True, words="the ledger is whole in this clone")
        return
    words = f"the ledger is damaged in this clone: {lacking}"
    advice = (
        REPAIR if fleet.ledger.node.hub else "`git fsck` tells more; a backup or a copy of this clone has it."
    )
    yield Finding("objects", ok=False, words=words, advice=advice)


def _records(fleet: Clone) -> Iterator[Finding]:
    state = fleet.current()
    found = [item.error for item in model.everything(state.view) if isinstance(item, model.Unreadable)]
    broken = [
        *found,
        *(item for item in session_records.everyone(state.view) if isinstance(item, FleetError)),
    ]
    advice = "It stays until someone who can read it releases it."
    for error in broken:
        yield Finding("records", ok=False, words=error.message, advice=advice)
    if not broken:
        yield Finding("records", ok=True, words="every record can be read")


def _claims(fleet: Clone) -> Iterator[Finding]:
    for claim in unmatched(fleet):
        words = f"{display(claim.pattern)} of {claim.session} matches no file here, in no worktree and on no branch"
        advice = "If the name is wrong, its session should claim the right one and release this one."
        yield Finding("claims", ok=False, words=words, advice=advice)


def _outbox(fleet: Clone) -> Iterator[Finding]:
    root = fleet.ledger.outbox.root
    waiting = sum(len(files.names(os.path.join(root, place))) for place in ("new", "taken", "tentative"))
    aside = files.names(os.path.join(root, "unread"))
    if waiting:
        words = f"waiting to be decided: {counted(waiting, 'operation')}"
        yield Finding("outbox", ok=False, words=words, advice=SYNC)
    if aside:
        words = f"set aside, because it is not an operation: {', '.join(map(display, aside[:5]))}"
        yield Finding("outbox", ok=False, words=words, advice=f"Look in {root}/unread")
    if not waiting and not aside:
        yield Finding("outbox", ok=True, words="empty")


def _plans(fleet: Clone) -> Iterator[Finding]:
    """Plans over hosts that are kept here; nothing where none was made."""
    found = refs.read(fleet.repository.git, fleetrefs.PLANS)
    if not found:
        return
    from gitfleet.triage.service import FleetPlans  # asyncio and all of ssh: 100 ms

    kept = FleetPlans(fleet)
    broken = 0
    for name in kept.refs.own():
        try:
            kept.get(name)
        except FleetError as error:
            broken += 1
            advice = (
                f"It is not applied. `git update-ref -d {fleetrefs.plan(name)}` forgets it in this clone."
            )
            yield Finding("plans", ok=False, words=error.message, advice=advice)
    if not broken:
        yield Finding("plans", ok=True, words=f"every plan over hosts can be read ({len(found)})")


def _policy(fleet: Clone) -> Iterator[Finding]:
    faults = policy_file.refresh(fleet.repository, fleet.ledger.node)
    if faults:
        yield Finding("policy", ok=False, words=faults[0], advice="Fix gitfleet.yaml and land it.")
        return
    words = f"commits: {fleet.policy.commits}, claims live {duration(fleet.policy.ttl)}"
    yield Finding("policy", ok=True, words=words)


def _hooks(fleet: Clone) -> Iterator[Finding]:
    ok, words = hooks.state(fleet)
    yield Finding("hooks", ok=ok, words=words, advice="" if ok else hooks.ADVICE)


def _agents(fleet: Clone) -> Iterator[Finding]:
    """What the clients say of our hooks in their settings; nothing of clients that have none."""
    looks = ready.looks(fleet.repository)
    for agent in {look.agent: True for look in looks if look.state != "absent"}:
        if words := client_versions.doubt(client_versions.look(agent)):
            advice = "see docs/reference/clients.md for what gitfleet relies on, and since which version"
            yield Finding(f"{agent} version", ok=False, words=words, advice=advice)
    for look in looks:
        if look.state != "absent":
            words = f"{look.path} is {look.state}" + (f" ({look.problem})" if look.problem else "")
            advice = "gitfleet agent status; see docs/guides/agents.md on trust"
            yield Finding(f"{look.agent} hooks", look.state == "in place", words, advice)


def _repository(fleet: Clone) -> Iterator[Finding]:
    git, hub = fleet.repository.git, fleet.ledger.node.hub
    objects = open_objects(fleet.repository.common_dir, bulk=True)
    bulk = isinstance(objects, BulkObjects)
    objects.close()
    slower = "libgit2 cannot open it; git itself is used, which is slower over many records"
    yield Finding("repository", ok=True, words="libgit2 opens it" if bulk else slower)
    if not hub:
        return
    mirror = git.line("config", "--type=bool", "--get", f"remote.{hub}.mirror") == "true"
    said = os.fsdecode(git.ask("config", "--get-all", f"remote.{hub}.fetch").stdout).split("\n")
    wide = [spec for spec in said if spec.lstrip("+").startswith(("refs/*", fleetrefs.ROOT.rstrip("/")))]
    does = [*(["is a mirror"] if mirror else []), *([f"fetches {display(' '.join(wide))}"] if wide else [])]
    if does:
        words = f"the remote '{display(hub)}' {' and '.join(does)}: plain git commands may overwrite the fleet's refs"
        advice = "Fetch branches only in a clone that people work in."
        yield Finding("remote", ok=False, words=words, advice=advice)

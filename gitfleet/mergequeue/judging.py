"""What a runner records of entries: how they merge, why they need an approval, why they are rejected; and the words for it."""

from __future__ import annotations

import os
from collections.abc import Sequence

from gitfleet.base.names import Oid
from gitfleet.base.text import counted, display
from gitfleet.codec import replace
from gitfleet.gates import model as gates
from gitfleet.gates.model import FAILED
from gitfleet.git.program import Git
from gitfleet.mergequeue import conflicting_change, model, states, trials
from gitfleet.mergequeue.candidates import ChainStep, Clash, Unknown
from gitfleet.mergequeue.evidence import Candidate
from gitfleet.mergequeue.integrity import TakenAway
from gitfleet.mergequeue.model import EntryEvidence, QueueEntry
from gitfleet.mergequeue.outlook import MergeFinding, Outlook
from gitfleet.mergequeue.requests import Marked, Reject
from gitfleet.mergequeue.site import Site
from gitfleet.trunk import commit_verdicts, incoming

_MOST_HUNKS = 6000
_MOST_FILES = 5
_MARKER, _END = b"<<<<<<< ", b">>>>>>> "


def marked(site: Site, look: Outlook, found: MergeFinding) -> Marked:
    """What is recorded of how an entry merges."""
    entry, put = found.entry, found.put
    if put is None:
        return Marked(entry.pin, states.QUEUED)
    if isinstance(put, Unknown):
        return Marked(
            entry.pin, states.HELD, "approval", EntryEvidence(words=f"it cannot be merged: {put.words}")
        )
    ahead = look.entries.get(put.with_)
    if ahead is None:
        side = conflicting_change.found(site.chains, site.view, look.landing(entry), put)
    else:
        side = EntryEvidence(entry=ahead.id, branch=ahead.branch, session=ahead.session, title=ahead.title)
    evidence = replace(
        side,
        words=_conflicts(put),
        paths=tuple(put.paths[:100]),
        hunks=_hunks(site.chains.git, put, ahead.branch if ahead else site.target, entry.branch),
        commit=Oid(site.base),
    )
    if ahead is not None:
        return Marked(entry.pin, states.BLOCKED, "conflict-ahead", evidence)
    return Marked(entry.pin, states.CONFLICTED, "conflict", evidence)


def _conflicts(put: Clash) -> str:
    """How many files are in conflict, and how where git shows no lines for it."""
    odd = list(
        dict.fromkeys(note.kind for note in put.merge.notes if note.kind not in {"contents", "auto-merging"})
    )
    return counted(len(put.paths), "file") + " in conflict" + (f" ({', '.join(odd[:5])})" if odd else "")


def _hunks(git: Git, put: Clash, ours: str, theirs: str) -> str:
    """The conflicts as git marks them in the files, the first of them, with the names of both sides."""
    found = []
    for path in put.paths[:_MOST_FILES]:
        done = git.ask("cat-file", "blob", f"{put.merge.tree}:{path}")
        if done.code == 0 and _MARKER in done.stdout:
            lines = done.stdout.split(b"\n")
            at = [number for number, line in enumerate(lines) if line.startswith((_MARKER, _END))]
            for first, last in zip(at[::2], at[1::2], strict=False):
                rows = [*lines[max(0, first - 1) : first], _MARKER + os.fsencode(ours)]
                rows += [
                    *lines[first + 1 : last],
                    _END + os.fsencode(theirs),
                    *lines[last + 1 : last + 2],
                ]
                found.append(f"{path}:{first + 1}\n" + b"\n".join(rows).decode("utf-8", "replace"))
    return "\n".join(display(line) for line in "\n".join(found).split("\n"))[:_MOST_HUNKS]


def objections(site: Site, look: Outlook, candidate: Candidate) -> list[Marked]:
    """The entries of a candidate that may not be tested as they are, each with what is to be recorded: what they would take away
    from others, or commits that claims do not cover. None for those that somebody has approved.
    """
    found = []
    before = site.base
    made = look.made(candidate)
    landings = look.landings(look.entries[one] for one in candidate)
    site.chains.read_ahead(landings)
    for entry_id, landing, put in zip(candidate, landings, made, strict=True):
        entry = look.entries[entry_id]
        if not isinstance(put, ChainStep):
            return [marked(site, look, MergeFinding(entry, put))]
        if entry.approved != entry.head:
            losses = site.chains.losses(before, landing, put)
            words, paths = _lost(losses)
            words = words or _uncovered(site, entry)
            if words:
                evidence = EntryEvidence(
                    words=words, paths=tuple(paths[:100]), hunks=_gone(losses), commit=Oid(put.commit)
                )
                found.append(Marked(entry.pin, states.HELD, "approval", evidence))
        before = put.commit
    return found


def _lost(losses: TakenAway) -> tuple[str, Sequence[str]]:
    if losses.vanished:
        lines = sum(one.lines for one in losses.vanished)
        what = counted(lines, "line")
        sample = next((line.strip() for one in losses.vanished for line in one.sample), "")
        first = losses.vanished[0].path
        words = f"{what} of others would vanish that its own commits do not touch, first in {display(first)}: {display(sample[:80])}"
        return words, [one.path for one in losses.vanished]
    if losses.undone:
        one = losses.undone[0]
        words = f"its commit {one.by[:12]} undoes {one.commit[:12]} ({display(one.subject)}) of the target without saying so"
        return words, one.paths
    return "", ()


def _gone(losses: TakenAway) -> str:
    """The first of the lines that would vanish, by file, as a patch shows them."""
    found = []
    for one in losses.vanished[:_MOST_FILES]:
        found += [
            f"{display(one.path)}: {counted(one.lines, 'line')}",
            *(f"-{display(line)}" for line in one.sample),
        ]
    return "\n".join(found)[:_MOST_HUNKS]


def _uncovered(site: Site, entry: QueueEntry) -> str:
    """What of the entry's commits the claims do not cover, in words; "" for nothing, or where the rules do not stop for it."""
    policy = site.policy()
    if policy.commits in {"off", "warn"}:
        return ""
    git = site.repository.git
    rows = commit_verdicts.judged(site.view, policy, git, incoming.commits(git, entry.head, f"^{site.base}"))
    bad = list(commit_verdicts.stopping(policy, rows))
    if not bad:
        return ""
    row, verdict = bad[0]
    more = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
    return f"claims do not cover its commits: {row.commit.oid[:12]} {display(verdict.path)} ({commit_verdicts.words(verdict)}){more}"


def reject(site: Site, look: Outlook, entry_id: str) -> QueueEntry:
    """Reject an entry, with the log of the gate's last run of it. Raises what the decision raises."""
    entry = look.entries[entry_id]
    evidence = EntryEvidence(words="its gate fails")
    shown = look.last_failure(entry)
    if shown is not None:
        evidence = _evidence(site, shown)
    body = Reject(entry.pin, evidence, look.limits.rejected().window)
    (after,) = site.request(trials.reject, body).entries
    return after


def _evidence(site: Site, shown: model.CandidateResult) -> EntryEvidence:
    for key in shown.keys:
        found = gates.verdict(site.view, key)
        for outcome in reversed(found.outcomes if found else ()):
            if outcome.result == FAILED:
                part = f"part {found.subject.part} of " if found and found.subject.part else ""
                words = f"{part}its gate ended with exit code {outcome.code} on node {outcome.node}"
                log = "\n".join(outcome.tail)
                return EntryEvidence(
                    words=words,
                    verdict=key,
                    log=log,
                    archive=outcome.log,
                    node=outcome.node,
                    commit=shown.commit,
                )
    return EntryEvidence(words="its gate fails", commit=shown.commit)


def said(entry: QueueEntry) -> str:
    """What became of an entry, in one line for people."""
    name = display(entry.name)
    if entry.state == states.LANDED:
        return f"landed: {name} as {entry.landed[:12]}"
    words = display(entry.evidence.words)
    paths = ", ".join(display(path) for path in entry.evidence.paths[:3])
    rest = f" ({paths})" if paths and entry.state in {states.CONFLICTED, states.BLOCKED} else ""
    return f"{entry.state}: {name}{': ' + words if words else ''}{rest}"

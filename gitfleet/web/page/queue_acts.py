"""What can be done to the merge queue and its entries, each with what it changes as things stand now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gitfleet.base.names import SessionId
from gitfleet.base.text import counted, some
from gitfleet.codec import replace
from gitfleet.errors import UsageError
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.views import review_rows
from gitfleet.fleet.views.review_rows import ReviewAnswer
from gitfleet.mergequeue import model, states
from gitfleet.mergequeue.model import MAX_TITLE, QueueEntry
from gitfleet.mergequeue.states import State, Verb
from gitfleet.web.askers import asker, named_for
from gitfleet.web.page.act_form import ActChoice, ActField, ActForm
from gitfleet.web.routes import API

BANDS = "80 to 100 hotfix, 60 to 79 security and CI, 40 to 59 feature, 0 to 39 backlog"
REASON = ActField("reason", "Reason", flag="--reason", hint="The log keeps it, and its session is told.")
_MOVES: Sequence[tuple[str, Verb, State | None]] = (
    ("approve", "approve", states.QUEUED),
    ("unhold", "unhold", states.QUEUED),
    ("retry", "retry", states.QUEUED),
    ("bump", "change", None),
    ("hold", "hold", states.HELD),
    ("drop", "drop", states.DROPPED),
)


def possible(state: State, reason: str) -> list[str]:
    """The acts that an entry in that state, for that reason, can have done to it: those that let it go on first. Pure."""
    if state not in states.LIVE:
        return []
    other = "unhold" if reason == "approval" else "approve"
    return [name for name, verb, to in _MOVES if name != other and states.may(state, verb, to or state)]


def hold(fleet: Fleet, asked: Mapping[str, str]) -> ActForm:
    """Keep an entry from landing."""
    _, form = _form(fleet, asked, "hold", "Hold", "Held")
    says = ["It does not land from then on, until somebody lets it go on. It keeps its number."]
    return replace(form, says=says, fields=[REASON])


def unhold(fleet: Fleet, asked: Mapping[str, str]) -> ActForm:
    """Let a held entry go on."""
    entry, form = _form(fleet, asked, "unhold", "Let go on", "Goes on")
    said = entry.evidence.words
    was = [f"It was held: {said}."] if said else []
    return replace(form, says=[*was, "It waits for its turn again, with the number that it has."])


def drop(fleet: Fleet, asked: Mapping[str, str]) -> ActForm:
    """Take an entry out."""
    entry, form = _form(fleet, asked, "drop", "Drop", "Dropped")
    says = [
        "It leaves the queue, and does not land from then on. Its branch and its worktree stay as they are."
    ]
    above = _above(fleet, entry)
    more = [f"What is built upon it is held: {some([one.branch for one in above])}."] if above else []
    return replace(form, says=says, warns=[*form.warns, *more], fields=[REASON])


def retry(fleet: Fleet, asked: Mapping[str, str]) -> ActForm:
    """Test an entry again that came back."""
    _, form = _form(fleet, asked, "retry", "Retry", "Tried again")
    return replace(
        form, says=["The same commit is tested again; verdicts from before do not speak against it."]
    )


def bump(fleet: Fleet, asked: Mapping[str, str]) -> ActForm:
    """Give an entry another priority."""
    entry, form = _form(fleet, asked, "bump", "Change priority", "Changed")
    says = [f"Its priority is {entry.priority}. It keeps its number, so among equals its place."]
    return replace(form, says=says, fields=[_priority(str(entry.priority), required=True)])


def approve(fleet: Fleet, asked: Mapping[str, str]) -> ActForm:
    """Approve an entry that takes away lines of others."""
    entry, form = _form(fleet, asked, "approve", "Approve", "Approved")
    says = [
        f"It waits for a person: {entry.evidence.words or 'lines of others vanish by it'}.",
        f"It passes at {entry.head[:12]}; a new commit on it is asked about again.",
    ]
    argv = [*form.argv[:3], "--head", entry.head, *form.argv[3:]]
    return replace(form, says=says, fixed={**form.fixed, "head": entry.head}, argv=argv)


def pause(fleet: Fleet, _: Mapping[str, str]) -> ActForm:
    """Keep the whole queue back."""
    own = asker(fleet)
    modes = (
        ActChoice("paused", "Nothing is tested, nothing lands"),
        ActChoice("frozen", "Testing goes on, nothing lands", "--freeze"),
        ActChoice("draining", "What is queued goes on, nothing is added", "--drain"),
    )
    fields = [
        ActField("reason", "Reason", flag="--reason", required=True, hint="Everybody who looks is told."),
        ActField("mode", "How far", "choice", value="paused", usual="paused", choices=modes),
        ActField(
            "floor", "Goes on from priority", "number", value="101", usual="101", flag="--floor", most=101, hint="101: nothing goes on."
        ),
    ]  # fmt: skip
    says = ["The whole queue is kept back until it is resumed."]
    argv = ["queue", "pause", *named_for(fleet, own)]
    return ActForm(
        "Pause the queue", "Pause", says, f"{API}/merge-queue/pause", {"by": own}, argv, "Paused", fields
    )


def resume(fleet: Fleet, _: Mapping[str, str]) -> ActForm:
    """Let the whole queue go on."""
    own, told = asker(fleet), model.queue(fleet.current().view).pause
    says = [f"It is {told.mode} by {told.by}: {told.reason}." if told.mode else "It is not kept back now."]
    argv = ["queue", "resume", *named_for(fleet, own)]
    path = f"{API}/merge-queue/resume"
    return ActForm("Resume the queue", "Resume", says, path, {"by": own}, argv, "Resumed")


def enqueue(fleet: Fleet, asked: Mapping[str, str]) -> ActForm:
    """Queue a branch of one's own."""
    own = asker(fleet)
    fields = [
        ActField("branch", "Branch", value=asked.get("branch", ""), flag="--branch", required=True),
        _priority("50", usual="50"),
        ActField("title", "Title", flag="--title", hint="What it is, in one line; else that of its last commit.", most=MAX_TITLE),
    ]  # fmt: skip
    says = [
        "A branch that the hub lacks is pushed first. It lands only if the gate passes on the exact tree."
    ]
    argv = ["queue", "add", *named_for(fleet, own)]
    path = f"{API}/merge-queue"
    return ActForm("Queue a branch", "Queue", says, path, {"session_id": own}, argv, "Queued", fields)


def accept(fleet: Fleet, asked: Mapping[str, str]) -> ActForm:
    """Queue the work of a session, as it was reviewed."""
    own, session = asker(fleet), SessionId(asked.get("session", ""))
    found = review_rows.review(fleet, session)
    head = asked.get("head") or found["head"]
    title = found["session"]["title"]
    fields = [
        _priority("50", usual="" if found["entry"] else "50"),
        ActField("title", "Title", value=title, usual=title, flag="--title", most=MAX_TITLE),
    ]
    if found["entry"]:
        fields[0] = _priority(str(found["entry"]["priority"]), usual=str(found["entry"]["priority"]))
    waiting = sum(one.state not in states.FINISHED for one in model.readable(fleet.current().view))
    says = [
        f"{found['branch']} at {head[:12]} joins {counted(waiting, 'entry')}. It lands only if the gate passes on the exact tree.",
        f"{session} is told that you have accepted it.",
    ]
    argv = ["queue", "accept", session, "--branch", found["branch"], "--head", head, *named_for(fleet, own)]
    fixed = {"session_id": session, "branch": found["branch"], "head": head, "by": own}
    return ActForm(
        f"Accept the work of {session}", "Accept", says, f"{API}/merge-queue/accept", fixed, argv, "Queued",
        fields, _against(found, head),
    )  # fmt: skip


def _against(found: ReviewAnswer, head: str) -> list[str]:
    """What speaks against accepting."""
    said = []
    if found["head"] and head != found["head"]:
        said.append(f"The branch is at {found['head'][:12]} by now: look at what is new there first.")
    if found["dirty"]:
        said.append(f"{counted(found['dirty'], 'path')} not committed; that stays out.")
    if found["gate"] is not None and found["gate"]["known"] == "failed":
        said.append("Its tree fails the gate.")
    said += [f"It will conflict with {one['branch']}: {some(one['paths'])}." for one in found["conflicts"]]
    return said


def _form(
    fleet: Fleet, asked: Mapping[str, str], verb: str, label: str, done: str
) -> tuple[QueueEntry, ActForm]:
    """The entry that was named, and a dialog about it that says nothing yet."""
    if not asked.get("entry"):
        raise UsageError("No entry was named.")
    entry, own = fleet.queue.find(asked["entry"]), asker(fleet)
    argv = ["queue", verb, entry.id, *named_for(fleet, own)]
    path, fixed = f"{API}/merge-queue/{verb}", {"entry": entry.id, "by": own}
    return entry, ActForm(f"{label}: {entry.branch}", label, (), path, fixed, argv, f"{done}: {entry.branch}")


def _priority(value: str, *, usual: str = "", required: bool = False) -> ActField:
    return ActField(
        "priority", "Priority", "number", value=value, flag="--priority", hint=BANDS, required=required, usual=usual, most=100
    )  # fmt: skip


def _above(fleet: Fleet, entry: QueueEntry) -> list[QueueEntry]:
    """The entries that need this one, directly or not."""
    everyone = model.readable(fleet.current().view)
    lost, more = {entry.id}, True
    while more:
        found = {one.id for one in everyone if lost & set(one.needs)} - lost
        lost, more = lost | found, bool(found)
    return [one for one in everyone if one.id in lost - {entry.id}]

"""What a hint advises, by name: the library knows no command line, and neither does a web page.

A text takes a step by writing it in: f"Run {advice.SYNC} when the hub can be reached again." reads "Run ⟨sync⟩ when …".
The name is part of the text, so it goes wherever the text goes: into errors, records, JSON and other processes. Whoever
shows the text puts its own words there; `base.commands` has those of the command line, where names become words of a shell.
"""

from __future__ import annotations

OPEN, CLOSE = "⟨", "⟩"
_SPELLED = (("%", "%25"), (OPEN, "%E2%9F%A8"), (CLOSE, "%E2%9F%A9"))


class Step(str):
    """The name of something that one can do, as it stands in a text."""

    __slots__ = ()

    def of(self, what: str) -> str:
        """The step with what it is done to, as it is; `subject` reads that again."""
        for char, spelled in _SPELLED:
            what = what.replace(char, spelled)
        return f"{self[:-1]}: {what}{CLOSE}"


def subject(written: str) -> str:
    """What a step is done to, from how `of` has written it."""
    for char, spelled in reversed(_SPELLED):
        written = written.replace(spelled, char)
    return written


AGENT_NEW = Step("⟨write an agent file⟩")
ARCHIVES = Step("⟨archives⟩")
CLAIM = Step("⟨claim⟩")
CLAIMS = Step("⟨claims⟩")
CLEANUP = Step("⟨clean up worktrees⟩")
COST = Step("⟨cost⟩")
DOCTOR = Step("⟨doctor⟩")
DROP_ARCHIVE = Step("⟨drop an archive⟩")
END = Step("⟨end a session⟩")
ENSURE = Step("⟨ensure a worktree⟩")
FLEET_APPLY = Step("⟨apply a plan over hosts⟩")
FLEET_PLAN = Step("⟨plan over hosts⟩")
FLEET_PLAN_LEFT = Step("⟨plan what a session left running⟩")
FLEET_PLANS = Step("⟨plans over hosts⟩")
FLEET_RESUME = Step("⟨resume a plan over hosts⟩")
FLEET_SHOW = Step("⟨show a plan over hosts⟩")
FLEET_UNDO = Step("⟨undo a plan over hosts⟩")
FLEET_VERIFY = Step("⟨verify a plan over hosts⟩")
FSCK = Step("⟨verify the ledger⟩")
GATE_STATUS = Step("⟨what is known of a tree⟩")
GATE_STATUS_OF = Step("⟨what is known of a commit⟩")
HELP = Step("⟨help⟩")
HUB_HOOK = Step("⟨install the hub's hook⟩")
HUB_HOOK_OFF = Step("⟨uninstall the hub's hook⟩")
INIT = Step("⟨init⟩")
INIT_HUB = Step("⟨init with a hub⟩")
INBOX = Step("⟨inbox⟩")
INBOX_KIND = Step("⟨inbox of one kind⟩")
INBOX_NOTIFY = Step("⟨tell people⟩")
JOBS = Step("⟨jobs⟩")
JOBS_LOG = Step("⟨log of jobs⟩")
JOBS_START = Step("⟨run jobs in the background⟩")
JOBS_STOP = Step("⟨stop running jobs⟩")
JOB_ANSWER = Step("⟨answer an agent⟩")
JOB_LOGS = Step("⟨what the agent of a job wrote⟩")
JOB_RETRY = Step("⟨have a job go on⟩")
LOG_OF = Step("⟨log of a session⟩")
MAINTAIN = Step("⟨maintain worktrees⟩")
MAINTAINER_LOGS = Step("⟨log of the maintainer⟩")
MAINTAINER_RUN = Step("⟨a round of the maintainer⟩")
OPEN_SANDBOX = Step("⟨open Codex's sandbox⟩")
POOL_SHOW = Step("⟨show a pool⟩")
MESSAGE_VERIFY = Step("⟨verify a message⟩")
QUEUE = Step("⟨the merge queue⟩")
QUEUE_ACCEPT = Step("⟨accept the work of a session⟩")
QUEUE_ADD = Step("⟨add a branch to the queue⟩")
QUEUE_APPROVE = Step("⟨approve an entry⟩")
QUEUE_DROP = Step("⟨drop an entry⟩")
QUEUE_HISTORY = Step("⟨history of the queue⟩")
QUEUE_PROCESS = Step("⟨process the queue⟩")
QUEUE_RESUME = Step("⟨resume the queue⟩")
QUEUE_RETRY = Step("⟨retry an entry⟩")
QUEUE_SHOW = Step("⟨show an entry⟩")
QUEUE_UNHOLD = Step("⟨let a held entry go on⟩")
QUEUE_WHY = Step("⟨why an entry waits⟩")
RADAR = Step("⟨radar⟩")
REPAIR = Step("⟨repair⟩")
REVIEW = Step("⟨review a session⟩")
SESSIONS = Step("⟨sessions⟩")
START = Step("⟨start a session⟩")
START_AS = Step("⟨start a session by its id⟩")
START_COMMITTING = Step("⟨start a session that is committed for⟩")
START_WITH = Step("⟨start a session with a command⟩")
SYNC = Step("⟨sync⟩")
TELL = Step("⟨tell⟩")
UNINSTALL = Step("⟨uninstall⟩")
WAIT = Step("⟨claim and wait⟩")
WORKTREES = Step("⟨worktrees⟩")

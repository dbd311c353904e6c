"""The gates of one clone's fleet: what is known of a tree, and having it tested where nobody has yet.

A part that is known is not run again, on whichever node it ran. Before one is run, the ledger is told (`leases`), so that of two
nodes that would run the same, one runs it and the other has its verdict.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from gitfleet.base import clock, identity
from gitfleet.base.names import Oid, SessionId
from gitfleet.base.repeating import repeated
from gitfleet.base.text import display
from gitfleet.codec import Struct
from gitfleet.errors import FleetError, PolicyRefused, Queued, Unverifiable, UsageError
from gitfleet.gates import judging, keys, leases, model, policy, verdicts, watching
from gitfleet.gates import standing as standings
from gitfleet.gates.leases import GateLease, GateTaken, KeepGate, TakeGate
from gitfleet.gates.model import BY_SESSION, FAILED, PASSED, GateSubject, Publisher
from gitfleet.gates.policy import GatePart, GatePolicy
from gitfleet.gates.runner import GateEnd, GateJob, GateRunner, Progress
from gitfleet.gates.standing import UNKNOWN, Known, Standing
from gitfleet.gates.verdicts import PublishVerdict, VerdictPublished
from gitfleet.git.program import Git
from gitfleet.git.repository import Repository
from gitfleet.git.trees import Objects
from gitfleet.ledger.ledger import Ledger
from gitfleet.ledger.model import SESSION, Actor, View

_PAUSE = 2.0
_AUTHOR = b"gitfleet <gitfleet@localhost> 0 +0000"


class GateStanding(Struct):
    """What is known of a tree: `word` for the whole gate, then each part.

    `configured`: the rules say what a tree must pass; `none`: that it is nothing, so every tree passes. While nothing is said
    `word` is `unknown`, and nothing lands. `running` are the runs of it that are under way.
    """

    tree: Oid
    word: Known
    configured: bool = True
    none: bool = False
    parts: tuple[Standing, ...] = ()
    running: tuple[GateLease, ...] = ()


class GateTarget(Struct):
    """A commit and its tree."""

    commit: Oid
    tree: Oid


class PartRun(Struct):
    """What became of one part: what is known of it now, and the run (None: it was known already, or could not be run now).

    `tentative`: the hub could not be reached, and its verdict waits here.
    """

    standing: Standing
    end: GateEnd | None = None
    waits: Queued | None = None
    tentative: bool = False


class GateTested(Struct):
    """What came of it: `word` for the parts that were asked for, by the verdicts that count for whoever asked.

    `counts`: whether policy counts verdicts of this publisher.
    """

    target: GateTarget
    word: Known
    parts: tuple[PartRun, ...] = ()
    none: bool = False
    counts: bool = True


class GateTerms(Struct):
    """How a gate is to be run: for whom (`by`, and the `session` that acts, "": the node does), which `part` ("": all), `again` also
    what is known, and how many seconds to wait for runs of others. `keep_going` with the other parts when one has failed.

    `variables` are told to the gate, as GITFLEET_ and the name.
    """

    by: Publisher = BY_SESSION
    session: SessionId = SessionId("")
    part: str = ""
    again: bool = False
    patience: float = 0.0
    keep_going: bool = True
    variables: tuple[tuple[str, str], ...] = ()


def look(view: View, objects: Objects, tree: str, rules: GatePolicy) -> GateStanding:
    """What is known of a tree by the verdicts that count. Reads only. Raises Unverifiable where the tree is not here."""
    if rules.none or not rules.configured:
        word: Known = PASSED if rules.none else UNKNOWN
        return GateStanding(Oid(tree), word, rules.configured, rules.none)
    parts = [standings.standing(view, one, rules.trust) for one in _subjects(objects, tree, rules)]
    asked = {one.subject.key for one in parts}
    running = [one for one in leases.running(view) if one.key in asked]
    return GateStanding(Oid(tree), standings.together(parts), parts=tuple(parts), running=tuple(running))


def target(git: Git, objects: Objects, revision: str, *, tree: bool = False) -> GateTarget:
    """The commit that a revision names, or a commit made for the tree that it names (always the same). Raises UsageError."""
    found = git.line("rev-parse", "--verify", "--quiet", "--end-of-options", revision)
    oid = git.line("rev-parse", "--verify", "--quiet", f"{found}^{{tree}}") if found else None
    commit = None
    if found and not tree:
        commit = git.line("rev-parse", "--verify", "--quiet", f"{found}^{{commit}}")
    if oid is None or (commit is None and not tree):
        what = "tree" if tree else "commit"
        raise UsageError(
            f"'{display(revision)}' is no {what} of this clone.",
            hint="Name one that is here, or fetch it first.",
        )
    if commit is None:
        data = b"tree %s\nauthor %s\ncommitter %s\n\nA tree to be tested\n" % (oid.encode(), _AUTHOR, _AUTHOR)
        commit = objects.write("commit", data)
        objects.flush()
    return GateTarget(Oid(commit), Oid(oid))


def is_absent(git: Git, oid: str) -> bool:
    """Whether an object is not in this clone."""
    return git.ask("cat-file", "-e", oid).code != 0


class GateClerk:
    """Asks the ledger for a lease, and files a verdict. Whoever has more to ask then has a clerk that does both in one push."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def begin(self, actor: Actor, body: TakeGate) -> GateTaken:
        """Ask for the lease of a run. Raises Queued."""
        return self.ledger.request(leases.take, actor, body)

    def finish(self, actor: Actor, body: PublishVerdict, *, decides: bool) -> VerdictPublished:
        """File the verdict of a part. It `decides` whether the tree passes: no other part is run after it."""
        del decides
        return self.ledger.request(verdicts.publish, actor, body)


class Gates:
    """The gates of a clone. Threads may use one at once."""

    def __init__(
        self, repository: Repository, ledger: Ledger, announce: Callable[[str], None] | None = None
    ) -> None:
        self._repository = repository
        self._ledger = ledger
        self._announce = announce or (lambda _: None)

    def quiet(self) -> Gates:
        """The same, without a word when a run begins: for whoever has words of its own for that."""
        return Gates(self._repository, self._ledger)

    @property
    def policy(self) -> GatePolicy:
        """What the rules say, as compiled last."""
        return policy.load(self._ledger.state)

    def standing(self, tree: str) -> GateStanding:
        """What is known of a tree, as far as this clone knows the ledger. No network. Raises Unverifiable."""
        return look(self._ledger.current().view, self._ledger.objects, tree, self.policy)

    def target(self, revision: str = "HEAD", *, tree: bool = False) -> GateTarget:
        """The commit (with `tree`, the tree) that a revision names here. Raises UsageError."""
        return target(self._repository.here, self._ledger.objects, revision, tree=tree)

    def hindrance(self, tree: str, *, again: bool = False) -> Queued | None:
        """Why the next part of the gate that has to run on a tree cannot begin now, by what is known here; None where it can, or none has to.

        Leases whose runners are gone are in nobody's way. `again`: also what is known runs.
        """
        rules, view = self.policy, self._ledger.current().view
        for part in rules.parts:
            subject = _subject(self._ledger.objects, tree, part, rules)
            if again or standings.standing(view, subject, rules.trust).word not in {PASSED, FAILED}:
                under_way = list(leases.running(view))
                over = watching.over(under_way, self._ledger.state, self._ledger.node.id)
                live = [one for one in under_way if over.get(one.id) != one.renewed]
                return leases.in_the_way(live, subject, part.capacity)
        return None

    def runner(self) -> GateRunner:
        """What runs commands; its `stop` ends them from another thread."""
        return GateRunner(self._repository, self._ledger.state, self._ledger.node.id)

    def run(
        self,
        target: GateTarget,
        terms: GateTerms | None = None,
        *,
        progress: Progress = lambda line, seconds: None,
        runner: GateRunner | None = None,
        clerk: GateClerk | None = None,
    ) -> GateTested:
        """Have every part tested that is not known, one after the other, and publish what came of it (by the `clerk`).

        A part that another node runs is waited for, up to the patience of the `terms`. Raises PolicyRefused where no gate is
        configured, UsageError for a part that there is not; the errors of the hub where a verdict cannot be published.
        """
        terms = terms or GateTerms()
        rules = self.policy
        if rules.none:
            return GateTested(target, PASSED, none=True)
        if not rules.configured:
            raise unconfigured()
        clerk = clerk or GateClerk(self._ledger)
        turn = _Turn(self._repository, clerk, rules, target, terms, self._announce)
        runner = runner or self.runner()
        done: list[PartRun] = []
        chosen = _chosen(rules, terms.part)
        for part in chosen:
            last = part is chosen[-1] and all(one.standing.word == PASSED for one in done)
            done.append(turn.part(part, runner, progress, last=last))
            if done[-1].standing.word == FAILED and not terms.keep_going:
                break
        word = standings.together([one.standing for one in done])
        return GateTested(target, word, tuple(done), counts=terms.by in rules.trust)


def unconfigured() -> PolicyRefused:
    """The error where the rules do not say what a tree must pass."""
    return PolicyRefused(
        "No gate is configured: gitfleet.yaml on the trunk does not say what a tree must pass, so nothing lands.",
        hint="Land a gitfleet.yaml with `queue: {gate: [COMMAND, ARG…]}`, or with `gate: none` where nothing is to be tested.",
    )


class _Turn:
    """One run of a gate on one commit."""

    def __init__(
        self, repository: Repository, clerk: GateClerk, rules: GatePolicy, target: GateTarget, terms: GateTerms,
        announce: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._repository, self._clerk, self._rules = repository, clerk, rules
        self._target, self._terms, self._announce = target, terms, announce
        self._ledger = ledger = clerk.ledger
        self._actor = Actor(SESSION, terms.session) if terms.session else ledger.itself
        self._trust: Collection[Publisher] = {*rules.trust, terms.by}
        self._deadline = clock.elapsed() + terms.patience

    def part(self, part: GatePart, runner: GateRunner, progress: Progress, *, last: bool) -> PartRun:
        """Have one part known. `last`: all others have passed."""
        subject = _subject(self._ledger.objects, self._target.tree, part, self._rules)
        before = self._known(subject)
        if before.word in {PASSED, FAILED} and not self._terms.again:
            return PartRun(before)
        try:
            lease = self._take(subject, part)
        except Queued as error:
            return PartRun(self._known(subject), waits=error)
        if not lease:
            return PartRun(self._known(subject))
        name = f" ({display(subject.part)})" if subject.part else ""
        self._announce(f"testing commit {self._target.commit[:12]}, tree {self._target.tree[:12]}{name}")
        with self._kept(lease):
            end = runner.run(self._job(subject), progress)
            if end.stopped:
                return PartRun(self._known(subject), end)
            failed, passed = end.result == FAILED, end.result == PASSED
            decides = (passed and last) or (failed and not self._terms.keep_going)
            published = self._clerk.finish(self._actor, self._verdict(subject, end, lease), decides=decides)
        return PartRun(self._known(subject), end, tentative=published.tentative)

    def _known(self, subject: GateSubject) -> Standing:
        return standings.standing(self._ledger.current().view, subject, self._trust)

    def _take(self, subject: GateSubject, part: GatePart) -> str:
        """The lease of a run; "" where the verdict is known. Waits for runs of others. Raises Queued."""
        told = False
        gone = self._gone()
        while True:
            body = TakeGate(
                subject, self._terms.by, self._target.commit, self._target.tree, part.capacity,
                trust=() if self._terms.again else tuple(sorted(self._trust)),
                gone=gone,
                process=identity.identify(os.getpid()),
            )  # fmt: skip
            try:
                return self._clerk.begin(self._actor, body).lease
            except Queued as error:
                before, gone = gone, self._gone()
                if not gone.items() <= before.items():
                    continue  # what a runner that has died had asked for was decided just now, before this
                if clock.elapsed() >= self._deadline:
                    raise
                if not told:
                    self._announce(f"waiting: {error.message}")
                told = True
            clock.wait(max(0.0, min(_PAUSE, self._deadline - clock.elapsed())))

    def _gone(self) -> Mapping[str, int]:
        return watching.over(
            leases.running(self._ledger.current().view), self._ledger.state, self._ledger.node.id
        )

    @contextmanager
    def _kept(self, lease: str) -> Iterator[None]:
        """Renew a lease for the body, and give it back at the end where a verdict has not done so."""

        def renew() -> None:
            with suppress(FleetError):
                self._ledger.request(leases.renew, self._actor, KeepGate(lease))

        try:
            with repeated(renew, leases.TTL / 3, "gate lease"):
                yield
        finally:
            with suppress(FleetError):
                if self._ledger.current().view.get(leases.lease_path(lease)) is not None:
                    self._ledger.request(leases.leave, self._actor, KeepGate(lease))

    def _job(self, subject: GateSubject) -> GateJob:
        found = model.history(self._ledger.current().view, subject.line)
        limit = judging.time_limit(self._rules.time_limit, found.seconds if found else ())
        variables = {"gate_part": subject.part, **dict(self._terms.variables)}
        return GateJob(subject.command, self._target.commit, self._target.tree, limit, variables)

    def _verdict(self, subject: GateSubject, end: GateEnd, lease: str) -> PublishVerdict:
        return PublishVerdict(
            subject, end.result, self._terms.by, self._target.commit, self._target.tree, seconds=round(end.seconds),
            code=end.code, reason=end.reason, tail=() if end.result == PASSED else end.tail, log=end.log, lease=lease,
        )  # fmt: skip


def _chosen(rules: GatePolicy, name: str) -> Sequence[GatePart]:
    if not name:
        return rules.parts
    found = rules.part(name)
    if found is None:
        known = ", ".join(part.name for part in rules.parts if part.name) or "it has no parts"
        raise UsageError(
            f"The gate has no part '{display(name)}' ({known}).", hint="Name one of those, or none."
        )
    return (found,)


def _subjects(objects: Objects, tree: str, rules: GatePolicy) -> list[GateSubject]:
    return [_subject(objects, tree, part, rules) for part in rules.parts]


def _subject(objects: Objects, tree: str, part: GatePart, rules: GatePolicy) -> GateSubject:
    try:
        return keys.subject(objects, tree, part, rules.environment)
    except KeyError as error:
        raise Unverifiable(
            f"The tree {display(tree[:12])} is not in this clone, so the inputs of '{display(part.name)}' cannot be told.",
            hint="Fetch a commit that has it.",
        ) from error

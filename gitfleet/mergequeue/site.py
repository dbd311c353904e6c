"""Where a runner works: its clone, the rules as they are on the target, and the candidates on the commit that the target is at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from gitfleet.base import clock
from gitfleet.base.names import Oid
from gitfleet.base.text import display
from gitfleet.claims.policy import Policy
from gitfleet.errors import Unverifiable
from gitfleet.gates import leases, watching
from gitfleet.gates import policy as gate_policy
from gitfleet.gates.model import PASSED
from gitfleet.gates.policy import GatePolicy
from gitfleet.gates.runner import GateRunner
from gitfleet.gates.service import Gates
from gitfleet.git.repository import Repository
from gitfleet.ledger.ledger import Ledger
from gitfleet.ledger.model import View
from gitfleet.ledger.operations import A, B, Kind
from gitfleet.mergequeue import candidates, heads, model
from gitfleet.mergequeue.candidates import Chains, ChainStep, Landing
from gitfleet.mergequeue.commit_text import Person
from gitfleet.mergequeue.listening import Listener
from gitfleet.mergequeue.model import CandidateResult, GateRun, QueueEntry
from gitfleet.mergequeue.outlook import Around, Outlook
from gitfleet.trunk import policy_file, queue_policy
from gitfleet.trunk.queue_policy import QueuePolicy


class Site:
    """One runner's place. Not for two threads at once."""

    def __init__(
        self,
        repository: Repository,
        ledger: Ledger,
        policy: Callable[[], Policy],
        gates: Gates,
        listener: Listener,
    ) -> None:
        self.repository, self.ledger, self.policy = repository, ledger, policy
        self.gates, self.listener = gates, listener
        self.runner: GateRunner = gates.runner()
        self.rules = QueuePolicy()
        self._chains: Chains | None = None
        self._here: set[Oid] = set()
        self._brought: dict[tuple[str, str], bool] = {}
        self._open = ExitStack()

    @property
    def target(self) -> str:
        """The branch that entries land on."""
        return self.ledger.node.trunk

    @property
    def chains(self) -> Chains:
        """Candidates on the commit that the target is at."""
        assert self._chains is not None
        return self._chains

    @property
    def base(self) -> str:
        """That commit."""
        return self.chains.base

    @property
    def gate(self) -> GatePolicy:
        """What a tree must pass, by the rules on the target."""
        return gate_policy.load(self.ledger.state)

    @property
    def view(self) -> View:
        """The ledger as it is known here now."""
        return self.ledger.current().view

    def live(self) -> list[QueueEntry]:
        """The entries for this target that may still move."""
        return model.awaiting(self.view, self.target)

    def request(self, kind: Kind[B, A], body: B) -> A:
        """Ask the ledger for something in the node's own name. Raises what its decision raises."""
        return self.ledger.request(kind, self.ledger.itself, body)

    def sync(self) -> None:
        """Bring here what the hub has of the ledger, the target, and the branches of the queue.

        One connection, and one more where entries are new to us. Raises the hub's errors.
        """
        known: set[str] | None = None
        while self.ledger.node.hub and (known is None or not self._branches() <= known):
            known = self._branches()
            self.ledger.sync(*heads.refspecs(self.ledger.node, known))
        if not self.ledger.node.hub:
            self.ledger.sync()
        policy_file.refresh(self.repository, self.ledger.node)

    def _branches(self) -> set[str]:
        return {entry.branch for entry in self.live()}

    def settle_base(self) -> str:
        """Have candidates be made on the commit that the target was at when it was last looked for, be that back from where it was before;
        that commit.
        """
        node = self.ledger.node
        base = heads.known(self.repository.git, node, [node.trunk])[node.trunk]
        if base is None:
            words = f"There is no branch '{display(self.target)}' to land on."
            raise Unverifiable(words, hint="Push it to the hub first.")
        rules = queue_policy.load(self.ledger.state)
        same = self._chains is not None and self.rules == rules
        if not same or (self.base != base and not self.chains.move(base, self.policy().merge_drivers)):
            self._begin(base, rules)
        return base

    def _begin(self, base: str, rules: QueuePolicy) -> None:
        self.close()
        name, _, mail = rules.committer.rpartition(" ")
        who = Person(name, mail.strip("<>"))
        made = candidates.chains(
            self.repository.git, base, rules.method, drivers=self.policy().merge_drivers, committer=who
        )
        self.rules, self._chains = rules, self._open.enter_context(made)

    def look(self, notes: Sequence[CandidateResult]) -> Outlook:
        """The queue as it is now. `notes` are outcomes that no run of the queue gave."""
        view = self.view
        live = model.awaiting(view, self.target)
        self._here |= self._come({entry.head for entry in live} - self._here)
        away = frozenset(entry.id for entry in live if entry.head not in self._here)
        around = Around(self.target, notes, away, self._stands)
        return Outlook(view, self.chains, clock.now(), self.rules.window, around)

    def _come(self, commits: set[Oid]) -> set[Oid]:
        """Those of the commits that are in this clone."""
        return commits.difference(heads.lacking(self.repository.git, sorted(commits)))

    def lapsed(self) -> list[GateRun]:
        """The runs that are over without having said so: of other nodes by their lease as this one watched it, of this one by their process."""
        view = self.view
        runs = model.runs(view)
        state, node = self.ledger.state, self.ledger.node.id
        watching.over(leases.running(view), state, node)  # so that both are over together
        over = watching.over(runs, state, node, name="queue")
        return [run for run in runs if over.get(run.id) == run.renewed]

    def _stands(self, step: ChainStep) -> bool:
        """Whether the verdicts say of a candidate what a run of it is said to have found: that it passes."""
        self.chains.keep(step.commit)
        return self.gates.standing(step.tree).word == PASSED

    def brings(self, commit: str, entry: QueueEntry) -> bool:
        """Whether a commit that says that it landed an entry has all that the entry's head would bring. Anybody can write what it says."""
        asked = (commit, entry.head)
        if asked not in self._brought:
            landing = Landing(entry.id, entry.branch, entry.head, entry.title, entry.session)
            git = self.repository.git
            with candidates.chains(git, commit, "merge", drivers=self.policy().merge_drivers) as made:
                (put,) = made.chain([landing])
            tree = git.line("rev-parse", f"{commit}^{{tree}}")
            self._brought[asked] = isinstance(put, ChainStep) and put.tree == tree
        return self._brought[asked]

    def close(self) -> None:
        """Let go of what candidates were made in, and of what was known to be here."""
        self._here.clear()
        self._open.close()
        self._chains = None

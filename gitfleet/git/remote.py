"""The hub as git sees it: fetch, compare-and-swap push, and a look at its refs.

Owns the flags that keep the user's refs, FETCH_HEAD, tags, hooks and maintenance out of it. Every exchange names its
refs, and no configuration adds any. Leaves the decision what a lost race means to the ledger: a push that failed for
whatever reason is only ever *looked up*, never guessed at, since a broken connection may hide a success.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence

from gitfleet.base import advice, clock, shellwords
from gitfleet.base.digests import sha256
from gitfleet.base.ids import is_oid
from gitfleet.base.processes import Completed
from gitfleet.codec import Struct, replace
from gitfleet.errors import UNCHANGED, FleetError, HubRefused
from gitfleet.git import advertisement, answers, head, noted_settings, ssh_sharing
from gitfleet.git.answers import hub_error
from gitfleet.git.head import Head
from gitfleet.git.program import TIMEOUT, Git, redact
from gitfleet.git.push_answer import Push, PushAnswer

_QUIET = ("-c", "fetch.prune=false", "-c", "fetch.fsckObjects=false", "-c", "fetch.writeCommitGraph=false",
          "-c", "gc.auto=0", "-c", "maintenance.auto=false")  # fmt: skip


_WORDS = " (fetch)", " (push)"


class Update(Struct):
    """One ref to be moved on the hub from `old` (None: must not exist) to `new` (None: delete)."""

    ref: str
    new: str | None
    old: str | None


class Addresses(Struct):
    """Where a remote's fetches come from, and where its pushes go, as git would call them. Not safe to show."""

    fetch: str
    push: tuple[str, ...]

    @property
    def apart(self) -> str:
        """A hash of the place that pushes go to, if it is called otherwise than that of fetches; else ""."""
        if self.push == (self.fetch,):
            return ""
        return sha256("\n".join(self.push).encode("utf-8", "surrogateescape")).hexdigest()


class Remote:
    """One remote of one repository, by name.

    `trusted` is the `Addresses.apart` that was found to be the hub itself ("": no such place; None: it is yet to be found
    out, by whoever pushes): nothing is ever pushed to another place. With `patience`, all that is asked of it together may
    take so many seconds.
    """

    def __init__(
        self, git: Git, name: str, trusted: str | None = "", *, patience: float | None = None
    ) -> None:
        self._git = git
        self._trusted = trusted
        self.name = name
        self._end = None if patience is None else clock.elapsed() + patience
        self._found: Addresses | None = None
        self._shared: dict[str, ssh_sharing.SharedConnection | None] = {}

    def fetch(
        self, *refspecs: str, prune: bool = True, again: bool = False, timeout: float = TIMEOUT
    ) -> Head | None:
        """Bring refs into the names that the refspecs give; what the hub's HEAD is, which it tells by the way.

        With `again` everything is sent anew, as if nothing of it were here. Raises HubUnreachable, HubRefused; LocalStorage or
        GitFailed when it is this clone that could not. Callers hold the node's lock: two fetches into one ref make both fail.
        """
        if not refspecs:  # git would take those of the configuration
            raise ValueError("a fetch names its refs")
        done = self._exchange(
            *_QUIET, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-filter",
            "--recurse-submodules=no", "--refmap=", *(["--prune", "--no-prune-tags"] if prune else []),
            *(["--refetch"] if again else []), "--end-of-options", self.name, *refspecs, *head.asking(self.name),
            timeout=timeout, env=head.TRACE,
        )  # fmt: skip
        plain = replace(done, stderr=head.without_trace(done.stderr))
        if done.code:
            raise self.error(plain)
        return head.heard(done.stderr)

    def push(
        self,
        updates: Sequence[Update],
        *,
        atomic: bool = True,
        timeout: float = TIMEOUT,
        trace: str = "",
        seen: str = "",
    ) -> PushAnswer:
        """Move refs on the hub, each only from the value named. All or nothing, unless not `atomic`; without updates nothing is asked.

        With `seen`, a refspec, git moves the ref by which this clone has seen what it moves there, too; who needs it looks whether it has.

        With `trace`, the path of a file that is not there yet, the answer says what the hub showed of its branches. The push runs
        in a session of its own: it ends by itself even when we are killed. Raises HubRefused, with nothing pushed, when
        pushes go elsewhere than fetches come from.
        """
        if not updates:
            return PushAnswer(Push.DONE, "")
        self._demand_one_place()
        done = self._exchange(
            *(["-c", f"remote.{self.name}.fetch={seen}"] if seen else []),
            *self._pushing(updates, "--no-verify", atomic=atomic),
            timeout=timeout,
            pushes=True,
            env=advertisement.tracing(trace) if trace else {},
        )
        answer = answers.of_push(done)
        return replace(answer, shown=advertisement.shown(trace, self._place(done))) if trace else answer

    def _place(self, done: Completed) -> str:
        """The folder that a push went to, if that is one of this machine; else ""."""
        first = os.fsdecode(done.stdout.partition(b"\n")[0])
        place = os.path.join(self._git.cwd, first.removeprefix("To ").removeprefix("file://"))
        return place if first.startswith("To ") and os.path.isdir(place) else ""

    def push_watched(self, updates: Sequence[Update], hooks: str, *, timeout: float = TIMEOUT) -> PushAnswer:
        """The same, but the `pre-push` hook in the folder `hooks` runs between the hub's word where its refs are, and what we send."""
        argv = self._pushing(updates, "--verify", atomic=len(updates) > 1)
        hooked = ("-c", f"core.hooksPath={hooks}")
        done = self._git.ask(*hooked, *argv, timeout=self._left(timeout), own_session=True, leaves=True)
        return answers.of_push(done)

    def push_command(self, updates: Sequence[Update]) -> tuple[str, list[str]]:
        """The folder and the command line with which git would make this push, for a hook."""
        return self._git.cwd, self._git.argv(*self._pushing(updates, "--no-verify"))

    def look(self, *patterns: str, timeout: float = TIMEOUT) -> dict[str, str]:
        """Object ids by ref name on the hub, now. Raises HubUnreachable, HubRefused. Changes nothing."""
        return self.survey(*patterns, timeout=timeout)[1]

    def survey(self, *patterns: str, timeout: float = TIMEOUT) -> tuple[Head, dict[str, str]]:
        """What the hub's HEAD is, if that is asked for ("HEAD"), and object ids by ref name, HEAD left out.

        Raises HubUnreachable, HubRefused. Changes nothing.
        """
        asked = ("ls-remote", "--symref", "--quiet", "--", self.name, *patterns)
        done = self._exchange(*asked, timeout=timeout)
        if done.code:
            raise self.error(done)
        found, refs = Head(head.NONE), {}
        for line in os.fsdecode(done.stdout).split("\n"):
            value, _, name = line.partition("\t")
            if name == "HEAD":
                if value.startswith("ref: "):
                    found = head.named(value.removeprefix("ref: "))
                elif found.state == head.NONE:
                    found = Head(head.UNTOLD)
            elif name and not value.startswith("ref: ") and not name.endswith("^{}"):
                refs[name] = value
        return found, refs

    def _exchange(
        self, *arguments: str, timeout: float, pushes: bool = False, env: Mapping[str, str] | None = None
    ) -> Completed:
        """Run git, which connects to the hub. A push runs in a session of its own.

        A shared connection may keep what git writes open for longer than git runs: it is not waited for.
        """
        shared = self._sharing(pushes=pushes)
        done = self._git.ask(
            *arguments,
            timeout=self._left(timeout),
            own_session=pushes,
            leaves=bool(shared),
            env={**shared, **(env or {})},
        )
        if not (shared and done.code and re.search(ssh_sharing.NO_SOCKET, done.stderr)):
            return done
        self._shared = dict.fromkeys(self._shared)
        return self._exchange(*arguments, timeout=timeout, pushes=pushes, env=env)

    def _sharing(self, *, pushes: bool) -> Mapping[str, str | None]:
        """The variables by which git shares a connection; none where it does not."""
        self._found = self._found or self.addresses()
        place = self._found.push[0] if pushes else self._found.fetch
        if place not in self._shared:
            self._shared[place] = ssh_sharing.connection(self._git, place)
        shared = self._shared[place]
        return shared.variables() if shared else {}

    def is_shared(self) -> bool:
        """Whether fetches use a connection over ssh that commands share because of us."""
        return bool(self._sharing(pushes=False))

    def addresses(self) -> Addresses:
        """Where fetches come from and pushes go to. Costs one git process, unless git has said so before (`noted_settings`)."""
        rows = noted_settings.answer(self._git, "remote", "--verbose").split("\n")
        own = [place for name, _, place in (row.partition("\t") for row in rows) if name == self.name]
        fetch, push = [[place.rpartition(word)[0] for place in own if word in place] for word in _WORDS]
        return Addresses(fetch[0] if fetch else self.name, tuple(push or fetch or [self.name]))

    def _left(self, timeout: float) -> float:
        """The seconds for one more exchange; hardly any when our patience is over, which then counts as no answer."""
        return timeout if self._end is None else max(0.01, min(timeout, self._end - clock.elapsed()))

    def error(self, done: Completed) -> FleetError:
        """The error for a failed look or fetch, in git's own words."""
        return answers.of_failure(done, self.name, self._git.git_dir, "read from")

    def _pushing(self, updates: Sequence[Update], *flags: str, atomic: bool = True) -> list[str]:
        """The arguments of a push. No configuration adds a ref, an option, a signature or a connection to it."""
        _check(updates)
        leases = [f"--force-with-lease={u.ref}:{u.old or ''}" for u in updates]
        specs = [f"{u.new or ''}:{u.ref}" for u in updates]
        whole = ["--atomic"] if atomic and len(updates) > 1 else ["--no-atomic"]
        return [
            "-c", "push.pushOption=", "-c", "push.negotiate=false", "-c", f"remote.{self.name}.mirror=false",
            "push", "--porcelain", "--no-signed", "--no-follow-tags", "--no-force-if-includes", "--recurse-submodules=no",
            *flags, *whole, *leases, "--", self.name, *specs,
        ]  # fmt: skip

    def _demand_one_place(self) -> None:
        if self._trusted is None:
            return
        self._found = self.addresses()
        if self._found.apart not in {"", self._trusted}:
            raise elsewhere(self.name, self._found)


def elsewhere(name: str, found: Addresses, *, why: str = "") -> HubRefused:
    """The refusal of a remote whose pushes go elsewhere than its fetches come from."""
    places = " and ".join(redact(place) for place in found.push)
    words = why or f"{advice.INIT} did not test whether both are one place."
    return HubRefused(
        f"The remote '{name}' is fetched from {redact(found.fetch)}, and pushes go to {places} (push URL). {words} "
        "A fleet needs one place.",
        unharmed=UNCHANGED,
        hint=f"Give '{name}' one address for both (`git remote set-url --push {shellwords.word(name)} URL`), then run {advice.INIT}; or name "
        f"another remote: {advice.INIT_HUB.of('REMOTE')}.",
        hub=name,
        output="",
    )


def _check(updates: Collection[Update]) -> None:
    """A push that does not name exactly what it moves is our bug: git would fill the gap from the configuration."""
    for update in updates:
        values = [value for value in (update.new, update.old) if value is not None]
        if not update.ref.startswith("refs/") or not values or not all(map(is_oid, values)):
            raise ValueError(f"no update of a ref: {update}")
    if not updates or len({update.ref for update in updates}) < len(updates):
        raise ValueError("a push names its refs, each once")


__all__ = ["Addresses", "Push", "PushAnswer", "Remote", "Update", "elsewhere", "hub_error"]

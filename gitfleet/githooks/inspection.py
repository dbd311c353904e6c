"""Which of our git hooks are in force in a clone, and what stands in the way of those that are not.

Reads only. Other tools replace hook files and core.hooksPath whenever they are installed again, and git says
nothing; whoever wants to know asks here, and repairs with `install`.
"""

from __future__ import annotations

import os
from typing import Literal

from gitfleet.base import files
from gitfleet.base.text import display
from gitfleet.codec import Struct, replace
from gitfleet.git import sharing
from gitfleet.githooks import configured, install_record, shims
from gitfleet.githooks.hook_files import HooksFolder
from gitfleet.githooks.hooks_path import SHARED, HookedClone, Scope
from gitfleet.githooks.install_record import HooksRecord

State = Literal["in place", "outdated", "edited", "missing", "replaced", "bypassed", "closed"]


class HookState(Struct):
    """One gated hook as git would run it in one scope (`shared`, or a worktree that has a hooks path of its own).

    `path` is where our script stands, or belongs. `by` says who is in its place: a tool's name, "another script",
    or for `bypassed` the value of core.hooksPath. `chained_to` is the first hook that our script runs before the gate, if any.
    `configured`: whether the git that answers here runs the gate as a hook of the configuration, whatever `state` says
    of the folder.
    """

    hook: str
    scope: str
    state: State
    path: str
    by: str
    chained_to: str | None
    configured: bool = False

    @property
    def in_force(self) -> bool:
        """Whether a script of ours runs for this hook."""
        return self.in_folder or self.configured

    @property
    def in_folder(self) -> bool:
        """Whether the script in the hooks folder would run, as it does under an older git."""
        return self.state in ("in place", "outdated")

    @property
    def words(self) -> str:
        """What is the matter in the hooks folder, in words."""
        said = {
            "replaced": "replaced by",
            "bypassed": "bypassed by",
            "closed": "this user may not read the hook that stands there",
        }
        return f"{self.hook}: {said.get(self.state, self.state)} {self.by}".rstrip()


class Inspection(Struct):
    """What `inspect` saw. `installed`: whether `install` ever ran here and was not undone.

    `configurable`: whether the git that answers here has hooks of the configuration.
    """

    installed: bool
    hooks: tuple[HookState, ...]
    problems: tuple[str, ...]
    configurable: bool = False

    @property
    def in_force(self) -> bool:
        """Whether every gate runs in every worktree."""
        return not self.problems and all(hook.in_force for hook in self.hooks)

    @property
    def displaced(self) -> list[str]:
        """The gates that the hooks folder would not run, and why: what each is replaced by, or what leads elsewhere."""
        return [
            hook.words if hook.scope == SHARED else f"{hook.words} ({hook.scope})"
            for hook in self.hooks
            if not hook.in_folder
        ]


def inspect(common_dir: str, worktree: str | None = None) -> Inspection:
    """Look at the hooks of a clone as git would find them now. Costs two git calls, one more for each setting that is set, and a few files.

    Raises Corrupt or NewerFormat for an unreadable record, GitFailed for an unreadable configuration.
    """
    clone = HookedClone(common_dir, worktree)
    recorded = install_record.load(os.path.join(clone.state, "hooks.json"))
    known = recorded or HooksRecord()
    hooks: list[HookState] = []
    problems = _launcher_problems(os.path.join(clone.state, "launcher")) if recorded else []
    gates = shims.gates(clone.state)
    asked = configured.in_force(clone.git, clone.state, gates)
    settings = clone.keys_set()
    for scope in clone.scopes(settings):
        place = _place(clone, scope, shims.fingerprints().union(known.known))
        found = [_state(clone, scope, place, hook) for hook in gates]
        hooks += [replace(state, configured=state.hook in asked.configured) for state in found]
        if scope.live:
            problems += [*_given_up(clone, scope, place), *_not_handed_on(clone, scope, place)]
    if recorded:
        scripts = [hook.path for hook in hooks if hook.in_force]
        alone = [clone.hooks, *clone.folders_of_kept(), *scripts]
        shared = sharing.read(clone.git) if sharing.SETTING.lower() in settings else sharing.Sharing()
        problems += sharing.lacking(shared, [clone.state], alone)
    return Inspection(recorded is not None, tuple(hooks), tuple(problems), asked.knows)


def _place(clone: HookedClone, scope: Scope, known: frozenset[str]) -> HooksFolder:
    folder = clone.hooks
    if scope.live and scope.ours:
        folder = scope.ours
    elif clone.stands_for(scope) is not None:
        folder = os.path.join(clone.own, scope.slug)
    before = clone.before if folder == clone.hooks else f"{clone.before}.{os.path.basename(folder)}"
    return HooksFolder(folder, before, "", known)


def _state(clone: HookedClone, scope: Scope, place: HooksFolder, hook: str) -> HookState:
    home = place.home(hook)
    path = os.path.join(place.folder, home)
    if clone.stands_for(scope) is not None and not scope.live:
        by = f"core.hooksPath = {display(scope.chosen or '')}" if scope.chosen else "hooks is a link"
        return HookState(hook, scope.slug, "bypassed", path, by, None)
    found = place.look(home)
    by = ""
    state: State = "missing"
    if found.kind == "ours":
        state = "in place" if files.read(path) == shims.text(hook) else "outdated"
        state = state if os.access(path, os.X_OK) else "missing"
    elif found.kind in ("edited", "closed"):
        state = found.kind
    elif found.kind != "absent":
        state, by = "replaced", found.maker or "another script"
    return HookState(hook, scope.slug, state, path, by, _chained_to(clone, scope, place, hook))


def _chained_to(clone: HookedClone, scope: Scope, place: HooksFolder, hook: str) -> str | None:
    paths = [place.kept(hook)]
    if place.folder != clone.hooks:
        paths.insert(0, os.path.join(_behind(clone, scope, place), hook))
    return next((path for path in paths if os.path.isfile(path) and os.access(path, os.X_OK)), None)


def _behind(clone: HookedClone, scope: Scope, place: HooksFolder) -> str:
    return clone.seen_from(scope.slug, clone.stood_for(place.folder))


def _given_up(clone: HookedClone, scope: Scope, place: HooksFolder) -> list[str]:
    """The folder whose hooks run although another was chosen since."""
    former, now = clone.stood_for(place.folder), clone.stands_for(scope)
    if former in {"", now}:
        return []
    chosen = f"is {display(now)} by now" if now else "is not set any more"
    return [f"core.hooksPath {chosen}; the hooks in {display(former)} still run"]


def _not_handed_on(clone: HookedClone, scope: Scope, place: HooksFolder) -> list[str]:
    """Hooks of the user's that git would not run, for want of our script that hands them on."""
    gates = shims.gates(clone.state)
    wanted = shims.texts_instead_of(_behind(clone, scope, place), gates)
    missing = [hook for hook in wanted if hook not in gates and place.look(hook).kind == "absent"]
    return [
        f"{os.path.join(place.folder, hook)} is missing: a {hook} hook of yours would not run"
        for hook in missing
    ]


def _launcher_problems(path: str) -> list[str]:
    data = files.read(path)
    if data is None:
        return [f"{path} is missing: the gates cannot start, and stop every commit and push"]
    interpreter, _, gate = os.fsdecode(data).removesuffix("\n").partition("\n")
    problems = []
    if not os.access(interpreter, os.X_OK):
        problems.append(f"the gates' Python is gone: {display(interpreter)}; they stop every commit and push")
    if not os.path.isfile(gate):
        problems.append(f"the gates' program is gone: {display(gate)}; they stop every commit and push")
    return problems

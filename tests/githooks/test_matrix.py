"""Every way that git has to make commits, against every gate: what stops it, as `docs/guides/hooks.md` tells.

The table on that page is what is expected here, so that it cannot lie. Each way is tried with one gate at a time, on a
path that another session holds; then with all gates, on a path that nobody holds and on one that the session holds.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from gitfleet.claims import model
from gitfleet.claims.model import Claim
from gitfleet.cli import check_commits
from gitfleet.githooks import hub_hook, shims
from gitfleet.githooks.shims import GATED, OPTIONAL
from tests.gatebench import GATE, Copies, Gated
from tests.workbench import ROOT, Git, Overlay, Ran, run

PAGE = ROOT / "docs/guides/hooks.md"
PATH = "src/api/a.py"
OWN = "own.txt"
HOOKS = ("pre-commit", "prepare-commit-msg", "reference-transaction", "pre-push")
GATES = (*HOOKS, "check --range", "pre-receive")
NAMES = "names its claims"
ALL = (*HOOKS, "commit-msg")  # that stops nothing by itself
LONG_AGO: Overlay = {"GIT_AUTHOR_DATE": "@1500000000 +0000", "GIT_COMMITTER_DATE": "@1500000000 +0000"}


class Way(NamedTuple):
    """One way to make a commit: `prepare` with no gate in place, then `go`. `path` is what it changes.

    `needs` is a command that only newer gits have, and a word of its help.
    """

    go: Callable[[Gated], Ran]
    prepare: Callable[[Gated], object] = lambda clone: None
    path: str = PATH
    needs: tuple[str, str] | None = None


WAYS: dict[str, Way] = {}


def way(
    name: str,
    prepare: Callable[[Gated], object] = lambda clone: None,
    path: str = PATH,
    needs: tuple[str, str] | None = None,
) -> Callable[[Callable[[Gated], Ran]], Callable[[Gated], Ran]]:
    def note(go: Callable[[Gated], Ran]) -> Callable[[Gated], Ran]:
        WAYS[name] = Way(go, prepare, path, needs)
        return go

    return note


# What the ways begin from. No gate is in place here.


def side(clone: Gated, content: str = "side\n") -> None:
    """A branch `side` with a commit that names nobody; we are on it."""
    clone.out("checkout", "--quiet", "-b", "side")
    clone.write(PATH, content)
    clone.git("commit", "--quiet", "-m", "side", env=LONG_AGO).ok()


def landed(clone: Gated, path: str, content: str = "landed\n") -> None:
    """A commit on `main` that the hub has already."""
    clone.out("checkout", "--quiet", "main")
    clone.write(path, content)
    clone.git("commit", "--quiet", "-m", "landed", env=LONG_AGO).ok()
    clone.out("push", "--quiet", "origin", "main")


def apart(clone: Gated) -> None:
    """`side` and `main` have parted; we are on `main`."""
    side(clone)
    landed(clone, "docs/readme.md")


def clashing(clone: Gated) -> None:
    side(clone)
    landed(clone, PATH)
    clone.git("merge", "side").ended(1)
    clone.write(PATH, "both\n")


def apart_on_side(clone: Gated) -> None:
    apart(clone)
    clone.out("checkout", "--quiet", "side")


def unnamed(clone: Gated) -> None:
    clone.write(PATH)
    clone.git("commit", "--quiet", "-m", "unnamed", env=LONG_AGO).ok()


def own_commit(clone: Gated) -> None:
    clone.write(OWN)
    clone.git("commit", "--quiet", "-m", "own", env=LONG_AGO).ok()


def mailed(clone: Gated) -> None:
    apart(clone)
    clone.out("format-patch", "--quiet", "--output-directory", "../mail", "-1", "side")


def stashed(clone: Gated) -> None:
    clone.write(PATH, "stashed\n")
    clone.out("stash", "push", "--quiet")


def with_library(clone: Gated) -> None:
    run(["git", "clone", "--quiet", "hub.git", "library.git"], clone.fleets.root).ok()
    clone.out("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../library.git", "library")
    clone.out("commit", "--quiet", "-m", "library")
    clone.out("push", "--quiet", "origin", "HEAD:main")
    library = clone.path / "library"
    (library / PATH).write_text("in the library\n")


def with_newer_library(clone: Gated) -> None:
    with_library(clone)
    clone.out("commit", "--quiet", "-am", "in the library", at=clone.path / "library")


# The ways.


@way("`git commit`")
def commit(clone: Gated) -> Ran:
    clone.write(PATH)
    return clone.commit()


WRITING: Overlay = {"GIT_EDITOR": "sed -i.old 1s/^/written/"}


@way("`git commit`, its message written in an editor")
def commit_written(clone: Gated) -> Ran:
    clone.write(PATH)
    return clone.git("commit", "--quiet", env=WRITING)


@way("`git commit --no-verify`, its message written in an editor")
def commit_written_unverified(clone: Gated) -> Ran:
    clone.write(PATH)
    return clone.git("commit", "--quiet", "--no-verify", env=WRITING)


@way("`git commit --all`")
def commit_all(clone: Gated) -> Ran:
    (clone.path / PATH).write_text("new\n")
    return clone.commit("--all", "-m", "try")


@way("`git commit --only PATH`")
def commit_only(clone: Gated) -> Ran:
    clone.write("README.md")
    (clone.path / PATH).write_text("new\n")
    return clone.commit("-m", "try", "--only", PATH)


@way("`git commit --no-verify`")
def commit_unverified(clone: Gated) -> Ran:
    clone.write(PATH)
    return clone.commit("--no-verify", "-m", "try")


@way("`git commit --amend`, adding a change", own_commit)
def amend(clone: Gated) -> Ran:
    clone.write(PATH)
    return clone.commit("--amend", "--no-edit")


@way("`git commit --amend -m`, of a commit that no gate has seen", unnamed)
def amend_message(clone: Gated) -> Ran:
    return clone.commit("--amend", "-m", "other words")


@way("`git cherry-pick`", apart)
def cherry_pick(clone: Gated) -> Ran:
    return clone.git("cherry-pick", "side")


@way("`git revert`", lambda clone: landed(clone, PATH))
def revert(clone: Gated) -> Ran:
    return clone.git("revert", "--no-edit", "HEAD")


@way("`git rebase --apply`", apart_on_side)
def rebase_apply(clone: Gated) -> Ran:
    return clone.git("rebase", "--quiet", "--apply", "main")


@way("`git rebase --merge`", apart_on_side)
def rebase_merge(clone: Gated) -> Ran:
    return clone.git("rebase", "--quiet", "--merge", "main")


@way("`git rebase --interactive`, with `reword`", side)
def rebase_interactive(clone: Gated) -> Ran:
    editors: Overlay = {
        "GIT_SEQUENCE_EDITOR": "sed -i.old 's/^pick/reword/'",
        "GIT_EDITOR": "sed -i.old 1s/^/more/",
    }
    return clone.git("rebase", "--quiet", "--interactive", "main", env=editors)


@way("`git merge`, without conflicts", apart)
def merge(clone: Gated) -> Ran:
    return clone.git("merge", "--quiet", "--no-edit", "side")


@way("`git merge` and `git commit`, with conflicts resolved anew", clashing)
def merge_resolved(clone: Gated) -> Ran:
    return clone.commit("-m", "merged")


@way("`git merge --squash` and `git commit`", apart)
def squash(clone: Gated) -> Ran:
    clone.git("merge", "--quiet", "--squash", "side").ok()
    return clone.commit("-m", "squashed")


@way("`git am`", mailed)
def am(clone: Gated) -> Ran:
    (mail,) = (clone.fleets.root / "mail").iterdir()
    return clone.git("am", "--quiet", mail)


@way("`git stash pop` and `git commit`", stashed)
def stash_pop(clone: Gated) -> Ran:
    clone.git("stash", "pop", "--quiet").ok()
    return clone.commit("--all", "-m", "popped")


@way("`git commit-tree` and `git update-ref`")
def update_ref(clone: Gated) -> Ran:
    clone.write(PATH)
    made = clone.out("commit-tree", "-p", "HEAD", "-m", "raw", clone.out("write-tree"))
    return clone.git("update-ref", "refs/heads/main", made)


@way("`git fast-import`")
def fast_import(clone: Gated) -> Ran:
    who = "A <a@b> 1500000000 +0000"
    stream = f"commit refs/heads/main\ncommitter {who}\ndata 3\nraw\nfrom refs/heads/main^0\n"
    return clone.git("fast-import", "--quiet", stdin=f"{stream}M 100644 inline {PATH}\ndata 4\nnew\n\n")


@way("`git replay --onto`", apart_on_side, needs=("replay", "--ref-action"))
def replay(clone: Gated) -> Ran:
    return clone.git("replay", "--onto", "main", "main..side")


@way("`git history reword`, of a commit that no gate has seen", unnamed, needs=("history", "reword"))
def history_reword(clone: Gated) -> Ran:
    return clone.git("history", "reword", "HEAD", env={"GIT_EDITOR": "sed -i.old 1s/^/more/"})


@way("`git history fixup`, adding a change", own_commit, needs=("history", "fixup"))
def history_fixup(clone: Gated) -> Ran:
    clone.write(PATH)
    return clone.git("history", "fixup", "HEAD")


@way("`git commit` in a linked worktree")
def linked(clone: Gated) -> Ran:
    tree = clone.fleets.root / "linked"
    clone.out("worktree", "add", "--quiet", "-b", "linked", tree)
    (tree / PATH).write_text("new\n")
    return clone.commit("--all", "-m", "linked", at=tree)


@way("`git commit` in a sparse checkout, outside of its cone")
def sparse(clone: Gated) -> Ran:
    clone.out("sparse-checkout", "set", "docs")
    blob = clone.out("hash-object", "-w", "--stdin", stdin="new\n")
    clone.out("update-index", "--cacheinfo", f"100644,{blob},{PATH}")
    return clone.commit()


@way("`git commit` of another commit of a submodule", with_newer_library, "library")
def submodule_moved(clone: Gated) -> Ran:
    return clone.commit("--all", "-m", "newer library")


@way("`git commit` inside of a submodule", with_library)
def inside_submodule(clone: Gated) -> Ran:
    return clone.commit("--all", "-m", "inside", at=clone.path / "library")


def ways() -> Iterator[object]:
    """The ways, those marked that this git does not have."""
    for name, made in WAYS.items():
        lacking = made.needs is not None and made.needs[1] not in _help(made.needs[0])
        yield pytest.param(name, marks=pytest.mark.skipif(lacking, reason="this git does not have it yet"))


def _help(command: str) -> str:
    done = subprocess.run(["git", command, "-h"], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


# The table.


@cache
def told() -> dict[str, dict[str, str]]:
    """The table of the page: way to gate to cell."""
    text = PAGE.read_text("utf-8")
    lines = text.partition("<!-- the matrix -->\n")[2].partition("\n\n")[0].splitlines()
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}


def keep(clone: Gated, *hooks: str) -> None:
    """Have these gates, and no other, in place."""
    clone.policy(reference_transaction=True)
    folder = clone.path / ".git/hooks"
    clone.keep_gates()
    for name in {*GATED, *OPTIONAL} & {*hooks}:
        (folder / name).write_bytes(shims.text(name))
        (folder / name).chmod(0o755)


def by_us(ran: Ran) -> bool:
    """Whether a gate of ours stopped git; that anything else did is a failure."""
    if ran.returncode == 0:
        return False
    assert "gitfleet: Stopped: " in ran.stderr, ran
    assert "gitfleet: internal" not in ran.stderr, ran
    return True


def push(clone: Gated) -> Ran:
    return clone.git("push", "--quiet", "origin", "HEAD:refs/heads/out", at=_where(clone))


def in_ci(clone: Gated) -> int:
    """The exit code of `gitfleet check --range`, for what the branch has and the hub's trunk had before."""
    revisions = f"{clone.out('rev-parse', 'origin/main')}..HEAD"
    return check_commits.commits(revisions, None, None, str(_where(clone))).code


def _where(clone: Gated) -> Path:
    linked = clone.fleets.root / "linked"
    return linked if linked.exists() else clone.path


@pytest.fixture(scope="session")
def stocks(hooked_fleet: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Fleets in which what the ways change is held by nobody, by another session, or by the session itself."""
    found = {}
    for holder in ("", "ada-2", "ada-1"):
        root = tmp_path_factory.mktemp("stock") / "fleet"
        clone = Copies(hooked_fleet, root).clone("ada")
        clone.claim(OWN)
        if holder:
            clone.claim(*{made.path for made in WAYS.values()}, session=holder)
        keep(clone)
        found[holder] = root
    return found


@pytest.fixture
def ready(stocks: dict[str, Path], tmp_path: Path) -> Iterator[Callable[[str], Gated]]:
    """`ready(holder)`: a clone without gates, as made in `stocks`."""
    with tempfile.TemporaryDirectory(prefix="gitfleet-test-") as folder:
        yield lambda holder: Copies(stocks[holder], Path(folder, "fleet")).clone("ada")


def test_the_page_tells_of_every_way_and_every_gate() -> None:
    assert list(told()) == list(WAYS)
    assert {gate for row in told().values() for gate in row} == {*(f"`{gate}`" for gate in GATES), NAMES}


@pytest.mark.sample(40)
@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("name", list(ways()))
def test_gate_alone_stops_what_the_page_says(ready: Callable[[str], Gated], name: str, gate: str) -> None:
    clone, made = ready("ada-2"), WAYS[name]
    made.prepare(clone)
    keep(clone, gate)
    if gate == "pre-receive":
        hub_hook.install(str(clone.fleets.hub), interpreter=sys.executable, gate=str(GATE))
    ran = made.go(clone)
    if gate in {"pre-push", "pre-receive"}:
        assert not by_us(ran)
        ran = push(clone)
    stops = bool(in_ci(clone)) if gate == "check --range" else by_us(ran)
    assert ("stops" if stops else "") == told()[name][f"`{gate}`"], ran
    assert ran.returncode == 0 or "ada-2" in ran.stderr, ran


@pytest.mark.sample(9)
@pytest.mark.parametrize("name", list(ways()))
def test_all_gates_stop_what_nobody_has_claimed_before_the_hub_has_it(
    ready: Callable[[str], Gated], name: str
) -> None:
    clone, made = ready(""), WAYS[name]
    made.prepare(clone)
    keep(clone, *ALL)
    stopped = by_us(made.go(clone)) or by_us(push(clone))
    assert stopped == any(cell == "stops" for cell in told()[name].values())


@pytest.mark.sample(9)
@pytest.mark.parametrize("name", list(ways()))
def test_all_gates_pass_what_the_session_has_claimed(
    ready: Callable[[str], Gated], git: Git, name: str
) -> None:
    clone, made = ready("ada-1"), WAYS[name]
    made.prepare(clone)
    keep(clone, *ALL)
    made.go(clone).ok()
    push(clone).ok()
    message = git(_where(clone), "log", "-1", "--format=%(trailers)")
    named = set(re.findall("^Fleet-Claim: (.*)$", message, re.MULTILINE))
    assert ("yes" if named & set(claims(clone, made.path)) else "") == told()[name][NAMES], message
    unnamed = not named or name.startswith("`git merge`")  # the branch that it merges names nobody
    assert in_ci(clone) == (10 if unnamed and told()[name]["`check --range`"] else 0)


def claims(clone: Gated, path: str) -> list[str]:
    """The claims that cover a path, as commits name them."""
    with clone.open() as fleet:
        found = [claim for claim in model.everything(fleet.current().view) if isinstance(claim, Claim)]
        return [f"{claim.id}@{claim.token}" for claim in found if claim.pattern == path]

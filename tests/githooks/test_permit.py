"""A commit starts Python once, or not at all; and a shell that goes by a permit says yes to nothing that the gate would stop."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.base import clock, identity
from gitfleet.base.names import SessionId
from gitfleet.clients import acting
from gitfleet.git import fleetrefs
from gitfleet.githooks import permit, shims
from gitfleet.githooks.install import install
from gitfleet.sessions.local import Here, mark
from tests.gatebench import GATE, Gated, refused
from tests.workbench import Ran

SHELLS = [name for name in ("dash", "bash", "busybox", "ksh", "mksh", "yash") if shutil.which(name)]
linux = pytest.mark.skipif(not Path("/proc/uptime").exists(), reason="permits need Linux's clock since boot")
pytestmark = linux


@pytest.fixture(autouse=True)
def _in_no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message of an older date may belong to a commit that is amended, and goes to Python: on a busy machine a new one, too."""
    monkeypatch.setenv("GIT_AUTHOR_DATE", f"@{clock.now() + 3600} +0000")


@pytest.fixture
def starts(alone: Gated, tmp_path: Path) -> Callable[[], list[str]]:
    """Asks which hooks have started Python since the last time."""
    state = alone.fleets.state("alone")
    python, _ = (state / "launcher").read_text().splitlines()
    log, counting = tmp_path / "log", tmp_path / "python"
    counting.write_text(f'#!/bin/sh\necho "$4" >>"{log}"\nexec "{python}" "$@"\n')
    counting.chmod(0o755)
    (state / "launcher").write_text(f"{counting}\n{GATE}\n")

    def asked() -> list[str]:
        found = log.read_text().split() if log.exists() else []
        log.write_text("")
        return found

    return asked


def permitted(clone: Gated) -> Path:
    return clone.fleets.state("alone") / "permits/.git"


def commit(clone: Gated, *paths: str) -> Ran:
    """Change and commit paths."""
    for number, path in enumerate(paths):
        clone.write(path, f"{os.urandom(8).hex()} {number}\n")
    return clone.commit()


@pytest.fixture
def known(alone: Gated, starts: Callable[[], list[str]]) -> Gated:
    """A clone whose session has committed below `src/`, so that a shell may answer for it."""
    alone.claim("src/")
    commit(alone, "src/api/a.py").ok()
    assert starts() == ["pre-commit"]
    assert permitted(alone).exists()
    return alone


def test_commit_starts_python_once_and_the_next_one_not_at_all(
    known: Gated, starts: Callable[[], list[str]]
) -> None:
    before = known.trailers()
    commit(known, "src/api/a.py", "src/b c.py", "src/new/$(x)*.py").ok()
    assert starts() == []
    assert known.trailers() == before
    assert len(before) == 2


def test_commit_of_ten_claims_names_them_as_the_gate_does(
    alone: Gated, starts: Callable[[], list[str]]
) -> None:
    paths = [f"docs/{number}.md" for number in range(10)]
    alone.claim(*paths)
    alone.claim("src/api/a.py")
    commit(alone, *paths).ok()
    first = alone.trailers()
    commit(alone, *paths).ok()
    assert alone.trailers() == first
    assert starts() == ["pre-commit"]
    assert len(first) == 11
    commit(alone, "src/api/a.py").ok()  # the gate adds what it found to the permit
    commit(alone, "src/api/a.py", "docs/3.md").ok()
    assert starts() == ["pre-commit"]
    assert len(alone.trailers()) == 3


@pytest.mark.parametrize(
    "message",
    [
        "one",
        "one  ",
        "(one)",
        "Reviewed-by: A <a@b.c>",
        "one\n" * 12,
        "one\n\ntwo\n\nSigned-off-by: A <a@b.c>",
        "one\ntwo: three",
        "x: y",
    ],
)
def test_message_gets_the_trailers_that_the_gate_gives_it(
    known: Gated, starts: Callable[[], list[str]], message: str
) -> None:
    said = []
    for by in ("the shell", "the gate"):
        if by == "the gate":
            permitted(known).unlink()
        known.write("src/api/a.py", f"{by}\n")
        known.commit("-m", message).ok()
        said.append(known.message())
    assert said[0] == said[1]
    assert starts() == ["pre-commit"]


def test_message_gets_the_users_own_trailers_as_from_the_gate(
    known: Gated, starts: Callable[[], list[str]]
) -> None:
    known.out("config", "trailer.where", "start")
    known.out("config", "trailer.ticket.key", "Ticket: ")
    known.out("config", "trailer.ticket.command", "echo 7")
    known.write("src/api/a.py", "1\n")
    known.commit("-m", "one").ok()
    assert starts() == []
    permitted(known).unlink()
    known.write("src/api/a.py", "2\n")
    known.commit("-m", "one").ok()
    assert known.message() == known.message("HEAD~1")
    assert "Ticket: 7" in known.message()


@pytest.mark.parametrize("how", ["--all", "--only", "--no-verify"])
def test_shell_judges_what_this_commit_brings(
    known: Gated, starts: Callable[[], list[str]], how: str
) -> None:
    known.claim("README.md", session=known.other)
    commit(known, "src/api/a.py").ok()
    starts()
    known.write("src/api/a.py", "staged\n")
    (known.path / "README.md").write_text("theirs\n")
    if how == "--all":
        refused(known.commit("--all", "-m", "x"), "README.md")
    elif how == "--only":
        refused(known.commit("-m", "x", "--only", "README.md"), "README.md")
        known.commit("-m", "x", "--only", "src/api/a.py").ok()
    else:
        known.out("add", "README.md")
        refused(known.commit("--no-verify", "-m", "x"), "README.md")


def test_hook_of_the_user_that_changes_the_index_in_between_is_judged(known: Gated) -> None:
    known.keep_gates("pre-commit", "prepare-commit-msg")  # in the configuration they run before the user's
    known.claim("README.md", session=known.other)
    commit(known, "src/api/a.py").ok()
    kept = known.path / ".git/hooks-before-gitfleet/prepare-commit-msg"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("#!/bin/sh\necho theirs >README.md; git add README.md\n")
    kept.chmod(0o755)
    refused(commit(known, "src/api/a.py"), "README.md")


def test_amended_message_goes_on_naming_what_it_named(known: Gated, starts: Callable[[], list[str]]) -> None:
    before = known.trailers()
    known.git("commit", "--quiet", "--amend", "-m", "again").ok()
    assert known.trailers() == before
    assert starts() == ["prepare-commit-msg"]
    known.write("src/more.py")
    date = {"GIT_AUTHOR_DATE": "@1700000000 +0000"}
    known.git("commit", "--quiet", "-m", "old", env=date).ok()
    assert known.trailers() == before
    assert starts() == ["prepare-commit-msg"]


def _file(clone: Gated, name: str, text: str) -> None:
    path = clone.fleets.state("alone") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _in_the_way(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _append(path: Path) -> None:
    path.write_text(path.read_text().replace("}", ',"v2":1}'))


def _replace(path: Path, old: str, new: str) -> None:
    text, dated = path.read_text(), path.stat().st_mtime
    assert old in text
    path.write_text(text.replace(old, new))
    os.utime(path, (dated, dated))


def _launch_otherwise(clone: Gated) -> None:
    path = clone.fleets.state("alone") / "launcher"
    python, gate = path.read_text().splitlines()
    other = Path(f"{python}2")
    shutil.copy(python, other)
    path.write_text(f"{other}\n{gate}\n")


def _clocks(clone: Gated, number: int, value: str) -> None:
    line = permitted(clone).read_text().splitlines()[permit._CLOCKS]
    words = line.split(" ")
    words[number] = value
    _replace(permitted(clone), line, " ".join(words))


CHANGES: dict[str, Callable[[Gated], object]] = {
    "another tip": lambda clone: clone.claim("x"),
    "released": lambda clone: clone.release("src/"),
    "an offline claim": lambda clone: _file(clone, "outbox/tentative/x", ""),
    "a notice": lambda clone: _file(clone, f"notices/{clone.session}/x.json", "{}"),
    "other rules": lambda clone: clone.policy(commits="require-claim"),
    "another node": lambda clone: _append(clone.fleets.state("alone") / "node.json"),
    "a merge": lambda clone: (clone.path / ".git/MERGE_HEAD").write_text(
        clone.out("rev-parse", "HEAD") + "\n"
    ),
    "another launcher": _launch_otherwise,
    "packed refs": lambda clone: clone.out("pack-refs", "--all"),
    "over since boot": lambda clone: _clocks(clone, 2, "1"),
    "another boot": lambda clone: _clocks(clone, 3, "0" * 8),
    "written later": lambda clone: _clocks(clone, 1, "9" * 14),
    "over by the wall clock": lambda clone: os.utime(permitted(clone), (1, 1)),
    "cut short": lambda clone: permitted(clone).write_bytes(permitted(clone).read_bytes()[:80]),
    "empty": lambda clone: permitted(clone).write_bytes(b""),
    "of another version": lambda clone: _replace(permitted(clone), "permit 1", "permit 2"),
    "of another folder": lambda clone: _replace(permitted(clone), str(clone.path), "/elsewhere"),
    "of another session": lambda clone: _replace(
        permitted(clone), f"|{clone.session}\n", f"|{clone.other}\n"
    ),
    "nothing that can be dated": lambda clone: _in_the_way(permitted(clone).with_name(".git.now")),
    "no permit": lambda clone: permitted(clone).unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_gate_is_asked_where_what_the_permit_rests_upon_is_not_as_it_was(
    known: Gated, starts: Callable[[], list[str]], change: str
) -> None:
    known.write("src/api/a.py", "changed\n")
    CHANGES[change](known)
    env = known.as_session(known.session)
    known.git("hook", "run", "pre-commit", env=env)
    assert "pre-commit" in starts()


@pytest.mark.parametrize(
    "path", ["README.md", "srcs/x", "SRC/x", "sr", "src\n/x", "gitfleet.yaml", 'src/"x', "src/\u00e9"]
)
def test_gate_is_asked_about_paths_that_the_permit_does_not_name(
    known: Gated, starts: Callable[[], list[str]], path: str
) -> None:
    blob = known.out("hash-object", "-w", "--stdin", stdin="x\n")
    known.out("update-index", "--add", "--replace", "-z", "--index-info", stdin=f"100644 {blob}\t{path}\0")
    known.git("hook", "run", "pre-commit", env=known.as_session(known.session))
    assert starts() == ["pre-commit"]


@pytest.mark.parametrize("pattern", ["src/*.py", "src/**", "SRC/"])
def test_claims_that_are_more_than_a_path_as_it_is_written_leave_no_permit_for_it(
    alone: Gated, starts: Callable[[], list[str]], pattern: str
) -> None:
    alone.claim(pattern)
    commit(alone, "src/a.py").ok()
    commit(alone, "src/a.py").ok()
    assert set(starts()) == {"pre-commit", "prepare-commit-msg"}


# Who commits, where nobody is named.


def at_work(clone: Gated, session: str, process: int = 0) -> None:
    """Register a session of the worktree, of a process or a person, and mark the worktree."""
    with clone.open() as fleet:
        running = identity.identify(process) if process else None
        here = Here(SessionId(session), fleet.repository.worktree or "", not process, running)
        fleet.sessions.local.remember(here)
        mark(fleet.repository.git_dir, fleet.sessions.local, here.worktree)


def unnamed(clone: Gated, text: str) -> Ran:
    clone.write("src/api/a.py", f"{text}\n")
    return clone.git("commit", "-qm", text, env=clone.as_session(None))


def test_session_of_the_worktree_is_known_to_the_shell_while_its_process_runs(
    alone: Gated, starts: Callable[[], list[str]]
) -> None:
    alone.claim("src/")
    agent = subprocess.Popen(["sleep", "1000"])
    at_work(alone, alone.session, agent.pid)
    unnamed(alone, "1").ok()
    unnamed(alone, "2").ok()
    assert starts() == ["pre-commit"]
    agent.kill()
    agent.wait()
    refused(unnamed(alone, "3"))
    assert starts() == ["pre-commit"]


@pytest.mark.parametrize("what", ["configured", "included", "marked otherwise", "told by git"])
def test_session_of_the_worktree_is_asked_for_where_another_may_be_meant(
    alone: Gated, starts: Callable[[], list[str]], tmp_path: Path, what: str
) -> None:
    alone.claim("src/")
    at_work(alone, alone.session)
    unnamed(alone, "1").ok()
    unnamed(alone, "2").ok()
    assert starts() == ["pre-commit"]
    named: list[str] = []
    if what == "configured":
        alone.out("config", "fleet.session", alone.other)
    elif what == "included":
        (tmp_path / "more").write_text(f"[fleet]\n\tsession = {alone.other}\n")
        alone.out("config", "include.path", str(tmp_path / "more"))
    elif what == "marked otherwise":
        (alone.path / ".git/gitfleet-session").write_text(f"{alone.other}\n")
    else:
        named = ["-c", f"fleet.session={alone.other}"]
    alone.write("src/api/a.py", "3\n")
    alone.git(*named, "commit", "-qm", "3", env=alone.as_session(None))
    assert starts()[:1] == ["pre-commit"]


def test_shell_looks_at_the_variables_that_name_sessions() -> None:
    (line,) = [line for line in shims.text("permit").decode().splitlines() if '"$fleet_named" = ' in line]
    named = re.findall(r"\$\{([A-Z_]+)-\}", line)
    assert tuple(named) == permit.VARIABLES
    assert permit.VARIABLES[:-1] == acting.VARIABLES


@pytest.mark.parametrize("name", SHELLS)
def test_permit_is_read_alike_in_every_shell(
    known: Gated, starts: Callable[[], list[str]], tmp_path: Path, name: str
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sh").symlink_to(shutil.which(name) or "")
    for hook in ("pre-commit", "prepare-commit-msg"):
        path = known.path / ".git/hooks" / hook
        path.write_text(path.read_text().replace("#!/bin/sh", f"#!{tmp_path}/bin/sh", 1))
    commit(known, "src/api/a.py", "src/b c.py").ok()
    assert starts() == []
    assert len(known.trailers()) == 2


def test_permit_that_cannot_be_written_leaves_the_gate_to_be_asked(
    alone: Gated, starts: Callable[[], list[str]]
) -> None:
    (alone.fleets.state("alone") / "permits").write_text("in the way")
    alone.claim("src/")
    commit(alone, "src/a.py").ok()
    assert starts() == ["pre-commit", "prepare-commit-msg"]


def test_permit_rests_upon_the_very_ledger_that_it_was_read_from(known: Gated) -> None:
    assert permitted(known).read_text().splitlines()[1] == known.out("rev-parse", fleetrefs.COORD)


# Branches that move.


@pytest.fixture
def moving(known: Gated, starts: Callable[[], list[str]]) -> Gated:
    """The same with the gate for moves of branches."""
    launcher = (known.fleets.state("alone") / "launcher").read_text()
    known.policy(reference_transaction=True)
    install(str(known.path / ".git"), str(known.path), interpreter=launcher.split("\n")[0], gate=str(GATE))
    commit(known, "src/api/a.py").ok()
    assert starts() == ["pre-commit"]
    return known


def test_branch_that_moves_on_by_a_commit_of_permitted_paths_starts_no_python(
    moving: Gated, starts: Callable[[], list[str]]
) -> None:
    commit(moving, "src/api/a.py", "src/b c.py").ok()
    assert starts() == []


def made(clone: Gated, path: str, *parents: str) -> str:
    """A commit that nothing leads to."""
    blob = clone.out("hash-object", "-w", "--stdin", stdin=f"{os.urandom(8).hex()}\n")
    index = {"GIT_INDEX_FILE": str(clone.fleets.root / "index")}
    clone.git("read-tree", parents[0] if parents else "--empty", env=index).ok()
    clone.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", env=index).ok()
    tree = clone.git("write-tree", env=index).ok().stdout.strip()
    return clone.out("commit-tree", tree, *(word for one in parents for word in ("-p", one)), "-m", "made")


@pytest.mark.parametrize(
    "case", ["not permitted", "two commits", "a merge", "a root", "back", "no former place"]
)
def test_branch_that_moves_otherwise_is_judged_by_the_gate(
    moving: Gated, starts: Callable[[], list[str]], case: str
) -> None:
    head = moving.out("rev-parse", "HEAD")
    old = head
    match case:
        case "not permitted":
            new = made(moving, "README.md", head)
        case "two commits":
            new = made(moving, "src/x", made(moving, "README.md", head))
        case "a merge":
            new = made(moving, "src/x", head, made(moving, "README.md", head))
        case "a root":
            new = made(moving, "src/x")
        case "back":
            new = moving.out("rev-parse", "HEAD~1")
        case _:
            new, old = made(moving, "src/x", head), ""
    moving.git("update-ref", "refs/heads/main", new, *([old] if old else []))
    assert starts()[:1] == ["reference-transaction"]
    if case in {"not permitted", "two commits", "a merge"}:
        assert moving.out("rev-parse", "HEAD") == head

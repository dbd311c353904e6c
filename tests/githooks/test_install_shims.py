"""The shell scripts themselves, as git runs them, in each shell that may be /bin/sh."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from gitfleet.githooks import shims
from gitfleet.githooks.shims import GATED, OPTIONAL
from tests.githooks.hookbench import Bench, script
from tests.workbench import Git, Ran, run

DISTINCT = ("pre-commit", "pre-push")  # without what git says, and with it
SHELLS = [shell for shell in ("dash", "bash", "busybox", "ksh", "mksh", "yash") if shutil.which(shell)]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder to put first on PATH: its `sh` is the shell under test."""
    folder = tmp_path / "shell"
    folder.mkdir()
    (folder / "sh").symlink_to(shutil.which(request.param) or "")
    return folder


def call(bench: Bench, shell: Path, hook: str, *args: str, stdin: str = "", code: str = "0") -> Ran:
    """Run an installed script in the given shell, with the name and from the folder that git uses."""
    return run(
        [shell / "sh", f".git/hooks/{hook}", *args],
        bench.path,
        stdin=stdin,
        env={"GATE_CODE": code, "HOOK_LOG": str(bench.log)},
    )


@pytest.mark.parametrize("hook", [*GATED, *OPTIONAL, "pass-through", *shims.BESIDE])
def test_scripts_are_marked_with_their_name(hook: str) -> None:
    assert shims.text(hook).decode().splitlines()[:2] == ["#!/bin/sh", f"# gitfleet hook: {hook}"]


@pytest.mark.parametrize("hook", DISTINCT)
def test_shim_in_a_fleet_runs_the_users_hook_then_the_gate(bench: Bench, shell: Path, hook: str) -> None:
    bench.hook(hook, "user $*")
    bench.install()
    call(bench, shell, hook, "a b", "c").ok()
    assert bench.ran() == ["user a b c", f"gate {hook} a b c"]


@pytest.mark.parametrize("hook", DISTINCT)
def test_shim_when_the_users_hook_fails_answers_its_code_and_runs_no_gate(
    bench: Bench, shell: Path, hook: str
) -> None:
    bench.hook(hook, code=7)
    bench.install()
    call(bench, shell, hook).ended(7)
    assert bench.ran() == ["user"]


@pytest.mark.parametrize("chained", [False, True])
@pytest.mark.parametrize("hook", DISTINCT)
def test_shim_answers_the_code_of_the_gate(bench: Bench, shell: Path, hook: str, *, chained: bool) -> None:
    if chained:
        bench.hook(hook)
    bench.install()
    call(bench, shell, hook, code="16").ended(16)


@pytest.mark.parametrize("hook", DISTINCT)
def test_shim_without_a_fleet_runs_only_the_users_hook(bench: Bench, shell: Path, hook: str) -> None:
    bench.hook(hook, "user $(cat)", code=3)
    bench.install()
    (bench.common / "gitfleet/node.json").unlink()
    call(bench, shell, hook, stdin="from git").ended(3)
    assert bench.ran() == ["user from git"]


@pytest.mark.parametrize("hook", DISTINCT)
def test_shim_without_a_fleet_or_a_users_hook_succeeds_in_silence(
    bench: Bench, shell: Path, hook: str
) -> None:
    bench.install()
    (bench.common / "gitfleet/node.json").unlink()
    ran = call(bench, shell, hook).ok()
    assert (ran.stdout, ran.stderr, bench.ran()) == ("", "", [])


@pytest.mark.parametrize("stdin", ["", "refs/heads/a 1 refs/heads/a 0\n", "a\\n %s 1 b 0\nc 2 d 0\n"])
@pytest.mark.parametrize("chained", [False, True])
def test_pre_push_gives_what_git_said_to_both(
    bench: Bench, shell: Path, stdin: str, *, chained: bool
) -> None:
    if chained:
        script(bench.common / "hooks/pre-push", '#!/bin/sh\nsed "s/^/user /" >>"$HOOK_LOG"\n')
    bench.install()
    call(bench, shell, "pre-push", "origin", "url", stdin=stdin).ok()
    user = [f"user {line}" for line in stdin.splitlines()] if chained else []
    assert bench.ran() == [
        *user,
        "gate pre-push origin url",
        *(f"  stdin {ref}" for ref in stdin.splitlines()),
    ]


def test_pre_push_of_much_with_a_users_hook_that_reads_nothing_reaches_the_gate_whole(
    bench: Bench, shell: Path
) -> None:
    bench.hook("pre-push")
    bench.install()
    refs = "".join(f"refs/heads/{n} {n:040} refs/heads/{n} {0:040}\n" for n in range(5000))
    ran = call(bench, shell, "pre-push", "origin", "url", stdin=refs).ok()
    assert ran.stderr == ""
    assert len(bench.ran()) == 2 + 5000


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        ("interpreter", ["its Python is gone", "python 'of"]),
        ("gate", ["its program is gone", "gäte.py"]),
        ("launcher", ["its Python is gone", "none is recorded"]),
    ],
)
@pytest.mark.parametrize("hook", DISTINCT)
def test_shim_that_cannot_start_the_gate_stops_git_and_says_what_to_do(
    bench: Bench, shell: Path, hook: str, gone: str, words: list[str]
) -> None:
    bench.install()
    path = {"launcher": bench.common / "gitfleet/launcher"}.get(gone) or getattr(bench, gone)
    path.unlink()
    said = call(bench, shell, hook).ended(1).stderr
    assert all(word in said for word in [*words, hook, "Nothing was", "gitfleet init", "gitfleet uninstall"])
    assert "cannot open" not in said
    assert "No such file" not in said


def test_shim_that_leads_back_to_itself_stops(bench: Bench, shell: Path) -> None:
    bench.install()
    script(bench.common / "hooks-before-gitfleet/pre-commit", '#!/bin/sh\nexec .git/hooks/pre-commit "$@"\n')
    assert "leads back to itself" in call(bench, shell, "pre-commit").ended(1).stderr
    assert bench.ran() == []


def test_shim_leaves_the_environment_of_the_users_hook_alone(bench: Bench, shell: Path) -> None:
    script(bench.common / "hooks/pre-commit", '#!/bin/sh\nenv >>"$HOOK_LOG"\n')
    before = {"hook": "mine", "python": "mine", "input": "mine", "IFS": ":"}
    run([shell / "sh", ".git/hooks/pre-commit"], bench.path, env=before).ok()
    plain = sorted(line for line in bench.ran() if not line.startswith("_="))
    bench.install()
    run([shell / "sh", ".git/hooks/pre-commit"], bench.path, env=before).ok()
    lines = [line for line in bench.ran() if not line.startswith(("_=", "gate "))]
    assert sorted(line for line in lines if line != "GITFLEET_CHAINED=+") == plain


def test_shim_starts_a_real_python_isolated_and_without_site(bench: Bench) -> None:
    bench.gate.write_text(
        "import os, sys\n"
        "log = open(os.environ['HOOK_LOG'], 'a')\n"
        "print(sys.flags.isolated, sys.flags.no_site, sys.argv[1:], file=log)\n"
        "sys.exit(16)\n"
    )
    bench.interpreter = Path(sys.executable)
    bench.install()
    bench.commit().ended(1)
    assert bench.ran() == ["1 1 ['pre-commit']"]


# Where git may run it from.


@pytest.mark.parametrize(
    "name",
    ["with space", 'it\'s "quoted"', "$HOME *?[a]", "-dash", "ünï", os.fsdecode(b"b\xffytes"), "hooks"],
)
def test_shim_in_a_clone_of_any_name_finds_its_fleet(
    bench: Bench, git: Git, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    bench.path.rename(path)
    moved = Bench(path, git, bench.log.parent)
    moved.hook("pre-commit")
    moved.hook("post-commit", "post")
    moved.install()
    assert moved.ran_at_commit() == ["user", "gate pre-commit", "gate prepare-commit-msg", "post"]
    git(path, "config", "core.hooksPath", ".git/hooks")
    moved.install()
    assert moved.ran_at_commit() == ["user", "gate pre-commit", "gate prepare-commit-msg", "post"]


def test_shim_in_a_linked_worktree_a_subfolder_and_a_link_finds_its_fleet(
    bench: Bench, tmp_path: Path
) -> None:
    bench.hook("pre-commit", "user $GIT_PREFIX")
    bench.install()
    bench.git("worktree", "add", "-q", "-b", "linked", tmp_path / "linked tree")
    (tmp_path / "alias").symlink_to(bench.path)
    for place, prefix in [
        ("linked tree", ""),
        ("repository/src", "src/"),
        ("alias", ""),
        ("alias/src", "src/"),
    ]:
        ran = bench.ran_at_commit(at=tmp_path / place)
        assert ran == [f"user {prefix}".strip(), "gate pre-commit", "gate prepare-commit-msg"]


def test_shim_when_git_dir_and_work_tree_are_given_finds_its_fleet(bench: Bench, tmp_path: Path) -> None:
    bench.install()
    git = ["git", f"--git-dir={bench.common}", f"--work-tree={bench.path}"]
    run([*git, "commit", "-q", "--allow-empty", "-m", "x"], tmp_path).ok()
    assert [line.split()[1] for line in bench.ran()] == ["pre-commit", "prepare-commit-msg"]


def test_shim_passes_the_index_of_the_commit_on(bench: Bench) -> None:
    bench.hook("pre-commit", "user $(git diff --cached --name-only)")
    bench.gate.write_text('echo "gate $(git diff --cached --name-only)" >>"$HOOK_LOG"\n')
    bench.install()
    (bench.path / "README.md").write_text("changed\n")
    (bench.path / "docs/readme.md").write_text("changed\n")
    bench.git("add", "docs/readme.md")
    bench.git("commit", "-qm", "only one of them", "--", "README.md")
    assert bench.ran()[:2] == ["user README.md", "gate README.md"]


def test_shim_borrowed_by_another_repository_asks_for_that_ones_fleet(
    bench: Bench, git: Git, tmp_path: Path
) -> None:
    bench.hook("pre-commit")
    bench.install()
    git(tmp_path, "clone", "-q", bench.path, "other")
    other = Bench(tmp_path / "other", git, bench.log.parent)
    other.git("config", "core.hooksPath", bench.common / "hooks")
    assert other.ran_at_commit() == ["user"]


def test_shim_in_a_bare_repository_with_worktrees_finds_its_fleet(
    hub: Path, bench: Bench, git: Git, tmp_path: Path
) -> None:
    git(hub, "worktree", "add", "-q", tmp_path / "tree")
    bare = Bench(tmp_path / "tree", git, bench.log.parent)
    bare.common = hub
    bare.join_fleet()
    bare.install()
    assert bare.ran_at_commit() == ["gate pre-commit", "gate prepare-commit-msg"]
    assert bare.inspect().in_force


def test_shim_in_a_submodule_finds_its_own_fleet(bench: Bench, git: Git, hub: Path) -> None:
    bench.install()
    bench.git("submodule", "--quiet", "add", hub, "sub")
    module = Bench(bench.path / "sub", git, bench.log.parent)
    assert module.ran_at_commit() == []
    module.common = bench.common / "modules/sub"
    module.join_fleet()
    module.install()
    assert module.ran_at_commit() == ["gate pre-commit", "gate prepare-commit-msg"]


def test_shims_at_a_real_push_see_the_refs_and_can_stop_it(bench: Bench, hub: Path) -> None:
    script(bench.common / "hooks/pre-push", '#!/bin/sh\nsed "s/^/user /" >>"$HOOK_LOG"\n')
    bench.install()
    tip = bench.git("rev-parse", "HEAD")
    bench.git("push", "-q", hub, "HEAD:refs/heads/new")
    line = f"HEAD {tip} refs/heads/new {'0' * 40}"
    assert bench.ran() == [f"user {line}", f"gate pre-push {hub} {hub}", f"  stdin {line}"]
    os.environ["GATE_CODE"] = "16"
    assert run(["git", "push", "-q", hub, "HEAD:refs/heads/newer"], bench.path).returncode
    assert "newer" not in bench.git("ls-remote", hub)

"""Hooks in the default folder: in, again, repaired, out."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gitfleet.errors import Blocked, Corrupt, LockHeld, NewerFormat
from gitfleet.githooks.install import install, uninstall
from gitfleet.githooks.shims import GATED, fingerprint
from tests.githooks.hookbench import Bench, script, state_of, tree
from tests.workbench import ROOT, Git

BOTH = ["gate pre-commit", "gate prepare-commit-msg"]


def test_install_in_a_fresh_clone_puts_every_gate_in_force(bench: Bench) -> None:
    done = bench.install()
    assert (done.changed, done.notes, done.folders) == (True, (), (str(bench.common / "hooks"),))
    assert bench.ran_at_commit() == BOTH
    assert bench.states() == dict.fromkeys(GATED, "in place")
    assert bench.inspect().in_force


def test_install_twice_changes_nothing_the_second_time(bench: Bench) -> None:
    bench.hook("pre-commit")
    bench.hook("commit-msg")
    bench.install()
    before = state_of(bench)
    assert not bench.install().changed
    assert state_of(bench) == before


def test_uninstall_of_a_fresh_installation_leaves_what_was_there_before(bench: Bench) -> None:
    before = state_of(bench)
    bench.install()
    done = bench.uninstall()
    assert (done.changed, done.notes) == (True, ())
    assert state_of(bench) == before
    assert not bench.uninstall().changed


def test_uninstall_removes_the_folders_that_were_not_there(bench: Bench) -> None:
    shutil.rmtree(bench.common / "hooks")
    shutil.rmtree(bench.common / "gitfleet")
    before = state_of(bench)
    bench.install()
    bench.join_fleet()
    assert bench.ran_at_commit() == BOTH
    (bench.common / "gitfleet/node.json").unlink()
    bench.uninstall()
    assert state_of(bench) == before


def test_install_with_hooks_of_every_kind_runs_them_first_and_uninstall_gives_them_back(bench: Bench) -> None:
    script(
        bench.common / "hooks/pre-commit",
        f"#!{sys.executable} -IS\nimport os\nprint('python', file=open(os.environ['HOOK_LOG'], 'a'))\n",
        mode=0o700,
    )
    script(bench.path / "scripts/prepare.sh", '#!/bin/sh\necho "linked" >>"$HOOK_LOG"\n')
    (bench.common / "hooks/prepare-commit-msg").symlink_to("../../scripts/prepare.sh")
    bench.hook("pre-push").chmod(0o644)
    before, inode = state_of(bench), (bench.common / "hooks/pre-commit").stat().st_ino
    bench.install()
    assert bench.ran_at_commit() == ["python", "gate pre-commit", "linked", "gate prepare-commit-msg"]
    bench.git("push", "-q", ".", "HEAD:refs/heads/new")
    assert [line.split()[0] for line in bench.ran()] == [
        "gate",
        "stdin",
    ]  # git passes by what is not executable
    chained = {hook.hook: hook.chained_to for hook in bench.inspect().hooks}
    kept = bench.common / "hooks-before-gitfleet"
    assert chained == {
        "pre-commit": str(kept / "pre-commit"),
        "prepare-commit-msg": str(kept / "prepare-commit-msg"),
        "commit-msg": None,
        "pre-push": None,
    }
    bench.uninstall()
    assert state_of(bench) == before
    assert (bench.common / "hooks/pre-commit").stat().st_ino == inode
    assert bench.ran_at_commit() == ["python", "linked"]


def test_install_with_a_script_without_an_interpreter_line_runs_it(bench: Bench) -> None:
    script(bench.common / "hooks/pre-commit", 'echo "plain $*" >>"$HOOK_LOG"\n')
    bench.install()
    assert bench.ran_at_commit() == ["plain", *BOTH]


def test_install_with_a_link_to_nowhere_keeps_it(bench: Bench) -> None:
    (bench.common / "hooks/pre-commit").symlink_to("gone")
    before = state_of(bench)
    bench.install()
    assert bench.ran_at_commit() == BOTH
    bench.uninstall()
    assert state_of(bench) == before


def test_install_with_a_hook_that_finds_its_neighbours_by_its_own_path_works(bench: Bench) -> None:
    script(
        bench.common / "hooks/pre-commit",
        '#!/bin/sh\n. "$(dirname "$0")/lib.sh"\nlog "$(basename "$0")"\n"${0%/*}/../../tool" "${0%/*}/d/x"\n',
    )
    script(bench.common / "hooks/lib.sh", 'log() { echo "lib $1" >>"$HOOK_LOG"; }\n')
    script(bench.common / "hooks/d/x", '#!/bin/sh\necho "part" >>"$HOOK_LOG"\n')
    script(bench.path / "tool", '#!/bin/sh\n"$1"\n')
    before = state_of(bench)
    bench.install()
    assert bench.ran_at_commit() == ["lib pre-commit", "part", *BOTH]
    bench.install()
    bench.uninstall()
    assert state_of(bench) == before


def test_install_again_when_a_neighbour_went_away_forgets_it(bench: Bench) -> None:
    bench.hook("pre-commit")
    bench.hook("post-commit")
    bench.install()
    (bench.common / "hooks/post-commit").unlink()
    bench.install()
    assert os.listdir(bench.common / "hooks-before-gitfleet") == ["pre-commit"]


def test_install_with_another_interpreter_renews_only_the_launcher(bench: Bench, tmp_path: Path) -> None:
    bench.install()
    before = state_of(bench)
    bench.interpreter = bench.interpreter.rename(tmp_path / "newer python")
    assert bench.install().changed
    changed = {path for path, what in state_of(bench).items() if before[path] != what}
    assert changed == {"gitfleet/launcher"}
    assert bench.ran_at_commit() == BOTH


def test_install_over_scripts_of_a_former_version_replaces_them(bench: Bench) -> None:
    bench.install()
    fresh = state_of(bench)
    for hook in GATED:  # as if all of it had been made by another version
        path = bench.common / "hooks" / hook
        path.write_text(path.read_text() + "# as it was in a former version\n")
    former = _fingerprints(bench)
    record = bench.common / "gitfleet/hooks.json"
    record.write_text(record.read_text().replace('"known":[', f'"known":[{former},'))
    assert set(bench.states().values()) == {"outdated"}
    assert bench.install().notes == ()
    now = state_of(bench)
    assert {path for path in fresh if now[path] != fresh[path]} == {"gitfleet/hooks.json"}


def _fingerprints(bench: Bench) -> str:
    return ",".join(f'"{fingerprint((bench.common / "hooks" / hook).read_bytes())}"' for hook in GATED)


# What others do to our scripts.


def test_install_again_after_the_users_hook_was_overwritten_chains_to_the_new_one(bench: Bench) -> None:
    bench.hook("pre-commit", "old")
    bench.install()
    bench.hook("pre-commit", "new")
    assert bench.states()["pre-commit"] == "replaced"
    (note,) = bench.install().notes
    assert "pre-commit.replaced" in note
    assert bench.ran_at_commit() == ["new", *BOTH]
    done = bench.uninstall()
    assert bench.ran_at_commit() == ["new"]
    assert any("hooks-before-gitfleet/pre-commit.replaced" in note for note in done.notes)
    assert "old" in (bench.common / "hooks-before-gitfleet/pre-commit.replaced").read_text()


def test_uninstall_after_the_users_hook_was_overwritten_leaves_both_and_says_so(bench: Bench) -> None:
    bench.hook("pre-commit", "old")
    bench.install()
    bench.hook("pre-commit", "new")
    (note,) = bench.uninstall().notes
    assert note == f"left: {bench.common}/hooks-before-gitfleet/pre-commit"
    assert bench.ran_at_commit() == ["new"]


def test_install_again_after_our_script_was_deleted_puts_it_back_with_the_users_hook(bench: Bench) -> None:
    bench.hook("pre-commit")
    before = state_of(bench)
    bench.install()
    (bench.common / "hooks/pre-commit").unlink()
    assert bench.states()["pre-commit"] == "missing"
    bench.install()
    assert bench.ran_at_commit() == ["user", *BOTH]
    (bench.common / "hooks/pre-commit").unlink()
    assert bench.uninstall().notes == ()
    assert state_of(bench) == before


def test_install_again_after_the_users_hook_was_put_back_by_hand_runs_it_once(bench: Bench) -> None:
    text = bench.hook("pre-commit").read_text()
    bench.install()
    script(bench.common / "hooks/pre-commit", text)
    assert bench.install().notes == ()
    assert bench.ran_at_commit() == ["user", *BOTH]
    script(bench.common / "hooks/pre-commit", text)
    assert bench.uninstall().notes == ()
    assert not (bench.common / "hooks-before-gitfleet").exists()


@pytest.mark.parametrize("again", [True, False])
def test_our_script_edited_by_somebody_is_kept_aside(bench: Bench, *, again: bool) -> None:
    bench.hook("pre-commit")
    bench.install()
    path = bench.common / "hooks/pre-commit"
    edited = path.read_text().replace("\nfleet_hook", "\necho mine >>$HOOK_LOG\nfleet_hook", 1)
    path.write_text(edited)
    assert bench.states()["pre-commit"] == "edited"
    (note,) = (bench.install() if again else bench.uninstall()).notes
    assert "was edited" in note
    aside = bench.common / "hooks-before-gitfleet/pre-commit.edited"
    assert aside.read_text() == edited
    assert bench.ran_at_commit() == (["user", *BOTH] if again else ["user"])


def test_our_script_without_its_run_bit_counts_as_missing_and_is_repaired(bench: Bench) -> None:
    bench.install()
    (bench.common / "hooks/pre-commit").chmod(0o644)
    assert bench.states()["pre-commit"] == "missing"
    bench.install()
    assert bench.ran_at_commit() == BOTH


def test_a_folder_in_the_place_of_a_hook_is_left_and_reported(bench: Bench) -> None:
    (bench.common / "hooks/pre-commit").mkdir()
    (note,) = bench.install().notes
    assert "is a folder" in note
    assert bench.states()["pre-commit"] == "replaced"
    assert bench.uninstall().notes == ()


def test_a_link_to_our_own_script_never_becomes_a_chain(bench: Bench) -> None:
    (bench.common / "hooks/pre-commit").symlink_to(ROOT / "hooks/pre-commit")
    bench.install()
    assert bench.ran_at_commit() == BOTH


def test_install_without_its_record_knows_its_scripts_again(bench: Bench) -> None:
    bench.hook("pre-commit")
    before = state_of(bench)
    bench.install()
    (bench.common / "gitfleet/hooks.json").unlink()
    bench.install()
    assert bench.ran_at_commit() == ["user", *BOTH]
    bench.uninstall()
    assert state_of(bench) == before


# What cannot be done.


def test_install_in_a_bare_repository_refuses_and_changes_nothing(hub: Path, bench: Bench) -> None:
    before = tree(hub)
    with pytest.raises(Blocked, match="bare"):
        install(str(hub), None, interpreter=str(bench.interpreter), gate=str(bench.gate))
    assert tree(hub) == before


@pytest.mark.parametrize("interpreter", ["python3", "/usr/bin/py\nthon"])
def test_install_with_a_path_that_cannot_be_written_down_refuses(bench: Bench, interpreter: str) -> None:
    before = state_of(bench)
    with pytest.raises(Blocked, match="cannot be written into a hook"):
        install(str(bench.common), str(bench.path), interpreter=interpreter, gate=str(bench.gate))
    assert state_of(bench) == before


def test_install_where_hooks_is_a_file_refuses_and_changes_nothing(bench: Bench) -> None:
    shutil.rmtree(bench.common / "hooks")
    (bench.common / "hooks").write_text("")
    before = state_of(bench)
    with pytest.raises(Blocked, match="not a folder"):
        bench.install()
    assert state_of(bench) == before


_AS_NOBODY = """
import os, sys
from gitfleet.errors import LocalStorage
from gitfleet.githooks.install import install, uninstall
if os.geteuid() == 0:
    os.setgid(65534); os.setuid(65534)
for action in (lambda: install(sys.argv[1], sys.argv[2], interpreter="/bin/sh", gate="/bin/true"),
               lambda: uninstall(sys.argv[1], sys.argv[2])):
    try:
        action()
    except LocalStorage as error:
        print(error.words)
"""


def test_install_in_a_hooks_folder_that_is_read_only_refuses_and_changes_nothing(bench: Bench) -> None:
    (bench.common / "hooks").chmod(0o555)
    before = state_of(bench)
    top = Path(tempfile.gettempdir()).resolve()
    for folder in bench.path.parents:
        if folder != top and folder.is_relative_to(top):
            folder.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", _AS_NOBODY, bench.common, bench.path],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.count("is not writable.") == 2, done
    assert state_of(bench) == before


def test_install_when_git_keeps_the_config_locked_changes_nothing(bench: Bench) -> None:
    bench.git("config", "core.hooksPath", ".githooks")
    (bench.common / "config.lock").write_text("")
    before = state_of(bench)
    with pytest.raises(LockHeld) as held:
        bench.install()
    assert held.value.lock == str(bench.common / "config.lock")
    assert state_of(bench) == before
    assert pickle.loads(pickle.dumps(held.value)).hint == held.value.hint


def test_uninstall_with_a_record_that_it_cannot_read_changes_nothing(bench: Bench) -> None:
    bench.install()
    record = bench.common / "gitfleet/hooks.json"
    for text, error in [("{}", Corrupt), ("nonsense", Corrupt), ('{"v":2}', NewerFormat)]:
        record.write_text(text)
        before = state_of(bench)
        with pytest.raises(error):
            bench.uninstall()
        with pytest.raises(error):
            bench.install()
        assert state_of(bench) == before


def test_inspect_of_a_clone_without_hooks_of_ours_says_so(bench: Bench) -> None:
    seen = bench.inspect()
    assert (seen.installed, seen.problems, seen.in_force) == (False, (), False)
    assert set(bench.states().values()) == {"missing"}


@pytest.mark.parametrize(
    ("gone", "words"), [("interpreter", "Python"), ("gate", "program"), ("launcher", "launcher")]
)
def test_inspect_when_the_gate_cannot_start_says_why(bench: Bench, gone: str, words: str) -> None:
    bench.install()
    ({"launcher": bench.common / "gitfleet/launcher"}.get(gone) or getattr(bench, gone)).unlink()
    (problem,) = bench.inspect().problems
    assert words in problem
    assert not bench.inspect().in_force


def test_uninstall_for_a_clone_given_by_a_relative_path_works(bench: Bench, git: Git) -> None:
    before = state_of(bench)
    os.chdir(bench.path)
    install(".git", ".", interpreter=str(bench.interpreter), gate=str(bench.gate))
    uninstall(".git")
    assert state_of(bench) == before

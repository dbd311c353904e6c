"""Hooks where core.hooksPath is set: in the repository, for the user, for the machine, or for one worktree."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from gitfleet.githooks.hooks_path import CHAINED_TO
from gitfleet.githooks.shims import GATED
from tests.githooks.hookbench import Bench, script, state_of, tree
from tests.workbench import Git

BOTH = ["gate pre-commit", "gate prepare-commit-msg"]


@pytest.fixture
def tracked(bench: Bench) -> Bench:
    """A clone with a tracked folder of hooks, `.githooks`, in force."""
    bench.hook("pre-commit", folder=".githooks")
    bench.hook("post-commit", "post", folder=".githooks")
    bench.git("add", "--all")
    bench.git("commit", "-qm", "hooks")
    bench.git("config", "core.hooksPath", ".githooks")
    bench.ran()
    return bench


def own(bench: Bench, slug: str = "shared") -> Path:
    return bench.common / "gitfleet/hooks" / slug


def test_install_over_a_tracked_folder_hands_on_and_leaves_the_worktree_clean(tracked: Bench) -> None:
    before, files = state_of(tracked), tree(tracked.path / ".githooks")
    done = tracked.install()
    assert done.folders == (str(own(tracked)),)
    assert tracked.ran_at_commit() == ["user", *BOTH, "post"]
    assert tracked.git("status", "--porcelain") == ""
    assert tree(tracked.path / ".githooks") == files
    assert tracked.inspect().in_force
    now = state_of(tracked)
    assert not tracked.install().changed
    assert state_of(tracked) == now
    tracked.uninstall()
    assert state_of(tracked) == before


def test_install_over_a_folder_hands_on_hooks_that_come_later(tracked: Bench, tmp_path: Path) -> None:
    tracked.install()
    tracked.hook("commit-msg", "late $(cat $1)", folder=".githooks")
    tracked.hook("prepare-commit-msg", "late", code=4, folder=".githooks")
    tracked.commit().ended(1)
    assert tracked.ran() == ["user", "gate pre-commit ", "late"]
    tracked.hook("prepare-commit-msg", "late", folder=".githooks")
    assert tracked.ran_at_commit() == ["user", *BOTH[:1], "late", *BOTH[1:], "late try", "post"]


def test_install_over_a_folder_hands_unusual_hooks_on_if_they_are_there(tracked: Bench) -> None:
    tracked.hook("reference-transaction", "ref $1", folder=".githooks")
    tracked.hook("post-index-change", folder=".githooks").chmod(0o644)
    tracked.hook("lib.sh", folder=".githooks")
    tracked.install()
    assert "ref prepared" in tracked.ran_at_commit()
    names = set(os.listdir(own(tracked)))
    assert "reference-transaction" in names
    assert not names & {"post-index-change", "lib.sh", "push-to-checkout"}


def test_install_over_a_folder_in_a_linked_worktree_runs_that_worktrees_hooks(
    tracked: Bench, tmp_path: Path
) -> None:
    tracked.install()
    tracked.git("worktree", "add", "-q", tmp_path / "linked")
    script(tmp_path / "linked/.githooks/pre-commit", '#!/bin/sh\necho "of linked" >>"$HOOK_LOG"\n')
    assert tracked.ran_at_commit(at=tmp_path / "linked") == ["of linked", *BOTH, "post"]


@pytest.mark.parametrize("scope", ["--global", "--system"])
def test_install_over_a_folder_of_the_user_or_machine_touches_only_the_repository(
    bench: Bench, tmp_path: Path, scope: str
) -> None:
    os.environ["GIT_CONFIG_SYSTEM"] = str(tmp_path / "system config")
    os.environ["GIT_CONFIG_NOSYSTEM"] = "0"
    folder = Path(os.environ["HOME"], "my hooks")
    script(folder / "pre-commit", '#!/bin/sh\necho "everywhere" >>"$HOOK_LOG"\n')
    bench.git("config", scope, "core.hooksPath", "~/my hooks")
    bench.hook("pre-commit", "never")
    before, home = state_of(bench), tree(Path(os.environ["HOME"]))
    bench.install()
    assert bench.ran_at_commit() == ["everywhere", *BOTH]
    assert bench.inspect().hooks[0].chained_to == str(folder / "pre-commit")
    assert tree(Path(os.environ["HOME"])) == home
    bench.uninstall()
    assert state_of(bench) == before
    assert bench.ran_at_commit() == ["everywhere"]


@pytest.mark.parametrize("value", ["/dev/null", ".git/hooks", "$HOME", 'it\'s "odd" #;', ".githooks/"])
def test_install_over_any_folder_behaves_as_git_did_and_restores_it(bench: Bench, value: str) -> None:
    bench.hook("pre-commit", "default")
    bench.hook("pre-commit", "odd", folder='it\'s "odd" #;')
    bench.hook("pre-commit", "chosen", folder=".githooks")
    bench.git("config", "core.hooksPath", value)
    before, ran = state_of(bench), bench.ran_at_commit()
    bench.install()
    assert bench.ran_at_commit() == [*ran, *BOTH]
    assert not bench.install().changed
    bench.uninstall()
    assert state_of(bench) == before


def test_install_where_the_default_folder_is_a_link_writes_nothing_there(bench: Bench) -> None:
    shutil.rmtree(bench.common / "hooks")
    bench.hook("pre-commit", folder="githooks")
    (bench.common / "hooks").symlink_to("../githooks")
    before, files = state_of(bench), tree(bench.path / "githooks")
    bench.install()
    assert bench.ran_at_commit() == ["user", *BOTH]
    assert bench.inspect().in_force
    assert tree(bench.path / "githooks") == files
    bench.uninstall()
    assert state_of(bench) == before


# The config file.

CONFIGS = {
    "odd spelling": '[CORE]\n  HooksPath=".githooks" ; mine\n\tbare = false',
    "no line end": "[core]\n\tbare = false\n\thooksPath = .githooks",
    "twice": "[core]\n\thooksPath = nowhere\n[user]\n\tname = A\n[core]\n\thooksPath = .githooks\n",
    "included": "[core]\n\tbare = false\n[include]\n\tpath = ../shared.config\n",
    "included first": "[include]\n\tpath = ../shared.config\n[core]\n\tbare = false\n",
    "continued": "[core]\n\thooksPath = .git\\\nhooks\n",
    "carriage returns": "[core]\r\n\thooksPath = .githooks\r\n\tbare = false\r\n",
}


@pytest.fixture(params=CONFIGS)
def configured(bench: Bench, request: pytest.FixtureRequest) -> Bench:
    bench.hook("pre-commit", folder=".githooks")
    (bench.path / "shared.config").write_text("[core]\n\thooksPath = .githooks\n")
    (bench.common / "config").write_bytes(CONFIGS[request.param].encode())
    assert bench.ran_at_commit() == ["user"]
    return bench


def test_config_in_any_shape_is_restored_to_the_byte(configured: Bench) -> None:
    before = state_of(configured)
    configured.install()
    assert configured.ran_at_commit() == ["user", *BOTH]
    assert not configured.install().changed
    configured.uninstall()
    assert state_of(configured) == before


def test_config_changed_in_between_keeps_those_changes(configured: Bench) -> None:
    config = configured.common / "config"
    configured.install()
    configured.git("config", "core.editor", "vi")
    configured.git("config", "remote.new.url", "somewhere")
    configured.git("config", "user.email", "me@example.org")
    configured.uninstall()
    assert b"gitfleet" not in config.read_bytes()
    assert configured.ran_at_commit() == ["user"]
    now = {name: configured.git("config", name) for name in ("core.editor", "remote.new.url", "user.email")}
    assert list(now.values()) == ["vi", "somewhere", "me@example.org"]


def test_config_with_our_section_used_by_somebody_else_keeps_their_setting(bench: Bench) -> None:
    bench.git("config", "--global", "core.hooksPath", "~/hooks")
    (bench.common / "config").write_text('[branch "x"]\n\tremote = y\n')
    bench.install()
    bench.git("config", "core.editor", "vi")
    bench.uninstall()
    assert bench.git("config", "core.editor") == "vi"
    assert bench.git("config", "--get-all", "core.hooksPath") == "~/hooks"


def test_config_that_is_a_link_stays_one(tracked: Bench, tmp_path: Path) -> None:
    config = tracked.common / "config"
    config.rename(tmp_path / "elsewhere")
    config.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").chmod(0o640)
    before = (tmp_path / "elsewhere").read_bytes()
    tracked.install()
    assert tracked.ran_at_commit() == ["user", *BOTH, "post"]
    assert config.is_symlink()
    tracked.uninstall()
    assert config.is_symlink()
    assert (tmp_path / "elsewhere").read_bytes() == before
    assert (tmp_path / "elsewhere").stat().st_mode & 0o777 == 0o640


# What others do to core.hooksPath.


def test_hooks_path_set_by_somebody_after_us_is_noticed_and_taken_over(bench: Bench) -> None:
    bench.hook("pre-commit", "default")
    bench.install()
    bench.hook("pre-commit", folder=".githooks")
    bench.git("config", "core.hooksPath", ".githooks")
    seen = bench.inspect()
    assert {(hook.state, hook.by) for hook in seen.hooks} == {("bypassed", "core.hooksPath = .githooks")}
    assert bench.ran_at_commit() == ["user"]
    bench.install()
    assert bench.ran_at_commit() == ["user", *BOTH]
    assert "default" in (bench.common / "hooks/pre-commit").read_text()
    bench.uninstall()
    assert bench.git("config", "core.hooksPath") == ".githooks"


def test_hooks_path_unset_by_somebody_after_us_brings_us_back_to_the_default_folder(tracked: Bench) -> None:
    tracked.hook("pre-commit", "default")
    tracked.install()
    tracked.git("config", "--unset", "core.hooksPath")
    (problem,) = tracked.inspect().problems
    assert problem == "core.hooksPath is not set any more; the hooks in .githooks still run"
    tracked.install()
    assert tracked.ran_at_commit() == ["default", *BOTH]
    assert not own(tracked).exists()
    tracked.uninstall()
    assert tracked.ran_at_commit() == ["default"]
    assert tracked.git("config", "--get-regexp", "hookspath|bare") == "core.bare false"


def test_hooks_path_set_again_to_the_same_folder_leaves_the_gates_in_force(tracked: Bench) -> None:
    before = (tracked.common / "config").read_bytes()
    tracked.install()
    tracked.git(
        "config", "core.hooksPath", ".githooks"
    )  # as husky does, each time that packages are installed
    assert tracked.inspect().in_force
    assert not tracked.install().changed
    assert tracked.ran_at_commit() == ["user", *BOTH, "post"]
    tracked.uninstall()
    assert (tracked.common / "config").read_bytes() == before


def test_hooks_path_of_the_user_removed_since_brings_us_back_to_the_default_folder(bench: Bench) -> None:
    config = (bench.common / "config").read_bytes()
    bench.git("config", "--global", "core.hooksPath", "~/hooks")
    bench.hook("pre-commit")
    bench.install()
    bench.git("config", "--global", "--unset", "core.hooksPath")
    bench.install()
    assert bench.ran_at_commit() == ["user", *BOTH]
    assert b"hooksPath" not in (bench.common / "config").read_bytes()
    bench.uninstall()
    assert (bench.common / "config").read_bytes() == config


def test_uninstall_when_somebody_chose_another_folder_since_leaves_that_choice(tracked: Bench) -> None:
    tracked.install()
    tracked.git("config", "core.hooksPath", "others")
    tracked.uninstall()
    assert tracked.git("config", "core.hooksPath") == "others"


@pytest.mark.parametrize(("value", "now"), [("theirs", "is theirs"), (None, "is not set any more")])
def test_hooks_path_that_is_set_anew_is_followed_and_told_of_once(
    tracked: Bench, value: str | None, now: str
) -> None:
    tracked.install()
    tracked.git(*(["config", "core.hooksPath", value] if value else ["config", "--unset", "core.hooksPath"]))
    problem = f"core.hooksPath {now.replace('theirs', 'theirs by now')}; the hooks in .githooks still run"
    assert tracked.inspect().problems == (problem,)
    words = f"the hooks in .githooks no longer run: core.hooksPath {now}"
    assert tracked.install().notes == (words,)
    assert tracked.install().notes == ()


def test_a_script_that_somebody_put_into_our_folder_runs_after_the_chosen_folders_and_is_kept(
    tracked: Bench,
) -> None:
    tracked.install()
    script(own(tracked) / "pre-commit", '#!/bin/sh\necho "newcomer" >>"$HOOK_LOG"\n')
    script(own(tracked) / "post-commit", '#!/bin/sh\necho "new post" >>"$HOOK_LOG"\n')
    assert tracked.states()["pre-commit"] == "replaced"
    tracked.install()
    assert tracked.ran_at_commit() == ["user", "newcomer", *BOTH, "post", "new post"]
    done = tracked.uninstall()
    kept = tracked.common / "hooks-before-gitfleet.shared"
    assert {f"left: {kept}/pre-commit", f"left: {kept}/post-commit"} == set(done.notes)
    assert tracked.ran_at_commit() == ["user", "post"]


def test_a_hook_of_the_chosen_folder_and_one_put_into_ours_both_hear_what_git_says_and_stop_it(
    tracked: Bench, hub: Path
) -> None:
    tracked.install()
    says = '#!/bin/sh\nsed "s/^/@WHO@ /" >>"$HOOK_LOG"\n'
    script(tracked.path / ".githooks/pre-push", says.replace("@WHO@", "chosen"))
    script(own(tracked) / "pre-push", says.replace("@WHO@", "put"))
    script(tracked.path / ".githooks/post-rewrite", says.replace("@WHO@", "chosen"))
    script(own(tracked) / "post-rewrite", says.replace("@WHO@", "put"))
    tracked.install()
    tracked.git("push", "-q", hub, "HEAD:refs/heads/new")
    assert [line.split()[0] for line in tracked.ran()] == ["chosen", "put", "gate", "stdin"]
    tracked.git("commit", "--quiet", "--amend", "--no-verify", "-m", "again")
    assert [line.split()[0] for line in tracked.ran() if line[:4] in ("chos", "put ")] == ["chosen", "put"]
    script(tracked.path / ".githooks/pre-push", "#!/bin/sh\nexit 1\n")
    assert tracked._git.ask(tracked.path, "push", "-q", hub, "HEAD:refs/heads/newer").returncode
    assert tracked.ran() == []


def test_a_script_that_was_deleted_from_our_folder_is_missed_and_put_back(tracked: Bench) -> None:
    tracked.install()
    (own(tracked) / "post-commit").unlink()
    (own(tracked) / "pre-push").unlink()
    seen = tracked.inspect()
    assert "post-commit" in seen.problems[0]
    assert tracked.states()["pre-push"] == "missing"
    tracked.install()
    assert tracked.inspect().in_force


def test_our_folder_without_what_it_stands_for_stops_git(tracked: Bench) -> None:
    tracked.install()
    (own(tracked) / CHAINED_TO).unlink()
    assert "gitfleet init" in tracked.commit().ended(1).stderr
    tracked.install()
    assert tracked.ran_at_commit() == ["user", *BOTH, "post"]


def test_a_lost_record_is_made_up_for_from_our_folder(tracked: Bench) -> None:
    tracked.install()
    (tracked.common / "gitfleet/hooks.json").unlink()
    tracked.install()
    assert tracked.ran_at_commit() == ["user", *BOTH, "post"]
    (tracked.common / "gitfleet/hooks.json").unlink()
    tracked.uninstall()
    assert tracked.git("config", "core.hooksPath") == ".githooks"
    assert not own(tracked).exists()


# Clones that move.


def test_a_clone_that_was_moved_is_noticed_and_repaired(tracked: Bench, git: Git, tmp_path: Path) -> None:
    before = (tracked.common / "config").read_bytes()
    tracked.install()
    tracked.path.rename(tmp_path / "moved")
    moved = Bench(tmp_path / "moved", git, tracked.log.parent)
    assert set(moved.states().values()) == {"missing"}
    moved.install()
    assert moved.ran_at_commit() == ["user", *BOTH, "post"]
    moved.uninstall()
    assert (moved.common / "config").read_bytes() == before


def test_a_clone_that_was_copied_is_separated_from_the_first(
    tracked: Bench, git: Git, tmp_path: Path
) -> None:
    before = (tracked.common / "config").read_bytes()
    tracked.install()
    shutil.copytree(tracked.path, tmp_path / "copy", symlinks=True)
    copy = Bench(tmp_path / "copy", git, tracked.log.parent)
    assert copy.ran_at_commit() == ["user", *BOTH, "post"]
    copy.install()
    assert copy.git("config", "core.hooksPath") == str(own(copy))
    copy.uninstall()
    assert (copy.common / "config").read_bytes() == before
    assert tracked.ran_at_commit() == ["user", *BOTH, "post"]


# One worktree's own setting.


@pytest.fixture
def two(bench: Bench, tmp_path: Path) -> Bench:
    """Worktree configuration is on; the linked worktree `linked` has hooks of its own, the main one the default."""
    bench.git("worktree", "add", "-q", tmp_path / "linked")
    bench.git("config", "extensions.worktreeConfig", "true")
    bench.git("config", "--worktree", "core.hooksPath", "of linked", at=tmp_path / "linked")
    script(tmp_path / "linked/of linked/pre-commit", '#!/bin/sh\necho "linked" >>"$HOOK_LOG"\n')
    bench.hook("pre-commit", "main")
    bench.ran()
    return bench


def test_hooks_path_of_one_worktree_is_taken_over_for_that_one(two: Bench, tmp_path: Path) -> None:
    before = state_of(two)
    two.install()
    assert two.ran_at_commit(at=tmp_path / "linked") == ["linked", *BOTH]
    assert two.ran_at_commit() == ["main", *BOTH]
    assert two.inspect().in_force
    assert {hook.scope for hook in two.inspect().hooks} == {"shared", "worktree-linked"}
    now = state_of(two)
    assert not two.install().changed
    assert state_of(two) == now
    two.uninstall()
    assert state_of(two) == before


def test_hooks_path_of_the_main_worktree_is_taken_over_for_that_one(two: Bench, tmp_path: Path) -> None:
    two.git("config", "--worktree", "core.hooksPath", ".githooks")
    two.hook("pre-commit", "chosen", folder=".githooks")
    before = state_of(two)
    two.install()
    assert two.ran_at_commit() == ["chosen", *BOTH]
    two.uninstall()
    assert state_of(two) == before


def test_hooks_path_of_one_worktree_set_again_leaves_the_gates_in_force(two: Bench, tmp_path: Path) -> None:
    two.install()
    two.git("config", "--worktree", "core.hooksPath", "of linked", at=tmp_path / "linked")
    assert two.inspect().in_force
    assert two.ran_at_commit(at=tmp_path / "linked") == ["linked", *BOTH]


def test_hooks_path_of_one_worktree_unset_gives_it_the_shared_hooks(two: Bench, tmp_path: Path) -> None:
    two.install()
    two.git("config", "--worktree", "--unset", "core.hooksPath", at=tmp_path / "linked")
    assert not two.inspect().in_force
    two.install()
    assert two.ran_at_commit(at=tmp_path / "linked") == ["main", *BOTH]
    assert not own(two, "worktree-linked").exists()
    assert not (two.common / "config.gitfleet.worktree-linked").exists()


def test_a_worktree_made_from_another_inherits_its_gates(two: Bench, tmp_path: Path) -> None:
    two.install()
    two.git("worktree", "add", "-q", "-b", "third", tmp_path / "third", at=tmp_path / "linked")
    script(tmp_path / "third/of linked/pre-commit", '#!/bin/sh\necho "third" >>"$HOOK_LOG"\n')
    copied = (two.common / "worktrees/third/config.worktree").exists()
    ran = ["third", *BOTH] if copied else ["main", *BOTH]
    assert two.ran_at_commit(at=tmp_path / "third") == ran
    two.install()
    assert two.ran_at_commit(at=tmp_path / "third") == ran
    two.uninstall()
    assert "gitfleet" not in two.git("config", "--get-all", "core.hooksPath", at=tmp_path / "linked")
    assert two.ran_at_commit(at=tmp_path / "third") == ran[:1]


def test_folders_of_worktrees_that_are_gone_are_cleared(two: Bench, tmp_path: Path) -> None:
    two.install()
    assert own(two, "worktree-linked").is_dir()
    two.git("worktree", "remove", "--force", tmp_path / "linked")
    two.install()
    assert not own(two, "worktree-linked").exists()
    assert two.states() == dict.fromkeys(GATED, "in place")

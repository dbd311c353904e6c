"""What a bare repository with our hook receives from real git, whatever clone it comes from."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from gitfleet.errors import Blocked, FleetError, NoRepository
from gitfleet.githooks import hub_hook
from tests.gatebench import GATE, Gated, refused
from tests.places import MEMBER, PLAIN, give, needs_plain, needs_users
from tests.workbench import UNSEEN, Git, Gitfleet, Ran, run

A = "src/api/a.py"


@pytest.fixture
def hub(ada: Gated) -> Path:
    """The hub of `ada` and `bob`, with our hook."""
    install(ada.fleets.hub)
    return ada.fleets.hub


def install(path: Path) -> None:
    hub_hook.install(str(path), interpreter=sys.executable, gate=str(GATE))


def raw(clone: Gated, path: str, message: str = "raw") -> str:
    """A commit that no hook has seen."""
    target = clone.path / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f"{message}\n", encoding="utf-8")
    clone.out("add", "--all")
    clone.out(*UNSEEN, "commit", "--quiet", "-m", message)
    return clone.out("rev-parse", "HEAD")


def push(clone: Gated, *args: str) -> Ran:
    """A push that no hook of the clone has seen, as from a clone without gitfleet."""
    return clone.git(*UNSEEN, "push", "origin", *args)


def declined(ran: Ran, *words: str) -> None:
    refused(ran, "pre-receive hook declined", *words)


def committed(clone: Gated, path: str = A) -> str:
    """A commit under a claim; the claim as the commit names it."""
    cited = clone.claim(path)
    clone.write(path)
    clone.commit().ok()
    return cited


def test_push_of_commits_made_under_claims_passes_also_when_they_were_released(ada: Gated, hub: Path) -> None:
    committed(ada)
    ada.release()
    push(ada, "main").ok()


def test_push_of_what_nobody_claimed_is_declined_and_changes_nothing(ada: Gated, hub: Path, git: Git) -> None:
    before = git(hub, "for-each-ref")
    raw(ada, A)
    declined(push(ada, "main"), f"{A}: not claimed", "next: Claim the paths")
    declined(push(ada, "main:refs/heads/other"), A)
    declined(push(ada, "HEAD:refs/tags/v1"), A)
    ada.out("tag", "-a", "-m", "tag", "v2")
    declined(push(ada, "v2"), A)
    assert git(hub, "for-each-ref") == before


def test_push_with_made_up_claims_is_declined(ada: Gated, hub: Path) -> None:
    raw(ada, A, "x\n\nFleet-Session: ada-1\nFleet-Claim: 01ARZ3NDEKTSV4RRFFQ69G5FAV@3\n")
    declined(push(ada, "main"), f"{A}: not claimed")


@pytest.mark.always
def test_push_of_what_another_holds_or_was_granted_since_is_declined(
    ada: Gated, bob: Gated, hub: Path
) -> None:
    bob.claim("docs/")
    committed(ada)
    ada.release()
    bob.claim(A)
    declined(push(ada, "main"), f"{A}: stale: made under claim", "session bob-1 has been granted")
    raw(ada, "docs/readme.md")
    declined(push(ada, "main"), "docs/readme.md: held by session bob-1")


def test_push_of_commits_that_only_some_other_ref_has_is_judged(ada: Gated, hub: Path) -> None:
    raw(ada, A)
    push(ada, "HEAD:refs/notes/x").ok()
    declined(push(ada, "main"), A)


def test_push_of_commits_that_a_branch_has_and_deletion_pass(ada: Gated, hub: Path) -> None:
    push(ada, "origin/main:refs/heads/again").ok()
    push(ada, ":refs/heads/again").ok()


def test_push_of_a_merge_is_judged_by_what_it_changes_itself(ada: Gated, hub: Path) -> None:
    ada.out("checkout", "--quiet", "-b", "side")
    committed(ada)
    ada.out("checkout", "--quiet", "main")
    committed(ada, "docs/readme.md")
    ada.out(*UNSEEN, "merge", "--quiet", "--no-edit", "side")
    push(ada, "main").ok()


def test_push_of_the_ledger_by_gitfleet_passes_and_nothing_else_may_take_its_place(
    ada: Gated, hub: Path, git: Git
) -> None:
    committed(ada)
    coord = git(hub, "rev-parse", "refs/fleet/coord")
    declined(push(ada, ":refs/fleet/coord"), "would delete the ledger")
    declined(push(ada, "+HEAD:refs/fleet/coord"), "would replace the ledger")
    declined(push(ada, "+refs/fleet/coord~1:refs/fleet/coord"), "would replace the ledger")
    tree = ada.out("rev-parse", "refs/fleet/coord^{tree}")
    junk = ada.out("commit-tree", tree, "-p", coord, "-m", "junk")
    declined(push(ada, f"{junk}:refs/fleet/coord"), "no part of it")
    twice = ada.out("commit-tree", tree, "-p", coord, "-p", "HEAD", "-m", "x\n\nFleet-Generation: 99")
    declined(push(ada, f"{twice}:refs/fleet/coord"), "no part of it")
    assert git(hub, "rev-parse", "refs/fleet/coord") == coord
    with ada.open() as fleet:
        fleet.ledger.sync()
    ada.release()
    assert git(hub, "rev-parse", "refs/fleet/coord") != coord


def test_push_of_branch_and_ledger_together_is_all_or_nothing(ada: Gated, hub: Path, git: Git) -> None:
    before = git(hub, "for-each-ref")
    committed(ada)
    between = git(hub, "for-each-ref")
    declined(push(ada, "main", ":refs/fleet/coord"), "would delete the ledger")
    assert git(hub, "for-each-ref") == between != before


@pytest.mark.parametrize(
    ("commits", "passes"), [("off", True), ("warn", True), ("conflicts-only", True), ("require-claim", False)]
)
def test_rules_are_those_of_the_branch_that_head_names(
    ada: Gated, hub: Path, git: Git, commits: str, passes: bool
) -> None:
    raw(ada, "gitfleet.yaml", f"version: 1\ncommits: '{commits}'")
    hub_hook.uninstall(str(hub))
    push(ada, "main").ok()
    install(hub)
    raw(ada, A)
    ran = push(ada, "main")
    if not passes:
        declined(ran, A)
    else:
        assert ("warning: commits touch" in ran.ok().stderr) == (commits == "warn")


def test_rules_that_come_with_the_push_do_not_hold_yet(ada: Gated, hub: Path) -> None:
    raw(ada, "gitfleet.yaml", "version: 1\ncommits: 'off'")
    declined(push(ada, "main"), "gitfleet.yaml: not claimed")


def test_replacement_of_objects_in_the_hub_changes_no_verdict(ada: Gated, hub: Path) -> None:
    coord = ada.out("rev-parse", "refs/fleet/coord")
    made = raw(ada, A)
    push(ada, f"{made}:refs/replace/{coord}").ok()
    declined(push(ada, "main"), A)
    declined(push(ada, "+HEAD:refs/fleet/coord"), "would replace the ledger")


def test_path_whose_bytes_are_no_utf_8_is_told(ada: Gated, hub: Path) -> None:
    raw(ada, os.fsdecode(b"caf\xe9\n.py"))
    declined(push(ada, "main"), r"caf\xe9\x0a.py: not claimed")


def test_repository_without_a_fleet_receives_everything(ada: Gated, git: Git, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "plain.git")
    install(tmp_path / "plain.git")
    raw(ada, A)
    ada.git(*UNSEEN, "push", str(tmp_path / "plain.git"), "main").ok()


def test_history_from_before_the_fleet_may_come_while_there_is_no_trunk(
    ada: Gated, hub: Path, git: Git
) -> None:
    raw(ada, A)
    git(hub, "update-ref", "-d", "refs/heads/main")
    push(ada, "HEAD~1:refs/heads/main").ok()
    declined(push(ada, "main"), A)


def test_gate_without_its_program_stops_branches_and_not_the_ledger(ada: Gated, hub: Path) -> None:
    (hub / "gitfleet/launcher").unlink()
    committed(ada)
    ran = push(ada, "main").ended(1)
    assert "The gate's Python is gone" in ran.stderr
    ada.release()


# Put in and taken out.


def picture(path: Path) -> dict[str, tuple[int, bytes]]:
    found = [item for item in path.rglob("*") if "objects" not in item.parts]
    return {
        str(item.relative_to(path)): (item.lstat().st_mode, item.read_bytes() if item.is_file() else b"")
        for item in found
    }


def test_hook_that_stood_there_runs_first_and_is_given_back_to_the_byte(ada: Gated, git: Git) -> None:
    hub = ada.fleets.hub
    script = hub / "hooks/pre-receive"
    script.parent.mkdir(exist_ok=True)
    script.write_bytes(b'#!/bin/sh\n. "${0%/*}/words"\ncat >&2\n[ -z "$STOP" ] || exit 3\n')
    script.chmod(0o750)
    (hub / "hooks/words").write_text("echo former hook $# >&2\n")
    before = picture(hub)
    install(hub)
    install(hub)
    raw(ada, A)
    ran = push(ada, "main")
    declined(ran, A, "former hook 0", " refs/heads/main")
    stopped = ada.git(*UNSEEN, "push", "origin", ":refs/heads/none", "main", env={"STOP": "yes"})
    assert "gitfleet" not in stopped.stderr
    assert hub_hook.uninstall(str(hub)).changed
    assert picture(hub) == before
    assert not hub_hook.uninstall(str(hub)).changed
    push(ada, "main").ok()


def test_install_where_head_names_a_branch_that_is_not_there_says_that_nothing_is_judged(
    ada: Gated, git: Git
) -> None:
    def notes() -> tuple[str, ...]:
        return hub_hook.install(str(ada.fleets.hub), interpreter=sys.executable, gate=str(GATE)).notes

    assert notes() == ()
    git(ada.fleets.hub, "symbolic-ref", "HEAD", "refs/heads/master")
    (told,) = notes()
    assert told.startswith("nothing is judged yet: this repository's HEAD names refs/heads/master, ")


def test_install_twice_changes_nothing_the_second_time(ada: Gated) -> None:
    hub = ada.fleets.hub
    before = picture(hub)
    first = hub_hook.install(str(hub), interpreter=sys.executable, gate=str(GATE))
    between = picture(hub)
    second = hub_hook.install(str(hub), interpreter=sys.executable, gate=str(GATE))
    assert (first.changed, second.changed, picture(hub)) == (True, False, between)
    hub_hook.uninstall(str(hub))
    assert picture(hub) == before


@pytest.mark.parametrize(
    ("where", "error"), [("ada", Blocked), ("nowhere", NoRepository), (".", NoRepository)]
)
def test_install_where_no_bare_repository_is_changes_nothing(
    ada: Gated, where: str, error: type[FleetError]
) -> None:
    with pytest.raises(error):
        install(ada.fleets.root / where)
    assert not (ada.path / ".git/hooks/pre-receive").exists()


def test_install_where_hooks_lie_elsewhere_is_refused(ada: Gated, git: Git) -> None:
    hub = ada.fleets.hub
    git(hub, "config", "core.hooksPath", "/elsewhere")
    before = picture(hub)
    with pytest.raises(Blocked, match="/elsewhere"):
        install(hub)
    assert picture(hub) == before


def test_script_is_sound_shell() -> None:
    run(["sh", "-n", str(GATE.parents[2] / "hooks/pre-receive")], GATE.parent).ok()


# A hub that others push to, too.


@pytest.mark.parametrize("shared", ["group", "all", "0660", "true"])
def test_install_under_a_narrow_umask_in_a_shared_hub_is_for_all_whom_the_hub_is_for(
    ada: Gated, git: Git, gitfleet: Gitfleet, shared: str
) -> None:
    bare = ada.fleets.hub
    git(bare, "config", "core.sharedRepository", shared)
    (bare / "hooks").chmod(0o700)
    theirs = bare / "hooks/pre-receive"
    theirs.write_text("#!/bin/sh\nexit 0\n")
    theirs.chmod(0o755)
    before = os.umask(0o077)
    try:
        gitfleet(ada.fleets.root, "hub-hook", "install", bare).ok()
    finally:
        os.umask(before)
    for name in ("hooks/pre-receive", "hooks", "hooks-before-gitfleet", "gitfleet"):
        assert (bare / name).stat().st_mode & 0o050 == 0o050, name
    assert (bare / "gitfleet/launcher").stat().st_mode & 0o060 == 0o060
    assert theirs.stat().st_mode & 0o022 == 0


def test_install_again_after_the_hub_became_shared_opens_the_hook(ada: Gated, git: Git) -> None:
    bare, before = ada.fleets.hub, os.umask(0o077)
    try:
        install(bare)
        assert (bare / "hooks/pre-receive").stat().st_mode & 0o777 == 0o700
        git(bare, "config", "core.sharedRepository", "group")
        install(bare)
    finally:
        os.umask(before)
    assert (bare / "hooks/pre-receive").stat().st_mode & 0o777 == 0o750


@needs_users
def test_install_in_a_hub_whose_hooks_folder_is_another_users_and_closed_says_that_it_is_not_in_force(
    ada: Gated, git: Git, gitfleet: Gitfleet
) -> None:
    bare = ada.fleets.hub
    git(bare, "config", "core.sharedRepository", "group")
    (bare / "gitfleet").mkdir()
    give(bare / "gitfleet")
    (bare / "gitfleet").chmod(0o707)  # the installing user may write there, the group may not
    git(bare, "config", "--global", "safe.directory", "*")
    argv = [*PLAIN, *gitfleet.argv("hub-hook", "install", bare)]
    ran = run(argv, ada.fleets.root, env=gitfleet.environment()).ended(21)
    assert f"{bare}/gitfleet has mode 0707" in ran.stderr


@needs_users
def test_push_of_a_member_of_the_group_is_judged(ada: Gated, git: Git) -> None:
    bare, before = ada.fleets.hub, os.umask(0o077)
    git(bare, "config", "core.sharedRepository", "group")
    git(bare, "config", "--global", "safe.directory", "*")
    try:
        install(bare)
    finally:
        os.umask(before)
    give(bare)
    for folder, _, names in os.walk(bare):  # what git would have made so
        for name in [".", *names]:
            path = Path(folder, name)
            path.chmod(
                path.stat().st_mode | (0o070 if path.is_dir() else 0o060 if "hooks" not in folder else 0)
            )
    raw(ada, A)
    refs = git(bare, "for-each-ref")
    declined(run([*MEMBER, "git", *UNSEEN, "push", "origin", "main"], ada.path), f"{A}: not claimed")
    assert git(bare, "for-each-ref") == refs


@needs_plain
@pytest.mark.parametrize("place", ["refs/fleet", "refs/fleet/coord", "gitfleet", "gitfleet/launcher"])
def test_push_where_the_hub_keeps_what_may_not_be_read_is_declined(ada: Gated, hub: Path, place: str) -> None:
    raw(ada, A)
    locked = hub / place
    mode = locked.stat().st_mode
    locked.chmod(0)
    try:
        ran = run([*PLAIN, "git", *UNSEEN, "push", "origin", "main"], ada.path)
    finally:
        locked.chmod(mode)
    assert ran.returncode, ran
    assert f"gitfleet: This user may not read {place}, and so cannot" in ran.stderr, ran


def test_hub_in_a_place_where_bare_repositories_have_to_be_named_is_judged_too(
    ada: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "safe.bareRepository")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "explicit")
    install(ada.fleets.hub)
    monkeypatch.chdir(ada.fleets.hub)
    install(Path())
    raw(ada, A)
    declined(push(ada, "main"), f"{A}: not claimed")
    assert hub_hook.uninstall(str(ada.fleets.hub)).changed
    push(ada, "main").ok()

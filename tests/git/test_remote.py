"""What a hub answers to a push, and what fetch and push leave alone."""

from __future__ import annotations

import hashlib
import itertools
import re
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.base.processes import Completed
from gitfleet.errors import FleetError, HubError, HubRefused, HubUnreachable, LocalStorage
from gitfleet.git import refs
from gitfleet.git.answers import of_push
from gitfleet.git.objects import BulkObjects, PlumbingObjects
from gitfleet.git.program import Git as Program
from gitfleet.git.program import GitFailed
from gitfleet.git.remote import Addresses, Push, Remote, Update, hub_error
from gitfleet.git.repository import discover
from tests.places import file_system, make_read_only, needs_mount, needs_sshd, ssh_command, web_server
from tests.workbench import Git

A, B = "refs/fleet/a", "refs/fleet/b"
SEEN = "refs/fleet-hub/origin/"
LOCKED = r"lock|reference already exists"  # the words of git 2.53 for a lock that is there


@pytest.fixture
def ada(clone: Callable[[str], Path]) -> Path:
    return clone("ada")


@pytest.fixture
def remote(ada: Path) -> Remote:
    return Remote(discover(str(ada)).git, "origin")


@pytest.fixture
def news(ada: Path, git: Git) -> list[str]:
    """Three commits that the hub does not have."""
    return [git(ada, "commit-tree", "-m", f"{number}", "HEAD^{tree}") for number in range(3)]


def hook(hub: Path, name: str, script: str) -> None:
    path = hub / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def sha1(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


def test_push_from_the_right_values_is_done(remote: Remote, news: list[str]) -> None:
    one, two, _ = news
    assert remote.push([Update(A, one, None)]).outcome is Push.DONE
    assert remote.push([Update(A, two, one), Update(B, one, None)]).outcome is Push.DONE
    assert remote.look("refs/fleet/*") == {A: two, B: one}
    assert remote.push([Update(A, None, two), Update(B, None, one)]).outcome is Push.DONE
    assert remote.look("refs/fleet/*") == {}


@pytest.mark.parametrize("old", ["stale", "absent"])
def test_push_from_a_stale_value_is_lost_and_moves_none_of_an_atomic_pair(
    remote: Remote, news: list[str], old: str
) -> None:
    one, two, three = news
    remote.push([Update(A, one, None)])
    answer = remote.push([Update(B, three, None), Update(A, three, two if old == "stale" else None)])
    assert answer.outcome is Push.LOST
    assert remote.look("refs/fleet/*") == {A: one}


def test_push_that_lost_is_lost_whatever_its_object_ids_look_like(
    remote: Remote, ada: Path, git: Git, news: list[str]
) -> None:
    remote.push([Update(A, news[0], None)])
    body = git(ada, "cat-file", "commit", news[0])
    texts = (f"{body}\n{number}\n" for number in itertools.count())
    text = next(text for text in texts if "403" in sha1(f"commit {len(text)}\0{text}"))
    oid = git(ada, "hash-object", "-t", "commit", "-w", "--stdin", stdin=text)
    assert "403" in oid
    assert remote.push([Update(A, oid, None)]).outcome is Push.LOST


def test_push_while_the_ref_is_locked_there_is_lost(remote: Remote, hub: Path, news: list[str]) -> None:
    (hub / "refs/fleet").mkdir()
    (hub / "refs/fleet/a.lock").touch()
    answer = remote.push([Update(A, news[0], None)])
    assert answer.outcome is Push.LOST
    assert re.search(LOCKED, answer.output)


@pytest.mark.parametrize(
    ("why", "outcome"),
    [
        ("Unable to create '/hub/./{ref}.lock': File exists.", Push.LOST),
        ("Unable to create '/hub/./{ref}.lock': No space left on device", Push.LOST),
        ("is at {one} but expected {two}", Push.LOST),
        ("Unable to create '/hub/./{ref}.lock': Permission denied", Push.REFUSED),
        ("Unable to create '/hub/./{ref}.lock': Read-only file system", Push.REFUSED),
        ("'{ref}/sub' exists; cannot create '{ref}'", Push.REFUSED),
    ],
)
@pytest.mark.parametrize("pair", [False, True])
def test_push_that_cannot_lock_a_ref_there_is_refused_only_where_it_never_could(
    why: str, outcome: Push, pair: bool
) -> None:
    words = why.format(ref=B, one="1" * 40, two="2" * 40)
    said = "atomic transaction failed" if pair else "failed to update ref"
    rows = [f"!\t{'3' * 40}:{ref}\t[remote rejected] ({said})" for ref in ([A, B] if pair else [B])]
    error = f"remote: error: cannot lock ref '{B}': {words}        \n"
    answer = of_push(Completed(("git", "push"), 1, "\n".join([*rows, "Done", ""]).encode(), error.encode()))
    assert (answer.outcome, answer.refs[B]) == (outcome, outcome)
    assert answer.refs.get(A, Push.HELD) is Push.HELD


@pytest.mark.parametrize("name", ["pre-receive", "update"])
def test_push_that_a_hook_declines_is_refused_in_its_words(
    remote: Remote, hub: Path, news: list[str], name: str
) -> None:
    hook(hub, name, "echo no refs/fleet here; exit 1")
    answer = remote.push([Update(A, news[0], None), Update(B, news[0], None)])
    assert answer.outcome is Push.REFUSED
    assert "no refs/fleet here" in answer.output
    assert remote.look("refs/fleet/*") == {}


def test_words_about_a_refusal_are_those_of_the_server_without_its_colours(
    remote: Remote, hub: Path, news: list[str]
) -> None:
    hook(
        hub, "pre-receive", r"printf '\033[1;31merror: GH006\033[0m: %s\n\n' protected protected >&2; exit 1"
    )
    answer = remote.push([Update(A, news[0], None)])
    error = hub_error("origin", answer.output, what="write to", refused=True)
    said = f"error: GH006: protected; {A}: pre-receive hook declined"
    assert error.message == f"The hub 'origin' refused: {said}."


def test_hint_about_a_refusal_is_about_the_branch_where_that_was_refused(
    remote: Remote, hub: Path, news: list[str]
) -> None:
    branch = "refs/heads/side"
    hook(hub, "update", f"case $1 in {branch}) exit 1;; esac")
    answer = remote.push([Update(A, news[0], None), Update(branch, news[0], None)])
    hint = hub_error("origin", answer.output, what="write to", refused=True).hint
    assert hint == "This user may not move that branch there: ask someone who may."
    hook(hub, "update", f"case $1 in {A}) exit 1;; esac")
    answer = remote.push([Update(A, news[0], None), Update(branch, news[0], None)])
    assert "refs/fleet/*" in (hub_error("origin", answer.output, what="write to", refused=True).hint or "")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (("receive.advertiseAtomic", "false"), "receive.advertiseAtomic"),
        (("core.bare", "false"), "receive.denyCurrentBranch"),
        (("receive.denyNonFastForwards", "true"), "receive.denyNonFastForwards"),
    ],
)
def test_hint_about_a_setting_of_the_hub_names_it(
    remote: Remote, hub: Path, git: Git, news: list[str], setting: tuple[str, str], words: str
) -> None:
    git(hub, "config", *setting)
    main = git(hub, "rev-parse", "main")
    answer = remote.push([Update(A, news[0], None), Update("refs/heads/main", news[1], main)])
    assert answer.outcome is Push.REFUSED
    assert words in (hub_error("origin", answer.output, what="write to", refused=True).hint or "")
    assert remote.look(A, "refs/heads/main") == {"refs/heads/main": main}


def test_hint_where_the_server_lets_nobody_in_is_about_keys() -> None:
    said = "git@host: Permission denied (publickey).\nfatal: Could not read from remote repository."
    hint = hub_error("origin", said, what="write to", refused=True).hint
    assert hint == "The server does not let this user in: try `git ls-remote` there, and look at the keys."


@pytest.mark.parametrize("refused", [True, False])
@pytest.mark.parametrize("said", ["git took longer than 60 s", "fatal: no such host."])
def test_words_about_a_hub_end_with_one_period(said: str, refused: bool) -> None:
    error = hub_error("origin", said, what="write to", refused=refused)
    assert error.message.endswith(f": {said.removesuffix('.')}.")


def test_fetch_that_cannot_write_here_is_not_about_the_hub(remote: Remote) -> None:
    full = (
        f"error: cannot update ref '{SEEN}a': couldn't write '.git/{SEEN}a.lock'",
        "error: unable to write file .git/objects/aa/bb",
        f"error: cannot lock ref '{SEEN}a': Unable to create '.git/{SEEN}a.lock': Permission denied",
    )
    for words in full:
        done = Completed(("git", "fetch"), 1, b"", words.encode())
        assert isinstance(remote.error(done), LocalStorage)
    away = Completed(("git", "fetch"), 1, b"", f"remote: {full[1]}".encode())
    assert isinstance(remote.error(away), HubUnreachable)


def test_push_to_a_hub_that_hides_the_namespace_is_refused(
    remote: Remote, hub: Path, git: Git, news: list[str]
) -> None:
    git(hub, "config", "transfer.hideRefs", "refs/fleet")
    assert remote.push([Update(A, news[0], None)]).outcome is Push.REFUSED


def test_push_of_a_deletion_to_a_hub_that_prohibits_it_is_refused(
    remote: Remote, hub: Path, git: Git, news: list[str]
) -> None:
    branch = "refs/heads/side"
    remote.push([Update(branch, news[0], None)])
    git(hub, "config", "receive.denyDeletes", "true")
    assert remote.push([Update(branch, None, news[0])]).outcome is Push.REFUSED
    assert remote.look(branch) == {branch: news[0]}


@pytest.mark.parametrize(
    ("name", "script", "landed"),
    [
        ("pre-receive", "kill -9 $PPID", False),
        ("post-receive", "kill -9 $PPID", True),
        ("reference-transaction", '[ "$1" = committed ] && kill -9 $PPID; exit 0', True),
    ],
    ids=["before", "after", "between"],
)
def test_push_whose_hub_dies_on_the_way_is_unknown(
    remote: Remote, hub: Path, news: list[str], name: str, script: str, landed: bool
) -> None:
    hook(hub, name, script)
    assert remote.push([Update(A, news[0], None)]).outcome is Push.UNKNOWN
    (hub / "hooks" / name).unlink()
    assert remote.look(A) == ({A: news[0]} if landed else {})


@pytest.mark.parametrize("name", ["gone.git", "403 denied, protected and prohibited.git"])
def test_hub_that_is_not_there_is_unreachable_whatever_its_name(
    ada: Path, remote: Remote, git: Git, news: list[str], name: str
) -> None:
    git(ada, "remote", "set-url", "origin", f"../{name}")
    assert remote.push([Update(A, news[0], None)]).outcome is Push.UNKNOWN
    for ask in (remote.look, lambda: remote.fetch(f"+{A}*:{SEEN}a*")):
        with pytest.raises(HubUnreachable, match="does not appear to be") as caught:
            ask()
        assert caught.value.exit_code == 30
        assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("status", "outcome", "error"),
    [
        (401, Push.REFUSED, HubRefused),
        (403, Push.REFUSED, HubRefused),
        (404, Push.UNKNOWN, HubUnreachable),
        (500, Push.UNKNOWN, HubUnreachable),
        (503, Push.UNKNOWN, HubUnreachable),
    ],
)
def test_hub_on_the_web_that_answers_an_error_is_told_apart(
    ada: Path, remote: Remote, git: Git, news: list[str], status: int, outcome: Push, error: type[HubError]
) -> None:
    with web_server(status) as address:
        git(ada, "remote", "set-url", "origin", f"{address.replace('//', '//ada:hunter2@')}/x.git")
        answer = remote.push([Update(A, news[0], None)])
        assert answer.outcome is outcome, answer
        with pytest.raises(error) as caught:
            remote.look()
    assert "hunter2" not in f"{answer.output}{caught.value}{caught.value.facts}"


def test_hub_that_does_not_answer_in_time_is_unknown(
    ada: Path, remote: Remote, git: Git, news: list[str]
) -> None:
    git(ada, "config", "remote.origin.receivepack", "cat >/dev/null; :")
    git(ada, "config", "remote.origin.uploadpack", "cat >/dev/null; :")
    assert remote.push([Update(A, news[0], None)], timeout=0.3).outcome is Push.UNKNOWN
    with pytest.raises(HubUnreachable, match="longer than"):
        remote.look(timeout=0.3)


@needs_mount
def test_hub_on_a_read_only_file_system_refuses(
    tmp_path: Path, ada: Path, hub: Path, remote: Remote, git: Git, news: list[str]
) -> None:
    with file_system(tmp_path / "disk", size="10m") as disk:
        shutil.copytree(hub, disk / "hub.git")
        make_read_only(disk)
        git(ada, "remote", "set-url", "origin", "../disk/hub.git")
        answer = remote.push([Update(A, news[0], None)])
        assert answer.outcome is Push.REFUSED, answer
        assert "refs/heads/main" in remote.look()


@needs_mount
def test_hub_on_a_full_file_system_refuses(
    tmp_path: Path, ada: Path, hub: Path, remote: Remote, git: Git, news: list[str]
) -> None:
    with file_system(tmp_path / "disk", size="1m") as disk:
        shutil.copytree(hub, disk / "hub.git")
        with pytest.raises(OSError, match="No space left"), (disk / "filler").open("wb") as file:
            file.write(b"x" * 2_000_000)
        git(ada, "remote", "set-url", "origin", "../disk/hub.git")
        assert remote.push([Update(A, news[0], None)]).outcome is Push.REFUSED
        assert remote.look("refs/fleet/*") == {}


@needs_sshd
def test_hub_over_ssh_answers_like_any_other(
    tmp_path: Path,
    ada: Path,
    hub: Path,
    remote: Remote,
    git: Git,
    news: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    monkeypatch.setenv("GIT_SSH", ssh_command(keys))
    git(ada, "remote", "set-url", "origin", f"ssh://root@loop{hub}")
    one, two, three = news
    assert remote.push([Update(A, one, None), Update(B, one, None)]).outcome is Push.DONE
    assert remote.push([Update(A, three, two)]).outcome is Push.LOST
    remote.fetch(f"+{A}*:{SEEN}a*")
    assert refs.read(Program(str(ada / ".git")), SEEN) == {f"{SEEN}a": one}
    hook(hub, "pre-receive", "exit 1")
    assert remote.push([Update(A, three, one)]).outcome is Push.REFUSED
    hub.rename(tmp_path / "elsewhere")
    assert remote.push([Update(A, three, one)]).outcome is Push.UNKNOWN
    with pytest.raises(HubUnreachable):
        remote.look()
    (keys / "user.pub").write_text("")
    assert remote.push([Update(A, three, one)]).outcome is Push.REFUSED
    with pytest.raises(HubRefused, match="Permission denied"):
        remote.look()


def test_push_of_nothing_asks_nobody_and_pushes_nothing(ada: Path, hub: Path, git: Git) -> None:
    git.commit(ada, {"secret": "mine"})
    for name, value in HOSTILE.items():
        git(ada, "config", name, value)
    before = git(hub, "for-each-ref")
    remote = Remote(discover(str(ada)).git, "origin")
    assert remote.push([]).outcome is Push.DONE
    assert git(hub, "for-each-ref") == before
    hub.rename(hub.parent / "gone.git")
    assert remote.push([]).outcome is Push.DONE


@pytest.mark.parametrize(
    "update",
    [
        Update(A, None, None),
        Update(A, "", None),
        Update(A, "HEAD", None),
        Update(A, "0" * 40 + ":refs/heads/main", None),
        Update("main", "1" * 40, None),
        Update(A, "1" * 40, "*"),
    ],
)
def test_push_of_what_is_no_update_of_a_named_ref_is_our_bug(
    remote: Remote, hub: Path, git: Git, update: Update
) -> None:
    before = git(hub, "for-each-ref")
    with pytest.raises(ValueError, match="no update"):
        remote.push([update])
    assert git(hub, "for-each-ref") == before


def test_push_of_one_ref_twice_is_our_bug(remote: Remote, news: list[str]) -> None:
    with pytest.raises(ValueError, match="once"):
        remote.push([Update(A, news[0], None), Update(A, news[1], None)])


def test_fetch_of_nothing_in_particular_is_our_bug(remote: Remote) -> None:
    with pytest.raises(ValueError, match="names its refs"):
        remote.fetch()


def test_push_of_one_ref_needs_no_atomic_push_and_one_of_two_says_that_it_does(
    remote: Remote, hub: Path, git: Git, news: list[str]
) -> None:
    git(hub, "config", "receive.advertiseAtomic", "false")
    one, two, _ = news
    assert remote.push([Update(A, one, None)]).outcome is Push.DONE
    assert remote.push([Update(A, two, None)]).outcome is Push.LOST
    both = remote.push([Update(A, two, one), Update(B, two, None)])
    assert (both.outcome is Push.DONE, both.not_atomic) == (False, True)
    assert remote.look("refs/fleet/*") == {A: one}
    assert remote.push([Update(A, two, one), Update(B, two, None)], atomic=False).outcome is Push.DONE


HOSTILE = {
    "fetch.prune": "true",
    "fetch.pruneTags": "true",
    "remote.origin.prune": "true",
    "remote.origin.pruneTags": "true",
    "remote.origin.tagOpt": "--tags",
    "remote.origin.mirror": "true",
    "remote.origin.push": "+refs/heads/*:refs/heads/*",
    "fetch.recurseSubmodules": "true",
    "fetch.fsckObjects": "true",
    "push.followTags": "true",
    "push.gpgSign": "if-asked",
    "push.default": "nothing",
    "push.recurseSubmodules": "only",
    "push.pushOption": "ci.skip",
    "push.useForceIfIncludes": "true",
    "push.negotiate": "true",
    "remote.pushDefault": "elsewhere",
    "branch.main.pushRemote": "elsewhere",
    "fetch.writeCommitGraph": "true",
    "fetch.output": "compact",
    "remote.origin.followRemoteHEAD": "always",
    "core.hooksPath": ".hooks",
    "color.ui": "always",
    "transfer.hideRefs": "refs/fleet",
    "core.logAllRefUpdates": "always",
    "log.showSignature": "true",
    "advice.pushUpdateRejected": "true",
}


def test_exchange_in_a_clone_with_any_settings_leaves_everything_of_the_user_alone(
    ada: Path, hub: Path, remote: Remote, git: Git, news: list[str]
) -> None:
    git(ada, "tag", "-a", "mine", "-m", "mine", news[0])
    git(hub, "tag", "theirs", "HEAD")
    git(ada, "update-ref", "refs/remotes/origin/gone-there", news[1])
    for name, value in HOSTILE.items():
        git(ada, "config", name, value)
    (ada / ".hooks").mkdir()
    for name in ("pre-push", "reference-transaction", "post-checkout"):
        (ada / ".hooks" / name).write_text("#!/bin/sh\nexit 1\n")
        (ada / ".hooks" / name).chmod(0o755)
    before = git(ada, "for-each-ref")
    assert remote.push([Update(A, news[0], None)]).outcome is Push.DONE
    assert remote.push([Update(A, news[2], news[1])]).outcome is Push.LOST
    remote.fetch(f"+{A}*:{SEEN}a*")
    assert git(ada, "for-each-ref", "refs/heads", "refs/tags", "refs/remotes") == before
    assert git(ada, "for-each-ref", "--format=%(refname)", SEEN) == f"{SEEN}a"
    assert not (ada / ".git/FETCH_HEAD").exists()
    assert set(remote.look()) == {A, "refs/heads/main", "refs/tags/theirs"}


def test_fetch_of_a_ref_that_vanished_removes_what_was_seen_of_it_only(
    ada: Path, hub: Path, remote: Remote, git: Git, news: list[str]
) -> None:
    remote.push([Update(A, news[0], None), Update(B, news[0], None)])
    remote.fetch("+refs/fleet/a*:" + SEEN + "a*")
    git(ada, "update-ref", "refs/fleet/a", news[0])
    git(hub, "update-ref", "-d", A)
    remote.fetch("+refs/fleet/a*:" + SEEN + "a*")
    assert refs.read(Program(str(ada / ".git")), "refs/fleet", SEEN) == {A: news[0]}


def test_fetch_while_our_own_copy_is_locked_raises_in_git_s_words_and_not_about_the_hub(
    ada: Path, remote: Remote, news: list[str]
) -> None:
    remote.push([Update(A, news[0], None)])
    lock = ada / ".git" / f"{SEEN}a.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    with pytest.raises(GitFailed, match=LOCKED) as caught:
        remote.fetch(f"+{A}*:{SEEN}a*")
    assert caught.value.exit_code == 20


@pytest.mark.parametrize(
    ("stderr", "kind"),
    [
        (f"error: fetching ref {SEEN}a failed: reference already exists\n", GitFailed),  # git 2.53
        (f"remote: error: fetching ref {SEEN}a failed: reference already exists\n", HubUnreachable),
    ],
)
def test_failure_about_our_own_copy_is_the_hubs_only_where_the_hub_says_it(
    remote: Remote, stderr: str, kind: type[FleetError]
) -> None:
    assert type(remote.error(Completed(("git", "fetch"), 1, b"", stderr.encode()))) is kind


@pytest.mark.parametrize(
    "options",
    [["--depth=1"], ["--filter=blob:none"], ["--filter=tree:0"], ["--depth=1", "--filter=blob:none"]],
    ids=["shallow", "no-blobs", "no-trees", "shallow-no-blobs"],
)
def test_fetch_in_an_incomplete_clone_brings_the_ledger_whole(
    tmp_path: Path, hub: Path, git: Git, options: list[str]
) -> None:
    git(hub, "config", "uploadpack.allowFilter", "true")
    blob = tree = oid = ""
    for number in range(5):
        blob = git(hub, "hash-object", "-w", "--stdin", stdin=f"record {number}")
        tree = git(hub, "mktree", stdin=f"100644 blob {blob}\trecord\n")
        oid = git(hub, "commit-tree", "-m", f"{number}", *(["-p", oid] if oid else []), tree)
    git(hub, "update-ref", A, oid)
    git(tmp_path, "clone", "-q", *options, f"file://{hub}", "part")
    part = discover(str(tmp_path / "part"))
    Remote(part.git, "origin").fetch(f"+{A}*:{SEEN}a*")
    hub.rename(tmp_path / "gone")
    for store in (PlumbingObjects, BulkObjects):
        if store is BulkObjects and "--filter=tree:0" in options:
            continue
        objects = store(part.common_dir)
        for name in (oid, tree, blob):
            objects.read(name)
        objects.close()
    assert git(tmp_path / "part", "rev-list", "--count", oid) == "5"
    one = git(tmp_path / "part", "commit-tree", "-m", "more", "-p", oid, tree)
    (tmp_path / "gone").rename(hub)
    assert Remote(part.git, "origin").push([Update(A, one, oid)]).outcome is Push.DONE


@pytest.mark.skipif(
    "ref-format" not in Git().ask(Path(), "init", "-h").stdout, reason="needs git 2.45, for reftable"
)
def test_exchange_with_reftables_on_both_sides_works(tmp_path: Path, git: Git) -> None:
    git(tmp_path, "init", "-q", "--bare", "--ref-format=reftable", "hub.git")
    git(tmp_path, "init", "-q", "--ref-format=reftable", "work")
    git(tmp_path / "work", "remote", "add", "origin", "../hub.git")
    git(tmp_path / "work", "commit", "-q", "--allow-empty", "-m", "one")
    one = git(tmp_path / "work", "rev-parse", "HEAD")
    remote = Remote(discover(str(tmp_path / "work")).git, "origin")
    assert remote.push([Update(A, one, None)]).outcome is Push.DONE
    assert remote.push([Update(A, one, "12" * 20)]).outcome is not Push.LOST
    remote.fetch(f"+{A}*:{SEEN}a*")
    assert refs.read(Program(str(tmp_path / "work/.git")), SEEN) == {f"{SEEN}a": one}


def test_hub_that_accepts_and_stays_silent_counts_as_out_of_reach_when_patience_is_over(
    ada: Path, git: Git, news: list[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"git://127.0.0.1:{server.getsockname()[1]}/hub.git"
        git(ada, "remote", "set-url", "origin", url)
        remote = Remote(discover(str(ada)).git, "origin", patience=0.3)
        with pytest.raises(HubUnreachable):
            remote.fetch(f"+{A}:{SEEN}a")
        with pytest.raises(HubUnreachable):
            remote.look(A)
        assert remote.push([Update(A, news[0], None)]).outcome is Push.UNKNOWN


def test_addresses_are_those_that_git_uses(ada: Path, git: Git) -> None:
    remote = Remote(discover(str(ada)).git, "origin")
    plain = remote.addresses()
    assert (plain.push, plain.apart) == ((plain.fetch,), "")
    git(ada, "remote", "set-url", "origin", "short:hub.git")
    git(ada, "config", "url./far away/.insteadOf", "short:")
    git(ada, "remote", "add", "origin2", "elsewhere")
    assert remote.addresses() == Addresses("/far away/hub.git", ("/far away/hub.git",))
    git(ada, "config", "url.push:.pushInsteadOf", "short:")
    assert remote.addresses() == Addresses("/far away/hub.git", ("push:hub.git",))
    git(ada, "remote", "set-url", "--push", "origin", "one")
    git(ada, "remote", "set-url", "--push", "--add", "origin", "short:two")
    assert remote.addresses().push == ("one", "/far away/two")
    assert Remote(discover(str(ada)).git, "nowhere").addresses() == Addresses("nowhere", ("nowhere",))

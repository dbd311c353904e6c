"""`queue.required`: the trunk changes through the merge queue only, whichever way somebody else tries."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from gitfleet.githooks import fast_push, hub_hook
from gitfleet.githooks.install import install
from gitfleet.sessions.service import Start
from tests.cli.conftest import Cli
from tests.gatebench import GATE, Copies, refused
from tests.workbench import UNSEEN, Gitfleet, Ran

RULES = "version: 1\nqueue: {gate: none, required: true}\n"
OFF = "version: 1\nqueue: {gate: none}\n"
WAY_IN = "gitfleet queue add --branch BRANCH"


def unseen(cli: Cli, path: str, content: str = "new\n", message: str = "raw") -> str:
    """A commit that no hook has seen."""
    cli.clone.write(path, content)
    cli.clone.out(*UNSEEN, "commit", "--quiet", "-m", message)
    return cli.clone.out("rev-parse", "HEAD")


def push(cli: Cli, *args: str) -> Ran:
    """A push that no hook of the clone has seen."""
    return cli.clone.git(*UNSEEN, "push", "--quiet", "origin", *args)


def main(cli: Cli) -> str:
    at = cli.clone.fleets.hub if cli.clone.name != "alone" else cli.clone.path
    return cli.clone.out("rev-parse", "refs/heads/main", at=at)


def work(cli: Cli, path: str) -> str:
    """A commit under a claim, on the branch that is checked out."""
    cli.clone.claim(path)
    cli.clone.write(path)
    cli.clone.commit("-m", path).ok()
    return cli.clone.out("rev-parse", "HEAD")


def queued(cli: Cli, name: str) -> str:
    cli.clone.out("switch", "--quiet", "--create", name, "origin/main")
    work(cli, f"{name}.txt")
    cli.clone.out("switch", "--quiet", "main")
    return str(cli("queue", "add", "--branch", name, "--json").ok().json()["data"]["entry"]["id"])


@pytest.fixture
def ada(copies: Copies, gitfleet: Gitfleet) -> Cli:
    """A clone whose hub demands the merge queue, and looks for itself."""
    cli = Cli(copies.clone("ada"), gitfleet)
    unseen(cli, "gitfleet.yaml", RULES)
    push(cli, "main").ok()
    hub_hook.install(str(cli.clone.fleets.hub), interpreter=sys.executable, gate=str(GATE))
    cli("sync").ok()
    return cli


def test_push_to_the_trunk_is_refused_in_the_clone_and_by_the_hub_and_the_queue_lands(ada: Cli) -> None:
    before = main(ada)
    work(ada, "a.txt")
    refused(ada.clone.git("push", "origin", "main"), "only through the merge queue", WAY_IN)
    refused(push(ada, "main"), "pre-receive hook declined", "only through the merge queue", WAY_IN)
    refused(push(ada, ":main"), "would delete it")
    ada.clone.out("reset", "--quiet", "--hard", "origin/main")
    assert main(ada) == before
    queued(ada, "feat")
    landed = ada("queue", "process", "--json").ok().json()["data"]["landed"]
    assert [main(ada)] == [one["landed"] for one in landed]
    refused(push(ada, f"+{before}:main"), "would take commits away")


@pytest.mark.parametrize("method", ["squash", "rebase"])
def test_landing_of_any_method_passes_the_hub(ada: Cli, method: str) -> None:
    hub_hook.uninstall(str(ada.clone.fleets.hub))
    unseen(ada, "gitfleet.yaml", RULES.replace("gate: none", f"gate: none, method: {method}"))
    push(ada, "main").ok()
    hub_hook.install(str(ada.clone.fleets.hub), interpreter=sys.executable, gate=str(GATE))
    base = main(ada)
    ada.clone.out("switch", "--quiet", "--create", "feat", "main")
    work(ada, "one.txt")
    work(ada, "two.txt")
    ada.clone.out("switch", "--quiet", "main")
    ada("queue", "add", "--branch", "feat").ok()
    ada("queue", "process").ok()
    assert main(ada) != base
    ada("check", "--range", f"{base}..{main(ada)}").ok()


def test_push_of_other_branches_and_to_other_places_passes(ada: Cli, tmp_path: Path) -> None:
    work(ada, "a.txt")
    ada.clone.git("push", "--quiet", "origin", "main:refs/heads/elsewhere").ok()
    ada.clone.out("init", "--quiet", "--bare", str(tmp_path / "other.git"))
    ada.clone.git("push", "--quiet", str(tmp_path / "other.git"), "main").ok()
    url = ada.clone.out("remote", "get-url", "origin")
    refused(ada.clone.git("push", url, "main"), "only through the merge queue")


def test_push_of_another_branch_is_still_answered_at_once(ada: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    oid = work(ada, "a.txt")
    monkeypatch.setenv("GITFLEET_SESSION", ada.clone.session)
    monkeypatch.chdir(ada.clone.path)
    zero = "0" * 40
    assert fast_push.quick(f"refs/heads/main {oid} refs/heads/other {zero}\n".encode())
    assert not fast_push.quick(f"refs/heads/main {oid} refs/heads/main {zero}\n".encode())


def test_check_of_the_trunk_names_what_no_entry_landed(ada: Cli) -> None:
    base = main(ada)
    queued(ada, "feat")
    ada("queue", "process").ok()
    ada("check", "--range", f"{base}..{main(ada)}").ok()
    hub_hook.uninstall(str(ada.clone.fleets.hub))
    ada.clone.out("fetch", "--quiet")
    ada.clone.out("reset", "--quiet", "--hard", "origin/main")
    strange = work(ada, "a.txt")
    said = (
        ada("check", "--range", "origin/main..HEAD", "--json").ok().json()
    )  # a branch: nothing has come to the trunk
    assert said["data"]["unlanded"] == []
    push(ada, "main").ok()
    ran = ada("check", "--range", f"{base}..{strange}", "--json").ended(16)
    assert ran.json()["data"]["unlanded"] == [strange]
    words = ada("check", "--range", f"{base}..{strange}").ended(16).stdout
    assert "only through the merge queue" in words
    assert WAY_IN in words


def test_check_in_a_checkout_of_ci_with_one_commit_names_it_too(
    ada: Cli, gitfleet: Gitfleet, tmp_path: Path
) -> None:
    base = main(ada)
    hub_hook.uninstall(str(ada.clone.fleets.hub))
    strange = work(ada, "a.txt")
    push(ada, "main").ok()
    hub = ada.clone.fleets.hub
    ada.clone.out("clone", "--quiet", "--depth=1", f"file://{hub}", str(tmp_path / "ci"))
    ran = gitfleet(tmp_path / "ci", "check", "--range", f"{base}..{strange}", "--json", env=ada.nobody)
    assert json.loads(ran.ended(16).stdout)["data"]["unlanded"] == [strange]


def test_rule_is_ended_through_the_queue_or_by_a_person_and_by_nobody_else(ada: Cli) -> None:
    ada.clone.claim("gitfleet.yaml")
    ada.clone.write("gitfleet.yaml", OFF)
    ada.clone.commit("-m", "off").ok()
    refused(push(ada, "main"), "only through the merge queue")
    ada.clone.out("reset", "--quiet", "--hard", "origin/main")
    ada.clone.release()
    person = "ann"
    with ada.clone.open() as fleet:
        fleet.sessions.start(Start(id=person, person=True))
    ada.clone.claim("gitfleet.yaml", session=person)
    ada.clone.write("gitfleet.yaml", OFF)
    ada.clone.commit("-m", "off", env={"GITFLEET_SESSION": person}).ok()
    push(ada, "main").ok()
    ada("sync").ok()
    work(ada, "a.txt")
    ada.clone.git("push", "--quiet", "origin", "main").ok()


def test_first_trunk_of_a_hub_may_come(ada: Cli, gitfleet: Gitfleet) -> None:
    push(ada, "main:refs/heads/kept").ok()
    ada.clone.out("update-ref", "-d", "refs/heads/main", at=ada.clone.fleets.hub)
    push(ada, "main").ok()


def test_clone_without_a_hub_keeps_its_trunk_for_the_queue_where_branches_are_watched(cli: Cli) -> None:
    unseen(cli, "gitfleet.yaml", RULES + "gates: {reference-transaction: on}\n")
    cli("sync").ok()
    install(str(cli.clone.path / ".git"), str(cli.clone.path), interpreter=sys.executable, gate=str(GATE))
    before = main(cli)
    cli.clone.claim("a.txt")
    cli.clone.write("a.txt")
    refused(cli.clone.commit(), "only through the merge queue", WAY_IN)
    cli.clone.out("switch", "--quiet", "--create", "feat")
    cli.clone.commit().ok()
    refused(cli.clone.git("branch", "--force", "main", "feat"), "only through the merge queue")
    assert main(cli) == before
    cli("queue", "add").ok()
    cli("queue", "process").ok()
    assert main(cli) != before

"""Plans from end to end: real processes on real hosts, left behind by sessions that have ended; and nothing of their secrets anywhere."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fleetbench import Fleets
from tests.forms import held
from tests.hosts.sshd import Host, Hosts, needs_hosts
from tests.workbench import Git, Gitfleet

pytestmark = needs_hosts

SECRETS = (
    "hunter2-swordfish",
    "sk-proj-Zq8vT2LmW4xYb6Nc9Rd1Kf3H",
    "ghp_9aBcD3eFgH1iJkLmN0pQrStUvWxYz2468AcE",
)
SERVER = "import http.server as h; h.HTTPServer(('127.0.0.1', 0), h.BaseHTTPRequestHandler).serve_forever()"


def leak(host: Host, folder: str, *words: str, session: str, **variables: str) -> int:
    """Start a server there as an agent's session would, and let it be orphaned; its pid."""
    told = {"GITFLEET_SESSION": session, "HOME": str(host.home), "PATH": "/usr/bin:/bin", **variables}
    script = f"import subprocess,sys; print(subprocess.Popen(sys.argv[3:], env={told!r}, cwd=sys.argv[1], start_new_session=True, stdin=-3, stdout=-3, stderr=-3).pid)"
    place = host.home / folder
    place.mkdir(parents=True, exist_ok=True)
    ran = host.run(sys.executable, "-c", script, str(place), "--", sys.executable, *words)
    return int(ran.stdout)


@pytest.fixture
def ended(gitfleet: Gitfleet, fleets: Fleets) -> str:
    """A session that has ended, with a name that was made for it."""
    ran = gitfleet(fleets.clone("ada"), "session", "start", "--", "sh", "-c", 'echo "$GITFLEET_SESSION"').ok()
    return ran.stdout.split()[-1]


def objects(git: Git, repository: Path) -> str:
    """Everything that a repository holds."""
    names = git(repository, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
    return git(repository, "cat-file", "--batch", stdin=names + "\n")


@pytest.mark.sample(1)
@pytest.mark.parametrize("profile", ["minimal", "safe", "forensic"])
def test_plan_of_leaks_on_real_hosts_selects_them_alone_and_holds_none_of_their_secrets(
    profile: str, gitfleet: Gitfleet, fleets: Fleets, hosts: Hosts, git: Git, ended: str
) -> None:
    first, second = hosts.start("build-01"), hosts.start("build-02", tool=None)
    password, key, token = SECRETS
    for host in (first, second):
        script = host.home / "server.py"
        script.write_text(SERVER)
        leak(
            host, f"work/{token}", str(script), "--password", password, f"--api-key={key}", f"https://u:{token}@x.example/",
            session=ended, OPENAI_API_KEY=key, DB=f"postgres://u:{password}@db/x",
        )  # fmt: skip
        leak(host, "mine", "-c", "import time; time.sleep(600)", session="")
    hosts.write()
    ran = gitfleet(
        fleets.clone("ada"),
        "fleet",
        "plan",
        "--hosts",
        "build-01,build-02",
        "--bootstrap",
        "--profile",
        profile,
        "--json",
    ).ok()
    data = held(ran.json())
    assert [host["status"] for host in data["hosts"]] == ["planned", "planned"]
    selected = [one for one in data["candidates"] if one["state"] == "selected"]
    assert [(one["session"], one["session_state"], one["action"]) for one in selected] == [
        (ended, "ended", "terminate")
    ] * 2
    assert {one["host_id"] for one in selected} == {"build-01", "build-02"}
    assert data["fleet_fdr"]["total_selected"] == 2
    assert all(one["reversible"]["pause"] and not one["reversible"]["terminate"] for one in selected)
    (pattern,) = data["cross_host_patterns"]
    assert (pattern["hosts"], pattern["count"]) == (["build-01", "build-02"], 2)
    texts = [ran.stdout, ran.stderr, objects(git, fleets.hub), objects(git, fleets.clone("ada"))]
    texts.append(
        gitfleet(fleets.clone("ada"), "fleet", "show", "--session", data["fleet_session_id"]).ok().stdout
    )
    report = gitfleet(
        fleets.clone("ada"), "fleet", "report", "--session", data["fleet_session_id"], "--json"
    ).ok()
    page = Path(report.json()["data"]["file"]).read_text()
    assert ended in page
    texts += [report.stdout, page]
    for secret in SECRETS:
        assert not any(secret in text for text in texts), secret
    assert str(first.home) not in json.dumps(data)


def test_this_machine_is_planned_for_without_ssh(gitfleet: Gitfleet, fleets: Fleets, ended: str) -> None:
    data: Any = held(
        gitfleet(fleets.clone("ada"), "fleet", "plan", "--hosts", "localhost", "--json").ok().json()
    )
    (host,) = data["hosts"]
    assert (host["host_id"], host["status"]) == ("localhost", "planned")
    assert host["processes"] > 0

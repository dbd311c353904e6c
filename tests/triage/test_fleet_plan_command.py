"""`fleet plan` and what follows it, over real sshd's: the answer to the letter, every way of failing, and what strangers answer."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from gitfleet.git import fleetrefs
from tests.fleetbench import Fleets
from tests.forms import held
from tests.hosts.sshd import ANCIENT, Host, Hosts, needs_hosts
from tests.triage.candidates import candidate, identity, scan
from tests.workbench import ROOT, Git, Gitfleet, Ran

pytestmark = needs_hosts


class Desk:
    """The command line in a clone, and hosts that answer what a test says."""

    def __init__(self, gitfleet: Gitfleet, fleets: Fleets, hosts: Hosts, folder: Path) -> None:
        self.gitfleet, self.fleets, self.hosts, self._folder = gitfleet, fleets, hosts, folder

    def fake(self, name: str, answer: dict[str, Any], **more: Any) -> Host:
        """A host whose gitfleet answers a scan with this."""
        path = self._folder / f"{name}.json"
        path.write_text(json.dumps({"scan": answer, **more}))
        program = ROOT / "tests/triage/fake_host.py"
        return self.hosts.start(name, tool=f'exec "{sys.executable}" "{program}" "{path}" "$@"\n')

    def __call__(self, *args: str, clone: str = "ada", code: int = 0) -> Ran:
        self.hosts.write()
        return self.gitfleet(self.fleets.clone(clone), "fleet", *args).ended(code)

    def data(self, *args: str, clone: str = "ada", code: int = 0) -> Any:
        return held(self(*args, "--json", clone=clone, code=code).json(), code)


@pytest.fixture
def desk(gitfleet: Gitfleet, fleets: Fleets, hosts: Hosts, tmp_path: Path) -> Desk:
    return Desk(gitfleet, fleets, hosts, tmp_path)


def answer(*candidates: dict[str, Any], **more: Any) -> dict[str, Any]:
    found = scan("", *candidates, **more)
    del found["session_id"]
    return found


def test_plan_of_two_hosts_is_answered_as_the_guide_has_it(desk: Desk) -> None:
    more = [candidate(n, pattern="vite", log_e=1.0) for n in range(10, 18)]
    desk.fake("devbox1", answer(*[candidate(n) for n in (1, 2)], *more[:4]))
    desk.fake("devbox2", answer(*[candidate(n) for n in (3, 4, 5)], *more[4:]))
    envelope = desk("plan", "--hosts", "devbox1,devbox2", "--format", "json").json()
    assert envelope == desk_order(envelope)
    data = held(envelope)
    assert {name: envelope[name] for name in ("schema_version", "command", "status")} == {
        "schema_version": "1.0.0", "command": "fleet plan", "status": "success",
    }  # fmt: skip
    assert re.fullmatch(r"fleet-\d{8}-\d{6}-[0-9a-f]{4}", data["fleet_session_id"])
    assert [(host["host_id"], host["status"]) for host in data["hosts"]] == [
        ("devbox1", "planned"),
        ("devbox2", "planned"),
    ]
    assert all(re.fullmatch(r"pt-\d{8}-\d{6}-[0-9a-f]{4}", host["session_id"]) for host in data["hosts"])
    assert (data["fleet_summary"]["total_hosts"], data["fleet_summary"]["total_candidates"]) == (2, 13)
    fdr = data["fleet_fdr"]
    assert (fdr["pooled"], fdr["alpha"], fdr["total_selected"]) == (True, 0.05, 5)
    assert data["cross_host_patterns"] == [
        {"pattern": "vite", "hosts": ["devbox1", "devbox2"], "count": 8},
        {"pattern": "node server.js", "hosts": ["devbox1", "devbox2"], "count": 5},
    ]
    assert [one["state"] for one in data["candidates"]] == ["selected"] * 5 + ["left"] * 8


def desk_order(envelope: Any) -> Any:
    """The envelope's own five fields, and none besides."""
    return {name: envelope[name] for name in ("schema_version", "command", "status", "data", "warnings")}


def test_hosts_that_fail_in_every_way_are_listed_and_the_plan_is_partial(desk: Desk) -> None:
    desk.fake("good", answer(candidate(1), judged=40))
    desk.fake("newer", answer(), record_version=7)
    desk.fake("dies", {"die": True})
    desk.fake("denies", {"error": {"code": "permission", "message": "no /proc for \x1b[2Jyou"}})
    desk.fake("garbles", {"lines": ["NONCE answer 3", "{[}"]})
    desk.fake("swells", {"lines": [f"NONCE answer {100 << 20}"]})
    desk.fake("escapes", answer(candidate(2, category="\x1b[2J")))
    desk.fake("lies", answer(candidate(3, identity=identity(boot="another"))))
    desk.hosts.start("bare", tool=None)
    desk.hosts.start("old", tool=ANCIENT)
    desk.hosts.start("refuses", accepts=False)
    desk.hosts.down("down")
    desk.hosts.silent("hangs")
    names = [
        "good",
        "newer",
        "dies",
        "denies",
        "garbles",
        "swells",
        "escapes",
        "lies",
        "bare",
        "old",
        "refuses",
        "down",
        "hangs",
    ]
    ran = desk("plan", "--hosts", ",".join(names), "--timeout", "60", "--json", code=21)
    assert "\\u001b" not in ran.stdout
    data = held(ran.json(), 21)
    assert ran.json()["status"] == "partial"
    found = {host["host_id"]: host["status"] for host in data["hosts"]}
    assert list(found) == names
    assert found == {
        "good": "planned", "newer": "version-mismatch", "dies": "died", "denies": "blocked", "garbles": "error",
        "swells": "error", "escapes": "error", "lies": "error", "bare": "no-tool", "old": "version-mismatch",
        "refuses": "blocked", "down": "unreachable", "hangs": found["hangs"],
    }  # fmt: skip
    assert found["hangs"] in {"timeout", "unreachable"}
    assert all(host["problem"] and host["session_id"] is None for host in data["hosts"][1:])
    summary = data["fleet_summary"]
    assert (summary["total_hosts"], summary["total_candidates"]) == (13, 1)
    assert sum(summary["hosts_by_status"].values()) == 13
    assert desk.data("status", "--session", data["fleet_session_id"])["hosts"] == data["hosts"]


def test_plan_without_a_host_that_can_be_asked_ends_with_30_and_is_kept(desk: Desk) -> None:
    desk.hosts.down("down")
    desk.hosts.start("refuses", accepts=False)
    ran = desk("plan", "--hosts", "down,refuses", "--json", code=30)
    assert ran.json()["status"] == "error"
    data = held(ran.json(), 30)
    assert [host["status"] for host in data["hosts"]] == ["unreachable", "blocked"]
    shown = desk("show", "--session", data["fleet_session_id"]).stdout
    assert "unreachable" in shown


def test_plan_is_shown_commented_and_listed_in_every_clone_and_changed_in_none(
    desk: Desk, tmp_path: Path
) -> None:
    desk.fake("devbox", answer(candidate(1), candidate(2, log_e=0.5)))
    made = desk.data("plan", "--hosts", "devbox")
    name = made["fleet_session_id"]
    for clone in ("ada", "bob"):
        data = desk.data("show", "--session", name, clone=clone)
        assert (data["candidates"], data["plan_oid"]) == (made["candidates"], made["plan_oid"])
        assert desk.data("list", clone=clone)["plans"] == [
            {"fleet_session_id": name, "tip": made["plan_oid"], "here": clone == "ada"}
        ]
    (one,) = desk.data("show", "c-000000000002", "--session", name)["candidates"]
    assert one["state"] == "left"
    told = desk("show", "c-000000000002", "--session", name).stdout
    assert all(
        words in told
        for words in ("node server.js", "+12.0  session: ended", "not known: io", "cannot be taken back")
    )
    desk.data("show", "c-0000000000ff", "--session", name, code=2)
    file = tmp_path / "plan.yaml"
    desk("show", "--session", name, "--output", str(file))
    text = file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text(text.replace("candidates:\n", "candidates:\n# mine, please keep\n", 1))
    assert "left as it is" in desk("show", "--session", name, "--output", str(file)).stdout
    assert desk.data("review", str(file), "--session", name, clone="bob")["comments"] == 4
    desk.data("review", str(file), "--session", name, clone="bob")
    assert desk.data("status", "--session", name, clone="bob")["shown"]
    assert "# mine, please keep" in desk("show", "--session", name, "--yaml", clone="bob").stdout
    assert desk.data("show", "--session", name, clone="bob")["plan_oid"] == made["plan_oid"]
    assert "# mine, please keep" in desk("show", "--session", name, "--yaml", clone="ada").stdout
    file.write_text(text.replace("terminate", "keep", 1))
    for args in (("review", str(file)), ("show", "--output", str(file))):
        ran = desk(*args, "--session", name, "--json", code=2 if args[0] == "review" else 20)
        assert "entry 1 of candidates" in ran.json()["data"]["error"]["message"]
    assert file.read_text() != text


def test_plan_that_somebody_changed_on_the_hub_or_here_is_refused(desk: Desk, git: Git) -> None:
    desk.fake("devbox", answer(candidate(1)))
    name = desk.data("plan", "--hosts", "devbox")["fleet_session_id"]
    for place, clone in ((desk.fleets.hub, "bob"), (desk.fleets.clone("ada"), "ada")):
        for path, old, new in (
            ("plan.yaml", "terminate", "keep"),
            ("plan.json", '"alpha":"0.05"', '"alpha":"0.5"'),
        ):
            told = git(place, "show", f"{fleetrefs.plan(name)}:{path}")
            index = {"GIT_INDEX_FILE": str(place / "forged")}
            git(place, "read-tree", fleetrefs.plan(name), env=index)
            blob = git(place, "hash-object", "-w", "--stdin", stdin=told.replace(old, new, 1) + "\n")
            git(place, "update-index", "--cacheinfo", f"100644,{blob},{path}", env=index)
            forged = git(place, "commit-tree", git(place, "write-tree", env=index), "-m", "forged")
            before = git(place, "rev-parse", fleetrefs.plan(name))
            git(place, "update-ref", fleetrefs.plan(name), forged)
            if (path, clone) != (
                "plan.json",
                "bob",
            ):  # whoever has no key cannot tell: it is another plan, by its id
                ran = desk("show", "--session", name, "--json", clone=clone, code=20)
                assert ran.json()["data"]["error"]["kind"] == "corrupt"
            git(place, "update-ref", fleetrefs.plan(name), before)
    assert desk.data("show", "--session", name)["candidates"]


def test_mistake_that_is_reported_lowers_what_every_clone_may_risk(desk: Desk) -> None:
    desk.fake("devbox", answer(candidate(1), candidate(2)))
    name = desk.data("plan", "--hosts", "devbox")["fleet_session_id"]
    told = desk.data("mistake", "c-000000000001", "--session", name, "--reason", "it was mine")
    assert (told["changed"], told["budget"]["wealth"]) == (True, 0.5)
    assert not desk.data("mistake", "c-000000000001", "--session", name)["changed"]
    status = desk.data("status", "--session", name)
    assert (status["mistakes"], status["applied"]) == (["c-000000000001"], False)
    desk.gitfleet(desk.fleets.clone("bob"), "sync").ok()
    ran = desk("plan", "--hosts", "devbox", "--json", clone="bob")
    fdr = held(ran.json())["fleet_fdr"]
    assert (fdr["asked"], 0.02 < fdr["alpha"] < 0.03) == (0.05, True)
    assert "mistakes of earlier plans" in ran.json()["warnings"][0]
    desk.data("mistake", "c-0000000000ff", "--session", name, code=2)
    desk.gitfleet(desk.fleets.clone("ada"), "init").ok()  # has a session for its person
    assert desk.data("trust", "--reason", "its signature is mended")["budget"]["wealth"] == 1.0


NONSENSE: list[tuple[tuple[str, ...], str]] = [
    ((), "--hosts"),
    (("--hosts", ""), "no host"),
    (("--hosts", "-oProxyCommand=x"), "option"),
    (("--hosts", "a;b"), "no host"),
    (("--hosts", "./none.txt"), "cannot be read"),
    (("--hosts", "localhost", "--alpha", "0"), "alpha"),
    (("--hosts", "localhost", "--alpha", "0.6"), "alpha"),
    (("--hosts", "localhost", "--alpha", "-1"), "alpha"),
    (("--hosts", "localhost", "--alpha", "nan"), "alpha"),
    (("--hosts", "localhost", "--alpha", "x"), "number"),
    (("--hosts", "localhost", "--profile", "naked"), "profile"),
    (("--hosts", "localhost", "--timeout", "0"), "seconds"),
    (("--hosts", "localhost", "--max-parallel", "0"), "at once"),
    (("--hosts", "localhost", "--format", "xml"), "format"),
    (("--hosts", "localhost", "--left-by", "nobody-1"), "no session nobody-1"),
]


def test_request_that_makes_no_sense_is_refused_with_2_and_the_envelope_of_the_guide(desk: Desk) -> None:
    for args, words in NONSENSE:
        answer = desk("plan", *args, "--json", code=2).json()
        assert (answer["schema_version"], answer["command"], answer["status"]) == (
            "1.0.0",
            "fleet plan",
            "error",
        )
        assert words in answer["data"]["error"]["message"].lower(), args
    assert desk.data("list")["plans"] == []


def test_plan_that_there_is_none_of_is_refused_with_2(desk: Desk) -> None:
    for name in ("fleet-20260115-143022-a7b3", "../../heads/main", "--help-me", "HEAD"):
        for verb in ("show", "status"):
            assert desk(verb, f"--session={name}", "--json", code=2).json()["status"] == "error"

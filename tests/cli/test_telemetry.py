"""`metrics` and what it writes, as the official parser of Prometheus reads it; and the report of a fault."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gitfleet.cli import schemas
from gitfleet.fleet.telemetry import exposition
from gitfleet.fleet.telemetry.exposition import MetricFamily, MetricSample
from gitfleet.fleet.telemetry.scrubbing import Scrubber
from gitfleet.fleet.views import schema
from tests.cli.conftest import Cli
from tests.operations import ask

Values = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> Values:
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def value(found: Values, name: str, **labels: str) -> float:
    return found[f"gitfleet_{name}", frozenset(labels.items())]


def test_metrics_are_what_the_official_parser_reads(cli: Cli) -> None:
    cli("claim", "src/", "docs/").ok()
    cli("claim", "--shared", "lib/", env=cli.other).ok()
    found = read(cli("metrics").ok().stdout)
    assert value(found, "claims", mode="exclusive", kept_by="session") == 2
    assert value(found, "claims", mode="shared", kept_by="session") == 1
    assert sum(number for (name, _), number in found.items() if name == "gitfleet_sessions") >= 2
    assert value(found, "ledger_generation") > 0
    assert value(found, "queue_landings_total") == 0
    assert not any(name == "gitfleet_hub_last_exchange_timestamp_seconds" for name, _ in found)


def test_metrics_of_a_clone_with_a_hub_tell_when_it_was_seen(hub_cli: Cli) -> None:
    hub_cli("claim", "src/").ok()  # a push of this minute, however long ago the fleet was made
    found = read(hub_cli("metrics").ok().stdout)
    when = value(found, "hub_last_exchange_timestamp_seconds")
    assert value(found, "hub_pushes_per_minute") >= 1
    assert ("gitfleet_hub_push_budget_per_minute", frozenset()) not in found
    hub_cli.clone.git("remote", "set-url", "--push", "origin", "https://github.com/acme/x.git")
    assert value(read(hub_cli("metrics").ok().stdout), "hub_push_budget_per_minute") == 6
    assert 0 < when <= value(found, "scrape_timestamp_seconds")


def test_metrics_count_what_came_back_once_and_go_on_from_there(hub_cli: Cli) -> None:
    def came_back() -> list[float]:
        found = read(hub_cli("metrics").ok().stdout)
        return [value(found, "queue_rejections_total", state=state) for state in ("rejected", "conflicted")]

    assert came_back() == [0, 0]
    head = hub_cli.clone.out("rev-parse", "HEAD")
    for number, state in enumerate(["conflicted", "rejected", "rejected"]):
        with hub_cli.clone.open() as fleet:
            asked = {"branch": f"b{number}", "head": head, "target": "main", "base": head}
            ask(fleet.ledger, "queue.add", hub_cli.clone.session, asked)
            pin = {"id": fleet.queue.find(f"b{number}").id, "head": head}
            if state == "conflicted":
                found = [{"pin": pin, "reason": "conflict", "state": state}]
                ask(fleet.ledger, "queue.mark", hub_cli.clone.session, {"found": found})
            else:
                ask(fleet.ledger, "queue.reject", hub_cli.clone.session, {"pin": pin, "evidence": {}})
        assert came_back() == [number, 1]
    assert came_back() == [2, 1]
    kept = hub_cli.clone.fleets.state(hub_cli.clone.name) / "telemetry/rejections.json"
    kept.write_text("{")
    assert came_back() == [2, 1]


def test_metrics_as_json_keep_to_their_schema(cli: Cli) -> None:
    schema.validate(schemas.COMMANDS["metrics"].data, cli("metrics", "--json").ok().json()["data"])


def test_metrics_name_nobody_and_nothing(cli: Cli) -> None:
    cli("claim", "secret-project/").ok()
    told = cli("metrics").ok().stdout
    for word in ("secret-project", cli.clone.session, str(cli.clone.path)):
        assert word not in told


def test_metrics_file_is_replaced_whole(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "fleet.prom"
    file.write_text("# HELP gitfleet_old")
    with file.open() as reader:  # who reads meanwhile has the old file to its end
        cli("metrics", "--output", str(file)).ok()
        assert reader.read() == "# HELP gitfleet_old"
    assert read(file.read_text())
    assert [one.name for one in tmp_path.iterdir() if "prom" in one.name] == [file.name]
    ran = cli("metrics", "--output", str(tmp_path / "none" / "fleet.prom")).ended(20)
    assert "none" in ran.stderr
    other = tmp_path / "notes.txt"
    other.write_text("mine")
    cli("metrics", "--output", str(other)).ended(20)
    assert other.read_text() == "mine"


def test_maintainer_writes_the_file_that_is_configured(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "round.prom"
    cli("maintainer", "run").ok()
    cli.clone.git("config", "fleet.metrics-file", str(file))
    cli("worktree", "maintain").ok()
    assert not file.exists()
    cli("maintainer", "run").ok()
    assert read(file.read_text())
    cli.clone.git("config", "fleet.metrics-file", "round.prom")
    ran = cli("maintainer", "run", "--json").ended(21)
    assert [one["step"] for one in ran.json()["data"]["failures"]] == ["metrics"]


@pytest.mark.parametrize("label", ["plain", 'a "b" \\ c', "two\nlines", "π", "\\n", "}{,="])
def test_any_label_comes_back_from_the_official_parser(label: str) -> None:
    family = MetricFamily("x_total", "counter", "Of \\ that\nkind.", (MetricSample(0.25, {"of": label}),))
    text = "".join(f"{line}\n" for line in exposition.lines([family]))
    (back,) = text_string_to_metric_families(text)
    assert [(one.labels, one.value) for one in back.samples] == [({"of": label}, 0.25)]


def test_name_without_values_is_left_out() -> None:
    assert not list(exposition.lines([MetricFamily("x", "gauge", "Nothing.", ())]))


SECRETS = {
    "token": "ghp_0123456789abcdefghijABCDEFGHIJ456789",
    "password": "hunter2zebra",
    "hub": "git.acme-corp.example",
    "path": "quuxproject",
    "title": "zanzibar",
    "branch": "xylophone",
    "prompt": "frobnicatedprompt",
    "content": "contentofafile",
    "person": "Marguerite",
    "mail": "marguerite.dupont@acme-corp.example",
}


def test_bug_report_holds_no_secret_that_was_planted(hub_cli: Cli, tmp_path: Path) -> None:
    clone = hub_cli.clone
    git = clone.git
    git("config", "user.name", SECRETS["person"])
    git("config", "user.email", SECRETS["mail"])
    git("config", "fleet.session-token", SECRETS["token"])
    git("config", "fleet.zz", f"password {SECRETS['password']}")
    git("remote", "add", "second", f"https://me:{SECRETS['token']}@{SECRETS['hub']}/{SECRETS['path']}.git")
    (clone.path / SECRETS["path"]).mkdir()
    (clone.path / SECRETS["path"] / "x.txt").write_text(SECRETS["content"])
    agents = clone.path / "agents"
    agents.mkdir()
    (agents / "a.yaml").write_text(f"command: ['false']\nprompt: {SECRETS['prompt']}\n")
    hub_cli("claim", f"{SECRETS['path']}/").ok()
    hub_cli("claim", f"{SECRETS['token']}/lost", env=hub_cli.other).ok()
    hub_cli("tell", clone.session, SECRETS["title"], env=hub_cli.other).ok()
    hub_cli("trigger", "a", "--prompt", SECRETS["prompt"]).ok()
    state = clone.path / ".git/gitfleet/policy.json"
    state.write_text(
        json.dumps({"notify": {"url": f"https://{SECRETS['hub']}/{SECRETS['token']}"}, SECRETS["branch"]: 1})
    )
    git("branch", SECRETS["branch"])
    file = tmp_path / "report.json"
    env = {"GITFLEET_SECRET": SECRETS["password"], "HTTP_PASSWORD": SECRETS["password"]}
    ran = hub_cli("bug-report", "--output", str(file), "--json", env=env).ok()
    schema.validate(schemas.COMMANDS["bug-report"].data, ran.json()["data"])
    told = (file.read_text() + ran.stdout.replace(json.dumps(str(file)), "")).casefold()
    assert [what for what, word in SECRETS.items() if word.casefold() in told] == []
    assert str(clone.path).casefold() not in told
    report = json.loads(file.read_text())
    assert {"versions", "settings", "doctor", "policy", "figures", "errors"} <= set(report)
    assert not any("problem" in part for part in report.values() if isinstance(part, dict))
    assert (
        report["figures"]["gitfleet_jobs status=pending"] + report["figures"]["gitfleet_jobs status=queued"]
        == 1
    )
    assert {one["what"] for one in report["doctor"]} >= {"hub", "objects", "policy"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


OWN = "main queue claim"
"""A secret that is made of gitfleet's own words, which would stay anywhere else."""
FORMS = {
    "by its name": f"password {OWN}",
    "as a setting": f"password={OWN.replace(' ', '-')}",
    "as an option": f"deploy --token {OWN}",
    "as a short option": f"mysql -p {OWN}",
    "as a header": f"Authorization: Bearer {OWN}",
    "as JSON": f'{{"api_key": "{OWN}"}}',
    "as YAML": f"api_key : {OWN}",
    "with an arrow": f"api-key -> {OWN}",
    "on the next line": f"passphrase:\n{OWN}",
    "behind terminal escapes": f"pass\x1b[31mword: {OWN}",
    "in another language": f"Passwort: {OWN}",
    "as credentials": f"credentials: {OWN}",
    "as a cookie": f"Cookie: {OWN}",
    "in a sentence": f"the secret is {OWN}",
    "in quotation marks": f"pw '{OWN}'",
    "in an address": f"https://user:{OWN.replace(' ', ':')}@hub",
    "as a number": "PIN 493021",
    "once": "otp 493021",
}


@pytest.mark.parametrize("form", FORMS)
def test_secret_made_of_our_own_words_is_hidden_in_each_form(form: str) -> None:
    shown = Scrubber().text(f"the ledger: {FORMS[form]}")
    assert shown.startswith("the ledger: ")
    for word in (*OWN.split(), "493021"):
        assert word not in shown.split(" ", 2)[2]
    told = json.dumps(Scrubber().value(["ledger", *FORMS[form].split()]))
    assert "493021" not in told
    assert '"claim"' not in told.partition("***")[0]


def test_setting_whose_name_is_that_of_a_secret_is_hidden_whatever_it_is(hub_cli: Cli) -> None:
    for key, secret in (("deploy-key", "main"), ("pin", "493021"), ("session-token", "claim")):
        hub_cli.clone.git("config", f"fleet.{key}", secret)
    report = json.loads(hub_cli("bug-report", "--output", "-").ok().stdout)
    told = dict(report["settings"]["git_config"])
    assert {told[key] for key in told if key.startswith("h-") or "token" in key or "pin" in key} >= {"***"}
    assert not {"main", "493021", "claim"} & {value for key, value in told.items() if key != "fleet.trunk"}


def test_bug_report_of_a_broken_clone_tells_what_is_broken(cli: Cli, tmp_path: Path) -> None:
    (cli.clone.path / ".git/gitfleet/node.json").write_text("{")
    ran = cli("bug-report", "--output", "-").ok()
    assert "problem" in json.loads(ran.stdout)["fleet"]


def test_bug_report_outside_of_a_repository_has_the_versions(cli: Cli, tmp_path: Path) -> None:
    report = json.loads(cli.gitfleet(tmp_path, "bug-report", "--output", "-").ok().stdout)
    assert report["versions"]["gitfleet"]


def test_bug_report_leaves_other_files_alone(cli: Cli, tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("mine")
    cli("bug-report", "--output", str(other)).ended(20)
    assert other.read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("the ledger is whole in this clone", "the ledger is whole in this clone"),
        ("waiting to be decided: 3 operations", "waiting to be decided: 3 operations"),
        ("Run `gitfleet sync` when", "Run `gitfleet sync` when"),
        ("claim ada", "claim h-"), ("'the ledger' is", "h- is"), ("see /srv/x y", "see h- h-"),
        ("password is hunter", "password is ***"), ("secret: 1234", "secret: ***"), ("at 10.0.0.1", "at h-"),
        ("git@hub.example:x.git", "h-"), ("\x1b[31mledger", "h-"), ("12345678", "h-"), ("", ""),
    ],
)  # fmt: skip
def test_text_keeps_the_words_of_gitfleet_alone(text: str, shown: str) -> None:
    found = Scrubber(["ada", "y"]).text(text)
    parts = [("h-" if one.startswith("h-") else one) for one in found.split(" ")]
    assert " ".join(parts) == shown

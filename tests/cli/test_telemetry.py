"""`metrics` and what it writes, as the official parser of Prometheus reads it; and the report of a fault."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gitfleet.cli import schemas
from gitfleet.fleet.telemetry import exposition
from gitfleet.fleet.telemetry.exposition import MetricFamily, MetricSample
from gitfleet.fleet.views import schema
from tests.cli.conftest import Cli

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
    found = read(hub_cli("metrics").ok().stdout)
    when = value(found, "hub_last_exchange_timestamp_seconds")
    assert 0 < when <= value(found, "scrape_timestamp_seconds")


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

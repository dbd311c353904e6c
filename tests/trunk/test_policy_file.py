"""gitfleet.yaml: what it may say, what is made of it, and that it is the trunk's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base import resources
from gitfleet.claims import policy
from gitfleet.claims.model import parsed
from gitfleet.claims.policy import Policy
from gitfleet.fleet.fleet import Fleet
from gitfleet.git.drivers import MergeDriver
from gitfleet.trunk import policy_file, policy_rules
from gitfleet.upkeep import exchange
from tests.fleetbench import Fleets
from tests.workbench import Git


@pytest.fixture
def opened(fleets: Fleets) -> Iterator[Callable[[str], Fleet]]:
    """Opens a clone's fleet, and closes it at the end."""
    with ExitStack() as stack:
        yield lambda name: stack.enter_context(fleets.open(name))


def compiled(text: str) -> Policy:
    return Policy.decode(policy_rules.compiled(policy_rules.parse(text.encode())))


def refresh(fleet: Fleet) -> tuple[list[str], Policy]:
    told = policy_file.refresh(fleet.repository, fleet.ledger.node)
    return told, policy.load(fleet.ledger.state)


def land(clone: Path, git: Git, text: str, *, push: bool) -> None:
    git.commit(clone, {"gitfleet.yaml": text})
    if push:
        git(clone, "push", "--quiet", "origin", "main")


def test_file_that_init_writes_means_the_defaults() -> None:
    assert compiled(resources.read("templates", "gitfleet.yaml").decode()) == Policy()


def test_comments_in_the_file_that_init_writes_are_rules_that_can_be_used() -> None:
    text = resources.read("templates", "gitfleet.yaml").decode()
    head, _, rules = text.partition("version: 1\n")
    lines = [line.removeprefix("# ") for line in rules.splitlines()]
    kept = [
        line for line in lines if ":" in line.split("#")[0] and not line.startswith(("What", "  require"))
    ]
    found = compiled("version: 1\n" + "\n".join(line for line in kept if not line.startswith("#")))
    assert head
    assert found == Policy()


def test_every_rule_is_compiled() -> None:
    found = compiled(
        "version: 1\ncommits: warn\nclaims: {ttl: 10m, max-age: 2h, shared: [docs/, '*.{md,txt}'], everything: true, "
        "case: sensitive}\nstate: {max-age: 90, unverifiable: allow}\n"
    )
    assert (found.commits, found.ttl, found.max_age, found.everything) == ("warn", 600, 7200, True)
    assert (found.shared, found.case_sensitive) == (("docs/", "*.{md,txt}"), True)
    assert (found.state_max_age, found.unverifiable) == (90, "allow")


@pytest.mark.parametrize(
    ("word", "on"), [("on", True), ("true", True), ("'on'", True), ("off", False), ("false", False)]
)
def test_gate_for_ref_updates_is_switched_by_a_word(word: str, *, on: bool) -> None:
    assert compiled(f"version: 1\ngates: {{reference-transaction: {word}}}").reference_transaction is on


def test_merge_drivers_are_compiled_with_command_and_version() -> None:
    found = compiled(
        "version: 1\nmerge: {drivers: {union: built-in, lock: {command: 'lock %O %A %B', version: lock 1}}}\n"
    )
    assert dict(found.merge_drivers) == {
        "union": MergeDriver(),
        "lock": MergeDriver("lock %O %A %B", "lock 1"),
    }


def test_resources_are_compiled_by_their_small_names() -> None:
    found = compiled("version: 1\nresources: {GPU: 2, port: {capacity: 10}}\n")
    assert dict(found.resources) == {"gpu": 2, "port": 10}
    capacities = [found.capacity(parsed(text)) for text in ("res:GPU", "res:port:3", "res:browser", "src/")]
    assert capacities == [2, 10, 1, 0]


def test_longest_time_bounds_the_usual_one() -> None:
    assert compiled("version: 1\nclaims: {max-age: 10m}").ttl == 600


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "version"),
        ("version: 2", "version"),
        ("version: 1\ncolour: red", "colour"),
        ("version: 1\ncommits: maybe", "commits"),
        ("version: 1\ngates: {reference-transaction: maybe}", "gates.reference-transaction"),
        ("version: 1\ngates: {pre-commit: off}", "gates.pre-commit"),
        ("version: 1\nclaims: {ttl: 5s}", "claims.ttl"),
        ("version: 1\nclaims: {ttl: ²m}", "claims.ttl"),
        ("version: 1\nclaims: {shared: ['../x']}", "claims.shared.0"),
        ("version: 1\nclaims: {shared: ['[a']}", "claims.shared.0"),
        ("version: 1\nclaims: {case: upper}", "claims.case"),
        ("version: 1\nstate: {unverifiable: ignore}", "state.unverifiable"),
        ("version: 1\nresources: {gpu: 0}", "resources.gpu.capacity"),
        ("version: 1\nresources: {gpu: 1001}", "resources.gpu.capacity"),
        ("version: 1\nresources: {gpu: true}", "resources.gpu.capacity"),
        ("version: 1\nresources: {gpu: '2'}", "resources.gpu.capacity"),
        ("version: 1\nresources: {gpu: 1.5}", "resources.gpu.capacity"),
        ("version: 1\nresources: {gpu: }", "resources.gpu.capacity"),
        ("version: 1\nresources: {gpu: {units: 2}}", "resources.gpu.units"),
        ("version: 1\nresources: {'a b': 2}", "not a resource name"),
        ("version: 1\nresources: {res:gpu: 2}", "not a resource name"),
        ("version: 1\nresources: {7: 2}", "resources.7"),
        ("version: 1\nresources: {gpu: 1, GPU: 2}", "named twice"),
        ("version: 1\nresources: [gpu]", "resources"),
        ("version: 1\nmerge: {drivers: {lock: built-in}}", "union: built-in"),
        ("version: 1\nmerge: {drivers: {union: {command: u %A, version: '1'}}}", "union: built-in"),
        (
            "version: 1\nmerge: {drivers: {lock: {command: lock %A}}}",
            "merge.drivers.lock.version: must be given",
        ),
        ("version: 1\nmerge: {drivers: {lock: mine}}", "merge.drivers.lock: must be 'built-in'"),
        ("version: 1\nresources: {'a b': 1}", "resources.a b: 'a b' is not a resource name"),
        ("version: 1\nmerge: {drivers: {lock: {command: lock, version: '1'}}}", "%A"),
        ("version: 1\nmerge: {drivers: {lock: {command: 'a \" %A', version: '1'}}}", "split into words"),
        (
            "version: 1\nmerge: {drivers: {'a b': {command: lock %A, version: '1'}}}",
            "name for a merge driver",
        ),
        ("version: 1\nmerge: {drivers: {text: {command: lock %A, version: '1'}}}", "name for a merge driver"),
        ("version: 1\norchestrators: {x: {programs: '*'}}", "orchestrators"),
        ("- a list", "file"),
        ("a: [", "YAML"),
        ("version: 1\nversion: 1", "YAML"),
        ("\0", "YAML"),
        ("x" * 300_000, "bytes"),
    ],
    ids=range(39),
)
def test_fault_is_named_with_its_key(text: str, named: str) -> None:
    with pytest.raises(ValueError, match=named.replace(".", r"\.")):
        policy_rules.parse(text.encode())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("commits: off", "version: must be given"),
        ("version: 1\ncommits: waarn", "'warn' or 'off'; did you mean warn?"),
        ("version: 1\ncommits: 3", "commits: must be 'require-claim', 'claim-on-commit', "),
        ("- a list", "the file: must hold keys with values"),
        ("version: 1\nclaims: 3", "claims: must hold keys with values"),
        ("version: 1\nclaims: {shared: a}", "claims.shared: must be a list"),
        ("version: 1\nclaims: {shared: [3]}", "claims.shared.0: must be text"),
        ("version: 1\nclaims: {everything: 5}", "claims.everything: must be true or false"),
        ("version: 1\nclaims: {ttl: [1]}", "claims.ttl: must be a duration, such as 90s"),
        ("version: 1\nclaims: {ttl: true}", "claims.ttl: must be a duration, such as 90s"),
        ("version: 1\nresources: {gpu: x}", "resources.gpu.capacity: must be a whole number"),
        ("version: 1\nresources: {gpu: 0}", "resources.gpu.capacity: must be at least 1"),
        ("version: 1\nresources: {gpu: 9999}", "resources.gpu.capacity: must be at most "),
        ("version: 1\ncommits: [", "not readable as YAML: while parsing a flow node "),
    ],
)
def test_fault_is_said_in_plain_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        policy_rules.parse(text.encode())
    assert not re.search("Input|dictionary|<file>|https", str(caught.value))


def test_references_that_multiply_are_no_way_to_fill_the_memory() -> None:
    lines = ["version: 1", "orchestrators:", "  a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"  {name}: &{name} [{', '.join(['*' + before] * 9)}]"
        for before, name in zip("abcdefghij", "bcdefghijk", strict=True)
    ]
    with pytest.raises(ValueError, match="orchestrators"):
        policy_rules.parse("\n".join(lines).encode())


@pytest.mark.parametrize("name", ["ada", "alone"])
def test_rules_are_taken_from_the_trunk_when_it_moves(
    opened: Callable[[str], Fleet], fleets: Fleets, git: Git, name: str
) -> None:
    fleet, clone = opened(name), fleets.clone(name)
    assert refresh(fleet) == ([], Policy())
    land(clone, git, "version: 1\ncommits: warn\n", push=name == "ada")
    assert refresh(fleet)[1].commits == "warn"
    path = fleets.state(name) / "policy.json"
    before = path.stat().st_ino
    assert refresh(fleet)[1].commits == "warn"
    assert path.stat().st_ino == before  # not made again while the file is the same
    land(clone, git, "version: 1\ncommits: never\n", push=name == "ada")
    told, found = refresh(fleet)
    assert "commits" in told[0]
    assert found.commits == "warn"
    assert refresh(fleet)[0] == told  # said until it is mended
    git(clone, "rm", "--quiet", "gitfleet.yaml")
    git(clone, "commit", "--quiet", "-m", "gone")
    if name == "ada":
        git(clone, "push", "--quiet", "origin", "main")
    assert refresh(fleet) == ([], Policy())


def test_rules_of_a_branch_that_is_not_the_trunk_are_nobodys(
    opened: Callable[[str], Fleet], fleets: Fleets, git: Git
) -> None:
    land(fleets.clone("ada"), git, "version: 1\ncommits: off\n", push=False)
    git(fleets.clone("ada"), "push", "--quiet", "origin", "main:refs/heads/feature")
    exchange.sync(opened("ada"))
    assert refresh(opened("ada"))[1].commits == "require-claim"


def test_rules_that_landed_elsewhere_come_with_a_sync(
    opened: Callable[[str], Fleet], fleets: Fleets, git: Git
) -> None:
    land(fleets.clone("ada"), git, "version: 1\ncommits: off\n", push=True)
    bob = opened("bob")
    assert refresh(bob)[1].commits == "require-claim"
    exchange.sync(bob)
    assert policy.load(bob.ledger.state).commits == "off"


@pytest.mark.parametrize("data", ["", "{", "[]", "\x00", '{"blob": 7}'])
def test_compiled_rules_that_are_damaged_are_made_again(
    opened: Callable[[str], Fleet], fleets: Fleets, git: Git, data: str
) -> None:
    land(fleets.clone("alone"), git, "version: 1\ncommits: warn\n", push=False)
    (fleets.state("alone") / "policy.json").write_text(data)
    assert refresh(opened("alone")) == ([], Policy(commits="warn"))


@pytest.mark.parametrize(
    "record",
    [
        {"commits": "x"},
        {"ttl": "1"},
        {"ttl": True},
        {"shared": 5},
        {"margin": None},
        {"unverifiable": "no"},
        {"resources": {"gpu": 0}},
        {"resources": {"gpu": True}},
        {"resources": ["gpu"]},
        {"resources": {"GPU": 1}},
    ],
    ids=str,
)
def test_compiled_rules_with_wrong_values_are_the_defaults(tmp_path: Path, record: dict[str, Any]) -> None:
    (tmp_path / "policy.json").write_text(json.dumps(record))
    assert policy.load(str(tmp_path)) == Policy()


def test_compiled_rules_of_a_newer_version_keep_what_is_known(tmp_path: Path) -> None:
    (tmp_path / "policy.json").write_text(
        json.dumps({"commits": "off", "mood": "good", "orchestrators": {"x": {}}})
    )
    assert policy.load(str(tmp_path)) == Policy(commits="off")
    assert policy.markers(str(tmp_path)) == {"x": {}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("commit: warn", "commit: there is no such key; did you mean commits?"),
        ("Commits: warn", "did you mean commits?"),
        ("ttl: 30m", "ttl: there is no such key; did you mean claims.ttl?"),
        ("claims: {max_age: 2h}", "claims.max_age: there is no such key; did you mean claims.max-age?"),
        ("claims: {tll: 2h}", "did you mean claims.ttl?"),
        ("gates: {reference_transaction: on}", "did you mean gates.reference-transaction?"),
        ("resource: {gpu: 1}", "did you mean resources?"),
        ("max-age: 1h", "did you mean claims.max-age or state.max-age?"),
        ("queue: {gates: make}", "did you mean queue.gate or gates?"),
        ("claims: {window: 3}", "did you mean queue.window?"),
        ("zebra: 1", "zebra: there is no such key"),
    ],
)
def test_key_that_is_unknown_is_named_with_the_one_that_may_be_meant(text: str, words: str) -> None:
    with pytest.raises(ValueError, match="no such key") as caught:
        policy_rules.parse(f"version: 1\n{text}\n".encode())
    assert words in str(caught.value)
    assert ("did you mean" in str(caught.value)) == ("did you mean" in words)

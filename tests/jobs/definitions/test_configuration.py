"""Agent files as they are read: layers, variables, findings with their places, hostile files, changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitfleet.jobs.definitions import configuration
from gitfleet.jobs.definitions.changes import changes
from gitfleet.jobs.definitions.configuration import Configuration
from gitfleet.jobs.errors import ConfigurationError

TRUE = "command: [/bin/true]\n"


def read(folder: Path, environ: dict[str, str] | None = None, /, **files: str | bytes) -> Configuration:
    for name, text in files.items():
        data = text.encode() if isinstance(text, str) else text
        (folder / f"{name}.yaml").write_bytes(data)
    return configuration.load(str(folder), environ=environ or {})


def findings(folder: Path, environ: dict[str, str] | None = None, /, **files: str | bytes) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read(folder, environ, **files)
    assert caught.value.code == "CONFIGURATION_ERROR"
    assert caught.value.config_path == str(folder)
    return [one.removeprefix(f"{folder}{os.sep}") for one in caught.value.validation_errors]


def test_agent_with_the_least_keys_has_the_defaults(tmp_path: Path) -> None:
    found = read(tmp_path, reviewer="command: make 'all tests'\n").agents["reviewer"]
    assert (found.name, found.runtime, found.command) == ("reviewer", "command", ("make", "all tests"))
    assert (found.limits.wall, found.limits.grace, found.retry.attempts) == (7_200_000, 10_000, 1)
    assert found.queue.enabled is False


def test_relative_working_directory_is_seen_from_the_agent_file(tmp_path: Path) -> None:
    found = read(tmp_path, a=f"working_directory: ../src\n{TRUE}").agents["a"]
    assert found.working_directory == str(tmp_path.parent / "src")


@pytest.mark.parametrize(
    ("repo", "seen"), [("../other", "other"), ("https://host/x", ""), ("/srv/x", "/srv/x")]
)
def test_repository_is_seen_from_the_agent_file(tmp_path: Path, repo: str, seen: str) -> None:
    found = read(tmp_path, a=f"repo: {repo}\n{TRUE}").agents["a"]
    assert found.repo == (str(tmp_path.parent / seen) if seen else repo)


def test_folders_of_a_setup_and_sources_of_mounts_are_seen_from_the_agent_file(tmp_path: Path) -> None:
    text = f"setup: {{template: ../heavy}}\nruntime: docker\ndocker: {{image: i, mounts: ['./a:/a', '/b:/b:ro', 'cache:/c']}}\n{TRUE}"
    found = read(tmp_path, a=text).agents["a"]
    assert found.setup.template == str(tmp_path.parent / "heavy")
    assert found.docker is not None
    assert found.docker.mounts == (f"{tmp_path}/a:/a", "/b:/b:ro", "cache:/c")


def test_single_file_is_read_with_the_fleet_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text("defaults: {priority: 7}\n")
    (tmp_path / "a.yaml").write_text(TRUE)
    (tmp_path / "b.yaml").write_text("not: valid\n")
    found = configuration.load(str(tmp_path / "a.yaml"), environ={})
    assert {name: agent.priority for name, agent in found.agents.items()} == {"a": 7}


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("limits:\n  wal: 5m\n", "a.yaml:3: limits.wal: there is no such key; did you mean limits.wall?"),
        ("working-directory: x\n", "a.yaml:2: working-directory: there is no such key; did you mean working_directory?"),
        ("idle: 5m\n", "a.yaml:2: idle: there is no such key; did you mean limits.idle?"),
        (
            "schedules:\n  s:\n    intervall: 5m\n    interval: 5m\n",
            "a.yaml:4: schedules.s.intervall: there is no such key; did you mean schedules.s.interval?",
        ),
        ("zzzzzz: 1\n", "a.yaml:2: zzzzzz: there is no such key"),
        ("concurrency: two\n", "a.yaml:2: concurrency: must be a whole number"),
        ("concurrency: 0\n", "a.yaml:2: concurrency: must be at least 1"),
        ("limits: 5\n", "a.yaml:2: limits: must hold keys with values"),
        ("runtime: codx\n", "a.yaml:2: runtime: must be one of command, codex, claude, acp, docker; did you mean codex?"),
        ("prompt:\n", "a.yaml:2: prompt: has no value; write null for none"),
        ("prompt: null\n", "a.yaml:2: prompt: must not be null"),
        ("priority: 1\npriority: 2\n", "a.yaml:3: priority: is there twice, first in line 2"),
        ("schedules: {s: {cron: '0 0 31 2 *'}}\n", "a.yaml:2: schedules.s.cron: '0 0 31 2 *' is no cron expression: bad day-of-month"),
        ("schedules: {s: {cron: '0 0 */20 * 1L'}}\n", "a.yaml:2: schedules.s.cron: '0 0 */20 * 1L' never fires: there is no such day"),
        ("schedules: {s: {interval: 1ms}}\n", "a.yaml:2: schedules.s.interval: 1ms is too short: at least 1s"),
        ("schedules: {s: {}}\n", "a.yaml:2: schedules.s: a schedule has either `interval` or `cron`"),
        ("schedules: {s: {interval: 5m, timezone: Mars/X}}\n", "a.yaml:2: schedules.s.timezone: 'Mars/X' is no time zone that is known here, such as UTC or Europe/Berlin"),
        ("prompt: ${NO_SUCH}\n", "a.yaml:2: prompt: the environment variable NO_SUCH is not set; ${NO_SUCH:-default} gives it a default"),
        ("prompt: 'a ${ b'\n", "a.yaml:2: prompt: has a ${ that begins no ${NAME} or ${NAME:-default}; $${ stands for ${ itself"),
        ("prompt: !!python/name:os.system x\n", "a.yaml:2: prompt: has a tag ('tag:yaml.org,2002:python/name:os.system'); values here are plain YAML"),
        ("setup: {resources: port}\n", "a.yaml:2: setup.resources[0]: 'port' is not a resource, such as res:port or res:gpu:2"),
        ("claims: [src/, ../x]\n", "a.yaml:2: claims[1]: `../x` cannot be claimed: it goes up with `..`."),
        ("claims: ''\n", "a.yaml:2: claims[0]: An empty path cannot be claimed: it names nothing."),
        ("setup: {files: [../x]}\n", "a.yaml:2: setup.files[0]: '../x' is not a path inside the repository"),
        ("runtime: docker\n", "a.yaml:1: the runtime docker and the section `docker` go together"),
        ("runtime: docker\ndocker: {image: -x}\n", "a.yaml:3: docker.image: '-x' is not an image, such as python:3.12"),
        ("runtime: docker\ndocker: {image: i, mounts: [a]}\n", "a.yaml:3: docker.mounts[0]: 'a' is not a mount, such as ~/.codex:/home/agent/.codex:ro"),
        ("runtime: docker\ndocker: {image: i}\noptions: {model: x}\n", "a.yaml:1: `options` are for the runtimes codex, claude and acp"),
        ("budget: {of: team}\n", "a.yaml:2: budget.of: there is no budget team in fleet.yaml"),
        ("budget: {money: 5}\n", "a.yaml:2: budget.money: cannot be kept, since a command tells no usage; `time` can"),
        ("budget: {day: {tokens: 5}}\n", "a.yaml:2: budget.day.tokens: cannot be kept, since a command tells no usage; `time` can"),
        ("budget: {day: {of: team}}\n", "a.yaml:2: budget.day.of: there is no such key; did you mean budget.of?"),
        ("budget: {money: .inf}\n", "a.yaml:2: budget.money: must be a finite number"),
        ("retry: {outcomes: [budget]}\n", "a.yaml:2: retry: what was a success, was cancelled, or has spent its budget is not tried again"),
    ],
)  # fmt: skip
def test_fault_is_told_with_its_file_line_and_key(tmp_path: Path, text: str, finding: str) -> None:
    assert findings(tmp_path, a=TRUE + text) == [finding]


@pytest.mark.parametrize(
    ("fleet", "agent", "finding"),
    [
        ("budgets: {a: {of: b}, b: {of: a}}\n", "", "fleet.yaml:1: budgets.a.of: goes in a circle: a of b of a"),
        ("budgets: {a: {of: c}, b: {of: b}}\n", "", "fleet.yaml:1: budgets.a.of: there is no budget c in fleet.yaml"),
        ("budget: {of: a}\nbudgets: {a: {}}\n", "", "fleet.yaml:1: budget.of: there is no such key"),
        ("prices: {m: {input: 1}}\n", "", "fleet.yaml:1: prices.m.output: must be given"),
        ("prices: {m: {input: -1, output: 1}}\n", "", "fleet.yaml:1: prices.m.input: must be at least 0.0"),
        ("prices: {m: {input: 1, output: 1}}\n", "runtime: codex\nbudget: {money: 1}\n",
         "a.yaml:2: budget: limits money, and codex tells no cost: `prices` in fleet.yaml needs the row `default`, since no model is named here"),
        ("", "runtime: codex\noptions: {model: m}\nbudget: {day: {money: 1}}\n",
         "a.yaml:3: budget: limits money, and codex tells no cost: `prices` in fleet.yaml needs a row m"),
    ],
)  # fmt: skip
def test_budget_that_cannot_be_kept_is_told_with_its_place(
    tmp_path: Path, fleet: str, agent: str, finding: str
) -> None:
    found = findings(tmp_path, fleet=fleet or "budgets: {}\n", a=agent or TRUE)
    assert found[0].startswith(finding), found


@pytest.mark.parametrize("model", ["m", "default"])
def test_budget_of_codex_can_be_kept_with_a_price(tmp_path: Path, model: str) -> None:
    text = "runtime: codex\noptions: {model: m}\nbudget: {money: 1, of: team}\n"
    rows = (
        f"prices: {{{model}: {{input: 1, output: 2}}}}\nbudgets: {{team: {{time: 1h, of: all}}, all: {{}}}}\n"
    )
    assert read(tmp_path, fleet=rows, a=text).agents["a"].budget.of == "team"


def test_name_that_could_leave_its_folder_is_refused(tmp_path: Path) -> None:
    for name in ("../x", "a/b", ".hidden", "a..b", "x.lock", "-option", ""):
        (found,) = findings(tmp_path, a=f"{TRUE}name: '{name}'\n")
        assert found.startswith("a.yaml:2: name: ")
    (found,) = findings(tmp_path, a=f"{TRUE}schedules: {{'../x': {{interval: 5m}}}}\n")
    assert "is not a name" in found


def test_findings_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    found = findings(tmp_path, a="bad: [\n", b=f"{TRUE}x1: 1\nx2: 2\n", fleet="concurency: 3\n")
    assert [one.split(": ")[0] for one in found] == ["fleet.yaml:1", "a.yaml:2", "b.yaml:2", "b.yaml:3"]


def test_default_agent_that_is_none_is_told_where_all_agents_are_read(tmp_path: Path) -> None:
    fleet = "concurrency: 2\ndefault_agent: tidi\n"
    assert findings(tmp_path, fleet=fleet, tidy=TRUE) == [
        "fleet.yaml:2: default_agent: there is no agent tidi; did you mean tidy?"
    ]
    assert configuration.load(str(tmp_path / "tidy.yaml"), environ={}).fleet.default_agent == "tidi"


def test_two_agents_of_one_name_are_refused(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, a=TRUE, b=f"name: A\n{TRUE}")
    assert found.startswith("b.yaml:1: name: an agent of the name A is already in ")


def test_defaults_merge_before_anything_is_held_against_the_schema(tmp_path: Path) -> None:
    fleet = "defaults:\n  runtime: docker\n  command: [x]\n  docker: {image: i, network: none}\n  claims: [a, b]\n"
    found = read(tmp_path, fleet=fleet, a="docker: {user: me}\nclaims: [c]\n").agents["a"]
    assert found.docker is not None
    assert (found.docker.image, found.docker.network, found.docker.user) == ("i", "none", "me")
    assert found.claims == ("c",)


def test_profiles_extend_each_other_and_the_nearest_wins(tmp_path: Path) -> None:
    fleet = "defaults: {priority: 1, pool: d}\nprofiles:\n  base: {priority: 2, description: b}\n  fast: {extends: base, priority: 3}\n"
    found = read(tmp_path, fleet=fleet, a=f"extends: fast\n{TRUE}").agents["a"]
    assert (found.priority, found.description, found.pool) == (3, "b", "d")


@pytest.mark.parametrize(
    ("fleet", "words"),
    [
        ("profiles: {x: {extends: y}, y: {extends: x}}", "extends: goes in a circle: x extends y extends x"),
        ("profiles: {x: {extends: x}}", "extends: goes in a circle: x extends x"),
        ("profiles: {xx: {}}", "extends: there is no profile 'x' in fleet.yaml"),
        ("defaults: {extends: x}\nprofiles: {x: {}}", "defaults.extends: defaults extend nothing"),
    ],
)
def test_circle_of_profiles_is_refused(tmp_path: Path, fleet: str, words: str) -> None:
    found = findings(tmp_path, fleet=fleet, a=f"extends: x\n{TRUE}")
    assert any(words in one for one in found), found


@pytest.mark.parametrize(
    ("fleet", "words"),
    [
        ("profiles: {x: {extends: y}, y: {extends: x}}", "fleet.yaml:1: extends: goes in a circle: x extends y"),
        ("profiles: {x: {extends: nope}}", "fleet.yaml:1: extends: there is no profile 'nope' in fleet.yaml"),
    ],
)  # fmt: skip
def test_profiles_that_no_agent_extends_are_checked_too(tmp_path: Path, fleet: str, words: str) -> None:
    found = findings(tmp_path, fleet=fleet, a=TRUE)
    assert any(words in one for one in found), found


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        ("'${A}'", {"A": "x"}, "x"),
        ("'${A}'", {"A": ""}, ""),
        ("'${A:-d}'", {}, "d"),
        ("'${A:-d}'", {"A": ""}, "d"),
        ("'${A:-}'", {}, ""),
        ("'$${A} $A'", {"A": "x"}, "${A} $A"),
        ("'${A}'", {"A": "${B}"}, "${B}"),
        ("'${A}'", {"A": "5"}, "5"),
    ],
)
def test_variable_in_a_text_is_filled_in_once(
    tmp_path: Path, text: str, environ: dict[str, str], expected: str
) -> None:
    assert read(tmp_path, environ, a=f"prompt: {text}\n{TRUE}").agents["a"].prompt == expected


def test_variable_without_quotes_becomes_the_number_that_it_holds(tmp_path: Path) -> None:
    found = read(
        tmp_path, {"N": "3", "B": "false"}, a=f"concurrency: ${{N}}\nclaim_on_edit: ${{B}}\n{TRUE}"
    ).agents["a"]
    assert (found.concurrency, found.claim_on_edit) == (3, False)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a: " + b"[" * 5000, "is nested more than 32 deep"),
        (b"a: " + b"[" * 40 + b"]" * 40, "is nested more than 32 deep"),
        (b"a: &a [*a]\n", "is nested more than 32 deep"),
        (b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
            b"%c: &%c [%s]\n" % (c, c, b",".join([b"*%c" % (c - 1)] * 9)) for c in range(98, 104)
        ), "has more than 20000 values"),
        (b"prompt: " + b"x" * 300_000, "is larger than 256 KiB"),
        (b"x: 1\nprompt: \xff\n", "a.yaml:2: is not UTF-8"),
        (b"prompt: a\x00b\n", "not readable as YAML"),
        (b"- 1\n", "must hold keys with values"),
        (b"a: 1\n---\nb: 2\n", "but found another document"),
        (b"cron: * * * * *\n", "a value that begins with * must be in quotes"),
        (b"? [x]\n: 1\n", "has a key that is not a word"),
    ],
)  # fmt: skip
def test_hostile_file_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    (found,) = findings(tmp_path, a=data)
    assert words in found


def test_what_is_no_plain_file_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "agents"
    folder.mkdir()
    (tmp_path / "outside.yaml").write_text(TRUE)
    (folder / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    os.mkfifo(folder / "pipe.yaml")
    (folder / "dir.yaml").mkdir()
    found = findings(folder)
    assert found == [
        "dir.yaml: is not a file",
        "link.yaml: is a symbolic link",
        "pipe.yaml: is not a file",
    ]


def test_missing_and_empty_folders_are_told(tmp_path: Path) -> None:
    (found,) = findings(tmp_path)
    assert found.endswith("there is no agent file in it")
    (found,) = findings(tmp_path / "none")
    assert found.endswith("there is no such file or folder")


def test_options_of_clients_are_checked(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, a="runtime: codex\noptions: {modell: x}\n")
    assert found.startswith("a.yaml:2: options: there is no option 'modell'")
    (found,) = findings(tmp_path, a="runtime: acp\ncommand: [x]\noptions: {agent: nobody}\n")
    assert found == "a.yaml:3: options: the option 'agent' is one of gemini, opencode, copilot, claude, codex"


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (
            "runtime: acp\npermissions: {edti: allow}\n",
            "a.yaml:3: permissions.edti: must be one of default, read, edit,",
        ),
        (
            "runtime: acp\npermissions: {edit: maybe}\n",
            "a.yaml:3: permissions.edit: must be one of allow, reject, ask",
        ),
        ("runtime: acp\npermissions: yes\n", "a.yaml:3: permissions"),
        ("permissions: allow\n", "a.yaml:1: `permissions` are for the runtime acp"),
    ],
)
def test_permissions_are_rules_for_kinds_of_tools(tmp_path: Path, text: str, finding: str) -> None:
    (found,) = findings(tmp_path, a=TRUE + text)
    assert found.startswith(finding)


def test_changes_name_the_key_that_changed(tmp_path: Path) -> None:
    reviewer = "schedules:\n  review-prs: {interval: %s}\n" + TRUE
    old = read(tmp_path, **{"pr-reviewer": reviewer % "5m", "gone": TRUE})
    (tmp_path / "gone.yaml").unlink()
    new = read(tmp_path, **{"pr-reviewer": reviewer % "10m", "new-agent": TRUE, "fleet": "concurrency: 4\n"})
    assert changes(old, new) == [
        "agent:gone removed",
        "agent:new-agent added",
        "agent:pr-reviewer:schedule:review-prs:interval changed",
        "fleet:concurrency changed",
    ]
    assert changes(new, new) == []
    assert old.digest != new.digest == configuration.load(str(tmp_path), environ={}).digest


def test_changes_of_schedules_and_sections_name_each_of_them(tmp_path: Path) -> None:
    old = read(tmp_path, a=f"schedules: {{x: {{interval: 5m}}}}\nlimits: {{wall: 1h}}\n{TRUE}")
    new = read(
        tmp_path,
        a=f"schedules: {{y: {{cron: '@daily'}}}}\nlimits: {{wall: 2h}}\nself_schedule: {{count: 2}}\n{TRUE}",
    )
    assert changes(old, new) == [
        "agent:a:limits:wall changed",
        "agent:a:schedule:x removed",
        "agent:a:schedule:y added",
        "agent:a:self_schedule added",
    ]

"""What is thought of a group of processes: what is kept, what is abandoned, and which action that leads to."""

from __future__ import annotations

from dataclasses import replace
from math import log2
from typing import Any

import pytest

from gitfleet.onhost import likelihoods as model
from gitfleet.onhost.inference import judge
from gitfleet.onhost.records import (
    ABANDONED,
    ACTIONS,
    KEEP,
    PAUSE,
    RENICE,
    TERMINATE,
    THROTTLE,
    USEFUL,
    ZOMBIE,
    HostProcess,
    Origin,
    ProcessGroup,
)
from gitfleet.triage.selection import ALPHA, select
from tests.onhost.tables import DAY, HOUR, OF_A_USER, OF_NOBODY, host, judged, of_session, process

RUNAWAY: dict[str, Any] = {"cpu": 1.0, "cpu_total": 6 * HOUR, "age": 7 * HOUR}

REACHED = [
    (KEEP, OF_A_USER, process("vite")),
    (RENICE, OF_A_USER, process("vite", cpu=1.0, cpu_total=20 * HOUR, age=3 * DAY)),
    (PAUSE, of_session(by="place"), process("node server.js", age=DAY)),
    (THROTTLE, OF_A_USER, process("pytest", **RUNAWAY)),
    (TERMINATE, of_session(), process("node server.js", age=3 * DAY)),
]


@pytest.mark.parametrize(("action", "origin", "one"), REACHED, ids=[action for action, *_ in REACHED])
def test_each_action_is_reached_by_a_process_of_its_own(
    action: str, origin: Origin, one: HostProcess
) -> None:
    assert judged(origin, one).action == action


def test_the_table_of_reached_actions_holds_all() -> None:
    assert [action for action, *_ in REACHED] == list(ACTIONS)


LEAKED = [
    process("node server.js", age=3 * DAY),
    process("npm run dev", age=HOUR),
    process("python -m http.server 8000", listening=(8000,)),
    process("node /w/node_modules/.bin/nodemon app.js"),
    process("bash watch.sh"),
    process("sleep 100000"),
    process("npx @modelcontextprotocol/server-everything"),
    process("node /w/node_modules/jest-worker/build/workers/processChild.js"),
    process("chrome --headless"),
    process("tail -f log"),
]


@pytest.mark.parametrize("one", LEAKED, ids=lambda one: " ".join(one.command)[:40])
def test_leak_of_an_ended_session_is_ended_and_selectable_on_its_host(one: HostProcess) -> None:
    found = judged(of_session(), one)

    assert found.action == TERMINATE
    assert found.posterior[ABANDONED] > 0.96
    assert found.log_e >= log2(400 / 0.05)


@pytest.mark.parametrize("one", LEAKED, ids=lambda one: " ".join(one.command)[:40])
@pytest.mark.parametrize(
    "origin",
    [OF_A_USER, of_session("live"), of_session("live", supervised=True), of_session(supervised=True)],
    ids=["a user's", "live session's", "live session's, supervised", "supervised"],
)
def test_same_process_of_someone_who_is_there_is_kept(origin: Origin, one: HostProcess) -> None:
    assert judged(origin, one).action == KEEP


@pytest.mark.parametrize("age", [0.0, HOUR, DAY, 400 * DAY])
@pytest.mark.parametrize(
    "command", ["node server.js", "vite", "sleep 1000", "python train.py", "redis-server"]
)
def test_orphan_of_nobody_is_never_judged_by_its_age(command: str, age: float) -> None:
    found = judged(OF_NOBODY, process(command, age=age))

    assert found.action == KEEP
    assert found.log_e < log2(10 / 0.05)


@pytest.mark.parametrize(
    "command",
    [
        "node /w/node_modules/jest-worker/build/workers/processChild.js",
        "python -u -c 'import sys;exec(eval(sys.stdin.readline()))'",
        "/w/node_modules/@esbuild/linux-x64/bin/esbuild --service=0.25 --ping",
        "npx mcp-server-git",
    ],
)
def test_orphaned_worker_of_nobody_is_ended(command: str) -> None:
    one = process(command, stdin="pipe", fed=False)
    found = judged(OF_NOBODY, one)

    assert found.action == TERMINATE
    assert found.log_e >= log2(400 / 0.05)
    assert judged(OF_A_USER, one).action == KEEP


POOL = "python -c 'from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=5)' --multiprocessing-fork"
XDIST = "python -u -c 'import sys;exec(eval(sys.stdin.readline()))'"


@pytest.mark.parametrize(
    "runner", ["python crunch.py", "python -c 'import crunch'", "./crunch", "python run_tests.py"]
)
@pytest.mark.parametrize("worker", [POOL, XDIST])
def test_program_that_was_left_running_with_its_workers_is_no_orphaned_worker(
    runner: str, worker: str
) -> None:
    """`nohup` it, and log out: it works for itself, and its workers for it."""
    above = process(runner, 100, age=DAY)
    below = [process(worker, pid, ppid=100, pgid=100) for pid in (101, 102)]

    assert judged(OF_NOBODY, above, *below).action == KEEP
    assert judged(OF_NOBODY, below[0], above, below[1]).action == KEEP
    assert judged(OF_NOBODY, *(replace(one, ppid=1) for one in below)).action == TERMINATE


def test_worker_below_a_program_of_another_group_is_no_orphaned_worker() -> None:
    runner, worker = process("python crunch.py", 100), process(POOL, 101, ppid=100)
    group = ProcessGroup(worker, (worker,), 101, client=False)

    assert judge(group, OF_NOBODY, host(runner, worker)).action == KEEP
    assert judge(group, OF_NOBODY, host(replace(runner, zombie=True), worker)).action == TERMINATE
    assert judge(group, OF_NOBODY, host(worker)).action == TERMINATE


@pytest.mark.parametrize(
    "fields",
    [
        {"stdin": "null"},
        {"stdin": "pipe", "fed": True},
        {"stdin": "pipe", "fed": None},
        {"stdin": None},
        {"stdin": "pipe", "fed": False, "listening": (8080,)},
        {"stdin": "pipe", "fed": False, "listening": None},
    ],
    ids=str,
)
def test_mcp_server_of_nobody_that_may_be_served_otherwise_is_kept(fields: dict[str, Any]) -> None:
    assert judged(OF_NOBODY, process("python mcp-server-notes", **fields)).action == KEEP


@pytest.mark.parametrize(
    "command",
    [
        "node /home/ada/app/workers/forks.js",
        "python jest-worker.py",
        "python -c 'import sys;sys.stdin.readline()'",
    ],
)
def test_own_program_that_is_called_like_a_worker_is_none(command: str) -> None:
    assert judged(OF_NOBODY, process(command)).action == KEEP


IDLE = [
    "vim a.py", "nano a.py", "emacs", "code", "bash", "-zsh", "fish", "postgres", "redis-server *:6379", "mysqld",
    "mongod", "sqlite3 a.db", "tmux new -d", "screen", "zellij", "claude", "codex app-server", "opencode serve",
    "ssh-agent", "sshd: ada@pts/0", "gitfleet daemon", "dockerd", "less a.log", "jupyter lab",
]  # fmt: skip


@pytest.mark.parametrize("command", IDLE)
@pytest.mark.parametrize("origin", [OF_A_USER, OF_NOBODY, of_session()], ids=["user's", "nobody's", "ended"])
def test_what_holds_something_of_somebody_is_kept_whatever_else_is_known(
    command: str, origin: Origin
) -> None:
    found = judged(origin, process(command, age=90 * DAY, cwd_deleted=True))

    assert found.action == KEEP
    assert found.protected


@pytest.mark.parametrize(
    "command", ["gopls", "pyright-langserver --stdio", "node /w/typescript/lib/tsserver.js", "clangd"]
)
@pytest.mark.parametrize("origin", [OF_A_USER, OF_NOBODY], ids=["user's", "nobody's"])
def test_idle_language_server_is_kept(command: str, origin: Origin) -> None:
    found = judged(origin, process(command, age=90 * DAY))

    assert found.action == KEEP
    assert found.log_e < log2(10 / 0.05)


JDTLS = (
    "java -Declipse.application=org.eclipse.jdt.ls.core.id1 -jar /opt/jdtls/org.eclipse.equinox.launcher.jar"
)


@pytest.mark.parametrize(
    "command", ["gopls", "terraform-ls serve", "ocamllsp", "svelteserver --stdio", JDTLS]
)
@pytest.mark.parametrize("stdin", [{"stdin": "null"}, {"stdin": "pipe", "fed": True, "feeders": (7,)}])
def test_language_server_of_an_ended_session_is_ended_only_when_its_editor_has_let_go_of_it(
    command: str, stdin: dict[str, Any]
) -> None:
    let_go = judged(of_session(), process(command, stdin="pipe", fed=False))

    assert judged(of_session(), process(command, **stdin)).action == KEEP
    assert let_go.action == TERMINATE


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"uid": 1001}, "another user's"),
        ({"unit": "shop.service"}, "looked after by the service manager, which would start it again"),
        ({"terminal": 34816, "pgid": 100, "tpgid": 100}, "in the foreground of a terminal"),
        ({"state": "D"}, "waits in the kernel, where no signal reaches it"),
    ],
)
def test_leak_that_must_not_be_touched_is_kept_and_says_why(fields: dict[str, Any], reason: str) -> None:
    found = judged(of_session(), process("node server.js", **fields))

    assert (found.action, found.protected) == (KEEP, reason)


@pytest.mark.parametrize(
    "unit", ["session-3.scope", "gitfleet-job-1.service", "cron.service", "user@1000.service", None]
)
def test_leak_in_a_unit_that_nobody_would_start_again_is_ended(unit: str | None) -> None:
    assert judged(of_session(), process("node server.js", unit=unit)).action == TERMINATE


@pytest.mark.parametrize(
    ("command", "action"), [("python train.py", PAUSE), ("cargo build", PAUSE), ("pytest", TERMINATE)]
)
def test_leak_that_works_hard_is_paused_at_most_unless_it_is_a_test(command: str, action: str) -> None:
    assert judged(of_session(), process(command, cpu=0.98, cpu_total=HOUR, age=HOUR)).action == action


def test_leak_that_nobody_knows_is_paused_at_most() -> None:
    assert judged(of_session(), process("gimp cat.png")).action == PAUSE
    assert judged(of_session(), process("shop", exe="/home/ada/shop/bin/shop")).action == TERMINATE


def test_leak_in_the_worktree_of_a_live_session_is_left_to_it() -> None:
    found = judged(replace(of_session(), shared=True), process("vite", age=3 * DAY))

    assert found.action == KEEP
    assert found.log_e < log2(400 / 0.05)


@pytest.mark.parametrize(
    "command",
    ["java -cp x org.gradle.launcher.daemon.bootstrap.GradleDaemon 8", "watchman", "adb fork-server"],
)
def test_daemon_that_serves_others_too_is_kept(command: str) -> None:
    assert judged(of_session(), process(command)).action == KEEP


def test_mcp_server_with_a_connected_client_is_kept() -> None:
    one = process("node /w/node_modules/.bin/mcp-server-everything", listening=(3001,), connections=1)

    assert judged(of_session(), one).protected == "an MCP server that still serves a client"


def test_dev_server_with_a_connected_client_is_not_selectable_on_a_host() -> None:
    found = judged(of_session(), process("vite", listening=(5173,), connections=2))

    assert found.log_e < log2(400 / 0.05)


def test_the_one_who_asks_and_those_above_it_are_kept() -> None:
    shell, asker = process("bash run.sh", 100), process("python scan.py", 101, ppid=100)

    assert judged(of_session(), shell, asker, myself=101).action == KEEP


def test_command_line_that_a_pattern_protects_is_kept() -> None:
    one = process("node server.js --keep")

    assert judged(of_session(), one, protect=["node server.js *"]).protected == "protected by a pattern"
    assert not judged(of_session(), one, protect=["keep"]).protected


def test_zombie_is_called_one_and_left_to_its_parent() -> None:
    found = judged(of_session(), process(name="node", zombie=True, state="Z"))

    assert found.posterior[ZOMBIE] > 0.99
    assert found.action == KEEP


def test_zombie_in_a_group_does_not_hide_what_lives_there() -> None:
    wrapper = process(name="npm", pid=100, zombie=True, state="Z", cwd=None)

    assert judged(of_session(), wrapper, process("vite", 101, pgid=100)).action == TERMINATE


@pytest.mark.parametrize(
    ("fields", "feature"),
    [
        ({"cpu": None}, "cpu"),
        ({"io": None}, "input and output"),
        ({"cwd": None}, "folder"),
        ({"listening": None}, "clients"),
        ({"listening": (80,), "connections": None}, "clients"),
    ],
)
def test_what_could_not_be_read_is_named_and_moves_nothing(fields: dict[str, Any], feature: str) -> None:
    found = judged(of_session(), process("vite", **fields))

    assert found.missing == (feature,)
    assert feature not in [each.feature for each in found.evidence]


def test_unknown_program_has_no_age_and_nothing_is_missing_for_it() -> None:
    found = judged(OF_NOBODY, process("frobnicate", age=400 * DAY))

    assert found.missing == ()
    assert [each.feature for each in found.evidence] == [
        "provenance",
        "folder",
        "terminal",
        "cpu",
        "input and output",
    ]


def test_removed_worktree_makes_an_unmarked_orphan_more_than_kept() -> None:
    one = process("vite", age=3 * DAY, cwd_deleted=True)

    assert judged(OF_NOBODY, one).action in (PAUSE, TERMINATE)
    assert judged(OF_A_USER, one).action == KEEP


def test_strongest_evidence_is_selected_among_the_candidates_of_thirty_two_hosts() -> None:
    strongest = judged(of_session(), process("vite", age=3 * DAY, cwd_deleted=True))
    fresh = [judged(of_session(), process("vite", age=HOUR)) for _ in range(32)]
    tested = 32 * 400

    alone = select([1 - strongest.posterior[ABANDONED]], [strongest.log_e], alpha=ALPHA, tested=tested)
    one_fresh = select([1 - fresh[0].posterior[ABANDONED]], [fresh[0].log_e], alpha=ALPHA, tested=tested)
    one_on_each = select(
        [1 - each.posterior[ABANDONED] for each in fresh],
        [each.log_e for each in fresh],
        alpha=ALPHA,
        tested=tested,
    )

    assert len(alone.both) == 1
    assert len(one_fresh.both) == 0
    assert len(one_on_each.both) == 32


def test_session_of_unknown_state_is_no_ended_one() -> None:
    found = judged(of_session("unknown"), process("vite", age=3 * DAY))

    assert found.action == KEEP
    assert found.posterior[USEFUL] > 0.5


def test_evidence_says_each_feature_with_its_direction() -> None:
    found = judged(of_session(), process("vite", listening=(5173,), connections=1))
    bits = {each.feature: each.bits for each in found.evidence}

    assert bits["provenance"] == model.FEATURE_CAPS["provenance"]
    assert bits["clients"] < 0 < bits["terminal"]

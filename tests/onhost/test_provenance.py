"""Whose a process is, and whether anybody looks after it: rules on tables made by hand, and real families."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gitfleet.base import ids
from gitfleet.onhost import places, provenance, snapshot, supervisors
from gitfleet.onhost.records import HostProcess, Identity, Origin, ProcessTable
from tests.onhost.starting import LEAK, Programs, table_when
from tests.onhost.tables import UID, host, process

ENDED, LIVE, OTHER = "codex-7h3k9q2m", "claude-0123abcd", "claude-zzzz9999"
SESSIONS = {ENDED: "ended", LIVE: "live", OTHER: "ended"}


def init(pid: int = 1, name: str = "systemd", uid: int = 0) -> HostProcess:
    return process(name, pid, uid=uid, ppid=0)


def origins(*members: HostProcess, placed: dict[int, str] | None = None, **options: Any) -> dict[int, Origin]:
    return provenance.origins(host(*members), SESSIONS, placed or {}, **options)


def of(pid: int, *members: HostProcess, **options: Any) -> Origin:
    return origins(*members, **options)[pid]


ORPHAN: dict[str, Any] = {"ppid": 1, "pgid": 90, "sid": 90}  # the leader of its group and session is gone


@pytest.mark.parametrize(
    ("members", "session", "by"),
    [
        ([process("node s.js", 5, marker=ENDED)], ENDED, "marker"),
        ([process("node s.js", 5, ppid=4), process("sh", 4, marker=ENDED)], ENDED, "parent"),
        (
            [process("x", 5, ppid=4), process("sh", 4, ppid=3), process("sh", 3, marker=ENDED)],
            ENDED,
            "parent",
        ),
        ([process("x", 5, gaps=("marker",)), process("y", 6, ppid=5, marker=ENDED)], ENDED, "child"),
        ([process("x", 5, gaps=("marker",), pgid=9), process("y", 6, pgid=9, marker=ENDED)], ENDED, "group"),
        ([process("x", 5, gaps=("marker",), sid=9), process("y", 6, sid=9, marker=ENDED)], ENDED, "terminal"),
        (
            [process("x", 5, zombie=True, state="Z", pgid=9), process("y", 6, pgid=9, marker=ENDED)],
            ENDED,
            "group",
        ),
        ([process("x", 5, cgroup=f"/user.slice/gitfleet-{ENDED}-1.scope")], ENDED, "cgroup"),
        ([process("x", 5, cgroup=f"/user.slice/gitfleet-{ENDED}-1.scope/inner")], ENDED, "cgroup"),
        ([process("x", 5)], None, "none"),
    ],
)
def test_session_of_a_process_is_the_best_that_is_known(
    members: list[HostProcess], session: str | None, by: str
) -> None:
    found = of(5, init(), *members)
    assert (found.session, found.by) == (session, by)
    assert found.state == ("ended" if session else "unknown")


@pytest.mark.parametrize(
    "beside",
    [
        process("y", 6, ppid=5, marker=ENDED),
        process("y", 6, pgid=9, marker=ENDED),
        process("y", 6, sid=9, marker=ENDED),
    ],
    ids=["child", "group", "terminal"],
)
def test_process_with_a_readable_environment_is_given_no_session_by_what_is_beside_it(
    beside: HostProcess,
) -> None:
    """A user's shell from which a session was started is the user's."""
    assert of(5, init(), process("bash", 5, pgid=9, sid=9), beside).session is None


@pytest.mark.parametrize("tie", ["ppid", "pgid", "sid"])
def test_neighbours_of_different_sessions_or_of_none_say_nothing(tie: str) -> None:
    wiped = process("x", 5, gaps=("marker",), pgid=5, sid=5)
    for marker in (OTHER, None):
        others = [process("y", 6, **{tie: 5}, marker=ENDED), process("z", 7, **{tie: 5}, marker=marker)]
        assert of(5, init(), wiped, *others).session is None


def test_place_of_the_fleet_that_is_no_sessions_alone_gives_none() -> None:
    assert of(5, init(), process("x", 5), placed={5: "-"}).session is None
    assert of(5, init(), process("x", 5), placed={5: ENDED}).by == "place"


@pytest.mark.parametrize(
    ("fields", "placed", "shared"),
    [
        ({"marker": ENDED}, LIVE, True),
        ({"marker": ENDED}, OTHER, False),
        ({"marker": ENDED}, ENDED, False),
        ({"marker": LIVE}, LIVE, False),
        ({"marker": ENDED, "cwd_deleted": True}, LIVE, False),
    ],
)
def test_process_in_the_worktree_of_another_live_session_is_shared(
    fields: dict[str, Any], placed: str, *, shared: bool
) -> None:
    one = process("vite", 5, **ORPHAN, **fields)
    found = origins(init(), one, placed={5: placed})

    assert found[5].shared is shared
    assert provenance.of_group([one], found).shared is shared


def test_what_runs_in_a_multiplexer_is_not_of_the_session_that_started_it() -> None:
    found = of(5, init(), process("vim", 5, ppid=4), process("tmux new", 4, marker=ENDED))
    assert (found.session, found.supervised) == (None, True)


def test_what_was_taken_over_is_not_of_the_session_of_who_took_it() -> None:
    manager = process("systemd --user", 4, uid=UID, marker=ENDED)
    assert of(5, init(), manager, process("node s.js", 5, ppid=4)).session is None


@pytest.mark.parametrize("name", ["ada-1", "api-database", "review-20261130"])
@pytest.mark.parametrize(("placed", "state"), [(None, "unknown"), ("own", "ended"), ("-", "ended")])
def test_chosen_name_of_an_ended_session_is_believed_only_in_a_place_of_the_fleet(
    name: str, placed: str | None, state: str
) -> None:
    table = host(init(), process("node s.js", 5, marker=name))
    where = {5: name if placed == "own" else placed} if placed else {}
    assert provenance.origins(table, {name: "ended"}, where)[5].state == state
    assert provenance.origins(table, {name: "live"}, where)[5].state == "live"


NOW = 1_700_000_000  # when tables by hand are taken


@pytest.mark.parametrize(
    ("age", "ended", "beside", "state"),
    [
        (50.0, NOW - 3600, [], "unknown"),
        (7200.0, NOW - 3600, [], "ended"),
        (3590.0, NOW - 3600, [], "ended"),  # clocks differ a little
        (50.0, None, [], "ended"),
        (50.0, NOW - 3600, [process("nodemon", 4, marker=ENDED, age=7200.0)], "ended"),
        (50.0, NOW - 3600, [process("nodemon", 4, marker=ENDED, age=60.0)], "unknown"),
        (50.0, NOW - 3600, [process("nodemon", 4, marker=OTHER, age=7200.0)], "unknown"),
        (50.0, NOW - 3600, [process("old", 6, pgid=5, marker=ENDED, age=7200.0)], "ended"),
    ],
)
def test_what_was_started_after_the_end_of_its_session_is_of_one_that_is_not_known(
    age: float, ended: int | None, beside: list[HostProcess], state: str
) -> None:
    one = process(
        "node s.js", 5, ppid=4 if beside and beside[0].identity.pid == 4 else 1, marker=ENDED, age=age
    )
    ends = {} if ended is None else {ENDED: ended}
    assert origins(init(), one, *beside, ends=ends)[5].state == state
    assert provenance.origins(host(one), {ENDED: "live"}, {}, ends=ends)[5].state == "live"


def test_name_that_was_made_up_is_believed_wherever_it_works() -> None:
    for name in (ids.named("codex") for _ in range(200)):
        table = host(init(), process("node s.js", 5, marker=name))
        assert provenance.origins(table, {name: "ended"}, {})[5].state == "ended", name


SHELL = process("bash", 4, terminal=34816, sid=4, pgid=4)


@pytest.mark.parametrize(
    ("members", "supervisor"),
    [
        ([process("node s.js", 5, ppid=4, pgid=5, sid=4), SHELL], 4),
        ([process("node s.js", 5, ppid=4), process("claude", 4)], 4),
        ([process("x", 5, ppid=4), process("sh", 4, ppid=3), process("codex exec", 3)], 3),
        ([process("x", 5, ppid=4), process("cron", 4, uid=0)], 4),
        ([process("x", 5, ppid=4), process("anything", 4, uid=0, ppid=1)], 4),
        ([process("x", 5, **{**ORPHAN, "pgid": 4}), process("claude", 4, pgid=4)], 4),
        ([process("x", 5, ppid=1, sid=4), process("claude", 4, sid=4)], 4),
        ([process("x", 5, ppid=4), process("/usr/bin/python /a/gitfleet/jobs/shepherd/run.py x", 4)], 4),
        ([process("x", 5, ppid=77)], 77),
        ([process("x", 5, ppid=0)], None),
        ([process("tmux new -d", 5, ppid=1)], 5),
        ([process("x", 5, unit="web.service", cgroup="/web.service")], 1),
        ([process("x", 5, unit="app-gnome-x-77.scope", cgroup="/app.slice/app-gnome-x-77.scope")], 1),
        ([process("x", 5, ppid=4), process("systemd --user", 4), ], None),
    ],
    ids=[
        "terminal", "agent", "agent-further-up", "cron", "another-user", "group", "session-leader", "own-shepherd",
        "hidden-parent", "outside-of-the-container", "itself", "unit", "desktop", "user-manager",
    ],
)  # fmt: skip
def test_live_supervisor_anywhere_above_or_in_the_group_exempts(
    members: list[HostProcess], supervisor: int | None
) -> None:
    found = of(5, init(), *members)
    if members[-1].name == "systemd":
        assert (found.supervised, found.orphan) == (False, True)
        return
    assert (found.supervised, found.supervisor, found.orphan) == (True, supervisor, False)


@pytest.mark.parametrize(
    "members",
    [
        [process("node s.js", 5, **ORPHAN)],
        [process("node s.js", 5, ppid=4), process("npm run dev", 4, **ORPHAN)],
        [process("node s.js", 5, **ORPHAN), process("node w.js", 6, **ORPHAN)],
        [process("node s.js", 5, ppid=4, pgid=90, sid=90), process("systemd --user", 4)],
        [process("node s.js", 5, **{**ORPHAN, "ppid": 77})],
    ],
    ids=["alone", "below-its-wrapper", "group-of-orphans", "user-manager", "parent-ended-meanwhile"],
)
def test_what_hangs_below_init_with_nobody_in_between_is_an_orphan(members: list[HostProcess]) -> None:
    found = of(5, init(), *members, alive=lambda pid: False)
    assert (found.supervised, found.supervisor, found.orphan) == (False, None, True)


@pytest.mark.parametrize(
    ("command", "name", "is_one"),
    [
        ("tmux new -d", "tmux: server", True), ("SCREEN -dmS x", "screen", True), ("sshd: ada@notty", "sshd", True),
        ("node /h/.vscode-server/bin/x/out/server-main.js", "node", True), ("node /usr/bin/codex app-server", "codex", True),
        ("/opt/runner/bin/Runner.Worker spawnclient 1 2", "Runner.Worker", True), ("java -jar /x/agent.jar -url h", "java", True),
        ("python -m gitfleet run", "python", True), ("python -I -S /a/gitfleet/jobs/daemon/run.py", "python", True),
        ("conmon --x", "conmon", True), ("emacs --daemon", "emacs", True), ("systemd --user", "systemd", False),
        ("npm run dev", "npm run dev", False), ("bash", "bash", False), ("make -j4", "make", False), ("node claude-shop.js", "node", False),
        ("python /srv/tmux/app.py", "python", False), ("timeout 9 jest", "timeout", False),
    ],
)  # fmt: skip
def test_supervisor_is_known_by_what_it_runs(command: str, name: str, is_one: bool) -> None:
    assert supervisors.supervises(process(command, 5, name=name)) is is_one


def test_program_that_is_called_like_an_init_is_one_only_in_the_place_of_one() -> None:
    script = process("./init", 4, ppid=3, pgid=4, sid=3)
    shell = process("bash", 3, terminal=34816, sid=3, pgid=3)
    assert not of(5, init(), process("node s.js", 5, ppid=4, pgid=5, sid=3), script, shell).orphan


def test_leftover_in_a_service_is_an_orphan_only_if_its_session_has_ended() -> None:
    service: dict[str, Any] = {"unit": "cron.service", "cgroup": "/system.slice/cron.service", "ppid": 1}
    main = replace(process("cron", 4, **service), identity=Identity("boot", 4, 1, UID))
    for marker, orphan in ((ENDED, True), (LIVE, False), (None, False)):
        left = replace(
            process("node s.js", 5, marker=marker, **service), identity=Identity("boot", 5, 9, UID)
        )
        assert of(5, init(), main, left).orphan is orphan


@pytest.mark.parametrize(
    ("fields", "orphan"),
    [
        ({"ppid": 1, "sid": 5}, False),
        ({"ppid": 1, "sid": 90}, True),
        ({"ppid": 1, "sid": 5, "marker": ENDED}, True),
        ({"ppid": 1, "sid": 5, "marker": LIVE}, False),
    ],
)
def test_child_of_a_first_process_that_may_have_started_it_is_an_orphan_by_better_evidence_only(
    fields: dict[str, Any], orphan: bool
) -> None:
    """The first process of a container is often a program of its own."""
    assert of(5, init(name="entrypoint"), process("node s.js", 5, **fields)).orphan is orphan


def test_who_asks_and_what_it_runs_in_are_no_orphans() -> None:
    found = origins(init(), process("sh", 4, **ORPHAN), process("python", 5, ppid=4), own_pid=5)
    assert not found[4].orphan
    assert not found[5].orphan


def test_table_with_a_loop_of_parents_ends_and_keeps() -> None:
    found = of(5, process("a", 5, ppid=6), process("b", 6, ppid=5))
    assert (found.supervised, found.orphan) == (True, False)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([(5, 1, ENDED)], ENDED),
        ([(5, 1, ENDED), (6, 5, ENDED)], ENDED),
        ([(5, 1, ENDED), (6, 1, LIVE)], LIVE),
        ([(5, 1, None), (6, 5, ENDED)], None),
        ([(5, 1, ENDED), (6, 1, None)], ENDED),
    ],
    ids=["one", "both", "the-more-alive", "a-user's-program-with-a-session-below", "beside-one-of-none"],
)
def test_group_is_of_a_session_unless_a_program_of_none_started_it(
    states: list[tuple[int, int, str | None]], expected: str | None
) -> None:
    members = [process("x", pid, ppid=ppid, pgid=5, sid=5, marker=marker) for pid, ppid, marker in states]
    assert provenance.of_group(members, origins(init(), *members)).session == expected


def test_group_with_one_supervised_member_is_supervised() -> None:
    known = {5: Origin(orphan=True, supervised=False), 6: Origin(supervisor=4)}
    found = provenance.of_group([process("x", 5), process("y", 6)], known)
    assert (found.supervised, found.supervisor, found.orphan) == (True, 4, False)


# real families


def asked(table: ProcessTable, placed: dict[int, str] | None = None) -> dict[int, Origin]:
    return provenance.origins(table, SESSIONS, placed or {})


def test_server_whose_starter_has_ended_is_an_orphan_of_its_session(start: Programs) -> None:
    one = start.python(LEAK, "sleep", "600", env={**os.environ, "GITFLEET_SESSION": ENDED})
    left = int(start.said)
    found = asked(table_when(one.pid, "Z"))[left]
    assert (found.session, found.by, found.state, found.orphan) == (ENDED, "marker", "ended", True)


@pytest.mark.skipif(not shutil.which("perl"), reason="needs perl")
def test_worker_that_wiped_its_environment_is_known_by_its_group_when_its_parent_has_ended(
    start: Programs,
) -> None:
    text = LEAK.replace(
        'print("ready", child',
        'print("ready", child.pid, shown(subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL))',
    )
    text = text.replace("subprocess.DEVNULL))\nprint", "subprocess.PIPE)); child.stdout.readline()\nprint")
    argv = ["perl", "-e", '$| = 1; $0 = "worker"; print "x\\n"; sleep 600']
    one = start.python(text, *argv, env={**os.environ, "GITFLEET_SESSION": ENDED})
    worker = int(start.said.split()[0])
    table = table_when(one.pid, "Z")
    assert "marker" in table.processes[worker].gaps
    found = asked(table)[worker]
    assert (found.session, found.by, found.orphan) == (ENDED, "group", True)


@pytest.mark.skipif(not shutil.which("perl"), reason="needs perl")
def test_wrapper_that_wiped_its_environment_is_known_by_its_child(start: Programs) -> None:
    text = '$| = 1; if (!fork) { exec "sleep", "600" } $0 = "wrapper"; print "ready\\n"; sleep 600'
    one = start.ready([shutil.which("perl") or "", "-e", text], env={**os.environ, "GITFLEET_SESSION": LIVE})
    found = asked(snapshot.take(0))[one.pid]
    assert (found.session, found.by, found.state) == (LIVE, "child", "live")


@pytest.mark.parametrize("inner", ["", "src/api"])
def test_place_is_told_by_the_folder_that_a_process_works_in(
    start: Programs, tmp_path: Path, inner: str
) -> None:
    tree = tmp_path / "tree"
    (tree / inner).mkdir(parents=True)
    inside, outside = (
        start(["/bin/sleep", "600"], cwd=tree / inner),
        start(["/bin/sleep", "600"], cwd=tmp_path),
    )
    found = places.placed(snapshot.take(0), {str(tree): LIVE})
    assert found.get(inside.pid) == LIVE
    assert outside.pid not in found


@pytest.mark.parametrize(
    ("git", "inside"),
    [
        ("", False),  # a folder
        ("gitdir: /elsewhere/.git/worktrees/s1\n", False),
        ("gitdir: ../.git/modules/lib\n", True),
        ("gitdir: /r/.git/worktrees/s1/modules/lib\n", True),
    ],
    ids=["clone", "worktree", "submodule", "submodule-of-a-worktree"],
)
def test_clone_inside_of_a_place_is_another_place(
    start: Programs, tmp_path: Path, git: str, *, inside: bool
) -> None:
    inner = tmp_path / "vendor" / "other"
    inner.mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    if git:
        (inner / ".git").write_text(git)
    else:
        (inner / ".git").mkdir()
    one = start(["/bin/sleep", "600"], cwd=inner)
    table = snapshot.take(0)
    assert (one.pid in places.placed(table, {str(tmp_path): "-"})) is inside
    assert places.placed(table, {str(tmp_path): "-", str(inner): ENDED})[one.pid] == ENDED


def test_worktree_made_anew_at_the_same_path_is_not_the_place_of_what_worked_in_the_old_one(
    start: Programs, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    old = start(["/bin/sleep", "600"], cwd=tree)
    tree.rmdir()
    known = {str(tmp_path): OTHER, str(tree): ENDED}
    assert places.placed(snapshot.take(0), known)[old.pid] == ENDED
    tree.mkdir()
    new = start(["/bin/sleep", "600"], cwd=tree)
    found = places.placed(snapshot.take(0), known)
    assert old.pid not in found
    assert found[new.pid] == ENDED


def test_place_in_another_mount_namespace_is_unknown(tmp_path: Path) -> None:
    table = snapshot.take(0)
    mine = table.processes[os.getpid()]
    moved = replace(mine, identity=replace(mine.identity, mount_namespace=1))
    for one, known in ((mine, True), (moved, False)):
        seen = replace(table, processes={os.getpid(): one})
        assert (os.getpid() in places.placed(seen, {os.getcwd(): LIVE})) is known


def unshare_works(*words: str) -> bool:
    try:
        argv = ["unshare", "--mount", "sh", "-c", *(words or ["true"])]
        return subprocess.run(argv, capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@pytest.mark.skipif(os.getuid() != 0 or not unshare_works(), reason="needs a mount namespace of its own")
def test_marker_of_a_process_in_another_mount_namespace_is_read_and_its_place_is_not(
    start: Programs, tmp_path: Path
) -> None:
    argv = ["/bin/sh", "-c", "exec unshare --mount sh -c 'echo ready; exec sleep 600'"]
    one = start.ready(argv, cwd=tmp_path, env={**os.environ, "GITFLEET_SESSION": LIVE})
    table = snapshot.take(0)
    assert table.processes[one.pid].marker == LIVE
    assert one.pid not in places.placed(table, {str(tmp_path): LIVE})


HIDDEN = """
import ctypes, json, os, sys
sys.path.insert(0, sys.argv[1])
from gitfleet.onhost import provenance, scanning, snapshot
os.setgroups([]); os.setgid(54321); os.setuid(54321)
ctypes.CDLL(None).prctl(4, 1)
table = snapshot.take(0)
mine = table.processes[os.getpid()]
origin = provenance.origins(table, {}, {}, alive=scanning.exists)[os.getpid()]
print(json.dumps([table.facts.hidden, os.getppid() in table.processes, origin.supervised, origin.supervisor == mine.ppid, 1 in table.processes]))
"""


@pytest.mark.skipif(
    os.getuid() != 0 or not unshare_works("mount -t proc -o hidepid=2 proc /proc"),
    reason="needs a /proc of its own",
)
@pytest.mark.parametrize("level", ["1", "2"])
def test_ancestor_that_proc_hides_counts_as_a_live_supervisor(level: str) -> None:
    from tests.workbench import ROOT, run

    mount = f'mount -t proc -o hidepid={level} proc /proc && "$@"'
    python = [os.path.realpath(sys.executable), "-I", "-S", "-c", HIDDEN, str(ROOT)]
    done = run(["unshare", "--mount", "sh", "-c", mount + "; exit $?", "sh", *python], Path("/")).ok()
    hidden, seen, supervised, by_parent, _ = done.json()
    assert (hidden, seen, supervised, by_parent) == (True, False, True, True)

"""What a host says to who asks: frames, one request after the other, and nothing of what must stay."""

from __future__ import annotations

import ast
import io
import json
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gitfleet.onhost import asked, candidate_form, serving, state
from gitfleet.onhost.records import Origin, ProcessGroup, ScanRequest, TriageCandidate
from gitfleet.onhost.redaction import PROFILES, Redactor
from gitfleet.onhost.scanning import ScanFindings
from tests.onhost.starting import LEAK, Programs, table_when
from tests.onhost.tables import OF_NOBODY, host, judged, process
from tests.workbench import OUTER_ENVIRONMENT, ROOT, run

NONCE = "0123456789abcdef" * 2
KEY = "ab" * 32
ENDED = "codex-7h3k9q2m"


def frames(data: bytes) -> list[tuple[str, dict[str, Any]]]:
    """What was said; fails on anything that is no frame."""
    found, rest = [], data
    while rest:
        head, _, rest = rest.partition(b"\n")
        nonce, kind, length = head.decode("ascii").split(" ")
        assert nonce == NONCE
        assert rest[int(length) : int(length) + 1] == b"\n"
        found.append((kind, json.loads(rest[: int(length)].decode("ascii"))))
        rest = rest[int(length) + 1 :]
    return found


def told(
    *requests: object, ops: dict[str, str] | None = None, end: bytes = b""
) -> list[tuple[str, dict[str, Any]]]:
    """The answers to these requests (bytes: as they are)."""
    lines = [one if isinstance(one, bytes) else json.dumps(one).encode() + b"\n" for one in requests]
    sink = io.BytesIO()
    serving.serve(NONCE, io.BytesIO(b"".join(lines) + end), sink, {**serving.OPS, **(ops or {})})
    return frames(sink.getvalue())


def echo(request: serving.Body, tell: serving.Tell) -> serving.Body:
    if request.get("fails"):
        raise {"refused": serving.OpRefused("gate", "not now"), "denied": PermissionError(13, "no")}.get(
            str(request["fails"]), ValueError("odd")
        )
    tell({"step": 1})
    return {"said": request["say"]}


ECHO = {"echo": f"{__name__}.echo"}


def test_conversation_is_hello_answers_and_an_end() -> None:
    found = told({"op": "echo", "id": 1, "say": "é\n"}, {"op": "echo", "id": 2, "say": 2}, ops=ECHO)
    assert [kind for kind, _ in found] == ["hello", "event", "answer", "event", "answer", "end"]
    assert found[0][1]["record_version"] == 1
    assert found[1][1] == {"step": 1, "id": 1}
    assert found[2][1] == {"said": "é\n", "id": 1}
    assert found[4][1] == {"said": 2, "id": 2}


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (b"no json\n", "bad-request"),
        (b"[1]\n", "bad-request"),
        (b"[" * 100_000 + b"\n", "bad-request"),
        (b"\xff\xfe\n", "bad-request"),
        ({"op": "rm"}, "unknown-op"),
        ({"op": ["check"]}, "unknown-op"),
        ({}, "unknown-op"),
        ({"op": "echo", "fails": "refused"}, "gate"),
        ({"op": "echo", "fails": "denied"}, "permission"),
        ({"op": "echo", "fails": "odd"}, "internal"),
        ({"op": "scan", "asked": {"profile": "all"}}, "bad-request"),
        ({"op": "scan", "asked": {"key": "zz"}}, "bad-request"),
        ({"op": "scan", "asked": {"seconds": 1e9}}, "bad-request"),
        ({"op": "scan", "asked": {"seconds": True}}, "bad-request"),
        ({"op": "scan", "asked": {"sessions": {"x": "maybe"}}}, "bad-request"),
        ({"op": "scan", "asked": {"places": {"relative": "x"}}}, "bad-request"),
        ({"op": "scan", "asked": {"protect": [1]}}, "bad-request"),
        ({"op": "scan", "asked": {"ends": {"codex-7h3k9q2m": "soon"}}}, "bad-request"),
        ({"op": "scan", "asked": {"session_id": "../../etc", "seconds": 0}}, "bad-request"),
    ],
)
def test_request_that_makes_no_sense_is_an_error_and_the_next_one_is_answered(
    request_: object, code: str
) -> None:
    found = told(request_, {"op": "echo", "id": 2, "say": 2}, ops=ECHO)
    assert found[1][0] == "error"
    assert found[1][1]["code"] == code
    assert found[-2] == ("answer", {"said": 2, "id": 2})


def test_line_that_was_cut_by_the_end_of_the_input_is_not_carried_out() -> None:
    assert [kind for kind, _ in told(end=b'{"op": "echo", "say": 1}', ops=ECHO)] == ["hello", "end"]


def test_check_tells_of_the_machine_without_names() -> None:
    body = told({"op": "check"})[1][1]
    assert body["facts"]["cores"] >= 1
    assert (body["facts"]["user"], body["facts"]["host_name"], body["state"]) == ("", "", "")


@pytest.mark.parametrize(("content", "count"), [(b"# ours\nvite\nnpm *\n", 2), (b"\xff", None)])
def test_check_tells_how_much_the_owner_protects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, count: int | None
) -> None:
    monkeypatch.setattr("gitfleet.onhost.protection.files", lambda: [str(tmp_path / "protect")])
    (tmp_path / "protect").write_bytes(content)
    assert told({"op": "check"})[1][1]["protects"] == count


@pytest.mark.parametrize("profile", PROFILES)
def test_secrets_of_a_real_process_are_in_no_answer_of_a_scan(
    start: Programs, tmp_path: Path, profile: str
) -> None:
    folder = tmp_path / "token=hunter2hunter2"
    folder.mkdir()
    secrets = {"KEY_OF_MINE": "s3cr3t-env-value", "GITFLEET_SESSION": ENDED}
    words = [
        "--password",
        "hunter2hunter2",
        "--url=https://ada:pa55w0rd99@example.org/x?t=1",
        "AKIAIOSFODNN7EXAMPLE",
    ]
    text = "import sys, time; print('up', flush=True); time.sleep(600)"
    argv = [os.path.realpath(sys.executable), "-I", "-S", "-c", text, *words]
    one = start.python(LEAK, *argv, env={**os.environ, **secrets}, cwd=folder)
    left = int(start.said)
    table_when(one.pid, "Z")
    request = {"key": KEY, "profile": profile, "seconds": 0, "sessions": {ENDED: "ended"}}
    body = told({"op": "scan", "asked": request})[1][1]
    mine = next(each for each in body["candidates"] if each["identity"]["pid"] == left)
    assert (mine["session"], mine["session_state"], mine["orphan"]) == (ENDED, "ended", True)
    said = json.dumps(body)
    for secret in (
        "hunter2",
        "pa55w0rd99",
        "AKIAIOSFODNN7EXAMPLE",
        "s3cr3t-env-value",
        os.path.expanduser("~"),
    ):
        assert secret not in said
    kept = Path(state.folder(body["session_id"]), state.SNAPSHOT)
    assert (stat.S_IMODE(kept.stat().st_mode), stat.S_IMODE(kept.parent.stat().st_mode)) == (0o600, 0o700)
    assert "s3cr3t-env-value" not in kept.read_text()


def test_same_process_has_the_same_id_in_two_scans_of_one_fleet_and_another_in_another(
    start: Programs,
) -> None:
    one = start.python(LEAK, "sleep", "600", env={**os.environ, "GITFLEET_SESSION": ENDED})
    left = int(start.said)
    table_when(one.pid, "Z")
    request = {"key": KEY, "seconds": 0, "sessions": {ENDED: "ended"}}
    found = [
        next(each["candidate_id"] for each in body["candidates"] if each["identity"]["pid"] == left)
        for kind, body in told(
            {"op": "scan", "asked": request},
            {"op": "scan", "asked": request},
            {"op": "scan", "asked": {**request, "key": "cd" * 32}},
        )
        if kind == "answer"
    ]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(("profile", "named"), [("minimal", False), ("safe", False), ("forensic", True)])
def test_session_that_the_asker_does_not_know_is_not_named(profile: str, named: bool) -> None:
    origin = Origin("customer-x", "marker", "unknown", supervised=False, orphan=True)
    form = candidate_form.session_form(origin, Redactor(profile, b"k"))
    assert (form == "customer-x") is named
    assert (
        candidate_form.session_form(replace(origin, state="ended"), Redactor(profile, b"k")) == "customer-x"
    )


def test_group_that_is_too_large_is_left_out_whole_and_the_rest_is_told() -> None:
    def candidate(size: int, pid: int) -> TriageCandidate:
        members = tuple(process("x", pid + number) for number in range(size))
        return TriageCandidate(ProcessGroup(members[0], members), OF_NOBODY, judged(OF_NOBODY, members[0]))

    found = ScanFindings(host(), {}, (), (candidate(asked.MOST_MEMBERS + 1, 100), candidate(2, 9000)), 2)
    body = asked.answer(found, ScanRequest(key=b"k" * 32))
    assert [one["processes"] for one in body["candidates"]] == [2]
    assert body["gaps"]["left_out"] == 1


COUNTED = """
import sys
sys.path.insert(0, sys.argv[1])
from gitfleet.onhost import scanning, sockets
from gitfleet.onhost.records import ScanRequest
opened = []
sys.addaudithook(lambda event, args: event == "open" and opened.append(str(args[0])))
found = scanning.look(ScanRequest(seconds=0))
tables = [name for name in opened if name.endswith("/net/tcp")]
weighed = opened.count("smaps_rollup")
members = sum(len(one.group.members) for one in found.candidates)
print(len(tables) == len(set(tables)), len(tables) < len(found.origins), weighed <= members)
"""


def test_only_candidates_are_weighed_and_connections_are_read_once_for_all(start: Programs) -> None:
    one = start.python(LEAK, "sleep", "600", env={**os.environ, "GITFLEET_SESSION": ENDED})
    table_when(one.pid, "Z")
    done = run([sys.executable, "-I", "-S", "-c", COUNTED, str(ROOT)], ROOT)
    assert done.ok().stdout.split() == ["True", "True", "True"]


def test_old_snapshots_are_removed_unless_something_else_lies_beside_them() -> None:
    names = [f"pt-20200101-000000-000{number}" for number in range(3)]
    for name in names:
        state.write(name, state.SNAPSHOT, {})
        os.utime(state.folder(name), (1_577_836_800, 1_577_836_800))
    state.write(names[1], "journal", {})
    os.utime(state.folder(names[1]), (1_577_836_800, 1_577_836_800))
    os.utime(state.folder(names[2]), None)
    state.prune(1_600_000_000.0)
    assert [os.path.exists(state.folder(name)) for name in names] == [False, True, True]


def test_command_for_other_hosts_loads_nothing_but_what_runs_there() -> None:
    script = (
        "import sys; sys.argv = ['gitfleet', 'on-host', '--nonce', 'x']; import gitfleet.cli.main as m; m.main();"
        "print(*sys.modules)"
    )
    done = run([sys.executable, "-c", script], ROOT, env={"PYTHONPATH": str(ROOT)})
    loaded = {name for name in done.ok().stdout.split() if name.startswith("gitfleet")}
    allowed = {"gitfleet", "gitfleet.cli", "gitfleet.cli.main"}
    assert {name for name in loaded - allowed if not name.startswith("gitfleet.onhost")} == set()
    assert "it takes --nonce" in done.stderr


def test_command_for_other_hosts_answers_over_its_standard_streams() -> None:
    request = json.dumps({"op": "check", "id": 1}) + "\n"
    argv = [sys.executable, "-P", "-m", "gitfleet", "on-host", "--nonce", NONCE]
    done = subprocess.run(
        argv,
        input=request.encode(),
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert [kind for kind, _ in frames(done.stdout)] == ["hello", "answer", "end"]
    assert done.stderr == b""


MODULES = sorted((ROOT / "gitfleet/onhost").rglob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_module_that_is_sent_to_hosts_is_python_3_8_and_the_standard_library(module: Path) -> None:
    tree = ast.parse(module.read_text(), feature_version=(3, 8))
    for node in ast.walk(tree):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            assert name.startswith("gitfleet.onhost") or name.split(".")[0] in sys.stdlib_module_names


OLD = [
    *filter(None, map(shutil.which, ("python3.8", "python3.9"))),
    *sorted(
        map(str, Path(OUTER_ENVIRONMENT.get("HOME", "/"), ".pyenv/versions").glob("3.8.*/bin/python3.8"))
    ),
]


def old_python() -> str | None:
    """The oldest Python of this machine that runs (a version manager has names for some that do not)."""
    works = [
        one for one in OLD if not subprocess.run([one, "-c", ""], capture_output=True, check=False).returncode
    ]
    return works[0] if works else None


SENT = """
import sys, types
package = types.ModuleType("gitfleet")
package.__path__ = [sys.argv[1]]
sys.modules["gitfleet"] = package
from gitfleet.onhost.__main__ import main
main(["--nonce", sys.argv[2]])
"""


@pytest.mark.skipif(old_python() is None, reason="needs an old Python")
def test_scan_runs_under_the_oldest_python(tmp_path: Path) -> None:
    request = json.dumps({"op": "scan", "asked": {"key": KEY, "seconds": 0}, "id": 1}) + "\n"
    argv = [str(old_python()), "-I", "-S", "-B", "-c", SENT, str(ROOT / "gitfleet"), NONCE]
    done = subprocess.run(argv, input=request.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    kinds = dict(frames(done.stdout))
    assert kinds["answer"]["counts"]["processes"] >= 1
    assert kinds["hello"]["python"].startswith(("3.8", "3.9"))

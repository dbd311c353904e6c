"""Identity of processes, with real ones: sleeping, killed and zombies."""

from __future__ import annotations

import os
import pickle
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitfleet.base import identity as module
from gitfleet.base.identity import (
    UNKNOWN,
    ProcessIdentity,
    boot_id,
    command_line,
    environment_names,
    environment_values,
    identify,
    program_name,
    state,
)

ROOT = Path(__file__).parents[2]
LINUX = os.path.exists("/proc/self/stat")
needs_proc = pytest.mark.skipif(not LINUX, reason="reads /proc")

Spawn = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Starts a process that says a line when it is ready, and waits until its input ends."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: str | bytes, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        words = command or ("sh", "-c", "echo; read _")
        child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
        started.append(child)
        assert child.stdout is not None
        child.stdout.readline()  # right after the start the kernel shows no arguments yet
        return child

    yield start
    for child in started:
        child.kill()
        child.communicate()


@pytest.fixture(params=[pytest.param(True, marks=needs_proc, id="proc"), pytest.param(False, id="psutil")])
def source(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of asking the system; the second is the only one on macOS, and works on Linux too."""
    monkeypatch.setattr(module, "_PROC", request.param)


def end_unreaped(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)


def known(pid: int) -> ProcessIdentity:
    found = identify(pid)
    assert found is not None
    return found


# The boot.


@needs_proc
def test_boot_id_on_linux_is_the_kernels() -> None:
    assert boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_boot_id_asked_twice_is_the_same_plain_word() -> None:
    assert boot_id() == boot_id()
    assert boot_id().replace("-", "").isalnum()


# States of real processes.


@pytest.mark.usefixtures("source")
def test_state_running_process_is_alive(spawn: Spawn) -> None:
    child = spawn()
    found = known(child.pid)
    assert found.pid == child.pid
    assert state(found) == "alive"
    assert identify(child.pid) == found


@pytest.mark.usefixtures("source")
def test_state_own_process_is_alive() -> None:
    assert state(known(os.getpid())) == "alive"


@pytest.mark.usefixtures("source")
def test_state_stopped_process_is_alive(spawn: Spawn) -> None:
    child = spawn()
    child.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
    assert state(known(child.pid)) == "alive"


@pytest.mark.usefixtures("source")
def test_state_killed_process_is_dead(spawn: Spawn) -> None:
    child = spawn()
    found = known(child.pid)
    child.kill()
    child.wait()
    assert state(found) == "dead"
    assert identify(child.pid) is None


@pytest.mark.usefixtures("source")
def test_state_zombie_is_dead(spawn: Spawn) -> None:
    child = spawn()
    found = known(child.pid)
    end_unreaped(child)
    os.kill(child.pid, 0)  # its number is still taken
    assert state(found) == "dead"
    assert identify(child.pid) is None


@pytest.mark.usefixtures("source")
def test_state_pid_of_a_later_process_is_dead(spawn: Spawn) -> None:
    found = known(spawn().pid)
    earlier = ProcessIdentity(found.pid, found.start - 1000, found.boot, found.namespace)
    assert state(earlier) == "dead"


@needs_proc
def test_state_start_one_tick_off_is_dead(spawn: Spawn) -> None:
    found = known(spawn().pid)
    assert state(ProcessIdentity(found.pid, found.start + 1, found.boot, found.namespace)) == "dead"


def test_state_other_boot_is_dead() -> None:
    found = known(os.getpid())
    assert state(ProcessIdentity(found.pid, found.start, "0" * 32, found.namespace)) == "dead"


@pytest.mark.parametrize("pid", [os.getpid(), 2**31 - 1], ids=["running", "absent"])
def test_state_unknown_boot_is_unknown(pid: int) -> None:
    assert state(ProcessIdentity(pid, 1, UNKNOWN)) == "unknown"


def test_state_other_pid_namespace_is_unknown() -> None:
    found = known(os.getpid())
    assert state(ProcessIdentity(found.pid, found.start, found.boot, found.namespace + 1)) == "unknown"


@pytest.mark.skipif(not LINUX or os.geteuid() != 0, reason="needs root to hide /proc in a mount namespace")
def test_state_process_hidden_from_us_is_unknown(spawn: Spawn) -> None:
    child = spawn()
    found = known(child.pid)
    code = f"from gitfleet.base.identity import *; print(state(ProcessIdentity{found._fields()}))"
    hide = f"mount -t tmpfs none /proc/{child.pid} && {shlex.join([sys.executable, '-c', code])}"
    hidden = subprocess.run(["unshare", "-m", "sh", "-c", hide], cwd=ROOT, capture_output=True, text=True)
    if hidden.returncode and "mount" in hidden.stderr + hidden.stdout:
        pytest.skip("this system lets nobody mount")
    assert hidden.stdout == "unknown\n"


@pytest.mark.parametrize("pid", [0, -1, 2**31, 2**80, True])
def test_identify_number_that_is_no_pid_is_none(pid: int) -> None:
    assert identify(pid) is None


@needs_proc
@pytest.mark.parametrize("name", [b"a b", b") S 1 2 3", b"(((", b"))))", b"line\nline", b"\xff\xfe", b" "])
def test_identify_strange_process_name_does_not_confuse(spawn: Spawn, name: bytes) -> None:
    code = f"open('/proc/self/comm', 'wb').write({name!r}); print(flush=True); input()"
    child = spawn(sys.executable, "-I", "-S", "-c", code)
    found = known(child.pid)
    assert name in Path(f"/proc/{child.pid}/stat").read_bytes()
    assert found.start > known(os.getpid()).start
    assert module._from_proc(child.pid)[1] == os.getpid()
    assert state(found) == "alive"


def test_identify_two_sources_agree_on_the_parent(spawn: Spawn) -> None:
    assert module._from_psutil(spawn().pid)[1] == os.getpid()
    if LINUX:
        assert module._from_proc(spawn().pid)[1] == os.getpid()


# Identities as values and records.

SAMPLE = ProcessIdentity(57, 12345, "9c1d76ff-ac3a-4434-b0cc-3f073ad899c7", 4026532000)


def test_identity_is_immutable() -> None:
    with pytest.raises(AttributeError, match="cannot be changed"):
        SAMPLE.pid = 1
    with pytest.raises(AttributeError, match="cannot be changed"):
        del SAMPLE.pid
    with pytest.raises(AttributeError):
        SAMPLE.extra = 1


def test_identity_equal_fields_are_equal_and_hash_alike() -> None:
    twin = ProcessIdentity(SAMPLE.pid, SAMPLE.start, SAMPLE.boot, SAMPLE.namespace)
    assert twin == SAMPLE
    assert hash(twin) == hash(SAMPLE)
    assert ProcessIdentity(57, 12345, SAMPLE.boot) != SAMPLE
    assert SAMPLE.__eq__(SAMPLE._fields()) is NotImplemented
    assert pickle.loads(pickle.dumps(SAMPLE)) == SAMPLE
    assert "pid=57" in repr(SAMPLE)


@pytest.mark.parametrize("given", [SAMPLE, ProcessIdentity(1, 0, UNKNOWN)])
def test_record_read_back_gives_the_identity(given: ProcessIdentity) -> None:
    assert ProcessIdentity.from_record(given.as_record()) == given
    assert ProcessIdentity.from_record({**given.as_record(), "later": [1]}) == given


def test_record_outside_containers_has_three_fields() -> None:
    assert ProcessIdentity(1, 2, "b").as_record() == {"pid": 1, "start": 2, "boot": "b"}


@pytest.mark.parametrize(
    "change",
    [
        {"pid": 0}, {"pid": -1}, {"pid": True}, {"pid": "57"}, {"pid": 57.0}, {"pid": 2**31}, {"pid": None},
        {"start": -1}, {"start": None}, {"start": 2**64}, {"start": False}, {"start": "1"},
        {"boot": ""}, {"boot": None}, {"boot": 7}, {"boot": "x" * 65}, {"boot": "a b"}, {"boot": "\x1b[0m"},
        {"boot": "é"}, {"boot": "../.."}, {"boot": "---"}, {"boot": "\udcff"},
        {"namespace": -1}, {"namespace": "4"}, {"namespace": None}, {"namespace": 2**40},
    ],
)  # fmt: skip
def test_record_with_a_bad_field_is_none(change: dict[str, object]) -> None:
    assert ProcessIdentity.from_record({**SAMPLE.as_record(), **change}) is None


@pytest.mark.parametrize("raw", [None, [], "57", 57, {}, {"pid": 57}, {1: 2}])
def test_record_of_another_shape_is_none(raw: object) -> None:
    assert ProcessIdentity.from_record(raw) is None


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.dictionaries(st.text(), x)
    )
)
def test_record_of_anything_never_raises(raw: object) -> None:
    ProcessIdentity.from_record(raw)


# Command lines and environments.


@pytest.mark.usefixtures("source")
def test_command_line_gives_every_argument_bytes_included(spawn: Spawn) -> None:
    child = spawn("sh", "-c", "echo; read _", "", "two words", b"\xff\n")
    assert command_line(child.pid) == ["sh", "-c", "echo; read _", "", "two words", "\udcff\n"]


@pytest.mark.usefixtures("source")
def test_command_line_gone_or_zombie_is_empty(spawn: Spawn) -> None:
    child = spawn()
    end_unreaped(child)
    assert command_line(child.pid) == []
    child.wait()
    assert command_line(child.pid) == []


@pytest.mark.usefixtures("source")
def test_environment_gives_names_and_only_values_asked_for(spawn: Spawn) -> None:
    child = spawn(
        "/bin/sh",
        "-c",
        "echo; read _",
        env={"GT_ROLE": "polecat", "API_TOKEN": "hush", "EMPTY": "", "A": "b=c\nd"},
    )
    assert environment_names(child.pid) == {"GT_ROLE", "API_TOKEN", "A"}
    assert environment_values(child.pid, ["A", "EMPTY", "ABSENT"]) == {"A": "b=c\nd", "EMPTY": ""}


@pytest.mark.usefixtures("source")
def test_environment_gone_is_empty(spawn: Spawn) -> None:
    child = spawn()
    child.kill()
    child.wait()
    assert environment_names(child.pid) == set()
    assert environment_values(child.pid, ["PATH"]) == {}


@pytest.mark.usefixtures("source")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root could read another user's environment at all")
def test_environment_of_another_user_is_empty_even_for_root(spawn: Spawn) -> None:
    code = "import os; os.setuid(65534); print(flush=True); input()"
    child = spawn(sys.executable, "-I", "-S", "-c", code)
    assert environment_names(child.pid) == set()


# Reading arguments.


@pytest.mark.parametrize(
    ("argument", "name"),
    [
        ("/bin/sh", "sh"), ("-zsh", "zsh"), ("bin/gt", "gt"), ("tmux: server", "tmux"), ("", ""), ("/", ""), ("  ", ""),
        ("sshd: ann@pts/0", "sshd"), ("/Applications/My App/bin/crewai", "crewai"), ("claude", "claude"),
    ],
)  # fmt: skip
def test_program_name_is_the_bare_name(argument: str, name: str) -> None:
    assert program_name(argument) == name


# What hooks pay.


def ask(*command: str, text: str = "") -> list[str]:
    done = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_import_in_a_bare_interpreter_loads_nothing_heavy() -> None:
    # What the packages above it import is not this module's doing: they are stood in for by empty ones.
    code = f"""import sys
for name in ("gitfleet", "gitfleet.base"):
    sys.modules[name] = type(sys)(name)
    sys.modules[name].__path__ = [{str(ROOT)!r} + "/" + name.replace(".", "/")]
import gitfleet.base.callers
print(*sys.modules)"""
    loaded = set(ask(sys.executable, "-I", "-S", "-c", code))
    heavy = {
        "re",
        "subprocess",
        "dataclasses",
        "enum",
        "typing",
        "pathlib",
        "logging",
        "psutil",
        "ctypes",
        "functools",
    }
    assert "gitfleet.base.identity" in loaded
    assert loaded & heavy == set()

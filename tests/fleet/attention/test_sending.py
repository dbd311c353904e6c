"""Messages on their way: to programs and servers that keep us waiting, or write without end."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gitfleet.fleet.attention import sending
from gitfleet.fleet.attention.sending import Doubtful, NotSent, PeopleMessage
from gitfleet.trunk.notify_policy import NotifyPolicy

MESSAGE = PeopleMessage("1 item for you", "rejected: work: it conflicts")


@pytest.fixture
def dripping() -> Iterator[str]:
    """The address of a server whose answer begins, and goes on byte by byte, until the test is over."""
    over = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError), listening.accept()[0] as connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not over.wait(0.05):
                connection.sendall(b"x")

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    over.set()
    listening.close()
    thread.join()


def test_webhook_whose_answer_never_ends_is_given_up_in_time(
    dripping: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "TIME", 0.2)
    with pytest.raises(Doubtful, match="did not answer within"):
        sending.send(NotifyPolicy(webhook=dripping), MESSAGE, str(tmp_path))


@pytest.mark.parametrize(
    "address", ["http://localhost.example.com/", "http://127.0.0.1@example.com/", "http://example.com", "ftp://localhost/", "/x"]
)  # fmt: skip
def test_webhook_in_a_variable_that_is_not_safe_is_sent_nothing(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", address)
    with pytest.raises(NotSent, match="not an https one"):
        sending.send(NotifyPolicy(webhook="${HOOK}"), MESSAGE, str(tmp_path))


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_program_that_writes_without_end_is_ended_in_time_and_its_words_are_not_kept(
    stream: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "TIME", 0.5)
    flood = f"import sys\nwhile True: sys.{stream}.write('x' * 65536)"
    with pytest.raises(Doubtful, match="took longer"):
        sending.send(NotifyPolicy(command=(sys.executable, "-c", flood)), MESSAGE, str(tmp_path))


def test_program_gets_the_message_and_what_it_leaves_running_is_not_waited_for(tmp_path: Path) -> None:
    script = "cat > told; cat /dev/zero > /dev/null & echo $! > left"
    sending.send(NotifyPolicy(command=("sh", "-c", script)), MESSAGE, str(tmp_path))
    sending.send(NotifyPolicy(command=("sh", "-c", "kill $(cat left)")), MESSAGE, str(tmp_path))
    assert (tmp_path / "told").read_text() == f"{MESSAGE.title}\n{MESSAGE.text}\n"


def test_program_that_fails_is_told_with_the_end_code_and_its_words(tmp_path: Path) -> None:
    with pytest.raises(NotSent, match="exit code 3: no such channel"):
        sending.send(
            NotifyPolicy(command=("sh", "-c", "echo no such channel >&2; exit 3")), MESSAGE, str(tmp_path)
        )


def test_words_of_a_program_that_fails_are_told_without_secrets(tmp_path: Path) -> None:
    words = (
        "401 for https://ada:s3cret@hook.example/T0/x?key=s3cret Authorization: Bearer s3cret token=s3cret"
    )
    with pytest.raises(NotSent, match="exit code 22: 401 for") as error:
        sending.send(
            NotifyPolicy(command=("sh", "-c", f"echo '{words}' >&2; exit 22")), MESSAGE, str(tmp_path)
        )
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    ("word", "put"),
    [
        ("{title}: {text}", "{text} for you: <b>{title}</b> & more"),
        ("{markup}", "&lt;b&gt;{title}&lt;/b&gt; &amp; more"),
        ("{other}", "{other}"),
    ],
)
def test_places_in_the_words_of_a_program_are_filled_once(word: str, put: str, tmp_path: Path) -> None:
    message = PeopleMessage("{text} for you", "<b>{title}</b> & more")
    sending.send(
        NotifyPolicy(command=("sh", "-c", 'printf %s "$1" >put', "sh", word)), message, str(tmp_path)
    )
    assert (tmp_path / "put").read_text() == put


def test_webhook_on_this_machine_is_told_without_a_proxy(
    dripping: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "TIME", 0.2)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # nobody is there
    with pytest.raises(Doubtful, match="did not answer within"):  # the server itself is reached
        sending.send(NotifyPolicy(webhook=dripping), MESSAGE, str(tmp_path))

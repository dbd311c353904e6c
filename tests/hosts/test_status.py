from __future__ import annotations

import pytest

from gitfleet.hosts import status

JUMP = "kex_exchange_identification: Connection closed by remote host\r\nConnection closed by UNKNOWN port 65535\r\n"


@pytest.mark.parametrize(
    ("said", "code", "word", "part"),
    [
        ("ssh: connect to host a port 22: Connection refused\r\n", 255, "unreachable", "nothing listens"),
        ("ssh: connect to host a port 22: No route to host\r\n", 255, "unreachable", "no way to it"),
        ("ssh: connect to host a port 22: Connection timed out\r\n", 255, "unreachable", "in time"),
        ("Connection timed out during banner exchange\r\n", 255, "unreachable", "in time"),
        ("Timeout, server 127.0.0.1 not responding.\r\n", 255, "unreachable", "in time"),
        ("ssh: Could not resolve hostname a: Name or service not known\r\n", 255, "unreachable", "not known"),
        ("Unable to negotiate with 1.2.3.4: no matching host key type found.", 255, "unreachable", "in common"),
        ("root@a: Permission denied (publickey).\r\n", 255, "blocked", "refused our key"),
        ("Received disconnect from a: 2: Too many authentication failures", 255, "blocked", "too many"),
        ("Host key verification failed.\r\n", 255, "blocked", "not known here"),
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.", 255, "blocked", "not the one"),
        ("/home/a/.ssh/config: line 3: Bad configuration option: nope", 255, "error", "configuration"),
        ("Bad owner or permissions on /home/a/.ssh/config", 255, "error", "configuration"),
        ("hostname contains invalid characters", 255, "error", "this name"),
        ("", 255, "unreachable", "could not connect"),
        ("", None, "unreachable", "could not connect"),
        ("", -9, "unreachable", "could not connect"),
        ("", 3, "error", "ended with 3"),
        ("This account is not available.\n", 1, "error", "This account is not available."),
        ("Host key verification failed.\r\n" + JUMP, 255, "blocked", "not known here"),
        ("channel 0: open failed: connect failed: Connection refused\r\nstdio forwarding failed\r\n" + JUMP, 255, "unreachable", "nothing listens"),
    ],
)  # fmt: skip
def test_words_of_ssh_are_told_by_one_word_and_never_tried_again(
    said: str, code: int | None, word: str, part: str
) -> None:
    found = status.failure(said, code)
    assert (found.status, found.dropped) == (word, False)
    assert part in found.words
    assert found.hint


@pytest.mark.parametrize(
    "line",
    ["+ export API_TOKEN={}", "++ DB_PASSWORD={}", "-bash: cannot reach https://ada:{}@host/x", "login with password {}", "+ curl -u a:{} x"],
)  # fmt: skip
def test_secret_that_a_login_file_says_is_not_told_on(line: str) -> None:
    for found in (
        status.failure(line.format("correct-horse"), 3),
        status.unanswered(line.format("correct-horse"), 7, sends=False),
        status.died(line.format("correct-horse"), None),
    ):
        assert "correct-horse" not in found.words
        assert "(" in found.words


@pytest.mark.parametrize(
    "said",
    [
        "kex_exchange_identification: Connection closed by remote host\r\nConnection closed by 1.2.3.4 port 22\r\n",
        "kex_exchange_identification: read: Connection reset by peer\r\nConnection reset by 1.2.3.4 port 22\r\n",
        "ssh_exchange_identification: Connection closed by remote host\r\n",
        JUMP,
    ],
)
def test_connection_that_was_dropped_at_once_is_worth_another_try(said: str) -> None:
    found = status.failure(said, 255)
    assert (found.status, found.dropped) == ("unreachable", True)


@pytest.mark.parametrize(
    ("code", "sends", "word"),
    [
        (127, False, "no-tool"),
        (126, False, "no-tool"),
        (127, True, "no-tool"),
        (2, False, "version-mismatch"),
        (2, True, "error"),
        (1, False, "error"),
        (137, False, "died"),
        (139, True, "died"),
    ],
)
def test_end_before_the_hello_is_told_by_its_code(code: int, *, sends: bool, word: str) -> None:
    assert status.unanswered("", code, sends=sends).status == word


@pytest.mark.parametrize(
    ("code", "part"), [(None, "the connection broke"), (137, "killed (signal 9)"), (1, "ended with 1")]
)
def test_end_after_the_hello_has_died_whatever_the_code(code: int | None, part: str) -> None:
    found = status.died("Killed\x1b[0m\n", code)
    assert (found.status, part in found.words, found.words.isprintable()) == ("died", True, True)

from __future__ import annotations

import json

import pytest

from gitfleet.hosts.frames import BadFrames, Frame, FrameReader

NONCE = "ab" * 16


def frame(kind: str, body: object) -> bytes:
    data = json.dumps(body).encode()
    return f"{NONCE} {kind} {len(data)}\n".encode() + data + b"\n"


def read(data: bytes, **bounds: int) -> list[Frame]:
    return FrameReader(NONCE, **bounds).feed(data)


HELLO, ANSWER, END = frame("hello", {"a": 1}), frame("answer", {"b": "ü"}), frame("end", {})
SHELL, READY, ENDED = (
    f"{NONCE} shell\n".encode(),
    f"{NONCE} ready 3 11\n".encode(),
    f"{NONCE} ended 137\n".encode(),
)
ALL = [
    Frame("shell", {}),
    Frame("ready", {}, python=(3, 11)),
    Frame("hello", {"a": 1}),
    Frame("answer", {"b": "ü"}),
    Frame("end", {}),
]


@pytest.mark.parametrize(
    "between",
    [
        b"",
        b"\n",
        b"noise\n",
        b"noise without an end",
        b"\x1b[31m\xff\x00\r\n",
        f"+ echo {NONCE} shell; gitfleet\n".encode(),
        f"{NONCE}\n".encode(),
        f"{NONCE} hello\n{NONCE} hello x\n{NONCE} hello -1\n".encode(),
        f"{NONCE} unknown 3\n".encode(),
        b"f" * 32 + b" answer 2\n{}\n",
        b"x" * 30_000 + b"\n",
    ],
)
def test_frames_are_found_between_whatever_else_comes(between: bytes) -> None:
    data = b"".join(between + one for one in (SHELL, READY, HELLO, ANSWER, END))
    assert read(data) == ALL


def test_frames_are_the_same_however_they_are_cut() -> None:
    data = b"noise\n" + SHELL + READY + b"more" + HELLO + ANSWER + END
    reader = FrameReader(NONCE)
    assert [found for place in range(len(data)) for found in reader.feed(data[place : place + 1])] == ALL


def test_line_ends_of_a_terminal_are_taken_off_marks() -> None:
    assert read(SHELL.replace(b"\n", b"\r\n") + ENDED.replace(b"\n", b"\r\n")) == [
        Frame("shell", {}),
        Frame("ended", {}, code=137),
    ]


def test_nothing_is_read_after_the_end() -> None:
    reader = FrameReader(NONCE)
    assert reader.feed(END + HELLO) == [Frame("end", {})]
    assert reader.over
    assert reader.feed(HELLO + b"x" * (2 << 20)) == []


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (f"{NONCE} answer 999999999999\n".encode(), "wants to answer"),
        (f"{NONCE} answer 5\n[1,2]\n".encode(), "not what was expected"),
        (f'{NONCE} answer 4\n"ab"\n'.encode(), "not what was expected"),
        (f"{NONCE} answer 2\n{{]\n".encode(), "damaged"),
        (f'{NONCE} answer 8\n{{"a": 1}}x\n'.encode(), "damaged"),
        (f'{NONCE} answer 10\n{{"a": NaN}}\n'.encode(), "damaged"),
        (f'{NONCE} answer 8\n{{"a":"\xfc"}}\n'.encode("latin-1"), "damaged"),
        (f"{NONCE} answer 200000\n".encode() + b"[" * 200_000 + b"\n", "damaged"),
        (f"{NONCE} answer 20000\n".encode() + b'{"a":' + b"9" * 19_994 + b"}\n", "damaged"),
        (b"x\n" * 20_000, "too much"),
        (b"x" * (3 << 20), "too much"),
    ],
)
def test_what_is_no_frame_of_ours_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(BadFrames, match=why):
        read(data, noise=30_000)


def test_frame_of_the_greatest_size_is_taken_and_a_larger_one_refused_before_it_comes() -> None:
    body = {"a": "x" * 90}
    size = len(json.dumps(body))
    assert read(frame("answer", body), most=size) == [Frame("answer", body)]
    with pytest.raises(BadFrames):
        read(f"{NONCE} answer {size + 1}\n".encode(), most=size)

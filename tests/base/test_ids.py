"""Ids: unique, rising, and names that are safe everywhere."""

from __future__ import annotations

import os
import string

import pytest

from gitfleet.base import ids


def test_ulids_of_one_process_rise_strictly() -> None:
    made = [ids.ulid() for _ in range(5000)]
    assert made == sorted(set(made))
    assert all(ids.is_ulid(one) for one in made)


def test_ulids_of_forked_processes_differ() -> None:
    """All children go on from the same last id, in the same millisecond or not."""
    ids.ulid()
    readers = []
    for _ in range(8):
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(writer, "".join(ids.ulid() for _ in range(20)).encode())
            os._exit(0)
        os.close(writer)
        readers.append((pid, reader))
    made = []
    for pid, reader in readers:
        with os.fdopen(reader) as file:
            text = file.read()
        os.waitpid(pid, 0)
        made += [text[at : at + 26] for at in range(0, len(text), 26)]
    assert len(set(made)) == len(made) == 160


def test_ulids_when_the_clock_goes_back_rise_and_differ_between_forks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = ids.ulid()
    monkeypatch.setattr("gitfleet.base.clock.milliseconds", lambda: 1)
    last = ids._last
    second = ids.ulid()
    monkeypatch.setattr(ids, "_last", last)
    assert first < second
    assert ids.ulid() not in {first, second}


@pytest.mark.parametrize("text", ["", "01M7Y5", "8" + "0" * 25, "0" * 25 + "U", "0" * 25 + "a", "0" * 27])
def test_is_ulid_of_anything_else_is_false(text: str) -> None:
    assert not ids.is_ulid(text)


@pytest.mark.parametrize("name", ["a", "A-1", "codex-7h3k9q2m", "a.b_c", "9", "x" * 64])
def test_is_name_of_a_sound_name_is_true(name: str) -> None:
    assert ids.is_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "-a",
        "_a",
        ".a",
        "a..b",
        "a.",
        "a.lock",
        "a/b",
        "a b",
        "a\n",
        "\u00e9",
        "\u0661",
        "a\0",
        "x" * 65,
        "@a",
        "a:b",
    ],
)
def test_is_name_of_what_could_harm_a_path_or_a_ref_is_false(name: str) -> None:
    assert not ids.is_name(name)


def test_shards_of_ids_made_in_a_burst_spread_evenly() -> None:
    made = [ids.shard(ids.ulid()) for _ in range(10_000)]
    assert all(len(one) == 2 and set(one) <= set(string.hexdigits.lower()) for one in made)
    assert len(set(made)) == 256
    assert max(made.count(one) for one in set(made)) < 100
    assert ids.shard("") == ids.shard("")
    assert ids.shard("01M7Y5000000000000000000AA") == ids.shard("01M7Y5000000000000000000AA")

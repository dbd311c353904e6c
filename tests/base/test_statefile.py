"""Structs in files: what was saved is loaded, and what cannot be read is as good as none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitfleet.base import identity, statefile
from gitfleet.base.identity import ProcessIdentity
from gitfleet.base.statefile import PROCESS
from gitfleet.codec import TEXT, WHOLE, Struct, field


class _Kept(Struct):
    name: str = field(TEXT)
    process: ProcessIdentity | None = field(PROCESS, default=None, omit=True)
    at: int = field(WHOLE, default=0)


@pytest.mark.parametrize("known", [True, False])
def test_what_was_saved_is_loaded(tmp_path: Path, known: bool) -> None:
    kept = _Kept("one", identity.identify(os.getpid()) if known else None, 5)
    statefile.save(str(tmp_path / "kept"), kept)
    assert statefile.load(_Kept, str(tmp_path / "kept")) == kept


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"name": 3}', '{"name": "a", "at": "b"}', "\xff"])
def test_what_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "kept").write_bytes(text.encode("latin-1"))
    assert statefile.load(_Kept, str(tmp_path / "kept")) is None
    assert statefile.load(_Kept, str(tmp_path / "nothing")) is None


@pytest.mark.parametrize("raw", [None, 3, [], {"pid": "x"}, {"pid": -1, "start": 0, "boot": ""}])
def test_process_that_names_none_is_none(raw: object) -> None:
    assert PROCESS.decode(raw) is None

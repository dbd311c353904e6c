"""Notices are told to the session that they are for, until it has heard them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitfleet.base import delivery
from gitfleet.base.names import SessionId
from gitfleet.ledger.notices import LOST, Notices

ADA_1 = SessionId("ada-1")
ADA_2 = SessionId("ada-2")


def test_notice_is_kept_until_it_was_delivered(tmp_path: Path) -> None:
    notices = Notices(str(tmp_path))
    notices.leave(ADA_1, "first", kind=LOST)
    notices.leave(ADA_1, "second", kind=LOST)
    assert notices.pending(ADA_1)
    assert notices.sessions() == ["ada-1"]
    assert not notices.pending(ADA_2)
    assert notices.fresh(ADA_2) == []
    assert notices.fresh(ADA_1) == ["first", "second"]
    assert notices.fresh(ADA_1) == []  # on their way
    delivery.failed()
    assert notices.fresh(ADA_1) == ["first", "second"]
    delivery.done()
    assert notices.fresh(ADA_1) == []
    assert not notices.pending(ADA_1)
    assert notices.sessions() == []


def test_notice_about_the_same_thing_replaces_the_first(tmp_path: Path) -> None:
    notices = Notices(str(tmp_path))
    for text in ("once", "again"):
        notices.leave(ADA_1, text, kind=LOST, about="01J")
    assert [notice.text for notice in notices.kept(ADA_1)] == ["again"]


def test_notice_that_cannot_be_read_is_told_as_such(tmp_path: Path) -> None:
    notices = Notices(str(tmp_path))
    notices.leave(ADA_1, "words", kind=LOST, about="01J")
    (tmp_path / "notices/ada-1/01J.json").write_bytes(b"{")
    (notice,) = notices.kept(ADA_1)
    assert (notice.kind, "cannot be read" in notice.text) == (LOST, True)


@pytest.mark.parametrize("session", ["", "../../evil", "a/b", "x" * 300])
def test_notice_for_a_name_that_is_none_stays_in_its_folder(tmp_path: Path, session: str) -> None:
    state = tmp_path / "state"
    notices = Notices(str(state))
    notices.leave(SessionId(session), "words", kind=LOST)
    assert [path.relative_to(state).parts[0] for path in tmp_path.rglob("*.json")] == ["notices"]
    assert [notice.text for notice in notices.kept(SessionId(session))] == ["words"]

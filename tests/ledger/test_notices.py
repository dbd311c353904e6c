"""Notices are shown once, to the session that they are for."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitfleet.ledger.notices import Notices


def test_notice_is_shown_once_to_its_session_only(tmp_path: Path) -> None:
    notices = Notices(str(tmp_path))
    notices.leave("ada-1", "first", kind="lost")
    notices.leave("ada-1", "second", kind="lost")
    assert notices.pending("ada-1")
    assert not notices.pending("ada-2")
    assert notices.show("ada-2") == []
    assert notices.show("ada-1") == ["first", "second"]
    assert notices.show("ada-1") == []
    assert not notices.pending("ada-1")


@pytest.mark.parametrize("session", ["", "../../evil", "a/b", "x" * 300])
def test_notice_for_a_name_that_is_none_stays_in_its_folder(tmp_path: Path, session: str) -> None:
    state = tmp_path / "state"
    notices = Notices(str(state))
    notices.leave(session, "words", kind="lost")
    assert [path.relative_to(state).parts[0] for path in tmp_path.rglob("*.json")] == ["notices"]
    assert notices.show(session) == ["words"]

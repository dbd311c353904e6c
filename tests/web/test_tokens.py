"""The tokens and their files."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from gitfleet.errors import Blocked
from gitfleet.web.tokens import Tokens


def test_tokens_are_made_once_for_their_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = Tokens.of(str(tmp_path))
    finally:
        os.umask(before)
    assert made.full != made.read_only
    assert Tokens.of(str(tmp_path)) == made
    for path in (made.full_file, made.read_only_file):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert [made.may(one) for one in (made.full, made.read_only, "", "x")] == ["change", "look", "", ""]


@pytest.mark.parametrize(
    ("content", "mode"), [("x" * 43, 0o644), ("", 0o600), ("short", 0o600), ("\u00e9" * 43, 0o600)]
)
def test_tokens_from_a_file_that_is_no_secret_are_refused(tmp_path: Path, content: str, mode: int) -> None:
    path = Path(Tokens.of(str(tmp_path)).full_file)
    path.write_text(content)
    path.chmod(mode)
    with pytest.raises(Blocked, match=str(path)):
        Tokens.of(str(tmp_path))

"""A name in a command that is shown reaches the program as it is, in real shells."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitfleet.base import shellwords
from gitfleet.base.text import display
from tests.workbench import ROOT, run

NAMES = [
    "feat/a", "a b", "", "$(touch evil)", "`touch evil`", "it's", "'\"'\"'", "a;b", "a&&b", "x|y", ">f", "*", "~", "!!", "#x",
    "a\\b", "${HOME}", "-x", "ü", "\\", "'", "a\nb", "\x1b[2J", "\u202eevil", "a\tb'c\\d",
]  # fmt: skip
SHELLS = [shell for shell in ("sh", "bash", "zsh") if shutil.which(shell)]


@pytest.mark.parametrize("shell", SHELLS)
def test_word_reaches_a_program_as_it_is(shell: str) -> None:
    plain = [name for name in NAMES if shell != "sh" or display(name) == name]
    ran = run([shell, "-c", f"printf '%s\\0' {shellwords.line(plain)}"], ROOT, env={"LC_ALL": "C.UTF-8"}).ok()
    assert ran.stdout.split("\0")[:-1] == plain


@given(st.text())
def test_word_shows_nothing_that_moves_a_cursor(text: str) -> None:
    shown = shellwords.word(text)
    assert shown == display(shown)
    assert shown

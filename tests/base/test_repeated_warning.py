"""A warning is written when what is wrong has become another thing."""

from __future__ import annotations

import logging

import pytest

from gitfleet.base.repeated_warning import RepeatedWarning


def test_same_words_are_written_once_until_something_else_was_so(caplog: pytest.LogCaptureFixture) -> None:
    fault = RepeatedWarning(logging.getLogger("gitfleet.test"), "it failed: %s")
    for words in ("a", "a", "", "", "a", "b", "b"):
        fault.say(words)
    assert caplog.messages == ["it failed: a", "it failed: a", "it failed: b"]
    assert fault.words == "b"

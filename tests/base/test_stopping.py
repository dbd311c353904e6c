"""Requests to stop: raised, kept, then nothing; and those that our caller had us ignore."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from gitfleet.base.stopping import StopRequests, held

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in STOPS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_request_at_the_beginning_is_raised_once() -> None:
    with StopRequests() as stops:
        with pytest.raises(SystemExit) as caught:
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGHUP)
    assert caught.value.code == 128 + signal.SIGTERM
    assert stops.kept == [signal.SIGTERM, signal.SIGHUP]


def test_request_while_something_is_started_is_raised_once_that_is_known() -> None:
    done = []
    with StopRequests() as stops, pytest.raises(SystemExit):  # noqa: PT012 - where it is raised is what is asked
        with held():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGHUP)
            done.append("started")
        done.append("went on")
    assert (done, stops.kept) == (["started"], [signal.SIGTERM, signal.SIGHUP])


def test_interrupt_is_that_of_python() -> None:
    with StopRequests(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_request_that_python_lost_in_a_destructor_is_raised_later() -> None:
    with StopRequests() as stops:
        stops.kept.append(signal.SIGTERM)
        with pytest.raises(SystemExit):
            stops.keep()


def test_request_later_is_kept_and_in_the_end_ignored() -> None:
    before = {number: signal.getsignal(number) for number in STOPS}
    with StopRequests() as stops:
        stops.keep()
        signal.raise_signal(signal.SIGINT)
        assert stops.kept == [signal.SIGINT]
        stops.ignore()
        for number in STOPS:
            signal.raise_signal(number)
        assert stops.kept == [signal.SIGINT]
    assert {number: signal.getsignal(number) for number in STOPS} == before


def test_request_that_our_caller_had_us_ignore_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with StopRequests() as stops:
        signal.raise_signal(signal.SIGHUP)
        stops.keep()
        assert stops.kept == []
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN

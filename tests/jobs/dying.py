"""Programs that die in the middle: what a test puts in front of them."""

from __future__ import annotations

DIES_IN = """
import os, signal
def dies_in(owner, name, *, after=False, turn=1):
    real, calls = getattr(owner, name), []
    def dying(*args, **more):
        calls.append(name)
        if len(calls) < turn:
            return real(*args, **more)
        if after:
            real(*args, **more)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(owner, name, dying)
"""
"""`dies_in(owner, name)`: whoever calls that function is killed instead; with `after`, when it has come back; the call number `turn`."""

"""A request that is not carried out, in words that may leave the host."""

from __future__ import annotations


class ActRefused(Exception):
    """`code` is one word for programs (`bad-request`, `busy`, `journal`, `no-plan`); the message is for people. Nothing was done."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message

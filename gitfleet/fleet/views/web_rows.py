"""What is told of the HTTP server when it starts."""

from typing import TypedDict


class WebStartAnswer(TypedDict):
    """`web`, once it listens; it answers until it is stopped."""

    url: str
    read_only: bool
    """Whether it only lets look, whatever the token."""
    token_file: str
    """The file with the token that allows everything."""
    read_only_token_file: str
    """The file with the token that allows looking only, to be shared."""

"""What an address says of the place that it leads to."""

from __future__ import annotations

import pytest

from gitfleet.jobs.delivery import forges
from gitfleet.jobs.delivery.forges import Forge

ROWS = [
    ("https://github.com/ada/tool.git", Forge("github", "github.com", "ada/tool")),
    ("https://x-token:secret@github.com/ada/tool", Forge("github", "github.com", "ada/tool")),
    ("git@github.com:ada/tool.git", Forge("github", "github.com", "ada/tool")),
    ("ssh://git@github.example.com:2222/ada/tool.git", Forge("github", "github.example.com", "ada/tool")),
    ("HTTPS://GitHub.com/ada/tool/", Forge("github", "github.com", "ada/tool")),
    ("git@gitlab.com:group/sub/tool.git", Forge("gitlab", "gitlab.com", "group/sub/tool")),
    ("https://gitlab.example.com/group/tool", Forge("gitlab", "gitlab.example.com", "group/tool")),
    ("https://notgithub.com/ada/tool", Forge("plain")),
    ("https://github.com/ada", Forge("plain")),
    ("https://github.com/ada/tool;rm -rf", Forge("plain")),
    ("https://github.com/--help/tool", Forge("plain")),
    ("https://github.com/../tool", Forge("plain")),
    ("/srv/github/tool.git", Forge("plain")),
    ("../github.com/ada/tool", Forge("plain")),
    ("file:///srv/github.com/ada/tool", Forge("plain")),
    ("", Forge("none")),
]


@pytest.mark.parametrize(("address", "forge"), ROWS, ids=[row[0] or "nothing" for row in ROWS])
def test_forge_is_told_from_the_address_alone(address: str, forge: Forge) -> None:
    assert forges.of([address]) == forge


def test_first_address_that_names_a_forge_counts() -> None:
    assert forges.of(["/srv/hub.git", "git@github.com:ada/tool.git"]).kind == "github"

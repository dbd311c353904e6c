"""What a hub's HEAD is, as the trace of a fetch tells it: every protocol, every state, and nothing of it taken along."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gitfleet.errors import HubUnreachable
from gitfleet.git import head
from gitfleet.git.head import Head
from gitfleet.git.remote import Remote
from gitfleet.git.repository import discover
from tests.places import git_server
from tests.workbench import Git

A = "1" * 40
BEFORE = "19:14:54.665650 pkt-line.c:80           packet:        "


def line(packet: str, name: str = "fetch<") -> str:
    return f"{BEFORE}{name} {packet}\n"


@pytest.mark.parametrize(
    ("packets", "found"),
    [
        ([f"{A} HEAD symref-target:refs/heads/main"], Head(head.BRANCH, "main")),
        ([f"{A} HEAD symref-target:refs/heads/a/b.c"], Head(head.BRANCH, "a/b.c")),
        ([f"{A} HEAD symref-target:refs/heads/\\303\\244"], Head(head.BRANCH, "ä")),
        ([f"{A} HEAD"], Head(head.DETACHED)),
        ([f"{A} refs/fleet/coord", "0000"], Head(head.NONE)),
        ([f"{A} HEAD\\0multi_ack symref=HEAD:refs/heads/main agent=x"], Head(head.BRANCH, "main")),
        ([f"{A} HEAD\\0multi_ack agent=x"], Head(head.UNTOLD)),
        ([f"{A} refs/heads/x symref-target:refs/heads/main"], Head(head.NONE)),
        ([f"{A} HEAD symref-target:refs/tags/main"], Head(head.NONE)),
        ([f"{A} HEAD symref-target:refs/heads/-x"], Head(head.NONE)),
        ([f"{A} HEAD symref-target:refs/heads/a:refs/heads/b"], Head(head.NONE)),
        ([f"{A} HEAD symref-target:refs/heads/a/../b"], Head(head.NONE)),
        ([f"{A} HEAD symref-target:refs/heads/a\\33[2J"], Head(head.NONE)),
        ([f"{A} HEAD symref-target:refs/heads/"], Head(head.NONE)),
    ],
)
def test_trace_tells_what_head_is_and_believes_no_name_that_is_none(packets: list[str], found: Head) -> None:
    trace = "".join(line(packet) for packet in packets)
    assert head.heard(trace.encode()) == found


@pytest.mark.parametrize(
    "trace",
    [
        "",
        "warning: something\n",
        line(f"{A} HEAD symref-target:refs/heads/main", "fetch>"),
        line(f"{A} HEAD symref-target:refs/heads/main", "sideband<"),
        line("ref-prefix HEAD", "upload-pack<"),
    ],
)
def test_trace_that_holds_nothing_of_the_hubs_tells_nothing(trace: str) -> None:
    assert head.heard(trace.encode()) is None


def test_output_without_its_trace_is_what_was_said() -> None:
    trace = f"warning: one\n{line('0000')}remote: {line('x')}error: two\n"
    assert head.without_trace(trace.encode()) == b"warning: one\nremote: error: two\n"


@pytest.fixture
def ada(clone: Callable[[str], Path]) -> Path:
    return clone("ada")


def fetched(ada: Path) -> Head | None:
    return Remote(discover(str(ada)).git, "origin").fetch("+refs/fleet/coord*:refs/fleet-hub/origin/coord*")


@pytest.mark.parametrize("version", ["0", "1", "2"])
@pytest.mark.parametrize("way", ["path", "file", "http"])
def test_fetch_hears_which_branch_head_names_and_brings_nothing_of_it(
    ada: Path, hub: Path, git: Git, version: str, way: str
) -> None:
    git(hub, "branch", "edge", git(hub, "commit-tree", "-m", "new", "HEAD^{tree}"))
    git(ada, "config", "protocol.version", version)
    with git_server(hub.parent) as address:
        places = {"path": str(hub), "file": f"file://{hub}", "http": f"{address}/{hub.name}"}
        git(ada, "remote", "set-url", "origin", places[way])
        assert fetched(ada) == Head(head.BRANCH, "main")
        git(hub, "symbolic-ref", "HEAD", "refs/heads/edge")
        before = git(ada, "for-each-ref"), git(ada, "count-objects")
        assert fetched(ada) == Head(head.BRANCH, "edge")
        git(hub, "symbolic-ref", "HEAD", "refs/heads/gone")
        assert fetched(ada) == Head(head.NONE)
        git(hub, "update-ref", "--no-deref", "HEAD", "refs/heads/edge")
        assert fetched(ada) == Head(head.DETACHED if version == "2" else head.UNTOLD)
        assert (git(ada, "for-each-ref"), git(ada, "count-objects")) == before
        assert git.ask(ada, "cat-file", "-e", git(hub, "rev-parse", "edge")).returncode != 0


def test_fetch_that_fails_says_so_without_the_trace(ada: Path) -> None:
    with pytest.raises(HubUnreachable) as caught:
        Remote(discover(str(ada)).git, "origin").fetch(
            "refs/heads/none:refs/fleet-hub/origin/none", prune=False
        )
    assert "packet" not in f"{caught.value}{caught.value.facts}"
    assert "couldn't find remote ref" in caught.value.message

"""Pull requests and merge requests, by the host's own command: `gh` of GitHub, `glab` of GitLab, as the user has logged in with it.

The host is asked first whether there is one, so that none is opened twice. Whatever the command says is somebody else's text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote, urlencode

from gitfleet.base import plain_json, processes
from gitfleet.base.text import display, one_line
from gitfleet.codec import Struct
from gitfleet.errors import HubRefused, HubUnreachable, UsageError
from gitfleet.git.program import environment, redact
from gitfleet.jobs.delivery.forges import Forge

_TIME = 120.0
_MOST_BODY = 30_000
_WORDS = 400


class HostRequest(Struct):
    """A branch at `head` that is to be merged into `target`."""

    branch: str
    head: str
    target: str
    title: str
    body: str


class _Found(NamedTuple):
    """A request that the host has. `own`: its branch is one of the project, and not of a fork of it."""

    url: str
    head: str
    is_open: bool
    own: bool


class _Client(NamedTuple):
    """How a host's command is asked: what it needs in its environment, how it lists the requests of a branch, reads that, and opens one."""

    program: str
    settings: Callable[[Forge], dict[str, str]]
    listing: Callable[[Forge, HostRequest], Sequence[str]]
    read: Callable[[Mapping[str, object]], _Found]
    opening: Callable[[Forge, HostRequest], Sequence[str]]


def open_once(forge: Forge, request: HostRequest, folder: str) -> str:
    """The address of the request for the branch: the open one, one that there was of this very commit, or a new one.

    The command runs in `folder`. Raises UsageError for a place that has none or a command that is not there, HubUnreachable where it
    failed, HubRefused where its answer is none.
    """
    client = _CLIENTS.get(forge.kind)
    if client is None:
        raise UsageError(
            "The hub is no GitHub or GitLab, as far as its address tells.",
            hint="Open the pull request by hand.",
        )
    found = _known(client, forge, request, folder)
    if found is None:
        _ask(client, forge, client.opening(forge, request), folder)
        found = _known(client, forge, request, folder)
    if found is None:
        raise HubUnreachable(f"{client.program} opened a request, and the host does not show it yet.")
    return one_line(found.url, _WORDS)


def _known(client: _Client, forge: Forge, request: HostRequest, folder: str) -> _Found | None:
    """The open request of the branch, else one of the very commit: that one was closed or merged, and is not opened again."""
    said = _ask(client, forge, client.listing(forge, request), folder)
    try:
        found = [client.read(row) for row in plain_json.load(said)]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise HubRefused(f"The answer of {client.program} cannot be used: it is not as expected.") from error
    return _chosen([one for one in found if one.own], request)


def _chosen(found: Iterable[_Found], request: HostRequest) -> _Found | None:
    rows = sorted(found, key=lambda one: not one.is_open)
    return next((one for one in rows if one.is_open or one.head == request.head), None)


def _ask(client: _Client, forge: Forge, arguments: Sequence[str], folder: str) -> bytes:
    env = environment()
    env |= {name: value for name, value in client.settings(forge).items() if name not in env}
    try:
        done = processes.run(
            [client.program, *arguments], cwd=folder, env=env, timeout=_TIME, own_session=True, leaves=True
        )
    except FileNotFoundError as error:
        raise UsageError(
            f"There is no program '{client.program}' here.", hint="Install it, and log in with it."
        ) from error
    except processes.TimedOut as error:
        raise HubUnreachable(f"{client.program} did not answer within {_TIME:.0f} s.") from error
    if done.code:
        said = " ".join(redact(display(done.stderr.decode("utf-8", "replace").strip())).split())
        raise HubUnreachable(
            f"{client.program} ended with exit code {done.code}: {one_line(said, _WORDS) or 'it said nothing'}"
        )
    return done.stdout


def _of_github(row: Mapping[str, object]) -> _Found:
    return _Found(
        str(row["url"]), str(row["headRefOid"]), row["state"] == "OPEN", not row["isCrossRepository"]
    )


def _of_gitlab(row: Mapping[str, object]) -> _Found:
    own = row["source_project_id"] == row["target_project_id"]
    return _Found(str(row["web_url"]), str(row["sha"]), row["state"] == "opened", own)


def _requests_of(forge: Forge) -> str:
    return f"projects/{quote(forge.path, safe='')}/merge_requests"


_CLIENTS = {
    "github": _Client(
        "gh",
        lambda forge: {"GH_REPO": f"{forge.host}/{forge.path}", "GH_PROMPT_DISABLED": "1"},
        lambda _, asked: (
            "pr", "list", f"--head={asked.branch}", f"--base={asked.target}", "--state=all", "--limit=50",
            "--json=url,state,headRefOid,isCrossRepository",
        ),
        _of_github,
        lambda _, asked: (
            "pr", "create", f"--head={asked.branch}", f"--base={asked.target}", f"--title={asked.title}",
            f"--body={asked.body[:_MOST_BODY]}",
        ),
    ),
    "gitlab": _Client(
        "glab",
        lambda forge: {"GITLAB_HOST": forge.host, "NO_PROMPT": "true"},
        lambda forge, asked: (
            "api", f"{_requests_of(forge)}?{urlencode({'state': 'all', 'source_branch': asked.branch, 'target_branch': asked.target})}",
        ),
        _of_gitlab,
        lambda forge, asked: (
            "api", "--method=POST", f"--raw-field=source_branch={asked.branch}", f"--raw-field=target_branch={asked.target}",
            f"--raw-field=title={asked.title}", f"--raw-field=description={asked.body[:_MOST_BODY]}", _requests_of(forge),
        ),
    ),
}  # fmt: skip

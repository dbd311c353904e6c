"""What kind of place a remote is, told from its addresses. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from gitfleet.codec import Struct

ForgeKind = Literal["none", "plain", "github", "gitlab"]
REQUEST = {"github": "pull request", "gitlab": "merge request"}
"""What a branch that is to be merged is called there."""
_URL = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^@/]*@)?([^/:@]+)(?::\d+)?/(.+)", re.IGNORECASE)
_SCP = re.compile(r"(?:[^@/:\s]+@)?([^@/:\s]+):(?!/)(.+)")
_PART = re.compile(r"\w[\w.-]*", re.ASCII)


class Forge(Struct):
    """`none`: there is no remote; `plain`: a repository and no more, as far as can be told. `host` and `path` are those of the project."""

    kind: ForgeKind = "none"
    host: str = ""
    path: str = ""


def of(addresses: Iterable[str]) -> Forge:
    """The first of a remote's addresses that names a GitHub or a GitLab: a host that is called so, as `gitlab.example.com` is."""
    given = [address for address in addresses if address]
    found = (_named(address) for address in given)
    return next((forge for forge in found if forge is not None), Forge("plain" if given else "none"))


def _named(address: str) -> Forge | None:
    match = _URL.fullmatch(address) or _SCP.fullmatch(address)
    if match is None:
        return None
    host, path = match[1].lower(), match[2].strip("/").removesuffix(".git")
    parts, labels = path.split("/"), host.split(".")
    if not all(map(_PART.fullmatch, [*parts, *labels])):
        return None
    if "github" in labels and len(parts) == 2:
        return Forge("github", host, path)
    return Forge("gitlab", host, path) if "gitlab" in labels and len(parts) >= 2 else None

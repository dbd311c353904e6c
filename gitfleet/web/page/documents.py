"""The files of the page: its document, scripts and styles. They hold nothing of the fleet, so no token is asked for them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from hashlib import blake2b

from gitfleet.base import files, resources
from gitfleet.codec import Struct
from gitfleet.web.page import pages, rendering

STATIC = "/static/"
_KINDS: Mapping[str, str] = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types gitfleet"
)
"""Content-Security-Policy: nothing from elsewhere, nothing inline, and markup is made in one place only (`patch.js`)."""


class StaticFile(Struct):
    """A file as it is sent; `tag` names its content."""

    data: bytes
    kind: str
    tag: str


@cache
def everything() -> Mapping[str, StaticFile]:
    """Each file by its path. Raises LocalStorage where the installation lacks them."""
    folder = os.path.join(resources.folder("templates"), "page", "static")
    names = sorted(name for name in files.names(folder) if os.path.splitext(name)[1] in _KINDS)
    found = {
        STATIC + name: _file(
            resources.read("templates", f"page/static/{name}"), _KINDS[os.path.splitext(name)[1]]
        )
        for name in names
    }
    shell = rendering.document(
        "shell.html",
        pages=pages.PAGES,
        styles=[STATIC + name for name in names if name.endswith(".css")],
        scripts=[STATIC + name for name in names if name.endswith(".js")],
    )
    made = _file(shell.encode(), "text/html")
    places = [f"/{page.name}{end}" for page in pages.PAGES for end in ("", "/")]
    return {**found, "/": made, **dict.fromkeys(places, made)}


def is_document(path: str, accept: str) -> bool:
    """Whether a request for this path is for one of them; the root is something else for programs."""
    return path in everything() and (path.startswith(STATIC) or "text/html" in accept)


def is_mistyped(path: str, accept: str) -> bool:
    """Whether a browser asks for a page that there is not: nothing that programs ask for, or that the page itself does."""
    return (
        "text/html" in accept
        and path not in everything()
        and path != "/openapi.json"
        and not path.startswith((STATIC, "/api/", "/page/", "/act/"))
    )


def _file(data: bytes, kind: str) -> StaticFile:
    return StaticFile(data, f"{kind}; charset=utf-8", f'"{blake2b(data, digest_size=9).hexdigest()}"')

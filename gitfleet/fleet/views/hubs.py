"""What became of the hook of a hub, as rows."""

from __future__ import annotations

from typing import TypedDict


class HubHookInstallAnswer(TypedDict):
    """`hub-hook install`."""

    folders: list[str]
    changed: bool
    notes: list[str]


class HubHookUninstallAnswer(TypedDict):
    """`hub-hook uninstall`."""

    changed: bool
    notes: list[str]

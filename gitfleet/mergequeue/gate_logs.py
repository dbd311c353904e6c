"""The whole log of the gate run that an entry failed: kept by the node that ran it, for whoever has to repair the entry on another one.

The ledger has the end of a log. The rest goes into an archive of the node (`nodes.archives`), which nobody pays for who does not ask.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress

from gitfleet.base import files
from gitfleet.errors import FleetError
from gitfleet.git.repository import Repository
from gitfleet.ledger.ledger import Ledger
from gitfleet.mergequeue.model import EntryEvidence
from gitfleet.nodes.archives import NodeArchives

MOST = 32
"""Logs that a node keeps for others."""
_FILE = "log"
_NAME = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}\.log")


def keep(repository: Repository, ledger: Ledger, path: str) -> None:
    """Keep the log in this file for the other nodes, and let go of the oldest. What fails is left out: the ledger has its end."""
    archives, name = NodeArchives(repository, ledger), os.path.basename(path)
    with suppress(FleetError, OSError):
        data = files.read(path)
        if data is None or not _NAME.fullmatch(name):
            return
        logs = sorted(one.name for one in archives.own() if _NAME.fullmatch(one.name))
        for old in logs[: len(logs) - MOST + 1]:
            archives.delete(old)
        archives.write(name, {_FILE: data})


def read(repository: Repository, ledger: Ledger, evidence: EntryEvidence) -> bytes | None:
    """The whole log that some evidence names, from here or from its node's archive; None where it is kept no more.

    Costs one connection where another node made it. Raises the hub's errors.
    """
    if not _NAME.fullmatch(evidence.archive):
        return None
    here = os.path.join(ledger.state, "runs", "logs", evidence.archive)
    data = files.read(here) if evidence.node == ledger.node.id else None
    if data is not None:
        return data
    kept = NodeArchives(repository, ledger).read(evidence.node, evidence.archive)
    return (kept or {}).get(_FILE)

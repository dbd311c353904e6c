"""What whoever looks into a fault of gitfleet has to know, and nothing that is not gitfleet's own.

Versions, settings, rules, doctor's findings, figures, the last errors. Never the content of a file, a prompt, an answer of an
agent, a diff or a log; of the rest only what `Scrubber` lets pass. Each part is collected by itself, so a fault in one of them is
reported with the others. Sends nothing.
"""

from __future__ import annotations

import getpass
import importlib.metadata
import json
import os
import platform
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import islice

from gitfleet.base import clock
from gitfleet.claims import model
from gitfleet.clients.acting import CLIENTS
from gitfleet.errors import FleetError
from gitfleet.fleet import doctor
from gitfleet.fleet.fleet import Fleet
from gitfleet.fleet.telemetry import metrics, placing
from gitfleet.fleet.telemetry.scrubbing import Scrubber
from gitfleet.git.repository import Repository, discover
from gitfleet.githooks.agents import client_versions
from gitfleet.ledger import own_node
from gitfleet.ledger.own_node import state_folder
from gitfleet.onhost.version import __version__
from gitfleet.sessions import session_records
from gitfleet.sessions.session_records import Session
from gitfleet.upkeep.maintainer import Maintainer

FORMAT = 1
PATIENCE = 15.0
"""Seconds that the hub may take."""
ERRORS = 20
"""Errors of each kind, the last ones."""
_MARK = b'{\n  "gitfleet_bug_report":'
_PACKAGES = ("cronsim", "filelock", "jinja2", "psutil", "pydantic", "pygit2", "rich", "ruamel.yaml", "typer")
_SETTINGS = r"^(fleet\.|core\.(hookspath|fsmonitor|ignorecase|precomposeunicode|worktree|bare|repositoryformatversion)$|extensions\.)"


def collect(path: str = ".") -> dict[str, object]:
    """The report of the clone at `path`; outside of any, of the installation alone. Asks the hub. Raises nothing of a part."""
    report: dict[str, object] = {
        "gitfleet_bug_report": FORMAT,
        "made_at": clock.now(),
        "versions": _part(Scrubber(), _versions),
    }
    names: list[str] = []
    try:
        repository = discover(path)
        names += _names_of_user(repository)
        report["settings"] = _part(Scrubber(names), lambda: _settings(repository, Scrubber(names)))
        with Fleet.open(path, patience=PATIENCE) as fleet:
            names += _names(fleet)
            report |= _of_fleet(fleet, Scrubber(names))
    except (FleetError, OSError) as error:
        report["fleet"] = {"problem": _problem(error, Scrubber(names))}
    return report


def text(report: Mapping[str, object]) -> str:
    """The report as it is written."""
    return json.dumps(report, indent=2) + "\n"


def write(path: str, report: Mapping[str, object]) -> None:
    """Put it at `path`, for this user alone. Raises Blocked for a file that is no such report, LocalStorage."""
    placing.put(path, text(report).encode(), _MARK, mode=0o600)


def _of_fleet(fleet: Fleet, scrubber: Scrubber) -> dict[str, object]:
    parts: dict[str, Callable[[], object]] = {
        "doctor": lambda: [
            {"what": scrubber.text(one.what), "ok": one.ok, "words": scrubber.text(one.words)}
            for one in doctor.examine(fleet)
        ],
        "policy": lambda: _policy(fleet, scrubber),
        "figures": lambda: _figures(fleet, scrubber),
        "maintainer": lambda: _maintainer(fleet, scrubber),
        "errors": lambda: _errors(fleet, scrubber),
    }
    return {name: _part(scrubber, look) for name, look in parts.items()}


def _part(scrubber: Scrubber, look: Callable[[], object]) -> object:
    """One part; a fault in it is what there is to report of it."""
    try:
        return look()
    except Exception as error:  # noqa: BLE001 - a report of a fault is made where something is broken
        return {"problem": _problem(error, scrubber)}


def _problem(error: Exception, scrubber: Scrubber) -> str:
    return scrubber.text(f"{type(error).__name__}: {error}")


def _versions() -> dict[str, object]:
    return {
        "gitfleet": __version__,
        "python": platform.python_version(),
        "system": [platform.system(), platform.release(), platform.machine()],
        "file_names": sys.getfilesystemencoding(),
        "packages": dict(_packages()),
        "agents": {name: client_versions.version(name) for name in CLIENTS},
    }


def _packages() -> Iterator[tuple[str, str]]:
    for name in _PACKAGES:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield name, "absent"


def _settings(repository: Repository, scrubber: Scrubber) -> dict[str, object]:
    """Git's version and what of its settings matters to us: names and numbers; other values only as hashes."""
    git = repository.git
    listed = os.fsdecode(git.ask("config", "--null", "--get-regexp", _SETTINGS).stdout)
    pairs = [one.partition("\n")[::2] for one in listed.split("\0") if one]
    return {
        "git": git.line("--version"),
        "linked_worktree": repository.git_dir != repository.common_dir,
        "bare": repository.worktree is None,
        "remotes": len(os.fsdecode(git.ask("remote").stdout).split()),
        "git_config": [[scrubber.word(key), scrubber.of(key, value)] for key, value in pairs],
        "environment": sorted(filter(_is_ours, (scrubber.word(name) for name in os.environ))),
    }


def _is_ours(name: str) -> bool:
    return name.startswith(("GITFLEET_", "GIT_"))


def _policy(fleet: Fleet, scrubber: Scrubber) -> object:
    """The rules as they hold here: the keys are ours, of values only numbers and words of ours."""
    path = os.path.join(state_folder(fleet.repository.common_dir), "policy.json")
    if not os.path.exists(path):
        return "defaults"
    with open(path, encoding="utf-8") as file:
        return scrubber.value(json.load(file))


def _figures(fleet: Fleet, scrubber: Scrubber) -> dict[str, float]:
    told = {}
    for one in metrics.collect(fleet):
        for sample in one.samples:
            labels = [
                f"{key}={scrubber.text(value)}" for key, value in sample.labels.items() if key != "node"
            ]
            told[" ".join([one.name, *labels])] = sample.value
    return told


def _maintainer(fleet: Fleet, scrubber: Scrubber) -> dict[str, object] | None:
    """How its last run went; None where there was none."""
    last = Maintainer(fleet.repository).last()
    if last is None:
        return None
    words = [scrubber.text(line) for line in last.words[:ERRORS]]
    return {"code": last.code, "words": words}


def _errors(fleet: Fleet, scrubber: Scrubber) -> dict[str, object]:
    alarm = fleet.ledger.alarm()
    folder = own_node.jobs_folder(fleet.repository.common_dir)
    jobs = os.path.isdir(folder)
    return {
        "alarm": scrubber.text(alarm.message) if alarm else "",
        "attempts": list(islice(_attempts(folder), ERRORS)) if jobs else [],
    }


def _attempts(folder: str) -> Iterator[dict[str, object]]:
    """Attempts that did not succeed, the last ones first: how they ended, in words of our own lists."""
    from gitfleet.jobs.records.store import JobFilter, JobStore  # of use only where there are jobs
    from gitfleet.jobs.words import AttemptOutcome

    for job in sorted(JobStore(folder).find(JobFilter()), key=lambda one: -one.created_at):
        for one in reversed(job.attempts):
            if one.outcome not in {None, AttemptOutcome.SUCCESS, AttemptOutcome.NO_CHANGE}:
                ended = {"outcome": str(one.outcome), "code": one.code, "signal": one.signal}
                yield {**ended, "ran_ms": max(0, one.ended_at - one.started_at)}


def _names_of_user(repository: Repository) -> list[str]:
    """What names this user and this machine, each with its parts."""
    git = repository.here
    told = [git.line("config", "--get", key) or "" for key in ("user.name", "user.email")]
    told += [
        socket.gethostname(),
        *socket.gethostname().split("."),
        os.path.basename(os.path.expanduser("~")),
    ]
    with suppress(OSError, KeyError):  # a user without a name
        told.append(getpass.getuser())
    return [part for name in told for part in (name, *name.replace("@", " ").split())]


def _names(fleet: Fleet) -> list[str]:
    """The names that the fleet has of its nodes, sessions, branches and paths."""
    view = fleet.current().view
    sessions = [one for one in session_records.everyone(view) if isinstance(one, Session)]
    found = [fleet.ledger.node.id, fleet.ledger.node.trunk, fleet.ledger.node.hub or ""]
    for one in sessions:
        found += [one.id, one.node, one.agent, one.branch or "", *one.title.split()]
    for claim in model.everything(view):
        found += [claim.pattern, *claim.pattern.split("/")] if isinstance(claim, model.Claim) else []
    return found

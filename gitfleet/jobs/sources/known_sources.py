"""The work sources that this process asks, each once, so that what it learned of one (pages, limits, failures) serves every question."""

from __future__ import annotations

import threading

from gitfleet.jobs.definitions.schema import Agent, WorkSourceRules
from gitfleet.jobs.sources.source import AskedSource, WorkSource
from gitfleet.jobs.sources.task_folder import TaskFolder


def rules_of(agent: Agent, schedule: str = "") -> WorkSourceRules | None:
    """Where the tasks of an agent come from, or of a schedule of it that has its own source; None: it has none."""
    own = agent.schedules[schedule].work_source if schedule in agent.schedules else None
    return own or agent.work_source


class KnownSources:
    """For any number of threads. `top`: the worktree that agent files are in."""

    def __init__(self, top: str) -> None:
        self._top = top
        self._lock = threading.Lock()
        self._known: dict[str, AskedSource] = {}

    def of(self, rules: WorkSourceRules) -> AskedSource:
        """The source that these rules name."""
        name = rules.model_dump_json()
        with self._lock:
            if name not in self._known:
                self._known[name] = AskedSource(self._made(rules))
            return self._known[name]

    def _made(self, rules: WorkSourceRules) -> WorkSource:
        if rules.type == "folder":
            return TaskFolder(rules.path or "", self._top)
        # A client for HTTP costs 25 ms, and folders need none.
        from gitfleet.jobs.sources.github_issues import GitHubIssues

        return GitHubIssues(rules)

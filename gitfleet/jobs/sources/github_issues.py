"""The work source `github`: issues with a label, which moves on as they are done.

An issue has one label at a time of four, whatever else it has: to be done, in progress, done, failed. Each step first adds the new one and
then takes the others away, so that one that was cut short is done once more and harms nothing. Pull requests, which GitHub lists as issues,
are left out.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote, urlencode, urlsplit

from gitfleet.base.text import display, one_line
from gitfleet.jobs.definitions.schema import WorkSourceRules
from gitfleet.jobs.records.work_item import ISSUE
from gitfleet.jobs.sources.github_api import GitHubApi
from gitfleet.jobs.sources.source import LONGEST_BODY, FoundTask, SourceAway, TaskReport

_MOST = 200
_PAGE = 50
_NUMBER = re.compile(r"[1-9]\d{0,11}", re.ASCII)


class GitHubIssues:
    """The issues of one repository."""

    remembers = True

    def __init__(self, rules: WorkSourceRules) -> None:
        self._repo = rules.repo or ""
        self._api = GitHubApi(rules.url, rules.token)
        self._ready, self._working = rules.ready, rules.in_progress
        self._done, self._failed = rules.done, rules.failed
        where = f"github {rules.url.rstrip('/')} {self._repo}".lower()
        self.id = hashlib.sha256(where.encode()).hexdigest()[:24]
        self.words = f"the issues of {self._repo}"

    def ready(self) -> Sequence[FoundTask]:
        """The open issues that are to be done, oldest first; at most so many as anybody could want at once."""
        asked = {
            "labels": self._ready,
            "state": "open",
            "sort": "created",
            "direction": "asc",
            "per_page": _PAGE,
        }
        found: list[FoundTask] = []
        for page in self._api.pages(f"repos/{self._repo}/issues?{urlencode(asked)}"):
            found += self._issues(page)
            if len(found) >= _MOST:
                break
        return found

    def find(self, ref: str) -> FoundTask | None:
        """The issue of that number, if it is open, and has the label of those to be done, or that are."""
        if not _NUMBER.fullmatch(ref):
            return None
        row = self._api.get(f"repos/{self._repo}/issues/{ref}")
        wanted = {self._ready.casefold(), self._working.casefold()}
        if not isinstance(row, Mapping) or row.get("state") != "open" or not _labels(row) & wanted:
            return None
        return next(iter(self._issues([row])), None)

    def meant(self, place: str) -> str:
        """The number of the issue at an address such as https://github.com/OWNER/NAME/issues/12."""
        path = urlsplit(place).path.strip("/").removeprefix("api/v3/").removeprefix("repos/")
        repo, _, number = path.partition("/issues/")
        if repo.lower() != self._repo.lower() or not _NUMBER.fullmatch(number):
            raise ValueError(f"'{display(place[:200])}' is not one of {self.words}")
        return number

    def begun(self, task: str, report: TaskReport) -> None:
        """Its label says so."""
        del report
        self._labelled(task, self._working)

    def ended(self, task: str, report: TaskReport) -> None:
        """Its label says so."""
        self._labelled(task, self._done if report.done else self._failed)

    def freed(self, task: str) -> None:
        """Its label says so."""
        self._labelled(task, self._ready)

    def _labelled(self, number: str, label: str) -> None:
        """Have an issue this one of the four labels. One that is gone has none."""
        where = f"repos/{self._repo}/issues/{number}"
        row = self._api.get(where)
        if not isinstance(row, Mapping):
            return
        has = _labels(row)
        if label.casefold() not in has:
            self._api.post(f"{where}/labels", {"labels": [label]})
        for other in (self._ready, self._working, self._done, self._failed):
            if other.casefold() in has - {label.casefold()}:
                self._api.delete(f"{where}/labels/{quote(other, safe='')}")

    def _issues(self, rows: object) -> Iterator[FoundTask]:
        if not isinstance(rows, list):
            raise SourceAway("GitHub's answer is not as expected: no list of issues.")
        for row in rows:
            if not isinstance(row, Mapping) or row.get("pull_request") is not None:
                continue
            number, title, body = row.get("number"), row.get("title"), row.get("body")
            if type(number) is not int or not _NUMBER.fullmatch(str(number)) or not isinstance(title, str):
                continue
            url = row.get("html_url")
            yield FoundTask(
                ref=str(number),
                type=ISSUE,
                title=one_line(title, 200),
                body=body[:LONGEST_BODY] if isinstance(body, str) else "",
                url=one_line(url, 500) if isinstance(url, str) else "",
            )


def _labels(row: Mapping[str, object]) -> set[str]:
    """The names of an issue's labels, in lower case: GitHub makes no difference."""
    rows = row.get("labels")
    named = (
        [one.get("name") if isinstance(one, Mapping) else one for one in rows if one]
        if isinstance(rows, list)
        else []
    )
    return {name.casefold() for name in named if isinstance(name, str)}

"""GitHub issues as a work source, against a server that speaks its API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gitfleet.base import clock
from gitfleet.jobs.definitions.schema import WorkSourceRules
from gitfleet.jobs.sources import github_api
from gitfleet.jobs.sources.github_issues import GitHubIssues
from gitfleet.jobs.sources.source import AskedSource, SourceAway, TaskReport
from tests.jobs.sources.issue_server import TOKEN, Fault, IssueServer

REPORT = TaskReport("job-x", done=True)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[IssueServer]:
    monkeypatch.setenv("TIDY_TOKEN", TOKEN)
    with IssueServer() as made:
        yield made


def issues(server: IssueServer, **more: str) -> GitHubIssues:
    rules = {"type": "github", "repo": "ada/tidy", "url": server.url, "token": "TIDY_TOKEN", **more}
    return GitHubIssues(WorkSourceRules.model_validate(rules))


def test_ready_issues_are_those_with_the_label_over_all_pages_without_pull_requests(
    server: IssueServer,
) -> None:
    for number in range(1, 6):
        server.issue(number, "Ready", body=f"text {number}")
    server.issue(6, "ready", pull_request={"url": "x"})
    server.issue(7, "in-progress")
    server.issue(8, "ready", state="closed")
    found = issues(server).ready()
    assert [(task.ref, task.title, task.body) for task in found] == [
        (str(number), f"Issue {number}", f"text {number}") for number in range(1, 6)
    ]
    assert len(server.lines()) == 3
    assert {one["authorization"] for one in server.headers} == {f"Bearer {TOKEN}"}


def test_pages_that_have_not_changed_are_not_sent_again(server: IssueServer) -> None:
    for number in range(1, 4):
        server.issue(number, "ready")
    source = issues(server)
    first = source.ready()
    server.lines()
    assert source.ready() == first
    assert server.lines() == ["GET /repos/ada/tidy/issues 304"] * 2
    server.issue(3, "ready", title="Another")
    assert source.ready()[-1].title == "Another"
    assert [line[-3:] for line in server.lines()] == ["304", "200"]


@pytest.mark.parametrize("step", ["begun", "done", "failed", "freed"])
@pytest.mark.parametrize("before", [["ready"], ["in-progress"], ["ready", "in-progress", "failed"], []])
def test_each_step_leaves_one_label_of_the_four_and_twice_is_harmless(
    server: IssueServer, step: str, before: list[str]
) -> None:
    server.issue(1, "bug", *before)
    source = issues(server, in_progress="in-progress", done="all done / yes")
    for _ in range(2):
        if step == "begun":
            source.begun("1", REPORT)
        elif step == "freed":
            source.freed("1")
        else:
            source.ended("1", TaskReport("job-x", done=step == "done"))
    after = {"begun": "in-progress", "done": "all done / yes", "failed": "failed", "freed": "ready"}[step]
    assert server.labels(1) == sorted(["bug", after])


def test_step_that_was_cut_short_leaves_a_label_and_is_done_again(server: IssueServer) -> None:
    server.issue(1, "ready")
    server.faults += [Fault(500)]
    source = issues(server)
    with pytest.raises(SourceAway):
        source.begun("1", REPORT)
    server.asked.clear()
    source.begun("1", REPORT)
    assert server.lines() == [
        "GET /repos/ada/tidy/issues/1 200",
        "POST /repos/ada/tidy/issues/1/labels 200",
        "DELETE /repos/ada/tidy/issues/1/labels/ready 200",
    ]
    source.ended("2", REPORT)  # it is gone
    assert server.lines() == ["GET /repos/ada/tidy/issues/2 404"]


def test_find_knows_an_issue_only_while_it_is_to_be_done(server: IssueServer) -> None:
    server.issue(1, "ready")
    server.issue(2, "in-progress")
    server.issue(3, "done")
    server.issue(4, "ready", state="closed")
    server.issue(5, "ready", pull_request={})
    found = [issues(server).find(str(number)) for number in range(1, 7)]
    assert [task.ref if task else None for task in found] == ["1", "2", None, None, None, None]
    assert issues(server).find("../1") is None


@pytest.mark.parametrize(
    ("place", "ref"),
    [
        ("https://github.com/ada/tidy/issues/12", "12"),
        ("https://ghe.example/api/v3/repos/Ada/Tidy/issues/3", "3"),
        ("https://github.com/ada/other/issues/12", ""),
        ("https://github.com/ada/tidy/issues/12/labels", ""),
        ("https://github.com/ada/tidy/pull/12", ""),
        ("../../etc", ""),
    ],
)
def test_address_of_an_issue_names_it_only_in_its_repository(
    server: IssueServer, place: str, ref: str
) -> None:
    if ref:
        assert issues(server).meant(place) == ref
        return
    with pytest.raises(ValueError, match="ada/tidy"):
        issues(server).meant(place)


@pytest.mark.parametrize(
    ("fault", "pause", "says"),
    [
        (Fault(cut="at once"), 0, "cannot be reached"),
        (Fault(200, cut="in the body", body=b"[{"), 0, "cut off|cannot be reached"),
        (Fault(200, body=b"[{"), 0, "no JSON"),
        (Fault(200, body=b'{"message": 1}'), 0, "not as expected"),
        (Fault(500, body=b"<html>"), 0, "failed .500.: it does not say why"),
        (Fault(503, Retry_After="7"), 7, "failed .503."),
        (Fault(401, body=b'{"message": "Bad credentials s3cret-t0ken \\u001b[31m"}'), 300, r"401.: Bad credentials \*\*\* .x1b"),
        (Fault(404, body=b'{"message": "Not Found"}'), 300, "404.: Not Found"),
        (Fault(403, body=b'{"message": "Resource not accessible"}'), 300, "403.: Resource not accessible"),
        (Fault(429), 60, "rate limit"),
        (Fault(403, Retry_After="33"), 33, "rate limit"),
        (Fault(403, Retry_After="999999999999"), 21600, "rate limit"),
        (Fault(302, Location="http://127.0.0.1:1/elsewhere"), 300, "another server"),
        (Fault(301, Location="https://user:pw@127.0.0.1/x"), 300, "another server"),
        (Fault(200, body=b"[]", Link='<http://evil.example/x>; rel="next"'), 300, "another server"),
    ],
)  # fmt: skip
def test_fault_is_told_with_the_pause_that_the_server_wants_and_without_the_token(
    server: IssueServer, fault: Fault, pause: int, says: str
) -> None:
    server.faults.append(fault)
    with pytest.raises(SourceAway, match=says) as caught:
        issues(server).ready()
    assert caught.value.pause == pause
    assert TOKEN not in str(caught.value)
    assert len(server.asked) == 1


def test_primary_limit_is_waited_for_until_its_reset(server: IssueServer) -> None:
    reset = str(clock.now() + 500)
    server.faults.append(Fault(403, X_RateLimit_Remaining="0", X_RateLimit_Reset=reset))
    with pytest.raises(SourceAway) as caught:
        issues(server).ready()
    assert 490 < caught.value.pause < 510


def test_slow_server_is_given_up_within_the_time(
    server: IssueServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(github_api, "_SOCKET_TIME", 0.05)
    server.waits.clear()
    with pytest.raises(SourceAway, match="cannot be reached"):
        issues(server).ready()


def test_body_that_is_too_long_is_not_read_to_its_end(
    server: IssueServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(github_api, "_MOST_BYTES", 1000)
    server.issue(1, "ready", body="x" * 5000)
    with pytest.raises(SourceAway, match="too long"):
        issues(server).ready()


def test_redirect_on_the_same_server_is_followed_for_reads_and_writes(server: IssueServer) -> None:
    server.issue(1, "ready")
    there = f"{server.url}/repos/ada/tidy/issues"
    server.faults.append(Fault(301, Location=f"{there}?labels=ready"))
    assert [task.ref for task in issues(server).ready()] == ["1"]
    source = issues(server)
    server.faults += [Fault(302, Location=f"{there}/1"), None, Fault(307, Location=f"{there}/1/labels")]
    source.begun("1", REPORT)
    assert server.labels(1) == ["in-progress"]


@pytest.mark.parametrize("token", ["a b", "x\ny", "é"])
def test_token_that_cannot_be_one_is_never_shown_or_sent(
    server: IssueServer, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("TIDY_TOKEN", token)
    with pytest.raises(SourceAway) as caught:
        issues(server).ready()
    assert token not in str(caught.value)
    assert server.asked == []


@pytest.mark.parametrize(
    ("key", "value"),
    [("url", "http://api.example.com"), ("url", "ftp://127.0.0.1"), ("url", "https://u:p@h"), ("url", "x"),
     ("repo", "a/../b"), ("repo", "ada"), ("repo", "../x")],
)  # fmt: skip
def test_address_to_which_no_token_may_go_is_refused(server: IssueServer, key: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"http|OWNER"):
        issues(server, **{key: value})


def test_source_that_fails_is_left_alone_for_longer_each_time(server: IssueServer) -> None:
    asked = AskedSource(issues(server))
    server.faults += [Fault(500)]
    for _ in range(2):
        with pytest.raises(SourceAway):
            asked.ask(lambda source: source.ready())
    assert (len(server.asked), 14 < asked.away <= 15) == (1, True)
    asked._until = 0.0
    server.faults += [Fault(500)]
    with pytest.raises(SourceAway):
        asked.ask(lambda source: source.ready())
    assert 29 < asked.away <= 30
    asked._until = 0.0
    assert asked.ask(lambda source: source.ready()) == []
    assert asked.away == 0

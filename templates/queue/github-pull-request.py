#!/usr/bin/env python3
"""Have GitHub land what gitfleet's merge queue has tested: an example of `queue.pull-request`, for GitHub's command line.

Copy it to where your runners of the queue find it, and name it in gitfleet.yaml on the trunk:

    queue:
      landing: pull-request
      pull-request: [/usr/local/bin/github-pull-request.py]

It needs Python 3.9 or newer, and `gh`, logged in, or with a token in GH_TOKEN. GitHub's repository is the one that gh finds in the clone, or
that GH_REPO names.

The queue asks with one JSON object on standard input, and reads one from standard output; docs/guides/queue-protected.md has both. Each call
takes the order as far as it goes now: it opens the pull requests that are missing, asks GitHub to merge the first that has not landed,
and says how things stand. The next one comes when that has landed, so they land in the order in which they were tested.

The queue also says what is not to land any more (`close`): GitHub merges that no more by itself, and what is out of the queue for good has
its pull request closed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

FIELDS = "number,url,state,headRefOid,isCrossRepository,isDraft,mergeable,mergeStateStatus,reviewDecision,autoMergeRequest,body"
METHODS = {"merge": "--merge", "squash": "--squash", "rebase": "--rebase"}


class GhFailed(Exception):
    """GitHub's command line said no."""


def gh(*arguments: str) -> str:
    """What gh answers. Raises GhFailed."""
    done = subprocess.run(["gh", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise GhFailed(
            done.stderr.strip() or f"gh {' '.join(arguments[:2])} ended with exit code {done.returncode}"
        )
    return done.stdout


def pull_request(order: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any] | None:
    """The pull request of a branch of this repository: the open one, else the newest of the very commit that is to land.

    One that was closed for an earlier entry of the branch does not count.
    """
    found = json.loads(
        gh(
            "pr",
            "list",
            f"--head={entry['branch']}",
            f"--base={order['target']}",
            "--state=all",
            "--limit=50",
            f"--json={FIELDS}",
        )
    )
    own = [one for one in found if not one["isCrossRepository"]]  # a fork may have a branch of that name
    still_open = [one for one in own if one["state"] == "OPEN"]
    closed = [
        one
        for one in own
        if one["state"] != "OPEN" and one["headRefOid"] == entry["head"] and not of_another(entry, one)
    ]
    return max(still_open or closed, key=lambda one: one["number"], default=None)


def of_another(entry: dict[str, Any], found: dict[str, Any]) -> bool:
    """Whether a pull request was opened for another entry."""
    named = re.findall(r"^Fleet-Entry: (\w+)", found["body"], re.MULTILINE)
    return bool(named) and entry["id"] not in named


def close(order: dict[str, Any], entry: dict[str, Any]) -> dict[str, str]:
    """Have GitHub let go of an entry; how that stands."""
    found = pull_request(order, entry)
    if found is None or found["state"] == "CLOSED":
        return {"state": "closed"}
    if found["state"] == "MERGED":
        return {"state": "merged", "url": found["url"]}
    try:
        if found["autoMergeRequest"]:
            gh("pr", "merge", str(found["number"]), "--disable-auto")
        if entry["final"]:
            gh("pr", "close", str(found["number"]))
    except GhFailed as error:  # merged a moment ago, say: looked at again at the next call
        return {"state": "waiting", "words": str(error), "url": found["url"]}
    return {"state": "closed", "url": found["url"]}


def create(order: dict[str, Any], entry: dict[str, Any]) -> None:
    """Open the pull request."""
    body = f"Tested by the merge queue as tree {entry['tree']}.\n\n{trailers(entry)}"
    gh(
        "pr", "create", f"--head={entry['branch']}", f"--base={order['target']}", f"--title={entry['title'] or entry['branch']}",
        f"--body={body}",
    )  # fmt: skip


def trailers(entry: dict[str, Any]) -> str:
    """What the commit that lands an entry should name: the entry, and the sessions and claims that its changes were made under."""
    return "\n".join(entry["trailers"])


def merge(order: dict[str, Any], entry: dict[str, Any], number: int) -> None:
    """Have GitHub merge that very commit, at once or when its own rules are met."""
    message = [] if order["method"] == "rebase" else [f"--body={trailers(entry)}"]
    gh(
        "pr",
        "merge",
        str(number),
        "--auto",
        METHODS[order["method"]],
        f"--match-head-commit={entry['head']}",
        *message,
    )


def advance(order: dict[str, Any], entry: dict[str, Any]) -> dict[str, str]:
    """Take one entry as far as it goes now; how it stands."""
    found = pull_request(order, entry)
    if found is None:
        create(order, entry)
        found = pull_request(order, entry)
    if found is None:
        return {"state": "waiting", "words": "GitHub does not show the new pull request yet"}
    told = judged(entry, found)
    if told is None:
        try:
            merge(order, entry, found["number"])
        except GhFailed as error:  # its rules are not met: tried again at the next call
            return {"state": "waiting", "words": str(error), "url": found["url"]}
        found = pull_request(order, entry) or found
        told = judged(entry, found) or {"state": "waiting", "words": "GitHub was asked to merge it"}
    return {**told, "url": found["url"]}


def judged(entry: dict[str, Any], found: dict[str, Any]) -> dict[str, str] | None:
    """How a pull request stands; None where GitHub is to be asked to merge it."""
    automatic = f"GitHub merges it when its rules are met ({found['mergeStateStatus'].lower()})"
    rows = [
        (found["state"] == "MERGED", "merged", ""),
        (found["state"] == "CLOSED", "refused", "its pull request was closed"),
        (found["headRefOid"] != entry["head"], "waiting", "GitHub has another commit of the branch"),
        (found["mergeable"] == "CONFLICTING", "refused", "GitHub finds a conflict"),
        (found["reviewDecision"] == "CHANGES_REQUESTED", "refused", "a review asks for changes"),
        (found["isDraft"], "waiting", "its pull request is a draft"),
        (bool(found["autoMergeRequest"]), "waiting", automatic),
    ]
    return next(({"state": state, "words": words} for true, state, words in rows if true), None)


def main() -> int:
    """Answer one order."""
    order = json.load(sys.stdin)
    answers: list[dict[str, str]] = []
    try:
        answers += [{"id": entry["id"], **close(order, entry)} for entry in order.get("close", [])]
        for entry in order["entries"]:
            stands = advance(order, entry)
            answers.append({"id": entry["id"], **stands})
            if stands["state"] != "merged":
                break
    except (GhFailed, OSError) as error:
        print(f"github-pull-request: {error}", file=sys.stderr)
        return 1
    json.dump({"version": 1, "entries": answers}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""A stand-in for GitHub and its command line: pull requests in a file, merges in a bare repository.

`GH_WORLD` names a folder: `hub` (the path of the bare repository), `requests.json`, `calls.jsonl`, and `rules.json` with what GitHub does. It
takes the options that gh 2 has for these commands, and no others.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

WORLD = Path(os.environ["GH_WORLD"])
HUB = (WORLD / "hub").read_text()
OPTIONS = {
    "close": {"comment", "delete-branch"},
    "list": {"app", "assignee", "author", "base", "draft", "head", "jq", "json", "label", "limit", "search", "state", "template"},
    "create": {"assignee", "base", "body", "body-file", "draft", "dry-run", "fill", "head", "label", "title"},
    "merge": {"admin", "author-email", "auto", "body", "body-file", "delete-branch", "disable-auto", "match-head-commit", "merge", "rebase", "squash", "subject"},
}  # fmt: skip


def git(*arguments: str) -> str:
    who = {"GIT_AUTHOR_NAME": "GitHub", "GIT_AUTHOR_EMAIL": "noreply@github.com"}
    env = {**os.environ, **who, "GIT_COMMITTER_NAME": "GitHub", "GIT_COMMITTER_EMAIL": "noreply@github.com"}
    done = subprocess.run(
        ["git", f"--git-dir={HUB}", *arguments], capture_output=True, text=True, env=env, check=True
    )
    return done.stdout.strip()


def load(name: str, default: Any) -> Any:
    path = WORLD / name
    return json.loads(path.read_text()) if path.exists() else default


def options(command: str, words: list[str]) -> dict[str, str]:
    found = {}
    for word in words:
        name, _, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or name not in OPTIONS[command]:
            sys.exit(f"unknown flag: {word}")
        found[name] = value
    return found


def merge(one: dict[str, Any], wanted: dict[str, str]) -> None:
    """As GitHub merges: its own commit, on the target as it is then."""
    base, head = git("rev-parse", one["base"]), one["headRefOid"]
    tree = load("rules.json", {}).get("tree") or git("merge-tree", "--write-tree", base, head).split("\n")[0]
    parents = ["-p", base, *(["-p", head] if "merge" in wanted else [])]
    message = f"Merge pull request #{one['number']} from {one['branch']}\n\n{wanted.get('body', '')}"
    commit = git("commit-tree", tree, *parents, "-m", message)
    git("update-ref", f"refs/heads/{one['base']}", commit, base)
    one["state"] = "MERGED"


def main() -> None:
    subject, command, *words = sys.argv[1:]
    assert subject == "pr"
    with (WORLD / "calls.jsonl").open("a") as file:
        file.write(json.dumps(sys.argv[2:]) + "\n")
    rules, known = load("rules.json", {}), load("requests.json", [])
    if rules.get("broken"):
        print(rules["broken"], file=sys.stderr)
        sys.exit(4)
    number = words.pop(0) if command in ("merge", "close") else ""
    wanted = options(command, words)
    if command == "list":
        found = [one for one in known if (one["branch"], one["base"]) == (wanted["head"], wanted["base"])]
        for one in found:
            if one["state"] == "OPEN" and not one["isCrossRepository"]:
                one["headRefOid"] = git("rev-parse", f"refs/heads/{one['branch']}")
        print(json.dumps([{key: one[key] for key in wanted["json"].split(",")} for one in found]))
    elif command == "create":
        url = f"https://github.example/pull/{len(known) + 1}"
        known.append({
            "number": len(known) + 1, "url": url, "state": "OPEN", "branch": wanted["head"], "base": wanted["base"], "title": wanted["title"], "body": wanted["body"],
            "headRefOid": git("rev-parse", f"refs/heads/{wanted['head']}"), "isCrossRepository": False, "isDraft": False, "mergeable": "MERGEABLE",
            "mergeStateStatus": "CLEAN", "reviewDecision": "", "autoMergeRequest": None, **rules.get("new", {}), **rules.get(str(len(known) + 1), {}),
        })  # fmt: skip
        print(url)
    else:
        one = next(one for one in known if str(one["number"]) == number)
        if rules.get("stubborn"):
            sys.exit("GraphQL: Something went wrong.")
        if command == "close" or "disable-auto" in wanted:
            one.update({"state": "CLOSED"} if command == "close" else {"autoMergeRequest": None})
            (WORLD / "requests.json").write_text(json.dumps(known))
            return
        assert len({"merge", "squash", "rebase"} & wanted.keys()) == 1
        if one["headRefOid"] != wanted["match-head-commit"]:
            sys.exit("GraphQL: Head branch was modified. Review and try the merge again.")
        if one["mergeStateStatus"] == "BLOCKED":
            one["autoMergeRequest"] = {"mergeMethod": "MERGE"}
        else:
            merge(one, wanted)
    (WORLD / "requests.json").write_text(json.dumps(known))


main()

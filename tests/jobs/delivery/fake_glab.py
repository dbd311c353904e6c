#!/usr/bin/env python3
"""A stand-in for GitLab and its command line: `glab api` on the merge requests of one project, which are in a file."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from urllib.parse import parse_qsl

WORLD = Path(os.environ["GLAB_WORLD"])
NAMES = ("source_branch", "target_branch")


def main() -> None:
    command, *words = sys.argv[1:]
    assert command == "api"
    method = "POST" if "--method=POST" in words else "GET"
    (path,) = [word for word in words if not word.startswith("--")]
    fields = dict(
        word.removeprefix("--raw-field=").split("=", 1) for word in words if word.startswith("--raw-field=")
    )
    endpoint, _, query = path.partition("?")
    assert (endpoint, os.environ["GITLAB_HOST"]) == (
        "projects/ada%2Fsub%2Ftool/merge_requests",
        "gitlab.example.com",
    )
    file = WORLD / "requests.json"
    known = json.loads(file.read_text()) if file.exists() else []
    if method == "POST":
        number = len(known) + 1
        sha = (WORLD / "head").read_text()
        project = {"source_project_id": 7, "target_project_id": 7}
        row = {
            "iid": number,
            "web_url": f"https://gitlab.example.com/-/{number}",
            "state": "opened",
            "sha": sha,
        }
        known.append({**fields, **project, **row})
        file.write_text(json.dumps(known))
        print(json.dumps(known[-1]))
        return
    asked = dict(parse_qsl(query))
    assert asked["state"] == "all"
    print(json.dumps([one for one in known if all(one[name] == asked[name] for name in NAMES)]))


main()

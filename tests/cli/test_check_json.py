"""What checks of commits and the hub's hook print as JSON is what their schemas say."""

from __future__ import annotations

from typing import Any

from tests.forms import held
from tests.gatebench import Gated
from tests.workbench import Gitfleet

A = "src/api/a.py"


def test_json_of_checks_of_commits_is_as_its_schema_says(ada: Gated, bob: Gated, gitfleet: Gitfleet) -> None:
    def check(*args: str, code: int = 0) -> Any:
        ran = gitfleet(ada.path, "check", *args, "--json", env=ada.as_session(ada.session)).ended(code)
        return held(ran.json(), code, "check --range")

    ada.claim(A)
    ada.write(A)
    assert check("--staged")["commits"][0]["paths"][0]["state"] == "ok"
    ada.commit().ok()
    assert check("--range", "HEAD~1..HEAD")["commits"][0]["session"] == "ada-1"
    ada.release()
    bob.claim("src/")
    (path,) = check("--range", "HEAD~1..HEAD", code=15)["commits"][0]["paths"]
    assert path["holder"] == "bob-1"
    assert check("--range", "HEAD..HEAD")["commits"] == []


def test_json_of_the_hubs_hook_is_as_its_schema_says(ada: Gated, gitfleet: Gitfleet) -> None:
    for verb, changed in [("install", True), ("install", False), ("uninstall", True), ("uninstall", False)]:
        answer = gitfleet(ada.path, "hub-hook", verb, str(ada.fleets.hub), "--json").ok().json()
        assert held(answer)["changed"] is changed
    answer = gitfleet(ada.path, "hub-hook", "install", ".", "--json").ended(20).json()
    assert answer["status"] == "blocked"

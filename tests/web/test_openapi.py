"""The description of the API, and a program that tries the server by it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from gitfleet.web.routes import ROUTES
from tests.cli.conftest import Cli
from tests.web.conftest import Site
from tests.workbench import PATIENCE


def test_description_served_has_every_route(serve: Callable[..., Site], cli: Cli) -> None:
    site = serve(cli)
    assert site.ask("GET", "/openapi.json", {"Authorization": ""}).status == 401
    told = site.ask("GET", "/openapi.json").json["paths"]
    assert {(m.upper(), path) for path, found in told.items() for m in found} == {
        (route.method, route.path) for route in ROUTES
    }


HOOKS = """
import re
import schemathesis


@schemathesis.hook
def map_body(context, body):
    return body if context.operation.path.endswith("/sessions/end") else known(body)


@schemathesis.hook
def map_query(context, query):
    return known(query)


def known(fields):
    named = fields.get("session_id") if isinstance(fields, dict) else None
    could_be = isinstance(named, str) and re.fullmatch("[A-Za-z0-9][A-Za-z0-9._-]{0,63}", named)
    return {**fields, "session_id": "alone-1"} if could_be else fields
"""
"""Asks for a session that is there, wherever one is asked for that could be; ends none."""
SETTINGS = """
hooks = "hooks.py"
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 400, 403, 404, 409]
[checks.negative_data_rejection]
expected-statuses = [400, 401, 404, 413, 415]
"""


def test_schemathesis_finds_nothing(serve: Callable[..., Site], cli: Cli, tmp_path: Path) -> None:
    site = serve(cli)
    settings = tmp_path / "schemathesis.toml"
    settings.write_text(SETTINGS)
    (tmp_path / "hooks.py").write_text(HOOKS)
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(settings), "run", f"http://127.0.0.1:{site.port}/openapi.json",
        "-H", f"Authorization: Bearer {site.token}", "--max-examples", "10", "--seed", "1", "--no-color",
        "--phases", "examples,coverage,fuzzing",
    ]  # fmt: skip
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    assert ran.returncode == 0, ran.stdout + ran.stderr

"""The agent file and the Dockerfile that people begin with."""

from __future__ import annotations

import shutil
from pathlib import Path

from gitfleet.jobs import submission
from tests.workbench import ROOT

TEMPLATES = ROOT / "templates/agents"


def test_agent_file_is_valid_and_all_of_it_is_heeded(tmp_path: Path) -> None:
    shutil.copy(TEMPLATES / "docker.yaml", tmp_path / "docker.yaml")
    agent = submission.load(str(tmp_path)).agents["docker"]
    assert (agent.runtime, agent.adapter) == ("docker", "codex")


def test_home_of_the_image_is_where_the_agent_file_mounts_credentials(tmp_path: Path) -> None:
    shutil.copy(TEMPLATES / "docker.yaml", tmp_path / "docker.yaml")
    box = submission.load(str(tmp_path)).agents["docker"].docker
    assert box is not None
    image = (TEMPLATES / "Dockerfile").read_text()
    (home,) = [line.removeprefix("ENV HOME=") for line in image.splitlines() if line.startswith("ENV HOME=")]
    assert all(f":{home}/" in mount for mount in box.mounts)
    assert f"docker build -t {box.image} " in image

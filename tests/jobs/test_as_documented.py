"""What a FleetManager raises is a FleetManagerError, and what it is elsewhere, too."""

from __future__ import annotations

import asyncio
import pickle
from pathlib import Path
from typing import Any

import pytest

from gitfleet import FleetManager, FleetManagerError, HubUnreachable, JobNotFoundError, UsageError
from gitfleet.errors import FleetError, LocalStorage, NoFleet, NoRepository
from gitfleet.jobs.as_documented import of_manager
from tests.workbench import Git


def test_error_of_the_library_stays_what_it_is_with_all_its_facts() -> None:
    plain = LocalStorage("The disk is full.", path="/x", hint="Make room.", code=3)
    error: Any = of_manager(plain)
    for one in (error, pickle.loads(pickle.dumps(error))):
        assert {LocalStorage, FleetManagerError} <= set(type(one).__mro__)
        assert (one.code, one.exit_code, one.status) == ("LOCAL_STORAGE", 20, "local-storage")
        assert (str(one), one.hint, one.path, one.context) == (
            "The disk is full.", "Make room.", "/x", {"path": "/x"},
        )  # fmt: skip
        assert one.words == plain.words


@pytest.mark.parametrize("error", [JobNotFoundError("none"), of_manager(HubUnreachable("away"))])
def test_error_of_the_manager_is_itself(error: FleetError) -> None:
    assert of_manager(error) is error


def test_manager_raises_errors_of_its_own_root(member: Path, tmp_path: Path, git: Git) -> None:
    (outside := tmp_path / "outside" / "agents").mkdir(parents=True)
    git(tmp_path, "init", "-q", "lonely")
    for agents in (outside, tmp_path / "lonely/agents", member / "agents"):
        agents.mkdir(exist_ok=True)
        (agents / "tidy.yaml").write_text("command: [echo]\nworking_directory: ..\n")

    with pytest.raises(FleetManagerError) as nowhere:
        FleetManager(config_path=str(outside))
    assert isinstance(nowhere.value, NoRepository)
    with pytest.raises(FleetManagerError) as lonely:
        asyncio.run(FleetManager(config_path=str(tmp_path / "lonely/agents")).initialize())
    assert isinstance(lonely.value, NoFleet)
    with pytest.raises(FleetManagerError) as no_folder:
        FleetManager(config_path=str(member / "agents"), state_dir=str(member / "agents/tidy.yaml"))
    assert isinstance(no_folder.value, UsageError)

    async def main() -> None:
        async with FleetManager(config_path=str(member / "agents")) as fleet:
            with pytest.raises(FleetManagerError) as elsewhere:
                await fleet.trigger("tidy", working_directory=str(outside))
            assert isinstance(elsewhere.value, NoRepository)
            assert fleet.get_jobs() == []

    asyncio.run(main())

"""What is shipped: the wheel and the sdist hold everything, install into an empty environment, and run there.

Also the lock file, from which `make` installs what the suite runs with.
"""

from __future__ import annotations

import ast
import os
import re
import stat
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.workbench import OUTER_ENVIRONMENT, ROOT, Ran, run

SHIPPED = {"gitfleet": "gitfleet", "hooks": "gitfleet/_data/hooks", "templates": "gitfleet/_data/templates"}
LOCK = ROOT / "requirements/dev.lock"
LOCK_LINE = re.compile(
    r"#.*|    # .*"
    r"|[a-z0-9-]+==[0-9][0-9a-z.]*( ; [a-z_]+ [=!<>]+ '[A-Za-z0-9.]+'( and [a-z_]+ [=!<>]+ '[A-Za-z0-9.]+')?)? \\"
    r"|    --hash=sha256:[0-9a-f]{64}( \\)?"
)


def pip(*args: str | Path, directory: Path) -> Ran:
    """The pip of the running environment, with the network settings of whoever runs the suite."""
    return run(
        [sys.executable, "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", *args],
        directory,
        env={
            **dict.fromkeys(os.environ),
            **OUTER_ENVIRONMENT,
            "PIP_REQUIRE_VIRTUALENV": "0",
            "PIP_USER": "0",
        },
    )


@cache
def index_answers() -> bool:
    """Whether pip finds a package that is not here, as it must to install ours."""
    arguments = ["install", "--dry-run", "--ignore-installed", "--no-deps", "--retries=0", "--timeout=15"]
    return pip(*arguments, "psutil", directory=ROOT).returncode == 0


def checkout_files() -> Iterator[tuple[str, Path]]:
    """What the wheel must hold: place in the wheel, file in the checkout."""
    for folder, place in SHIPPED.items():
        for file in (ROOT / folder).rglob("*"):
            inside = file.relative_to(ROOT / folder)
            if file.is_file() and not any(part.startswith((".", "__pycache__")) for part in inside.parts):
                yield f"{place}/{inside.as_posix()}", file
    project = pyproject()["project"]
    for page in (ROOT / "docs/reference").glob("*.1"):
        yield f"{project['name']}-{project['version']}.data/data/share/man/man1/{page.name}", page


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def runnable(mode: int) -> bool:
    return bool(mode & stat.S_IXUSR)


def contents(wheel: Path) -> dict[str, tuple[bytes, bool]]:
    """Path to content and run bit, of all that the package installs (not its metadata)."""
    with zipfile.ZipFile(wheel) as archive:
        return {
            info.filename: (archive.read(info), runnable(info.external_attr >> 16))
            for info in archive.infolist()
            if ".dist-info/" not in info.filename
        }


def build(source: Path, target: str, into: Path) -> Path:
    run([sys.executable, "-m", "hatchling", "build", "-t", target, "-d", into], source).ok()
    (built,) = into.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An empty virtual environment: not even pip is in it."""
    path = tmp_path / "environment"
    run([sys.executable, "-m", "venv", "--without-pip", path], tmp_path).ok()
    return path


@pytest.fixture
def constraints(tmp_path: Path) -> Path:
    """A constraints file of the versions that the suite runs with."""
    path = tmp_path / "constraints.txt"
    installed = {dist.name: dist.version for dist in metadata.distributions() if dist.name != "gitfleet"}
    path.write_text("".join(f"{name}=={version}\n" for name, version in installed.items()), encoding="utf-8")
    return path


def test_wheel_of_the_checkout_holds_package_hooks_and_templates_with_run_bits(wheel: Path) -> None:
    wanted = {place: (file.read_bytes(), runnable(file.stat().st_mode)) for place, file in checkout_files()}
    held = contents(wheel)
    assert sorted(held) == sorted(wanted)
    assert [place for place in wanted if held[place] != wanted[place]] == []


def test_hooks_in_the_checkout_are_runnable_shell_scripts() -> None:
    hooks = [file for file in (ROOT / "hooks").iterdir() if not file.name.startswith((".", "README"))]
    assert hooks
    assert [hook.name for hook in hooks if not runnable(hook.stat().st_mode)] == []
    assert [hook.name for hook in hooks if not hook.read_bytes().startswith(b"#!/bin/sh\n")] == []


def test_wheel_built_from_the_sdist_equals_the_one_of_the_checkout(wheel: Path, tmp_path: Path) -> None:
    sdist = build(ROOT, "sdist", tmp_path / "sdist")
    run(["tar", "-xzf", sdist], tmp_path).ok()
    source = tmp_path / sdist.name.removesuffix(".tar.gz")
    assert contents(build(source, "wheel", tmp_path / "again")) == contents(wheel)


@pytest.mark.skipif("not index_answers()", reason="no package index to install the dependencies from")
@pytest.mark.slow
def test_wheel_in_an_empty_environment_runs_without_the_checkout(
    wheel: Path, environment: Path, constraints: Path, tmp_path: Path
) -> None:
    python = environment / "bin/python"
    pip("--python", python, "install", "-qq", "-c", constraints, wheel, directory=tmp_path).ok()
    here = tmp_path / "elsewhere"
    here.mkdir()

    version = metadata_of(wheel)["version"]
    for command in ("gitfleet", "git-fleet"):
        assert version in run([environment / "bin" / command, "--version"], here).ok().stdout
    assert "claim" in run([environment / "bin/gitfleet", "--help"], here).ok().stdout
    run([environment / "bin/gitfleet", "demo"], here, env=on_path(environment)).ok()

    where = run([python, "-c", "import gitfleet; print(gitfleet.__file__)"], here).ok().stdout.strip()
    assert Path(where).is_relative_to(environment)
    assert (environment / "share/man/man1/git-fleet.1").is_file()
    installed = Path(where).parent / "_data/hooks"
    assert [hook.name for hook in installed.iterdir() if not os.access(hook, os.X_OK)] == []


def on_path(environment: Path) -> Mapping[str, str]:
    """As if the environment were activated."""
    return {"PATH": f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def metadata_of(wheel: Path) -> Mapping[str, str]:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = archive.read(name).decode().splitlines()
    return {key.lower(): value for key, _, value in (line.partition(": ") for line in lines) if value}


def named(lines: Iterable[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in lines}


def test_package_imports_nothing_that_it_does_not_declare() -> None:
    project = pyproject()["project"]
    always = named(project["dependencies"])
    extras = {name: always | named(lines) for name, lines in project["optional-dependencies"].items()}
    owners = metadata.packages_distributions()
    undeclared = {
        f"{module.relative_to(ROOT)}: {name}"
        for module in (ROOT / "gitfleet").rglob("*.py")
        for name in imported_packages(module)
        if not extras.get(module.relative_to(ROOT).parts[1], always)
        & {canonicalize_name(owner) for owner in owners.get(name, [])}
    }
    assert undeclared == set()


def imported_packages(module: Path) -> set[str]:
    """Top-level packages of others that `module` imports, wherever in it."""
    nodes = list(ast.walk(ast.parse(module.read_bytes())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    own = {"gitfleet", "_sha2"}  # the latter is of Python from 3.12 on
    return {name.split(".")[0] for name in names} - sys.stdlib_module_names - own


@pytest.mark.parametrize("lock", [LOCK, LOCK.with_name("alone.lock")], ids=lambda path: path.stem)
def test_lock_names_no_index_and_no_path_of_a_machine(lock: Path) -> None:
    assert [
        line for line in lock.read_text(encoding="utf-8").splitlines() if not LOCK_LINE.fullmatch(line)
    ] == []


def test_lock_against_pyproject_holds_a_version_of_each_requirement() -> None:
    project = pyproject()
    asked = [
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
        *project["build-system"]["requires"],
    ]
    pins = re.findall(r"^([a-z0-9-]+)==(\S+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    locked = {canonicalize_name(name): version for name, version in pins}
    requirements = [Requirement(line) for line in asked]
    missing = [
        str(one)
        for one in requirements
        if canonicalize_name(one.name) not in locked
        or not one.specifier.contains(locked[canonicalize_name(one.name)])
    ]
    assert missing == [], "run `make lock`"

"""Which folder may import which: the contracts of pyproject.toml, and no circle between folders."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conventions.repository import PACKAGES, ROOT, imported, module_name, sources, suite

LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def _lint(root: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on a tree; the folder it runs in comes first on its path."""
    return subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A scratch copy of the five packages and of the rules."""
    for package in PACKAGES:
        hidden = shutil.ignore_patterns("__pycache__", ".local")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=hidden)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_import_rules_hold() -> None:
    """The five rules are what lets a door, an export or the bridge be replaced alone."""
    result = _lint(ROOT)

    assert result.returncode == 0, result.stdout
    assert " 0 broken" in result.stdout


@pytest.mark.parametrize(
    ("folder", "line", "rule"),
    [
        pytest.param("resources", "import assets.model", "1. ", id="a door knows an export"),
        pytest.param("api_bridge", "import dagster", "4. ", id="the bridge loads Dagster"),
        pytest.param("assets/model", "import pymongo", "3. ", id="the model talks to MongoDB"),
        pytest.param("resources", "import dagster", "2. ", id="a plain door knows Dagster"),
        pytest.param("assets/model", "import assets.steps", "5. ", id="the model knows a step"),
        pytest.param("sensors", "import api_bridge", "1. ", id="a sensor knows the bridge"),
    ],
)
def test_a_planted_violation_is_caught(copy: Path, folder: str, line: str, rule: str) -> None:
    """A contract with a misspelt module is kept for ever; each must be seen to break."""
    (copy / folder / "planted.py").write_text(f'"""Planted."""\n\n{line}\n', encoding="utf-8")

    result = _lint(copy)

    lines = [text.partition(" (")[0] for text in result.stdout.splitlines()]  # "(1 ignored import)"
    broken = [text for text in lines if text.endswith("BROKEN")]
    headed = result.stdout.split("Broken contracts")[-1]
    assert result.returncode == 1, result.stdout + result.stderr
    assert broken
    assert f"\n{rule}" in headed


def test_the_bridge_is_caught_reaching_dagster_by_a_detour(copy: Path) -> None:
    """The cost of loading Dagster is the same when a third module does it."""
    (copy / "assets" / "detour.py").write_text('"""D."""\n\nimport dagster\n', encoding="utf-8")
    (copy / "api_bridge" / "planted.py").write_text(
        '"""P."""\n\nimport assets.detour\n', encoding="utf-8"
    )

    result = _lint(copy)

    assert result.returncode == 1
    assert "api_bridge.planted -> assets.detour" in result.stdout


def test_no_two_folders_import_each_other() -> None:
    """A circle between folders means that neither can be understood, tested or moved alone."""
    assert _circle(_folders(ROOT)) == []


def test_a_planted_circle_is_found(copy: Path) -> None:
    """One import up from a step into the flow closes a circle of folders."""
    (copy / "assets" / "flow.py").write_text('"""F."""\n\nimport assets.steps.low\n', "utf-8")
    (copy / "assets" / "steps" / "low.py").write_text('"""L."""\n\nimport assets.flow\n', "utf-8")

    circle = _circle(_folders(copy))

    assert {"assets", "assets/steps"} <= set(circle)


def test_the_bridge_loads_neither_dagster_nor_polars() -> None:
    """What a static graph cannot see: an import made by a third party or by name, at run time."""
    modules = [module_name(file) for file in sources() if "api_bridge" in file.parts]
    script = (
        "import importlib, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'dagster', 'polars'}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert (result.stdout.strip(), result.stderr) == ("[]", "")


def _folders(root: Path) -> dict[str, set[str]]:
    """Folder to the other folders of ours that its files import."""
    files = [*sources(root), *suite(root)]
    home = {module_name(file, root): file.parent.relative_to(root).as_posix() for file in files}
    graph: dict[str, set[str]] = {folder: set() for folder in home.values()}
    for file in files:
        here = file.parent.relative_to(root).as_posix()
        for _, name in imported(file):
            there = home.get(name) or home.get(name.rpartition(".")[0])
            if there and there != here:
                graph[here].add(there)
    return graph


def _circle(graph: Mapping[str, set[str]]) -> list[str]:
    """The folders that are left when those without open arrows are taken away: [] if no circle."""
    left = {folder: set(targets) for folder, targets in graph.items()}
    while free := [folder for folder, targets in left.items() if not targets & left.keys()]:
        for folder in free:
            del left[folder]
    return sorted(left)

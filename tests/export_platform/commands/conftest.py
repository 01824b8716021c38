"""A command line with a folder of its own, and an export on disk made without any server."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assets.model.manifest import MANIFEST_NAME
from export_platform.cli import main
from tests.export_platform.commands.made import CONTENT, manifest
from tests.export_platform.commands.shell import Said


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the commands of a test keep their data."""
    return tmp_path / "home"


@pytest.fixture
def run(home: Path) -> Callable[..., Said]:
    """Runs `export-platform` with these words, as a person would."""

    def invoke(*words: object, env: dict[str, str] | None = None) -> Said:
        variables = {"EXPORT_PLATFORM_HOME": str(home), "NO_COLOR": "1", **(env or {})}
        result = CliRunner().invoke(main, [str(word) for word in words], env=variables)
        return Said(code=result.exit_code, out=result.stdout, err=result.stderr)

    return invoke


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The folder of a downloaded export: one plain CSV of three rows, and its manifest."""
    folder = tmp_path / "written"
    folder.mkdir()
    (folder / "part-00001.csv").write_bytes(CONTENT)
    (folder / MANIFEST_NAME).write_bytes(manifest([CONTENT]).to_bytes())
    return folder

"""What a command says to type next can be typed: in this shell, from this folder."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from assets.exports.catalog import CATALOG
from export_platform.commands.hints import shown, typed
from export_platform.commands.platform import show_places
from export_platform.local.deployment import Places
from tests.conventions.repository import ROOT
from tests.export_platform.commands.shell import Said

Run = Callable[..., Said]
SCRIPT = Path(sys.executable).with_name("export-platform")
SYSTEM = "/usr/bin:/bin"


def _hint(folder: Path, *, path: str) -> str:
    """The command that a mistyped one recommends, in a folder and with a PATH."""
    env = {**os.environ, "PATH": path, "EXPORT_PLATFORM_HOME": str(folder)}
    said = subprocess.run(
        [SCRIPT, "nonsense"], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    hints = re.findall("`(.*)`", said.stderr)
    assert 1 == len(hints), said.stderr
    typed_in = subprocess.run(
        ["/bin/sh", "-c", hints[0]], cwd=folder, env=env, capture_output=True, check=False
    )
    assert 0 == typed_in.returncode, hints[0]
    return str(hints[0])


def test_a_hint_works_where_the_program_is_on_the_path(tmp_path: Path) -> None:
    """The short name is what a person with an active virtualenv types."""
    assert "export-platform --help" == _hint(tmp_path, path=f"{SCRIPT.parent}:{SYSTEM}")


def test_a_hint_works_where_it_is_not_on_the_path(tmp_path: Path) -> None:
    """Its name alone would end in "command not found"."""
    assert f"{shlex.quote(str(SCRIPT))} --help" == _hint(tmp_path, path=SYSTEM)


@pytest.mark.parametrize("above", [0, 1, 2])
def test_a_hint_is_short_within_the_checkout(above: int) -> None:
    """`.venv/bin/export-platform` is what the README says, and it is easier to read."""
    folder = SCRIPT.parents[above]
    path = SCRIPT.relative_to(folder)

    assert f"{'./' if above == 0 else ''}{path} --help" == _hint(folder, path=SYSTEM)


def test_a_path_is_short_within_the_folder_and_quoted_for_a_shell(tmp_path: Path) -> None:
    """A folder with a space in its name would be two words."""
    assert "a b" == shown(Path.cwd() / "a b")
    assert "'a b'" == typed(Path("a b"))
    assert str(tmp_path) == shown(tmp_path)


def test_a_bridge_that_is_down_says_how_to_start_one(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make up` is only a command where the Makefile is."""
    env = {"EXPORT_BRIDGE_URL": "http://127.0.0.1:9", "EXPORT_TOKEN": "x"}

    monkeypatch.chdir(ROOT)
    assert run("types", env=env).complaint.endswith("start it with `make up`")
    monkeypatch.chdir(tmp_path)
    assert run("types", env=env).complaint.endswith("export-platform up`")


def test_the_places_can_be_copied(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The README's curl reads BRIDGE, and the way from collection to file is one click away."""
    show_places(
        Places(
            bridge_url="http://127.0.0.1:1",
            dagster_url="http://127.0.0.1:2",
            logs=tmp_path,
            environment={},
        )
    )

    said = capsys.readouterr().out
    assert "export BRIDGE=http://127.0.0.1:1\n" in said
    assert f"http://127.0.0.1:2/assets/exports/{next(iter(CATALOG))}?view=lineage\n" in said


def test_stopping_says_what_is_left(run: Run, home: Path) -> None:
    """Silence leaves open whether the data has gone."""
    said = run("down")

    assert (0, f"all stopped; data stays in {home}\n") == (said.code, said.out)

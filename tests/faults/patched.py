"""Copies of the sources in which a guard is taken away: what is run there must go wrong."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def copied(folder: Path, names: Sequence[str]) -> None:
    """Copy files and folders of the project into a folder, to be changed there."""
    for name in names:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "goldens")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder / name)


def taken_away(folder: Path, file: str, text: str, instead: str) -> None:
    """Let something else stand in a copied file where a guard stands."""
    guarded = (folder / file).read_text(encoding="utf-8")
    assert guarded.count(text) == 1, "the guard has moved: name it here anew"
    (folder / file).write_text(guarded.replace(text, instead), encoding="utf-8")


def run(folder: Path, *words: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run a module of a copy, which stands first on the import path."""
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )

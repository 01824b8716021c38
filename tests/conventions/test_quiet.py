"""Importing any module does nothing: no environment, file, socket, process, thread or clock."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conventions.repository import ROOT, module_name, sources

WATCHER = Path(__file__).with_name("quiet.py")


def _import(root: Path, modules: list[str]) -> subprocess.CompletedProcess[str]:
    """Import modules in a new process with an empty environment."""
    return subprocess.run(
        [sys.executable, "-B", str(WATCHER), str(root), *modules],
        cwd=root,
        env={},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_importing_any_module_does_nothing() -> None:
    """Work at import runs in every worker, test and tool, before anybody could configure it."""
    modules = [module_name(file) for file in sources() if file.stem != "__main__"]

    result = _import(ROOT, modules)

    assert (result.stdout, result.returncode) == ("", 0), result.stderr
    assert len(modules) > 10


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("import os; HOME = os.environ.get('HOME')", "environment HOME"),
        ("import os; HOME = os.getenv('HOME')", "environment HOME"),
        ("import pathlib; TEXT = pathlib.Path('/etc/hostname').read_bytes()", "open"),
        ("import time; START = time.time()", "clock"),
        ("import datetime; START = datetime.datetime.now(datetime.UTC)", "clock"),
        ("import threading; threading.Thread(target=print).start()", "thread"),
    ],
)
def test_work_at_import_is_seen(tmp_path: Path, line: str, seen: str) -> None:
    """The watcher must see each kind of work, or its silence means nothing."""
    (tmp_path / "planted.py").write_text(f'"""Planted."""\n\n{line}\n', encoding="utf-8")

    result = _import(tmp_path, ["planted"])

    assert "planted.py:3: " in result.stdout, result.stderr
    assert seen in result.stdout


def test_a_connection_at_import_is_refused(tmp_path: Path) -> None:
    """A door that connects at import hangs every tool that only wanted a name from it."""
    line = "import os, socket\nif not os.environ: socket.create_connection(('127.0.0.1', 9))\n"
    (tmp_path / "planted.py").write_text(f'"""Planted."""\n\n{line}', encoding="utf-8")

    result = _import(tmp_path, ["planted"])

    assert result.returncode == 1

"""The guards of an attempt, each taken away in a patched copy: its test must then fail.

A safety test that cannot fail proves nothing (RELIABILITY.md 7).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("assets", "resources", "export_platform", "tests", "pyproject.toml")

# What is taken away: file, the text that guards, what stands there instead, the test that notices.
GUARDS = {
    "the lease's token in every write": (
        "assets/moves/base.py",
        "self._move(move, export_id, token=token, change=change)",
        "self._move(move, export_id, change=change)",
        "test_a_zombie_that_wakes_while_its_successor_runs_publishes_nothing",
    ),
    "the state that a move must start from": (
        "resources/mongo/exports.py",
        '"status": {"$in": list(match.statuses)}',
        '"type": {"$exists": True}',
        "test_what_has_succeeded_cannot_be_cancelled_or_retried",
    ),
    "the independent count": (
        "assets/model/manifest.py",
        "if self.read != self.expected:",
        "if False:",
        "test_a_row_lost_on_the_way_fails_the_export",
    ),
    "the look for entries that were read twice": (
        "assets/steps/read.py",
        "if _has_twins(seen):",
        "if False:",
        "test_a_fan_who_changes_markets_while_they_are_read_fails_the_attempt",
    ),
    "the reading back of stored files": (
        "assets/pipeline.py",
        "confirm(entry, doors.objects)",
        "str(entry)",
        "test_a_file_that_is_not_stored_as_written_fails_the_export",
    ),
    "the heartbeat's own fence": (
        "assets/heartbeat.py",
        "return self._clock.monotonic() - self._renewed > self._life.timing.self_fence",
        "return False",
        "test_a_worker_that_cannot_renew_stops_itself_before_its_lease_can_be_taken",
    ),
}


def _run(folder: Path, test: str) -> subprocess.CompletedProcess[str]:
    """Run one test of a copy, which stands first on the import path."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", test]
    return subprocess.run(
        [*command, "tests/assets/test_attempt.py", "tests/assets/test_life.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The sources and their tests, to be changed."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "goldens")
            shutil.copytree(source, tmp_path / name, ignore=ignored)
        else:
            shutil.copy(source, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("guard", GUARDS)
def test_taking_a_guard_away_turns_its_test_red(copy: Path, guard: str) -> None:
    """With the guard the test passes (the suite runs it), without it the same test fails."""
    file, text, instead, test = GUARDS[guard]
    guarded = (copy / file).read_text(encoding="utf-8")
    assert guarded.count(text) == 1, "the guard has moved: name it here anew"
    (copy / file).write_text(guarded.replace(text, instead), encoding="utf-8")
    broken = _run(copy, test)

    # 1 is "tests failed"; a copy that cannot even be collected would be 2.
    assert broken.returncode == 1, broken.stdout

"""The guards of an attempt, each taken away in a patched copy: its test must then fail.

A safety test that cannot fail proves nothing (RELIABILITY.md 7).
"""

from pathlib import Path

import pytest

from tests.faults.patched import copied, run, taken_away

QUIETLY = ("pytest", "-q", "-p", "no:cacheprovider")
TESTS = ("tests/assets/test_attempt.py", "tests/assets/test_life.py")
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


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The sources and their tests, to be changed."""
    copied(tmp_path, COPIED)
    return tmp_path


@pytest.mark.parametrize("guard", GUARDS)
def test_taking_a_guard_away_turns_its_test_red(copy: Path, guard: str) -> None:
    """With the guard the test passes (the suite runs it), without it the same test fails."""
    file, text, instead, test = GUARDS[guard]
    taken_away(copy, file, text, instead)
    broken = run(copy, *QUIETLY, "-k", test, *TESTS, seconds=120)

    # 1 is "tests failed"; a copy that cannot even be collected would be 2.
    assert broken.returncode == 1, broken.stdout

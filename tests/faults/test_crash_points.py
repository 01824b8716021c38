"""Crash points: each stands in the code once, costs nothing, and refuses what is not one."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from resources.crash_points import FOLDER, CrashPoint, arm, passing
from tests.faults.rounds import BRIDGE, DELIVERY, IN_PARTS, LAUNCH, POINTS

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("resources", "assets", "sensors", "export_platform", "api_bridge")
# Dagster's own daemon reserves ids; it has a hook of that name for its own tests and calls none of
# ours there, so the daemon of the harness passes this point.
ELSEWHERE = {"K05"}


def test_every_point_that_is_declared_stands_in_the_code_once() -> None:
    """A point that nobody passes would be a kill that is never tried."""
    text = "".join(
        file.read_text(encoding="utf-8") for p in PACKAGES for file in (ROOT / p).rglob("*.py")
    )

    found = sorted(re.findall(r"passing\(CrashPoint\.(K[0-9]{2})\)", text))

    assert found == sorted(set(POINTS) - ELSEWHERE)
    assert len(POINTS) == 24
    assert {*BRIDGE, *LAUNCH, *IN_PARTS, *DELIVERY} < set(POINTS)


def test_a_point_is_passed_when_nothing_is_ordered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the variable as without it."""
    passing(CrashPoint.K01)
    monkeypatch.setenv(FOLDER, str(tmp_path))
    arm(tmp_path, "K02")
    passing(CrashPoint.K01)

    assert [file.name for file in tmp_path.iterdir()] == ["K02"]


@pytest.mark.parametrize("order", [("K99", "kill", 1), ("K01", "burn", 1), ("K01", "kill", 0)])
def test_an_unknown_order_is_refused(tmp_path: Path, order: tuple[str, str, int]) -> None:
    """A misspelt point would be taken for one that is survived."""
    with pytest.raises(ValueError, match="is no"):
        arm(tmp_path, *order)


def test_a_folder_with_an_unknown_point_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where somebody wrote it there by hand."""
    (tmp_path / "K25").write_text("kill 1", encoding="ascii")
    monkeypatch.setenv(FOLDER, str(tmp_path))

    with pytest.raises(ValueError, match="K25 is no crash point"):
        passing(CrashPoint.K01)


def test_an_order_is_obeyed_once_at_its_passage(tmp_path: Path) -> None:
    """The third passage kills; the next process passes."""
    order = arm(tmp_path, "K10", passage=3)
    script = (
        "from resources.crash_points import CrashPoint, passing\n"
        "for n in range(5): passing(CrashPoint.K10); print(n, flush=True)"
    )

    def run() -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={FOLDER: str(tmp_path), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done.returncode, done.stdout

    assert run() == (-9, "0\n1\n")
    assert not order.exists()
    assert run()[0] == 0

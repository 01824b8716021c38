"""On the full stack an order for the worker of one export reaches no other."""

import os
from pathlib import Path
from typing import Any

import pytest

from assets.attempt import Attempt
from resources.crash_points import FOLDER
from tests.faults import located


def test_each_attempt_looks_for_orders_in_the_folder_of_its_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where one worker runs attempts of several exports one after another."""
    shared, seen = tmp_path / "shared", list[tuple[str, str]]()

    def run(_: Any, export_id: str, attempt: int, *, run_id: str) -> int:
        seen.append((export_id, os.environ[FOLDER]))
        assert run_id == f"{export_id}-{attempt}"
        return attempt

    monkeypatch.setenv(FOLDER, str(shared))
    monkeypatch.delenv(located.WITHOUT, raising=False)
    monkeypatch.setattr(Attempt, "run", run)
    located._prepared.__wrapped__()
    folders = [located.orders_of(shared, name) for name in ("exp_a", "exp_b")]
    for folder in folders:
        folder.mkdir(parents=True)
    worker: Any = object.__new__(Attempt)

    assert worker.run("exp_a", 1, run_id="exp_a-1") == 1
    assert worker.run("exp_b", 2, run_id="exp_b-2") == 2

    assert seen == [("exp_a", str(folders[0])), ("exp_b", str(folders[1]))]

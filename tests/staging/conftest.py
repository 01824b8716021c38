"""What only a real service can show is not looked at where there is none."""

from pathlib import Path

import pytest

_REAL = {"test_mongodb.py"}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave these out without `--staging`: one that is always skipped looks like one that ran."""
    return True if collection_path.name in _REAL and not config.getoption("--staging") else None

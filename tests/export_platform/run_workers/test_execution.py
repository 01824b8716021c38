"""What is made before the first worker is forked."""

import os
import threading

import pytest

from export_platform.run_workers.execution import rehearse


def _opened() -> set[str]:
    return set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are enough


def test_a_rehearsal_leaves_no_thread_and_no_open_file() -> None:
    """A process with threads must not be forked, and a worker would inherit what is open."""
    rehearse()  # what is imported with it may open something for good
    threads, opened = threading.enumerate(), _opened()

    rehearse()

    assert threading.enumerate() == threads
    assert _opened() <= opened


def test_a_rehearsal_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """The log of the run workers is about runs that somebody asked for."""
    rehearse()

    assert "".join(capfd.readouterr()) == ""

"""Waiting for what other processes do."""

from collections.abc import Callable
from typing import Any

from resources.clock import SystemClock

CLOCK = SystemClock()


def eventually(condition: Callable[[], Any], seconds: float = 90.0) -> Any:
    """What a condition gives once it holds.

    Raises:
        AssertionError: It did not hold in time.
    """
    deadline = CLOCK.monotonic() + seconds
    while not (found := condition()):
        assert CLOCK.monotonic() < deadline, "did not happen in time"
        CLOCK.sleep(0.05)
    return found

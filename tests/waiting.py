"""Waiting for what other processes do, and measuring how long something takes beside them."""

from collections.abc import Callable
from typing import Any, Self

from resources.clock import SystemClock
from tests.beside import Beside

CLOCK = SystemClock()
# Who sleeps for so long and wakes up twice as late was not let go on.
STILL_SECONDS = 0.05


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


class Stopwatch(Beside):
    """How long a block takes, but for the time in which the machine stood still.

    A promise in seconds is not broken by a machine that lets nobody go on. A thread that only
    sleeps sees that: it wakes up late by as much.

    Attributes:
        seconds: What the block took, once it has ended.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds = self._still = 0.0

    def __enter__(self) -> Self:
        """Begin to measure."""
        self._began = CLOCK.monotonic()
        return super().__enter__()

    def __exit__(self, *of: object) -> None:
        """Measure no more."""
        super().__exit__(*of)
        self.seconds = CLOCK.monotonic() - self._began - self._still

    def _run(self) -> None:
        ended, woken = False, CLOCK.monotonic()
        while not ended:
            ended = self._end.wait(STILL_SECONDS)
            before, woken = woken, CLOCK.monotonic()
            late = woken - before - STILL_SECONDS
            self._still += late if late > STILL_SECONDS else 0.0

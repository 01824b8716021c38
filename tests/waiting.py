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
    """

    def __init__(self) -> None:
        super().__init__()
        self._began = 0.0
        # How long the machine has stood still by then, in one piece: two threads look at it.
        self._known = (0.0, 0.0)
        self._took: float | None = None

    def __enter__(self) -> Self:
        """Begin to measure."""
        self._began = CLOCK.monotonic()
        self._known = (0.0, self._began)
        return super().__enter__()

    def __exit__(self, *of: object) -> None:
        """Measure no more."""
        self._took = self.seconds
        super().__exit__(*of)

    @property
    def seconds(self) -> float:
        """Since the block has begun, up to its end."""
        if self._took is not None:
            return self._took
        still, now = self._still_by_now()
        return now - self._began - still

    def _still_by_now(self) -> tuple[float, float]:
        still, woken = self._known
        now = CLOCK.monotonic()
        late = now - woken - STILL_SECONDS
        return still + (late if late > STILL_SECONDS else 0.0), now

    def _run(self) -> None:
        while not self._end.wait(STILL_SECONDS):
            self._known = self._still_by_now()

"""What a clock promises: the manual one and the real one."""

from datetime import timedelta
from typing import ClassVar

import pytest

from resources.clock import Clock, SystemClock
from tests.fakes.clock import ManualClock


class ClockContract:
    """The suite; a subclass gives the fixture ``timer``."""

    doors: ClassVar = (SystemClock,)

    def test_sleeping_takes_its_time(self, timer: Clock) -> None:
        """Both the calendar and the stopwatch must show that the time has passed."""
        instant, second = timer.now(), timer.monotonic()

        timer.sleep(0.02)

        assert timer.now() - instant >= timedelta(seconds=0.019)
        assert timer.monotonic() - second >= 0.019

    @pytest.mark.parametrize("seconds", [0, -5])
    def test_sleeping_for_nothing_returns_at_once(self, timer: Clock, seconds: float) -> None:
        """A wait that was computed from two dates may come out negative."""
        second = timer.monotonic()

        timer.sleep(seconds)

        assert 0 <= timer.monotonic() - second < 1

    def test_now_is_in_utc(self, timer: Clock) -> None:
        """A date without a zone would be read as local time by whoever gets it."""
        assert timer.now().utcoffset() == timedelta(0)


class TestFake(ClockContract):
    """The fake."""

    @pytest.fixture
    def timer(self) -> Clock:
        """It moves when it is told to."""
        return ManualClock()


class TestSystem(ClockContract):
    """The real clock."""

    @pytest.fixture
    def timer(self) -> Clock:
        """It moves."""
        return SystemClock()

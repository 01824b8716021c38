"""The highest rate that is borne, by rounds whose rates close in on it."""

from collections.abc import Awaitable, Callable
from math import sqrt
from typing import Final

STEP: Final = 1.5
# A rate that was borne and one that was not are no further apart at the end.
WITHIN: Final = 1.05
LEAST: Final = 1.0


async def highest(is_borne: Callable[[float], Awaitable[bool]], first: float) -> float:
    """The highest rate at which a round was borne; 0.0 if not even one a second was.

    Args:
        is_borne: Runs a round at a rate.
        first: The rate to begin with.
    """
    low, high, rate = 0.0, float("inf"), first
    while rate >= LEAST and high > low * WITHIN:
        if await is_borne(rate):
            low = rate
        else:
            high = rate
        rate = _next(low, high)
    return low


def _next(low: float, high: float) -> float:
    if not low:
        return high / STEP
    return min(low * STEP, sqrt(low * high))

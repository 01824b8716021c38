"""When a webhook that was not taken is sent again (API.md 5, after Standard Webhooks); pure."""

from collections.abc import Sequence

_MINUTE, _HOUR = 60.0, 3_600.0
# After the last wait there is no other try: three days in all.
WAITS: Sequence[float] = (
    5.0,
    5 * _MINUTE,
    30 * _MINUTE,
    2 * _HOUR,
    5 * _HOUR,
    10 * _HOUR,
    14 * _HOUR,
    20 * _HOUR,
    24 * _HOUR,
)
# A tenth more or less: what failed together does not come again together.
SPREAD = 0.1
# A receiver may ask for more time, but not for ever.
MOST_ASKED = 24 * _HOUR


def wait_after(
    attempts: int, *, asked: float | None, jitter: float, waits: Sequence[float] = WAITS
) -> float | None:
    """Seconds until the next try; None when there is none.

    Args:
        attempts: How often it was tried, at least 1.
        asked: Seconds that the receiver asked for.
        jitter: A random number in [0, 1).
        waits: The wait after each try.
    """
    if attempts > len(waits):
        return None
    spread = waits[attempts - 1] * (1.0 - SPREAD + 2.0 * SPREAD * jitter)
    return max(spread, min(asked or 0.0, MOST_ASKED))

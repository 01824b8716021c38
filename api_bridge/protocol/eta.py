"""When an export will have ended, told from how long exports like it took; pure.

An estimate is a quantile of earlier ends, scaled to the rows to be read, and nothing is assumed of
their distribution: with n of them the next one ends before the k-th smallest with probability
k / (n + 1) (conformal prediction, Vovk 2005). So nine are needed to state what nine of ten keep;
of fewer nothing is stated. What still runs has outlived the shorter ones, which then say no more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Of many the nearest in size count: enough for the ninth decile, few enough to be alike.
NEAREST = 19
# A small export is mostly its run's start, which takes as long as so many rows.
START_ROWS = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """An earlier export of the same kind.

    Attributes:
        read: Rows that it read.
        seconds: Its last attempt, from start to end.
    """

    read: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Seconds until an export has ended; None where nothing is known.

    Attributes:
        p50: Half of them end sooner.
        p90: Nine of ten end sooner.
    """

    p50: float | None = None
    p90: float | None = None


def left(earlier: Sequence[Took], *, rows: int | None, elapsed: float, ratio: float | None) -> Left:
    """How long an export still takes.

    Args:
        earlier: Exports of the same kind, in any order.
        rows: How many it reads; None if nobody knows.
        elapsed: Seconds since its attempt began.
        ratio: The part of the rows that this attempt has read; None if that says nothing.
    """
    ends = [] if rows is None else sorted(_ends(earlier, rows, elapsed))
    half, most = _total(ends, 0.5, elapsed, ratio), _total(ends, 0.9, elapsed, ratio)
    if half is None and ratio:
        half = elapsed / ratio
    return Left(
        p50=None if half is None else half - elapsed, p90=None if most is None else most - elapsed
    )


def _ends(earlier: Sequence[Took], rows: int, elapsed: float) -> list[float]:
    """After how many seconds exports like this one ended, which still runs."""
    near = sorted(earlier, key=lambda took: abs(math.log((took.read + 1) / (rows + 1))))
    scaled = (took.seconds * _longer(took, rows) for took in near[:NEAREST])
    return [seconds for seconds in scaled if seconds > elapsed]


def _longer(took: Took, rows: int) -> float:
    """How many times as long as another one an export takes, by their rows."""
    return (rows + START_ROWS) / (took.read + START_ROWS)


def _total(
    ends: Sequence[float], share: float, elapsed: float, ratio: float | None
) -> float | None:
    """The quantile of the ends, and more and more the export's own pace (elapsed / ratio)."""
    place = math.ceil(share * (len(ends) + 1))
    if place > len(ends):
        return None
    trust = (ratio or 0.0) ** 2  # a pace says little at first
    return (1.0 - trust) * ends[place - 1] + (ratio or 0.0) * elapsed

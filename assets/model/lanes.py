"""Who goes first: two lanes by size, and within a lane a turn for each caller; pure.

An export that reads many rows holds its slot for minutes. Large ones may therefore have only a part
of the slots, and a slot that is free goes to them first until they have it: neither lane can be
kept waiting by the other, however much is asked for.

Within a lane the order is that of turns, as in a virtual clock (Zhang, SIGCOMM 1990): the turn of
an export is when it would begin if its caller were given one start in so many seconds. Who asks for
a hundred at once has turns far ahead and lets others pass; who asks for one comes next. A turn is
an instant and never moves, so what is asked for after it comes later: nothing starves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# A second or two for the slowest kinds, and less than the start of a process for most.
LARGE_ROWS = 50_000
USUAL_PRIORITY = 5
# Exports that may be out of the queue at once: twice what the run workers of a small machine
# execute, so that none of them waits for a tick.
USUALLY_AT_ONCE = 16
# The share of the slots that large exports may hold: one of five, but one in any case. Of the usual
# sixteen these are three, so that the eight run workers of a small machine are never all theirs.
LARGE_SHARE = 5


class Lane(StrEnum):
    """Where an export waits, by the rows that it reads."""

    SMALL = "small"
    LARGE = "large"


# Seconds between two turns of one caller. Longer than an export of the lane takes, or a caller
# with many would have its turns before that of one who comes a minute later.
SPACING: Mapping[Lane, float] = {Lane.SMALL: 60.0, Lane.LARGE: 1_800.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Exports of one caller that wait behind each other: of one campaign, equally urgent."""

    campaign: str | None
    priority: int


def lane_of(rows: int | None) -> Lane:
    """The lane of an export that reads so many rows; one of which nothing is known is small.

    A wrong guess costs little: from the moment that a run knows its rows it counts as large.
    """
    return Lane.SMALL if rows is None or rows <= LARGE_ROWS else Lane.LARGE


def most_large(at_once: int) -> int:
    """How many of the exports that may be out of the queue at once may be large."""
    return max(1, at_once // LARGE_SHARE)


def turn_of(now: datetime, flow: Flow, waiting: Mapping[Flow, datetime], lane: Lane) -> datetime:
    """When an export is due that comes to a lane now.

    The flows of a caller share its starts: 20 exports of one campaign and one of another are begun
    with the first of each. A priority above the usual halves the wait a step, one below doubles it.

    Args:
        now: The database's clock.
        flow: The export's own.
        waiting: The last turn of each flow of the same caller in this lane.
        lane: Which lane.
    """
    after = max(now, waiting.get(flow, now))
    steps = len({*waiting, flow}) * 2.0 ** (USUAL_PRIORITY - flow.priority)
    return after + timedelta(seconds=SPACING[lane] * steps)

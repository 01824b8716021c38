"""The offsets of a zone as a table, for the years in which campaigns are."""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

_FIRST: Final = int(datetime(2010, 1, 1, tzinfo=UTC).timestamp())
_LAST: Final = int(datetime(2045, 1, 1, tzinfo=UTC).timestamp())
# No zone changes its offset twice within so short a time.
_STEP: Final = 7 * 86_400
_SECOND: Final = timedelta(seconds=1)


@lru_cache(maxsize=64)
def spans(key: str) -> tuple[tuple[int, int], ...]:
    """Each second of the epoch from which an offset (in seconds) holds; the last ends the table."""
    zone = ZoneInfo(key)
    found = (_FIRST, *_changes(zone))
    return (*((since, _offset(zone, since) // _SECOND) for since in found), (_LAST, 0))


def _changes(zone: ZoneInfo) -> Iterator[int]:
    """The first second with each later offset."""
    steps = (*range(_FIRST, _LAST, _STEP), _LAST)
    offsets = [_offset(zone, second) for second in steps]
    for (before, after), (old, new) in zip(pairwise(steps), pairwise(offsets), strict=True):
        if old != new:
            yield _change(zone, range(before, after + 1), old)


def _change(zone: ZoneInfo, within: range, old: timedelta) -> int:
    return within[bisect_left(within, True, key=lambda second: _offset(zone, second) != old)]


def _offset(zone: ZoneInfo, second: int) -> timedelta:
    return datetime.fromtimestamp(second, zone).utcoffset() or timedelta()

"""The offsets of a zone as a table, for the years in which campaigns are."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

_FIRST: Final = datetime(2010, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(2045, 1, 1, tzinfo=UTC)
# No zone changes its offset twice within so short a time.
_STEP: Final = timedelta(days=7)
_SECOND: Final = timedelta(seconds=1)


@lru_cache(maxsize=64)
def spans(key: str) -> tuple[tuple[int, int], ...]:
    """Each second of the epoch from which an offset (in seconds) holds; the last ends the table."""
    zone = ZoneInfo(key)
    found = [(_FIRST, _offset(_FIRST, zone))]
    at = _FIRST
    while at < _LAST:
        later = min(at + _STEP, _LAST)
        if _offset(later, zone) != found[-1][1]:
            found.append((_change(at, later, zone), _offset(later, zone)))
        at = later
    table = [*found, (_LAST, 0)]
    return tuple((int(since.timestamp()), offset) for since, offset in table)


def _offset(instant: datetime, zone: ZoneInfo) -> int:
    return int((instant.astimezone(zone).utcoffset() or timedelta()).total_seconds())


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first second with the later offset."""
    old = _offset(before, zone)
    while after - before > _SECOND:
        middle = before + timedelta(seconds=int((after - before) / _SECOND) // 2)
        before, after = (middle, after) if _offset(middle, zone) == old else (before, middle)
    return after

"""How an instant becomes text: in the campaign's zone, in UTC, as a day or as an offset.

DOMAIN.md 6.1 and 6.2. Cut to the second, never rounded.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from bson.datetime_ms import DatetimeMS
from bson.tz_util import utc  # the zone of every date that BSON holds; its offset is a slow call

from assets.model.column import Unfit
from assets.steps.values import Formatter

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _instant(value: object, zone: ZoneInfo | None = None) -> datetime:
    """A BSON date in a zone (None: UTC); a date without a zone is UTC (DOMAIN.md 2.0)."""
    try:
        if isinstance(value, datetime):
            target = zone or UTC
            if value.tzinfo is None or value.tzinfo is utc:
                return target.fromutc(value.replace(tzinfo=target))
            return value.astimezone(target)
        if isinstance(value, DatetimeMS):
            return (_EPOCH + timedelta(milliseconds=int(value))).astimezone(zone or UTC)
    except (OverflowError, ValueError):  # before year 1 or after 9999, here or in the zone
        raise Unfit("date_out_of_range") from None
    raise Unfit("wrong_type")


def local_time(zone: ZoneInfo) -> Formatter:
    """`dtl`: what a clock on a wall there shows."""

    def write(value: object) -> str:
        # 19 characters end at the second: cut, never rounded. str() measured 10 % before
        # strftime, and zoneinfo's own conversion (0.3 us) before a cache of offsets.
        return "" if value is None else str(_instant(value, zone))[:19]

    return write


def offset(zone: ZoneInfo) -> Formatter:
    """`off`: how far that clock is from UTC."""

    def write(value: object) -> str:
        if value is None:
            return ""
        apart = _instant(value, zone).utcoffset() or timedelta()
        hours, minutes = divmod(abs(apart) // timedelta(minutes=1), 60)
        return f"{'-' if apart < timedelta() else '+'}{hours:02}:{minutes:02}"

    return write


def utc_time() -> Formatter:
    """`dtz`: RFC 3339 in UTC."""

    def write(value: object) -> str:
        if value is None:
            return ""
        text = str(_instant(value))
        return f"{text[:10]}T{text[11:19]}Z"

    return write


def day(zone: ZoneInfo) -> Formatter:
    """`date`: the calendar day there."""

    def write(value: object) -> str:
        if value is None:
            return ""
        if type(value) is date:  # already somebody's calendar day (Athena's DATE): no zone applies
            return value.isoformat()
        return str(_instant(value, zone))[:10]

    return write

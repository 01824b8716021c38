"""The table of a zone says what zoneinfo says, second by second around each change."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from assets.steps.native.zones import spans

ZONES = ("UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca")


@pytest.mark.parametrize("key", ZONES)
def test_the_table_changes_where_the_zone_does(key: str) -> None:
    """Half an hour of summer time, or none in Ramadan: a wrong hour would look like a right one."""
    table = spans(key)
    for (since, offset), (until, _) in pairwise(table):
        middle = (since + until) // 2
        for second in (since, since + 1, middle, until - 1):
            instant = datetime.fromtimestamp(second, UTC).astimezone(ZoneInfo(key))
            assert instant.utcoffset() == timedelta(seconds=offset)


def test_a_zone_with_summer_time_has_many_rows() -> None:
    """Negative control: one row for all years would pass the test above for UTC alone."""
    assert len(spans("UTC")) == 2
    assert len(spans("America/New_York")) > 60

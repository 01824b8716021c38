"""Instants without a wall clock: the pack's "now" and ISO text to aware UTC datetimes."""

from datetime import UTC, datetime, timedelta
from typing import Final

AS_OF: Final = datetime(2026, 3, 20, 12, 0, 0, tzinfo=UTC)
"""The instant at which every pack is imagined to have been taken (DOMAIN.md 10.1)."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def at(text: str) -> datetime:
    """The UTC instant written as ISO 8601 with a `Z` or an offset."""
    return datetime.fromisoformat(text).astimezone(UTC)


def milliseconds(text: str) -> int:
    """Milliseconds since 1970 of an ISO instant; negative before it."""
    return (at(text) - _EPOCH) // _MILLISECOND


def from_milliseconds(value: int) -> datetime:
    """The UTC instant of a count of milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=value)

"""A row of the lake with the day on which it arrived, and what it is planted for."""

from dataclasses import dataclass
from datetime import date, datetime

from bson import ObjectId

from export_platform.local.seed.tiny.shapes import AURORA


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One row of a table in the partition of a day (the day it arrived, not always its own).

    Attributes:
        table: A name of `athena/tables.py`.
        day: The partition.
        row: Every column of the table.
        plants: Classes of the ledger.
        campaign: The partition; None for a table that is partitioned by day only.
    """

    table: str
    day: date
    row: dict[str, object]
    plants: tuple[str, ...] = ()
    campaign: ObjectId | None = AURORA


def day_of(instant: datetime, arrived: str | None = None) -> date:
    """The UTC day of an event, unless it arrived on another one."""
    return date.fromisoformat(arrived) if arrived else instant.date()

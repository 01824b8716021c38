"""Registration of Aurora Lights as the form saw it: seven sessions over four days.

Distinct sessions by hour (UTC), as `registration-timeline` counts them:

    hour              sessions  started  submitted  verified_phone  completed  withdrawn
    2026-03-03 15:00         3        3          2               1          2          0
    2026-03-04 10:00         1        1          1               0          1          0
    2026-03-08 06:00         2        2          1               0          1          0
    2026-03-08 07:00         1        0          1               1          1          0
    2026-03-12 08:00         1        0          0               0          0          1

06:59 is 01:59 in New York and 07:00 is 03:00: the clocks go forward between the two. Session 6
starts before and ends after. In all seven sessions, 6 started, 5 submitted, 2 verified, 5
completed, 1 withdrawn. Session 2 asked for two markets.
"""

from collections.abc import Sequence
from typing import Final

from export_platform.local.seed.basis.instants import at
from export_platform.local.seed.tiny.event import Event, day_of
from export_platform.local.seed.tiny.shapes import entry_id


def stepped(
    number: int,
    session: int,
    step: str,
    at_text: str,
    *plants: str,
    entry: int | None = None,
    arrived: str | None = None,
    **fields: object,
) -> Event:
    """One step of a session; before it is submitted there is no entry."""
    instant = at(at_text)
    row: dict[str, object] = {
        "event_id": f"rg-{number:03d}",
        "session_id": f"s-{session:03d}",
        "entry_id": str(entry_id(entry)) if entry is not None else None,
        "step": step,
        "market_keys": ["new-york-ny"],
        "occurred_at": instant,
        "country": "US",
        "device_class": "mobile",
        "referrer": None,
    }
    row |= fields
    return Event(table="registration_events", day=day_of(instant, arrived), row=row, plants=plants)


_TWO: Final = ["new-york-ny", "vancouver-bc"]

EVENTS: Final[Sequence[Event]] = (
    # Session 1 (entry 1): all steps; the last one came again two days late.
    stepped(1, 1, "started", "2026-03-03T15:00:00Z", referrer="newsletter"),
    stepped(2, 1, "submitted", "2026-03-03T15:00:05Z", entry=1),
    stepped(3, 1, "verified_phone", "2026-03-03T15:00:07Z", entry=1),
    stepped(4, 1, "completed", "2026-03-03T15:00:09.120Z", entry=1),
    stepped(
        4,
        1,
        "completed",
        "2026-03-03T15:00:09.120Z",
        "duplicate_event",
        "late_event",
        entry=1,
        arrived="2026-03-05",
    ),
    # Session 2 (entry 2): two markets, no telephone verified.
    stepped(5, 2, "started", "2026-03-03T15:00:01Z", market_keys=_TWO, device_class="desktop"),
    stepped(6, 2, "submitted", "2026-03-03T15:00:08Z", entry=2, market_keys=_TWO),
    stepped(7, 2, "completed", "2026-03-03T15:00:09.120Z", entry=2, market_keys=_TWO),
    # Session 3: looked at the form and left; no market chosen.
    stepped(8, 3, "started", "2026-03-03T15:40:00Z", "abandoned_session", market_keys=[]),
    # Session 4 (entry 9), a day later.
    stepped(9, 4, "started", "2026-03-04T10:00:00Z"),
    stepped(10, 4, "submitted", "2026-03-04T10:00:00.400Z", entry=9),
    stepped(11, 4, "completed", "2026-03-04T10:00:00.500Z", entry=9),
    # Session 5 (entry 11): done in the last millisecond of winter time.
    stepped(12, 5, "started", "2026-03-08T06:58:00Z"),
    stepped(13, 5, "submitted", "2026-03-08T06:59:30Z", entry=11),
    stepped(14, 5, "completed", "2026-03-08T06:59:59.999Z", "dst_gap_event", entry=11),
    # Session 6 (entry 12): begun in winter time, done in summer time.
    stepped(15, 6, "started", "2026-03-08T06:59:50Z"),
    stepped(16, 6, "submitted", "2026-03-08T07:00:00Z", "dst_gap_event", entry=12),
    stepped(17, 6, "verified_phone", "2026-03-08T07:00:00Z", entry=12),
    stepped(18, 6, "completed", "2026-03-08T07:00:00Z", entry=12),
    # Session 7: entry 3 withdraws.
    stepped(19, 7, "withdrawn", "2026-03-12T08:00:00Z", entry=3),
)

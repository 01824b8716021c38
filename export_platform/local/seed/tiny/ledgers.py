"""The ledgers: consents, boosts, erasures, and the daily figures of the campaigns.

Consents to Northlake in Aurora Lights, entry by entry (`promoter-email-opt-ins`):

    1, 11, 15, 41   granted, evidenced, a known text: shareable; 11 and 15 have one address, and the
                    consent of 11 is the later, so the file has three rows
    32              the entry says yes, the ledger says withdrawn since
    2               opted out of all marketing       6    withdrawn
    12              a text that nobody has           39   without evidence
    40              more than 24 months old          44   names no promoter
    45              without a text version           47 to 50, 54  of the first forms

Boost points, stored and by the events under the daily caps (share 2 of 20, watch 1 of 10):

    12   60 stored, 20 by the events: a mismatch     16   40, by three events; last on 6 March
    1    40, and a third share refused               14   30: one of two watches was beyond the cap

Erasures: users 5 and 22 on 15 March 2026, a guest on 3 January 2026. Figures: Aurora Lights and
Boreal Nights from 18 to 20 March, Comet Club, which has no entries, on 20 March only.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from bson import ObjectId

from export_platform.local.seed.basis.identifiers import email_digest
from export_platform.local.seed.basis.instants import at
from export_platform.local.seed.tiny.event import Event, day_of
from export_platform.local.seed.tiny.shapes import (
    AURORA,
    BOREAL,
    COMET,
    FJORD,
    NORTHLAKE,
    QUARRY,
    entry_id,
    user_id,
)


def said(
    evidence: str,
    entry: int,
    at_text: str,
    *plants: str,
    action: str = "granted",
    key: str = "promoter_email",
    promoter: ObjectId | None = NORTHLAKE,
    campaign: ObjectId = AURORA,
    user: int | None = None,
    arrived: str | None = None,
    **fields: object,
) -> Event:
    """One `granted` or `withdrawn` of a consent."""
    instant = at(at_text)
    row: dict[str, object] = {
        "evidence_id": evidence,
        "entry_id": str(entry_id(entry)),
        "user_id": str(user_id(entry if user is None else user)),
        "consent_key": key,
        "promoter_id": str(promoter) if promoter is not None else None,
        "action": action,
        "text_version": "2026-02-01",
        "locale": "en-US",
        "occurred_at": instant,
        "source": "form",
        "ip_country": "US",
    }
    row |= fields
    return Event(
        table="consent_events",
        day=day_of(instant, arrived),
        row=row,
        plants=plants,
        campaign=campaign,
    )


def _leeds(evidence: str, entry: int, promoter: ObjectId, *, user: int | None = None) -> Event:
    """A consent of Boreal Nights."""
    return said(
        evidence,
        entry,
        "2025-10-27T08:00:00Z" if entry == _LATER_IN_LEEDS else "2025-10-26T00:30:00Z",
        promoter=promoter,
        campaign=BOREAL,
        user=user,
        text_version="2025-09-01",
        locale="en-GB",
        ip_country="GB",
    )


_LATER_IN_LEEDS: Final = 0x103

CONSENTS: Final[Sequence[Event]] = (
    # Entry 1: three consents; one telephone is shared with Northlake by its own consent.
    said("ev_8842", 1, "2026-03-03T15:00:09Z"),
    said("ev_0001s", 1, "2026-03-03T15:00:09Z", key="sms"),
    said("ev_0001a", 1, "2026-03-03T15:00:09Z", key="artist_email", promoter=None),
    said("ev_0002", 2, "2026-03-03T15:00:09Z"),
    # Entry 6: granted, then withdrawn; ledger and entry agree.
    said("ev_0006", 6, "2026-03-03T15:00:09Z"),
    said(
        "ev_0006w",
        6,
        "2026-03-10T10:00:00Z",
        "promoter_withdrawal_event",
        action="withdrawn",
        source="preference_centre",
    ),
    # Entry 11: granted; the row came twice, the second time two days late.
    said("ev_0011", 11, "2026-03-08T06:59:59Z"),
    said(
        "ev_0011",
        11,
        "2026-03-08T06:59:59Z",
        "duplicate_event",
        "late_event",
        arrived="2026-03-10",
    ),
    said("ev_0012", 12, "2026-03-03T15:00:09Z", text_version="2019-05-01"),
    said("ev_0015", 15, "2026-03-03T15:00:09Z"),
    # Entry 32: withdrawn by telephone to the support, which did not tell the entry.
    said("ev_0032", 32, "2026-03-03T15:00:09Z"),
    said(
        "ev_0032w",
        32,
        "2026-03-15T08:00:00Z",
        "promoter_withdrawal_event",
        action="withdrawn",
        source="preference_centre",
    ),
    said("ev_0040", 40, "2024-01-10T12:00:00Z", source="import"),
    # Entry 41: granted, withdrawn, granted again.
    said("ev_0041a", 41, "2026-03-03T15:00:09Z", locale="fr-CA", ip_country="CA"),
    said(
        "ev_0041w",
        41,
        "2026-03-05T09:00:00Z",
        "promoter_withdrawal_event",
        action="withdrawn",
        locale="fr-CA",
        source="preference_centre",
        ip_country="CA",
    ),
    said(
        "ev_0041",
        41,
        "2026-03-09T08:00:00Z",
        text_version="2026-03-05",
        locale="fr-CA",
        source="preference_centre",
        ip_country="CA",
    ),
    # Boreal Nights: two with one address, one of them also to a promoter of hashes and one to a
    # promoter that is suspended.
    _leeds("ev_0257", 0x101, NORTHLAKE, user=1),
    _leeds("ev_0257f", 0x101, FJORD, user=1),
    _leeds("ev_0258", 0x102, NORTHLAKE),
    _leeds("ev_0258q", 0x102, QUARRY),
    _leeds("ev_0259", _LATER_IN_LEEDS, NORTHLAKE),
)


def boost(
    number: int,
    entry: int,
    key: str,
    at_text: str,
    *plants: str,
    refused: str | None = None,
    arrived: str | None = None,
) -> Event:
    """One activity: a share is worth 20 points, a watch 10; `refused` is why it counts nothing."""
    instant = at(at_text)
    row: dict[str, object] = {
        "event_id": f"be-{number:03d}",
        "entry_id": str(entry_id(entry)),
        "boost_key": key,
        "points": {"share": 20, "watch": 10}[key],
        "occurred_at": instant,
        "accepted": refused is None,
        "reject_reason": refused,
    }
    return Event(table="boost_events", day=day_of(instant, arrived), row=row, plants=plants)


BOOSTS: Final[Sequence[Event]] = (
    # Entry 1: two shares a day count, the third was refused. 40 points.
    boost(1, 1, "share", "2026-03-05T08:00:00Z"),
    boost(2, 1, "share", "2026-03-05T09:00:00Z"),
    boost(3, 1, "share", "2026-03-05T09:30:00Z", "boost_refused", refused="daily_cap"),
    # Entry 16: 20 + 10 + 10 over three days. The first came twice.
    boost(4, 16, "share", "2026-03-04T12:00:00Z"),
    boost(
        4,
        16,
        "share",
        "2026-03-04T12:00:00Z",
        "duplicate_event",
        "late_event",
        arrived="2026-03-06",
    ),
    boost(5, 16, "watch", "2026-03-04T12:05:00Z"),
    boost(6, 16, "watch", "2026-03-06T12:00:00Z"),
    # Entry 14: 20 + 10; the second watch of the day was accepted by mistake and counts nothing.
    boost(7, 14, "share", "2026-03-05T10:00:00Z"),
    boost(8, 14, "watch", "2026-03-05T10:05:00Z"),
    boost(9, 14, "watch", "2026-03-05T11:00:00Z", "boost_beyond_cap"),
    boost(10, 14, "share", "2026-03-05T12:00:00Z", "boost_refused", refused="bot"),
    # Entry 12: one share, though the entry says 60 points.
    boost(11, 12, "share", "2026-03-09T10:00:00Z"),
)


def forgotten(
    user: int | None, email: str, completed: str, *plants: str, arrived: str | None = None
) -> Event:
    """One subject that was erased; a guest has no user."""
    instant = at(completed)
    row: dict[str, object] = {
        "user_id": str(user_id(user)) if user is not None else None,
        "email_sha256": email_digest(email),
        "requested_at": instant - timedelta(days=1),
        "completed_at": instant,
        "scope": "all",
    }
    return Event(
        table="erasure_ledger",
        day=day_of(instant, arrived),
        row=row,
        plants=plants,
        campaign=None,
    )


ERASURES: Final[Sequence[Event]] = (
    # Users 5 (with the entry) and 22 (before the entry); the row of 5 came again a day late.
    forgotten(5, "fan005@example.com", "2026-03-15T10:00:00Z"),
    forgotten(
        5,
        "fan005@example.com",
        "2026-03-15T10:00:00Z",
        "duplicate_event",
        "late_event",
        arrived="2026-03-16",
    ),
    forgotten(22, "forgetme@example.com", "2026-03-15T10:00:00Z"),
    # The guest of entry 53: only the hash of the address is left.
    forgotten(None, "erased.guest@example.com", "2026-01-03T00:00:00Z", "erased_guest"),
)

_FIGURES: Final = (
    *("campaign_id", "entries", "verified", "rejected", "selected", "waitlisted"),
    *("codes_issued", "codes_redeemed", "tickets", "opt_ins", "unsubscribes"),
)


def _figures(day: str, campaign: ObjectId, *numbers: int, plants: tuple[str, ...] = ()) -> Event:
    """The figures of a campaign as they stood at the end of a day."""
    row: dict[str, object] = dict(zip(_FIGURES, (str(campaign), *numbers), strict=True))
    return Event(
        table="campaign_daily",
        day=date.fromisoformat(day),
        row=row,
        plants=plants,
        campaign=None,
    )


# Totals since the campaign began, in the order of the columns.
FIGURES: Final[Sequence[Event]] = (
    _figures("2026-03-18", AURORA, 58, 45, 3, 4, 30, 6, 2, 6, 11, 1),
    _figures("2026-03-18", BOREAL, 4, 3, 0, 1, 2, 0, 0, 0, 3, 0),
    _figures("2026-03-19", AURORA, 59, 46, 3, 4, 31, 6, 2, 8, 12, 2),
    # The job ran twice on the 19th.
    _figures("2026-03-19", AURORA, 59, 46, 3, 4, 31, 6, 2, 8, 12, 2, plants=("duplicate_event",)),
    _figures("2026-03-19", BOREAL, 4, 3, 0, 1, 2, 0, 0, 0, 3, 0),
    _figures("2026-03-20", AURORA, 60, 47, 3, 8, 31, 10, 2, 8, 12, 2),
    _figures("2026-03-20", BOREAL, 4, 3, 0, 1, 2, 0, 0, 0, 3, 0),
    _figures("2026-03-20", COMET, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
)

EVENTS: Final[Sequence[Event]] = (*CONSENTS, *BOOSTS, *ERASURES, *FIGURES)

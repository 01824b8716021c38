"""What became of the messages of Aurora Lights: e-mails of three kinds, texts of one.

Expected of `email-engagement` by fan, nine rows:

    code       16, 17, 19   texts only: delivered (and STOP later), delivered, failed
    promotion  6            sent twice, delivered twice, opened once
    waitlist   1            two opens (the first by a machine, a second after the delivery), a click
               2            unsubscribed
               4            bounced for good
               9            complained
               40           bounced for a while, delivered an hour later, unsubscribed

Each of a row that came twice counts once.
"""

from collections.abc import Sequence
from typing import Final

from export_platform.local.seed.basis.instants import at
from export_platform.local.seed.tiny.event import Event, day_of
from export_platform.local.seed.tiny.shapes import account, entry_id


def mailed(
    number: int,
    entry: int,
    event: str,
    at_text: str,
    *plants: str,
    kind: str = "waitlist",
    job: str = "job-1",
    bounce: str | None = None,
    url: str | None = None,
    arrived: str | None = None,
) -> Event:
    """One event of the sender of e-mails; its subscriber key is the account without hyphens."""
    instant = at(at_text)
    row: dict[str, object] = {
        "event_id": f"em-{number:03d}",
        "subscriber_key": account(entry).replace("-", ""),
        "entry_id": str(entry_id(entry)),
        "message_kind": kind,
        "job_id": job,
        "event_type": event,
        "occurred_at": instant,
        "bounce_class": bounce,
        "url_label": url,
    }
    return Event(table="email_events", day=day_of(instant, arrived), row=row, plants=plants)


def texted(
    number: int,
    entry: int,
    event: str,
    at_text: str,
    *plants: str,
    error: str | None = None,
    arrived: str | None = None,
) -> Event:
    """One event of a carrier about the text with the code."""
    instant = at(at_text)
    row: dict[str, object] = {
        "event_id": f"sm-{number:03d}",
        "entry_id": str(entry_id(entry)),
        "message_kind": "code",
        "event_type": event,
        "occurred_at": instant,
        "carrier": "Carrier One",
        "error_code": error,
    }
    return Event(table="sms_events", day=day_of(instant, arrived), row=row, plants=plants)


EVENTS: Final[Sequence[Event]] = (
    # Entry 1: opened by a proxy one second after the delivery, by the fan half an hour later. The
    # click came twice, the second time two days late.
    mailed(1, 1, "sent", "2026-03-12T22:00:00Z"),
    mailed(2, 1, "delivered", "2026-03-12T22:00:05Z"),
    mailed(3, 1, "open", "2026-03-12T22:00:06Z", "machine_open"),
    mailed(4, 1, "open", "2026-03-12T22:30:00Z"),
    mailed(5, 1, "click", "2026-03-12T22:31:00Z", url="see-your-place"),
    mailed(
        5,
        1,
        "click",
        "2026-03-12T22:31:00Z",
        "duplicate_event",
        "late_event",
        url="see-your-place",
        arrived="2026-03-14",
    ),
    # Entry 2: opted out by the link (and so did the account, user 2).
    mailed(6, 2, "sent", "2026-03-12T22:00:00Z"),
    mailed(7, 2, "delivered", "2026-03-12T22:00:04Z"),
    mailed(8, 2, "unsubscribe", "2026-03-12T22:40:00Z", "unsubscribe_event"),
    # Entry 4: bounced for good (user 4 says so too).
    mailed(9, 4, "sent", "2026-03-12T22:00:00Z"),
    mailed(10, 4, "bounce", "2026-03-12T22:00:03Z", "hard_bounce_event", bounce="hard"),
    # Entry 9: called it spam (user 9 says so too).
    mailed(11, 9, "sent", "2026-03-12T22:00:00Z"),
    mailed(12, 9, "delivered", "2026-03-12T22:00:06Z"),
    mailed(13, 9, "complaint", "2026-03-13T07:00:00Z", "complaint_event"),
    # Entry 40: the mailbox was full for an hour; unsubscribed, and the account does not know yet.
    mailed(14, 40, "sent", "2026-03-12T22:00:00Z"),
    mailed(15, 40, "bounce", "2026-03-12T22:00:09Z", bounce="soft"),
    mailed(16, 40, "delivered", "2026-03-12T23:00:00Z"),
    mailed(17, 40, "unsubscribe", "2026-03-12T23:10:00Z", "unsubscribe_event"),
    # Entry 6: the news of the promotion was sent again after it was not opened.
    mailed(18, 6, "sent", "2026-03-15T09:40:00Z", kind="promotion", job="job-2"),
    mailed(19, 6, "delivered", "2026-03-15T09:40:04Z", kind="promotion", job="job-2"),
    mailed(20, 6, "sent", "2026-03-15T12:00:00Z", "resend", kind="promotion", job="job-3"),
    mailed(21, 6, "delivered", "2026-03-15T12:00:04Z", kind="promotion", job="job-3"),
    mailed(22, 6, "open", "2026-03-15T12:10:00Z", kind="promotion", job="job-3"),
    # Entry 16: the code arrived; the fan answered STOP after the presale (user 16 says so too).
    texted(1, 16, "queued", "2026-03-12T22:00:00Z"),
    texted(2, 16, "sent", "2026-03-12T22:00:01Z"),
    texted(3, 16, "delivered", "2026-03-12T22:00:03Z"),
    texted(4, 16, "stop", "2026-03-14T09:00:00Z", "sms_stop_event"),
    # Entry 17: the delivery was reported twice.
    texted(5, 17, "queued", "2026-03-13T09:00:02Z"),
    texted(6, 17, "sent", "2026-03-13T09:00:03Z"),
    texted(7, 17, "delivered", "2026-03-13T09:00:05Z"),
    texted(7, 17, "delivered", "2026-03-13T09:00:05Z", "duplicate_event", arrived="2026-03-14"),
    # Entry 19: a landline takes no texts.
    texted(8, 19, "queued", "2026-03-15T09:35:00Z"),
    texted(9, 19, "sent", "2026-03-15T09:35:01Z"),
    texted(10, 19, "failed", "2026-03-15T09:36:00Z", "sms_failed", error="landline"),
)

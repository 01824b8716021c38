"""Queries that make an export's rows, on the real endpoint, over late and odd events."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from assets.exports.email_engagement import EMAIL_ENGAGEMENT
from assets.exports.registration_timeline import REGISTRATION_TIMELINE
from assets.exports.shared.lake import events_until_snapshot
from assets.exports.shared.statements import statement
from assets.model.campaign import Facts
from assets.model.source import AthenaSource, Statement
from export_platform.local.seed.lake import LakeClient
from export_platform.local.seed.loader import lake_client
from resources.athena import AthenaDoor
from resources.wiring import environment
from tests.assets.examples import SNAPSHOT, campaign, facts
from tests.assets.exports.scripted import Scripted
from tests.assets.exports.test_lookups_on_athena import asked, put

NOON = datetime(2026, 3, 3, 12)  # noqa: DTZ001 - as Hive
NOT_YET = (SNAPSHOT + timedelta(seconds=1)).replace(tzinfo=None)
DAY = date(2026, 3, 3)


@pytest.fixture
def lake(stack: Mapping[str, str]) -> LakeClient:
    """The server that holds the lake, which all tests of a session share."""
    return lake_client(stack[environment.AWS_ENDPOINT_URL_S3])


def ground(name: str, **params: Any) -> Facts:
    """A campaign of its own."""
    return facts(name, of=replace(campaign(), id=ObjectId()), **params)


def step(number: int, session: str, name: str, minutes: float, *markets: Any) -> dict[str, Any]:
    """A step of a session, minutes after noon."""
    return {
        "event_id": f"e{number}",
        "session_id": session,
        "step": name,
        "market_keys": list(markets) or ["new-york-ny"],
        "occurred_at": NOON + timedelta(minutes=minutes),
    }


def timeline(athena: AthenaDoor, on: Facts) -> tuple[dict[tuple[str, str], tuple[int, ...]], int]:
    """Counts by time and market of both statements, as the export asks them."""
    script = Scripted(results={"count": [{"counted": 0}]})
    REGISTRATION_TIMELINE.prepare(on, script)
    made: Mapping[str, Statement] = script.asked
    names = ("sessions", "started", "submitted", "verified_phone", "completed", "withdrawn")
    found = {
        (f"{row['bucket_start']:%d %H:%M}", row["market_key"]): tuple(row[n] for n in names)
        for row in asked(athena, made["by_bucket"])
    }
    (counted,) = asked(athena, made["count"])
    return found, counted["counted"]


def test_a_session_counts_once_a_bucket_and_market_however_often_its_events_came(
    lake: LakeClient, athena: AthenaDoor
) -> None:
    """Events come late, twice and corrected (DOMAIN.md 3); the last telling of each counts."""
    on = ground("registration-timeline")
    events = [
        step(1, "a", "started", 0),
        step(2, "a", "started", 10),
        step(3, "a", "completed", 59.999),
        step(4, "b", "started", 60, "new-york-ny", "vancouver-bc"),
        step(5, "b", "submitted", 60),
        step(6, "c", "started", 61, "oslo", "bergen"),
        step(7, "d", "started", 62) | {"market_keys": []},
        step(8, "e", "verified_phone", 62) | {"market_keys": None},
        step(9, "f", "withdrawn", 62, None, "vancouver-bc"),
        step(10, "g", "started", 62) | {"occurred_at": NOT_YET},
        step(11, "h", "started", 0),
    ]
    put(lake, "registration_events", events, day=DAY, of=on.campaign.id)
    late = [events[2], step(11, "h", "started", 62)]
    put(lake, "registration_events", late, day=date(2026, 3, 9), of=on.campaign.id)
    put(lake, "registration_events", [step(12, "i", "started", 0)], day=DAY, of=ObjectId())

    found, counted = timeline(athena, on)

    assert {
        ("03 12:00", "TOTAL"): (1, 1, 0, 0, 1, 0),
        ("03 12:00", "new-york-ny"): (1, 1, 0, 0, 1, 0),
        ("03 13:00", "TOTAL"): (6, 4, 1, 1, 0, 1),
        ("03 13:00", "new-york-ny"): (2, 2, 1, 0, 0, 0),
        ("03 13:00", "vancouver-bc"): (2, 1, 0, 0, 0, 1),
        ("03 13:00", "UNKNOWN"): (4, 2, 0, 1, 0, 1),
    } == found
    assert len(found) == counted


@pytest.mark.parametrize(
    ("bucket", "starts"),
    [
        ("15m", {"02 23:45", "03 12:00", "03 12:15", "03 12:45"}),
        ("hour", {"02 23:00", "03 12:00"}),
        ("day", {"02 00:00", "03 00:00"}),
    ],
)
def test_a_bucket_begins_in_utc_where_its_events_are(
    lake: LakeClient, athena: AthenaDoor, bucket: str, starts: set[str]
) -> None:
    """The first and the last millisecond of each, over midnight."""
    on = ground("registration-timeline", bucket=bucket)
    minutes = [-721, -720.001, 0, 14.9999, 15, 59.9999]
    events = [step(n, f"s{n}", "started", each) for n, each in enumerate(minutes)]
    put(lake, "registration_events", events, day=DAY, of=on.campaign.id)

    found, _ = timeline(athena, on)

    assert starts == {start for start, key in found if key == "TOTAL"}
    assert 6 == sum(counts[0] for (_, key), counts in found.items() if key == "TOTAL")


def mail(number: int, fan: str, event: str, seconds: float, **fields: Any) -> dict[str, Any]:
    """An event of an e-mail, seconds after noon."""
    usual = {"subscriber_key": f"k-{fan}", "message_kind": "waitlist", "job_id": "j1"}
    return {
        "event_id": f"m{number}",
        "entry_id": fan,
        "event_type": event,
        "occurred_at": NOON + timedelta(seconds=seconds),
        **usual,
        **fields,
    }


def sms(number: int, fan: str, event: str, seconds: float, **fields: Any) -> dict[str, Any]:
    """An event of a text, seconds after noon."""
    told = mail(number, fan, event, seconds)
    kept = ("entry_id", "event_type", "occurred_at")
    return {"event_id": f"t{number}", "message_kind": "code"} | {n: told[n] for n in kept} | fields


def engagement(athena: AthenaDoor, on: Facts) -> dict[tuple[str, str], dict[str, Any]]:
    """The rows by kind and fan, unloaded as the export unloads them; the count must agree."""
    source = EMAIL_ENGAGEMENT.rows
    assert isinstance(source, AthenaSource)
    made = source.query(on)
    unload = athena.unload(made.sql, made.parameters, token=uuid.uuid4().hex)
    rows = [row for batch in unload.batches() for row in batch]
    (counted,) = asked(athena, source.population(on))
    assert len(rows) == counted["pairs"]
    return {(row["message_kind"], row["entry_id"] or row["subscriber_key"]): row for row in rows}


def test_what_became_of_a_message_is_told_once_a_fan_and_kind(
    lake: LakeClient, athena: AthenaDoor
) -> None:
    """Opens before the delivery, resends, late copies and corrections: one row of each fan."""
    on = ground("email-engagement")
    events = [
        mail(1, "a", "sent", 0),
        mail(2, "a", "delivered", 10),
        mail(3, "a", "open", 11.999),
        mail(4, "a", "open", 12),
        mail(5, "a", "click", 60),
        mail(6, "a", "sent", 600, job_id="j2"),
        mail(7, "a", "delivered", 610, job_id="j2"),
        mail(8, "a", "open", 609, job_id="j2"),
        mail(9, "b", "bounce", 5, bounce_class="hard"),
        mail(10, "b", "bounce", 6, bounce_class="soft"),
        mail(11, "c", "bounce", 5, bounce_class="block"),
        mail(12, "c", "bounce", 6, bounce_class="soft"),
        mail(13, "d", "open", 1),
        mail(14, "d", "unsubscribe", 2),
        mail(15, "d", "complaint", 3),
        mail(16, "e", "open", 1, entry_id=None),
        mail(17, "f", "open", 0, occurred_at=NOT_YET),
        mail(18, "g", "open", 0),
    ]
    late = [events[4], mail(18, "g", "click", 0)]
    for day, rows in ((DAY, events), (date(2026, 3, 9), late)):
        put(lake, "email_events", rows, day=day, of=on.campaign.id)
    texts = [
        sms(1, "a", "delivered", 3),
        sms(2, "a", "queued", 9),
        sms(3, "b", "failed", 1, error_code="landline"),
        sms(4, "b", "failed", 2, error_code="busy"),
        sms(5, "b", "sent", 3),
        sms(6, "c", "delivered", 1),
        sms(7, "c", "stop", 900),
        sms(8, "d", "delivered", 1, message_kind="waitlist"),
        sms(8, "d", "delivered", 1, message_kind="waitlist"),
    ]
    put(lake, "sms_events", texts, day=DAY, of=on.campaign.id)
    put(lake, "email_events", [mail(99, "z", "open", 0)], day=DAY, of=ObjectId())

    found = engagement(athena, on)

    mailed = {fan: row for (kind, fan), row in found.items() if kind == "waitlist"}
    assert {"a", "b", "c", "d", "k-e", "g"} == set(mailed)
    counts = ("opens", "clicks", "machine_opens", "unsubscribes", "complaints")
    assert {
        "a": (3, 1, 2, 0, 0),
        "b": (0, 0, 0, 0, 0),
        "c": (0, 0, 0, 0, 0),
        "d": (1, 0, 0, 1, 1),
        "k-e": (1, 0, 0, 0, 0),
        "g": (0, 1, 0, 0, 0),
    } == {fan: tuple(row[name] for name in counts) for fan, row in mailed.items()}
    times = [
        mailed["a"][f"{name}_at"] for name in ("sent", "delivered", "first_open", "first_click")
    ]
    assert [0, 10, 11.999, 60] == [
        (one.replace(tzinfo=None) - NOON).total_seconds() for one in times
    ]
    assert ["hard", "soft"] == [mailed[fan]["bounce_class"] for fan in ("b", "c")]
    assert "delivered" == mailed["d"]["sms_state"]
    texted = {
        fan: (row["sms_state"], row["sms_error"]) for (k, fan), row in found.items() if k == "code"
    }
    assert {"a": ("delivered", None), "b": ("failed", "busy"), "c": ("stop", None)} == texted


def test_the_newest_day_is_that_of_arrival_in_either_table(
    lake: LakeClient, athena: AthenaDoor
) -> None:
    """The manifest says how complete the file is by when events came, not when they happened."""
    on = ground("email-engagement")
    made = statement("email_engagement/newest.sql", literals=events_until_snapshot(on))

    assert [{"newest": None}] == list(asked(athena, made))
    put(lake, "email_events", [mail(1, "a", "open", 0)], day=date(2026, 3, 7), of=on.campaign.id)
    put(lake, "sms_events", [sms(1, "a", "sent", 0)], day=date(2026, 3, 9), of=on.campaign.id)
    put(lake, "sms_events", [sms(2, "a", "sent", 0)], day=date(2026, 3, 21), of=on.campaign.id)
    assert [{"newest": date(2026, 3, 9)}] == list(asked(athena, made))

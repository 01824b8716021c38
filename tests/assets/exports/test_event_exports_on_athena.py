"""Queries that make an export's rows, on the real endpoint, over late and odd events."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from assets.exports.registration_timeline import REGISTRATION_TIMELINE
from assets.model.campaign import Facts
from assets.model.source import Statement
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

"""Look-ups of exports on the real endpoint: events come late, twice and in several versions."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from bson import ObjectId

from assets.exports.boost_leaderboard import ledger
from assets.exports.duplicate_clusters import redeemed
from assets.exports.shared.lake import events_until_snapshot
from assets.exports.shared.statements import statement
from assets.model.campaign import Boost
from assets.model.source import Statement
from export_platform.local.athena.tables import BUCKET, arrow_schema, find
from export_platform.local.seed.basis.dataset import Slice
from export_platform.local.seed.lake import LakeClient, object_key, parquet_bytes
from export_platform.local.seed.loader import lake_client
from resources.athena import AthenaDoor
from resources.wiring import environment
from tests.assets.examples import NORTHLAKE, SNAPSHOT, campaign, facts

# A campaign of its own: the lake is shared by the tests of a session.
OWN = ObjectId()

NOON = datetime(2026, 3, 3, 12)  # noqa: DTZ001 - as Hive
NOT_YET = (SNAPSHOT + timedelta(seconds=1)).replace(tzinfo=None)


@pytest.fixture
def s3(stack: Mapping[str, str]) -> LakeClient:
    """The server that holds the lake."""
    return lake_client(stack[environment.AWS_ENDPOINT_URL_S3])


def put(
    s3: LakeClient,
    table: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    day: date,
    of: ObjectId = OWN,
) -> None:
    """Write the rows that arrived on a day; columns that a test does not name are null."""
    declared = find("fan_events", table)
    assert declared is not None
    names = arrow_schema(declared).names
    piece = Slice(
        table=table,
        campaign_id=of,
        day=day,
        columns={name: [row.get(name) for row in rows] for name in names},
    )
    s3.put_object(Bucket=BUCKET, Key=object_key(piece, 0, pack=0), Body=parquet_bytes(piece))


def asked(athena: AthenaDoor, made: Statement) -> Iterator[dict[str, Any]]:
    """The rows of a statement."""
    query = athena.select(made.sql, made.parameters, token=uuid.uuid4().hex)
    names = [name for name, _ in query.columns]
    for batch in query.batches():
        for row in batch:
            yield dict(zip(names, row, strict=True))


def test_buyers_are_accounts_with_an_order_that_stands_by_its_last_version(
    s3: LakeClient, athena: AthenaDoor
) -> None:
    """A cancelled order makes nobody a buyer, however often the paid version arrives."""

    def order(number: int, account: str, status: str, **fields: Any) -> dict[str, Any]:
        usual = {"ordered_at": NOON, "gross_amount": Decimal("1.00"), "tickets": 1}
        return {"order_id": f"o{number}", "account_id": account, "status": status} | usual | fields

    later = NOON + timedelta(hours=1)
    put(
        s3,
        "ticket_orders",
        [
            order(1, "paid", "paid"),
            order(1, "paid", "paid"),
            order(2, "paid", "paid"),
            order(3, "cancelled", "paid"),
            order(4, "restored", "cancelled"),
            order(5, "tomorrow", "paid", ordered_at=NOT_YET),
        ],
        day=date(2026, 3, 3),
    )
    put(
        s3,
        "ticket_orders",
        [
            order(3, "cancelled", "cancelled"),
            order(4, "restored", "paid", ordered_at=later),
        ],
        day=date(2026, 3, 5),
    )
    put(s3, "ticket_orders", [order(6, "elsewhere", "paid")], day=NOON.date(), of=ObjectId())
    made = statement(
        "ad_audience/buyers.sql",
        literals=events_until_snapshot(facts(of=replace(campaign(), id=OWN))),
    )

    found = [row["account_id"] for row in asked(athena, made)]

    assert ["paid", "restored"] == sorted(found)


def test_the_ledger_tells_each_grant_and_the_withdrawal_that_followed_it(
    s3: LakeClient, athena: AthenaDoor
) -> None:
    """A withdrawal that is overlooked is an address given away against the fan's will."""

    def act(evidence: str, entry: str, action: str, hours: float, **fields: Any) -> dict[str, Any]:
        usual = {"consent_key": "promoter_email", "promoter_id": str(NORTHLAKE)}
        when = {"occurred_at": NOON + timedelta(hours=hours)}
        return (
            {"evidence_id": evidence, "entry_id": entry, "action": action} | usual | when | fields
        )

    put(
        s3,
        "consent_events",
        [
            act("ev1", "plain", "granted", 0),
            act("ev1", "plain", "granted", 0),
            act("ev2", "gone", "granted", 0),
            act("ev3", "again", "granted", 0),
            act("ev3w", "again", "withdrawn", 1),
            act("ev3b", "again", "granted", 2),
            act("ev4", "same moment", "granted", 0),
            act("ev4w", "same moment", "withdrawn", 0),
            act("ev5", "another act", "granted", 0),
            act("ev5x", "another act", "revoked", 1),
            act("ev6", "two keys", "granted", 0),
            act("ev6s", "two keys", "withdrawn", 1, consent_key="promoter_sms"),
            act("ev7", "another promoter", "granted", 0, promoter_id="b002"),
            act("ev8", "no promoter", "granted", 0, promoter_id=None),
            act("ev9", "tomorrow", "granted", 0, occurred_at=NOT_YET),
        ],
        day=date(2026, 3, 3),
    )
    put(
        s3,
        "consent_events",
        [act("ev1", "plain", "granted", 0), act("ev2w", "gone", "withdrawn", 20)],
        day=date(2026, 3, 6),
    )
    made = statement(
        "promoter_email_opt_ins/ledger.sql",
        literals=events_until_snapshot(facts(of=replace(campaign(), id=OWN))),
        parameters=(str(NORTHLAKE),),
    )

    found = {
        (row["entry_id"], row["evidence_id"]): row["withdrawn_at"] for row in asked(athena, made)
    }

    assert {
        ("plain", "ev1"): None,
        ("gone", "ev2"): NOON + timedelta(hours=20),
        ("again", "ev3"): NOON + timedelta(hours=1),
        ("again", "ev3b"): None,
        ("same moment", "ev4"): NOON,
        ("another act", "ev5"): NOON + timedelta(hours=1),
        ("two keys", "ev6"): None,
    } == {key: end and end.replace(tzinfo=None) for key, end in found.items()}


def test_the_ledger_of_boosts_counts_each_activity_once_and_no_more_a_day_than_the_cap(
    s3: LakeClient, athena: AthenaDoor
) -> None:
    """Points that nobody can add up again are points that somebody made up (DOMAIN.md 7.18)."""

    def did(number: int, entry: str, key: str, hours: float, **fields: Any) -> dict[str, Any]:
        usual = {"points": {"share": 20, "watch": 10, "hum": 1}[key], "accepted": True}
        when = {"occurred_at": NOON + timedelta(hours=hours)}
        return (
            {"event_id": f"b{number}", "entry_id": entry, "boost_key": key} | usual | when | fields
        )

    put(
        s3,
        "boost_events",
        [
            # Two shares count a day; the day of the third ends at midnight in UTC.
            did(1, "capped", "share", 0),
            did(2, "capped", "share", 1),
            did(3, "capped", "share", 2),
            did(4, "capped", "share", 12),
            did(5, "capped", "share", 1.5, accepted=False, points=20),
            did(6, "free", "watch", 0),
            did(7, "free", "watch", 1),
            did(8, "free", "hum", 2),
            did(9, "refused", "share", 0, accepted=False),
            did(10, "refused", "share", 0, accepted=None),
            did(11, "late", "share", 0),
            did(11, "late", "share", 0),
            did(12, "late", "share", 1),
            did(13, "late", "share", 0, occurred_at=NOT_YET),
        ],
        day=NOON.date(),
    )
    # The second was refused after all.
    put(s3, "boost_events", [did(12, "late", "share", 1, accepted=False)], day=date(2026, 3, 5))
    put(s3, "boost_events", [did(1, "capped", "share", 0)], day=NOON.date(), of=ObjectId())
    caps = (Boost(key="share", daily_cap=2), Boost(key="watch", daily_cap=None))
    on = facts("boost-leaderboard", of=replace(campaign(), id=OWN, boosts=caps))

    found = list(asked(athena, ledger(on)))

    assert [
        ("capped", 60, 1, 1, NOON + timedelta(hours=12)),
        ("free", 21, 0, 0, NOON + timedelta(hours=2)),
        ("late", 20, 1, 0, NOON),
        ("refused", 0, 2, 0, None),
    ] == [tuple(row.values()) for row in found]
    none = replace(on, campaign=replace(on.campaign, boosts=()))
    assert 80 == next(iter(asked(athena, ledger(none))))["points"]


def test_a_code_let_somebody_in_when_its_last_version_says_so(
    s3: LakeClient, athena: AthenaDoor
) -> None:
    """Whoever is in already is the one of a cluster to stay (DOMAIN.md 7.19)."""

    def use(number: int, code: str | None, result: str, **fields: Any) -> dict[str, Any]:
        usual = {"redemption_id": f"r{number}", "code_id": code, "redeemed_at": NOON}
        return usual | {"result": result} | fields

    put(
        s3,
        "code_redemptions",
        [
            use(1, "twice", "ok"),
            use(2, "twice", "ok"),
            use(3, "refused", "wrong_account"),
            use(4, "second-try", "expired"),
            use(5, "second-try", "ok"),
            use(6, "corrected", "ok"),
            use(7, None, "ok"),
            use(8, "tomorrow", "ok", redeemed_at=NOT_YET),
        ],
        day=NOON.date(),
    )
    later = NOON + timedelta(hours=1)
    put(
        s3,
        "code_redemptions",
        [use(6, "corrected", "exhausted", redeemed_at=later)],
        day=date(2026, 3, 5),
    )
    put(s3, "code_redemptions", [use(9, "elsewhere", "ok")], day=NOON.date(), of=ObjectId())
    made = redeemed(facts("duplicate-clusters", of=replace(campaign(), id=OWN)))

    found = [row["code_id"] for row in asked(athena, made)]

    assert ["second-try", "twice"] == sorted(found)

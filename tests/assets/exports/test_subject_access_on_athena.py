"""What the lake holds of one person, on the real endpoint: each row once, and nobody else's."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from bson import ObjectId

from assets.exports.shared.lake import events_until_snapshot
from assets.exports.shared.statements import statement
from export_platform.local.seed.loader import lake_client
from resources.athena import AthenaDoor
from resources.wiring import environment
from tests.assets.examples import SNAPSHOT, campaign, facts
from tests.assets.exports.test_lookups_on_athena import asked, put

NOON = datetime(2026, 3, 3, 12)  # noqa: DTZ001 - as Hive
OURS, THEIRS = "e-ours", "e-theirs"
ACCOUNT = "0b7d2c1e-5a41-4c0e-9d0e-2f7a1f6f9a10"
KEYS = f"{ACCOUNT},{ACCOUNT.replace('-', '')}"
WHEN = {
    "consent_events": "occurred_at",
    "email_events": "occurred_at",
    "sms_events": "occurred_at",
    "boost_events": "occurred_at",
    "registration_events": "occurred_at",
    "queue_visits": "joined_at",
    "ticket_orders": "ordered_at",
    "code_redemptions": "redeemed_at",
    "codes_assigned": "assigned_at",
}
ID = {
    "consent_events": "evidence_id",
    "queue_visits": "visit_id",
    "ticket_orders": "order_id",
    "code_redemptions": "redemption_id",
}
BY_ACCOUNT = ("queue_visits", "ticket_orders", "code_redemptions")
KINDS = {
    "consent_events": "consent",
    "email_events": "email",
    "sms_events": "sms",
    "boost_events": "boost",
    "registration_events": "registration",
    "queue_visits": "queue",
    "ticket_orders": "order",
    "code_redemptions": "redemption",
    "codes_assigned": "assigned",
}


def row(table: str, name: str, *, ours: bool, **fields: Any) -> dict[str, Any]:
    """A row of a table, of the person or of somebody else."""
    by_account = {"account_id": ACCOUNT.upper() if ours else "somebody"}
    by_entry = {"entry_id": OURS if ours else THEIRS}
    who = by_account if table in BY_ACCOUNT else by_entry
    return {ID.get(table, "event_id"): name, WHEN[table]: NOON, **who, **fields}


def held(
    athena: AthenaDoor, of: ObjectId, *who: str
) -> tuple[list[tuple[str, str]], int, list[dict[str, Any]]]:
    """Kinds and ids of what is found, how many the count says, and the rows themselves."""
    ground = facts("subject-access", of=replace(campaign(), id=of))
    parameters = who or (OURS, "u-ours", KEYS)
    rows, (counted,) = (
        list(
            asked(
                athena,
                statement(
                    f"subject_access/{name}.sql",
                    literals=events_until_snapshot(ground),
                    parameters=parameters,
                ),
            )
        )
        for name in ("person", "count_person")
    )
    return [(one["kind"], one["event_id"]) for one in rows], int(counted["held"] or 0), rows


@pytest.mark.parametrize("table", list(KINDS))
def test_of_every_table_the_persons_rows_are_found_once_and_nobody_elses(
    stack: Mapping[str, str], athena: AthenaDoor, table: str
) -> None:
    """An event comes twice, comes late, and stands among those of everybody."""
    of, day = ObjectId(), NOON.date()
    s3 = lake_client(stack[environment.AWS_ENDPOINT_URL_S3])
    late = (SNAPSHOT + timedelta(seconds=1)).replace(tzinfo=None)
    mine, other = row(table, "r1", ours=True), row(table, "r2", ours=False)
    put(
        s3, table, [mine, other, row(table, "r3", ours=True, **{WHEN[table]: late})], day=day, of=of
    )
    put(s3, table, [mine], day=day + timedelta(days=2), of=of)

    found, count, _ = held(athena, of)

    assert [(KINDS[table], "r1")] == found
    assert 1 == count


def test_events_that_name_the_user_or_the_mailers_key_are_found_too(
    stack: Mapping[str, str], athena: AthenaDoor
) -> None:
    """The ledger of consents outlives the registration, and the mailer knows accounts only."""
    of, day = ObjectId(), NOON.date()
    s3 = lake_client(stack[environment.AWS_ENDPOINT_URL_S3])
    consent = {"evidence_id": "r1", "user_id": "u-ours", "occurred_at": NOON, "action": "granted"}
    withdrawn = {**consent, "action": "withdrawn"}
    mail = {"event_id": "r2", "subscriber_key": ACCOUNT.replace("-", ""), "occurred_at": NOON}
    put(s3, "consent_events", [consent, withdrawn], day=day, of=of)
    put(s3, "email_events", [mail], day=day, of=of)

    found, count, _ = held(athena, of)

    assert [("consent", "r1"), ("consent", "r1"), ("email", "r2")] == found
    assert 3 == count
    assert ([], 0) == held(athena, of, "-", "-", "-")[:2]


def test_steps_before_the_registration_are_found_by_a_session_that_nobody_shared(
    stack: Mapping[str, str], athena: AthenaDoor
) -> None:
    """A family registers on one device; whose first click it was, nobody can say."""
    of, day = ObjectId(), NOON.date()
    s3 = lake_client(stack[environment.AWS_ENDPOINT_URL_S3])

    def step(name: str, session: str, entry: str | None) -> dict[str, Any]:
        return {
            "event_id": name,
            "session_id": session,
            "entry_id": entry,
            "step": "started" if entry is None else "completed",
            "occurred_at": NOON,
        }

    steps = [
        step("r1", "own", None),
        step("r2", "own", OURS),
        step("r3", "shared", None),
        step("r4", "shared", OURS),
        step("r5", "shared", THEIRS),
        step("r6", "theirs", None),
        step("r7", "theirs", THEIRS),
    ]
    put(s3, "registration_events", steps, day=day, of=of)

    found, count, _ = held(athena, of)

    assert ["r1", "r2", "r4"] == [name for _, name in found]
    assert 3 == count


def test_amounts_and_flags_of_an_order_come_through_as_they_are(
    stack: Mapping[str, str], athena: AthenaDoor
) -> None:
    """Money in another type is another sum."""
    of = ObjectId()
    s3 = lake_client(stack[environment.AWS_ENDPOINT_URL_S3])
    order = row(
        "ticket_orders",
        "r1",
        ours=True,
        tickets=2,
        gross_amount=Decimal("299.99"),
        currency="EUR",
        used_code=True,
        resale_listed=False,
    )
    put(s3, "ticket_orders", [order], day=NOON.date(), of=of)

    _, _, (found,) = held(athena, of)

    assert (2, Decimal("299.99"), "EUR") == (found["number"], found["amount"], found["currency"])
    assert (True, False) == (found["used_code"], found["resale_listed"])

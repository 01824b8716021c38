"""`email-engagement`: rows get their domain, sums count fans, and the erased are in no row."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from bson import ObjectId

from assets.exports import email_engagement
from assets.exports.email_engagement import EMAIL_ENGAGEMENT, MOST_IN_TEXT, Prepared
from assets.model.campaign import Facts
from assets.model.column import Pii
from assets.model.failure import ExportFailed
from assets.model.source import AthenaSource, EntryRow
from assets.steps.plan import plan
from tests.assets.examples import CAMPAIGN_ID, facts, row
from tests.assets.exports.scripted import Scripted
from tests.assets.exports.sheets import entry

ADA, BEN, EVE = (f"{number:024x}" for number in (1, 2, 3))
SENT = datetime(2026, 3, 12, 22, tzinfo=UTC)


def result(entry_id: str | None = ADA, kind: str = "waitlist", **fields: Any) -> dict[str, Any]:
    """A row of the query: a mail that was sent and delivered, unless said otherwise."""
    usual: dict[str, Any] = {
        "message_kind": kind,
        "entry_id": entry_id,
        "subscriber_key": "k",
        "sent_at": SENT,
        "delivered_at": SENT,
        "first_open_at": None,
        "first_click_at": None,
        "bounce_class": None,
        "sms_state": None,
        "sms_error": None,
    }
    counts = ("opens", "clicks", "machine_opens", "unsubscribes", "complaints")
    return usual | dict.fromkeys(counts, 0) | fields


def fan(number: int, email: str | None = "a@example.com", **fields: Any) -> EntryRow:
    """An entry with an address; its user's document is at hand."""
    return row(entry(number, contact={"email": email}) | fields, {"accountId": "a"})


def ground(
    *fans: EntryRow,
    newest: object = date(2026, 3, 15),
    size: int = 1,
    people: tuple[Mapping[str, Any], ...] = (),
    **params: Any,
) -> Facts:
    """The facts after the look-ups."""
    asked = facts("email-engagement", **params)
    results: dict[str, list[dict[str, Any]]] = {
        "newest": [{"newest": newest}],
        "size": [{"pairs": size}],
    }
    reading = Scripted(rows=fans, people=people, results=results)
    return replace(asked, prepared=EMAIL_ENGAGEMENT.prepare(asked, reading))


def source() -> AthenaSource:
    """The source of the export."""
    assert isinstance(EMAIL_ENGAGEMENT.rows, AthenaSource)
    return EMAIL_ENGAGEMENT.rows


def made(on: Facts, *results: Mapping[str, Any]) -> list[dict[str, object]]:
    """The values of the rows by column, in the order of the file."""
    assert source().fold is not None
    assert source().arrange is not None
    fold = source().fold(on)  # type: ignore[misc]
    rows = [one for result in results for one in fold.add(result)]
    rows += fold.rest()
    columns = [planned.column for planned in plan(EMAIL_ENGAGEMENT, on).columns]
    ordered = sorted(rows, key=source().arrange.key)  # type: ignore[union-attr]
    return [{column.name: column.value(one) for column in columns} for one in ordered]


def test_a_row_bears_the_domain_of_its_fan() -> None:
    """The sender's events hold no address; who is unknown or has none has no domain."""
    on = ground(fan(1, "Ada@Example.COM"), fan(2, None))
    found = made(on, result(EVE), result(BEN), result(ADA), result(None))

    assert [None, "example.com", None, None] == [one["email_domain"] for one in found]
    assert [None, ADA, BEN, EVE] == [one["entry_id"] for one in found]


def test_entries_are_looked_up_many_at_a_time_and_none_is_lost() -> None:
    """Four million look-ups of one entry would take a day."""
    fans = [fan(number) for number in range(1, 1_202)]
    on = ground(*fans)
    fold = source().fold(on)  # type: ignore[misc]
    waves = [len(list(fold.add(result(f"{number:024x}")))) for number in range(1, 1_202)]

    assert {0, 500} == set(waves)
    assert (1_000, 201) == (sum(waves), len(list(fold.rest())))
    assert [] == list(fold.rest())


def test_nothing_is_looked_up_for_a_file_without_domains() -> None:
    """Who asks for opens only must not wait for two million documents."""
    on = ground(fan(1), columns=["message_kind", "opens"])
    blind = replace(on, prepared=Prepared(reading=None, erased=frozenset(), complete=None))  # type: ignore[arg-type]

    assert [{"message_kind": "waitlist", "opens": 0}] == made(blind, result())


def test_an_open_of_a_machine_is_counted_and_told() -> None:
    """DOMAIN.md 7.15: privacy proxies fetch a mail when it arrives, whether anybody reads it."""
    on = ground()
    found = made(
        on,
        result(ADA, opens=2, machine_opens=1),
        result(BEN, opens=1),
        result(EVE),
    )

    assert [(2, True), (1, False), (0, None)] == [
        (one["opens"], one["machine_open"]) for one in found
    ]


@pytest.mark.parametrize(
    "gone",
    [
        {"status": "erased"},
        {"erasure": {"completedAt": SENT}},
        {"userId": ObjectId("66520000000000000000f001")},
    ],
)
def test_a_fan_who_was_erased_is_in_no_row_but_stays_in_the_sums(gone: dict[str, Any]) -> None:
    """An account number that outlives the person is what an erasure is against."""
    people = ({"_id": ObjectId("66520000000000000000f001"), "erasure": {"completedAt": SENT}},)
    fans = (fan(1, **gone), fan(2))
    rows, sums = (ground(*fans, people=people, level=level) for level in ("fan", "message"))

    assert ["erased", None] == [source().verdict(rows)(result(one)) for one in (ADA, BEN)]
    assert [None, None] == [source().verdict(sums)(result(one)) for one in (ADA, BEN)]


def test_only_the_kinds_asked_for_are_kept() -> None:
    """The filter is applied to the rows: no text of a caller stands in a statement."""
    on = ground(message_kinds=["code"])
    verdict = source().verdict(on)

    assert (None, "message_kinds") == (verdict(result(kind="code")), verdict(result()))
    assert "'code'" not in source().query(on).sql


def test_sums_count_fans_once_and_opens_as_often_as_they_were() -> None:
    """A share of opens, not of fans, would pass a hundred."""
    on = ground(level="message")
    (mails, texts) = made(
        on,
        result(ADA, opens=3, machine_opens=1, clicks=2),
        result(BEN, opens=1, machine_opens=1, unsubscribes=2),
        result(EVE, delivered_at=None, bounce_class="hard", complaints=1),
        result(ADA, "welcome", sent_at=None, delivered_at=None, sms_state="stop"),
        result(BEN, "welcome", sent_at=None, delivered_at=None, sms_state="failed"),
    )

    assert {
        "message_kind": "waitlist",
        "fans": 3,
        "sent": 3,
        "delivered": 2,
        "opened": 2,
        "opened_by_people": 1,
        "clicked": 1,
        "opens": 4,
        "clicks": 2,
        "hard_bounced": 1,
        "unsubscribes": 1,
        "complaints": 1,
        "texts_delivered": 0,
        "texts_failed": 0,
        "texts_stopped": 0,
        "open_pct": Decimal("0.5"),
        "click_pct": Decimal("0.5"),
    } == mails
    named = ("fans", "sent", "texts_delivered", "texts_failed", "texts_stopped", "open_pct")
    assert (2, 0, 1, 1, 1, None) == tuple(texts[name] for name in named)


def test_sums_by_domain_add_up_to_those_by_message() -> None:
    """Two levels of one report must not disagree."""
    results = [result(ADA, opens=1), result(BEN, opens=2), result(EVE), result(ADA, "code")]
    fans = (fan(1), fan(2, "b@example.org"))
    domains = made(ground(*fans, level="domain"), *results)
    messages = made(ground(*fans, level="message"), *results)

    assert [
        ("code", "example.com", 1),
        ("waitlist", None, 1),
        ("waitlist", "example.com", 1),
        ("waitlist", "example.org", 1),
    ] == [(one["message_kind"], one["email_domain"], one["fans"]) for one in domains]
    assert 3 == sum(int(str(one["opens"])) for one in domains)
    assert [1, 3] == [one["fans"] for one in messages]


@pytest.mark.parametrize(
    ("newest", "complete"),
    [
        (date(2026, 3, 15), {"completeness_until_utc": "2026-03-13T00:00:00.000Z"}),
        (date(2026, 3, 20), {"completeness_until_utc": "2026-03-17T12:00:00.000Z"}),
        (None, {}),
    ],
)
def test_the_manifest_says_until_when_the_events_are_complete(
    newest: date | None, complete: dict[str, str]
) -> None:
    """A rate of opens of yesterday's mail is not low, it is early."""
    assert complete == EMAIL_ENGAGEMENT.stated(ground(newest=newest))


@pytest.mark.parametrize(
    ("params", "refused"),
    [
        ({}, True),
        ({"format": "parquet"}, False),
        ({"level": "message"}, False),
    ],
)
def test_more_rows_than_text_is_good_for_need_parquet(
    params: dict[str, Any], refused: bool
) -> None:
    """DOMAIN.md 7.15; at the bound itself text will do."""
    ground(size=MOST_IN_TEXT, **params)
    if not refused:
        ground(size=MOST_IN_TEXT + 1, **params)
        return
    with pytest.raises(ExportFailed) as caught:
        ground(size=MOST_IN_TEXT + 1, **params)

    assert "PARQUET_NEEDED" == caught.value.code


def test_the_days_asked_for_bound_what_happened_and_not_what_arrived() -> None:
    """The click of a Monday that arrives on Wednesday is Monday's."""
    days: dict[str, Any] = {"from": "2026-03-12", "to": "2026-03-13"}
    usual, chosen = (source().query(facts("email-engagement", **p)).sql for p in ({}, days))

    for made_ in (chosen, source().population(facts("email-engagement", **days)).sql):
        assert 2 == made_.count("dt BETWEEN DATE '2026-03-12' AND DATE '2026-03-20'")
        assert 2 == made_.count("occurred_at >= TIMESTAMP '2026-03-12 00:00:00'")
        assert 2 == made_.count("occurred_at <= TIMESTAMP '2026-03-13 23:59:59.999'")
        assert 2 == made_.count(f"campaign_id = '{CAMPAIGN_ID}'")
    assert 2 == usual.count("occurred_at <= TIMESTAMP '2026-03-20 12:00:00.000'")
    late: dict[str, Any] = {"to": "2026-12-31"}
    assert "2026-12" not in source().query(facts("email-engagement", **late)).sql


def test_a_large_result_is_unloaded_and_sorted_here() -> None:
    """UNLOAD keeps no order (DOMAIN.md 3), so the order is the export's own and total."""
    assert source().arrange is not None
    key = source().arrange.key  # type: ignore[union-attr]
    pairs = [key(result(one, kind)) for one in (ADA, BEN, None) for kind in ("a", "b")]

    assert len(set(pairs)) == len(pairs)
    assert (
        "ORDER BY" not in source().query(facts("email-engagement")).sql.rpartition("FROM mailed")[2]
    )


def test_ids_are_pseudonyms_and_sums_are_nobodys() -> None:
    """DOMAIN.md 7.15, class I; the domain of an address is a quasi-identifier."""
    classes = {column.name: column.pii for column in EMAIL_ENGAGEMENT.static_columns}
    by_message = EMAIL_ENGAGEMENT.columns(facts("email-engagement", level="message"))

    assert {Pii.PSEUDONYM} == {classes["entry_id"], classes["subscriber_key"]}
    assert Pii.QUASI_IDENTIFIER == classes["email_domain"]
    assert {Pii.NONE} == {column.pii for column in by_message}
    assert email_engagement.LATE.days == 3

"""`suppression`: who must not be written to, by time order, in clear or hashed, each day."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from assets.exports.shared.signals import Record, Signal, Subject, Suppressed, Window, lines
from assets.exports.suppression import SUPPRESSION
from assets.model.campaign import NO_CAMPAIGN, Consent, Facts, Promoter
from assets.model.column import Unfit
from assets.model.delivery import Destination
from assets.model.failure import ExportFailed
from assets.model.source import EntryRow, MadeSource
from tests.assets.examples import CAMPAIGN_ID, NORTHLAKE, campaign, facts, request, row
from tests.assets.exports.scripted import Scripted

DAY = date(2026, 3, 15)
NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)
BEFORE = NOON - timedelta(days=3)
AFTER = NOON + timedelta(days=1)
USER = ObjectId("66520000000000000000f001")
ENTRY = ObjectId("66510000000000000000e001")
OTHER = ObjectId("66510000000000000000e002")
ACCOUNT = "0b7d2c1e-5a41-4c0e-9d0e-2f7a1f6f9a10"
KEY = ACCOUNT.replace("-", "")
EMAIL = "Ann@Example.com"
HASH = sha256(b"ann@example.com").hexdigest()
PHONE = "+14155550132"
PHONE_HASH = sha256(PHONE.encode()).hexdigest()
NONE = [{"count": 0}]


def source() -> MadeSource:
    """The source of the export."""
    assert isinstance(SUPPRESSION.rows, MadeSource)
    return SUPPRESSION.rows


def ground(**params: Any) -> Facts:
    """A day with one campaign and one promoter."""
    texts = replace(campaign(), consents=(Consent(key="sms", party="sms"),))
    northlake = Promoter(id=NORTHLAKE, key="northlake")
    asked = request("suppression", **{"day": "2026-03-15", **params})
    day = facts("suppression", of=NO_CAMPAIGN, promoters=[northlake], its_markets=(), asked=asked)
    return replace(day, campaigns=(texts,))


def entry(
    identity: ObjectId = ENTRY, user: Mapping[str, Any] | None = None, **fields: Any
) -> EntryRow:
    """A fan's entry; live unless said otherwise."""
    shown: dict[str, Any] = {
        "_id": identity,
        "campaignId": CAMPAIGN_ID,
        "userId": USER,
        "isCurrent": True,
        "status": "verified",
        "contact": {"email": EMAIL, "phone": {"e164": PHONE}},
        "createdAt": BEFORE,
    }
    account = {"_id": USER, "accountId": ACCOUNT, "marketing": {}}
    return row(shown | fields, account | dict(user or {}), ground())


def gone(at: datetime = NOON, **fields: Any) -> EntryRow:
    """An entry that its fan withdrew."""
    return entry(status="withdrawn", withdrawnAt=at, **fields)


def promised(**consent: Any) -> list[dict[str, Any]]:
    """A consent to Northlake."""
    return [{"key": "promoter_email", "promoterId": NORTHLAKE, **consent}]


def event(reason: str, at: datetime = NOON, **fields: Any) -> dict[str, Any]:
    """An event of the fan that came in time."""
    told = {
        "told_id": f"t-{reason}-{at:%d%H}",
        "entry_id": str(ENTRY),
        "subscriber_key": KEY,
        "occurred_at": at.replace(tzinfo=None),
        "dt": at.date(),
        "reason": reason,
        "consent_key": None,
        "promoter_id": None,
        "action": None,
    }
    return told | fields


def script(
    *rows: EntryRow,
    events: Sequence[Mapping[str, Any]] = (),
    erased: Sequence[Mapping[str, Any]] = (),
    people: Sequence[Mapping[str, Any]] = (),
) -> Scripted:
    """What there is to read."""
    results = {"events-aurora-lights-2026": events, "erasures": erased}
    return Scripted(rows=rows, results=results, people=people)


def made(read: Scripted, **params: Any) -> list[Suppressed]:
    """The lines of the file, in its order."""
    on = ground(**params)
    assert source().fold is not None and source().arrange is not None  # noqa: PT018
    fold = source().fold(on)  # type: ignore[misc]
    done = [line for record in source().rows(on, read) for line in fold.add(record)]
    return sorted([*done, *fold.rest()], key=source().arrange.key)  # type: ignore[union-attr]


def reasons(read: Scripted, **params: Any) -> list[tuple[str, str]]:
    """Reason and channel of every line."""
    return [(line.reason, line.channel) for line in made(read, **params)]


def cells(read: Scripted, **params: Any) -> dict[str, object]:
    """The values of the only line by column."""
    (line,) = made(read, **params)
    columns = SUPPRESSION.columns(ground(**params))
    return {column.name: column.value(line) for column in columns}


def test_the_mailer_gets_keys_and_addresses() -> None:
    """It has them already; the key is what it deletes by."""
    found = cells(script(gone()))

    assert {"SubscriberKey": KEY, "EmailAddress": EMAIL, "phone_sha256": PHONE_HASH} == {
        name: found[name] for name in ("SubscriberKey", "EmailAddress", "phone_sha256")
    }
    assert ("both", "withdrawn", None) == (found["Channel"], found["Reason"], found["PromoterKey"])
    assert NOON == datetime.fromtimestamp(int(found["EffectiveUtc"]) / 1000, UTC)  # type: ignore[call-overload]


@pytest.mark.parametrize("target", ["promoter", "ad"])
def test_everybody_else_gets_hashes_and_none_of_our_keys(target: str) -> None:
    """An address in clear to a promoter who never had it would be a leak, not a suppression."""
    found = cells(script(gone()), target=target)
    asked = request("suppression", target=target, deliver=[])

    assert (HASH, PHONE_HASH) == (found["email_sha256"], found["phone_sha256"])
    assert not {"SubscriberKey", "EmailAddress"} & found.keys()
    assert not {EMAIL, PHONE, KEY} & set(map(str, found.values()))
    assert "rfc4180" == asked.output.dialect


def test_only_the_mailers_file_goes_to_salesforce_to_the_one_table() -> None:
    """A day has no campaign whose data extension it could be."""
    (delivery,) = SUPPRESSION.deliveries

    assert (str(Destination.SFMC),) == request("suppression").deliver
    assert "Suppression" == delivery.target(ground())
    with pytest.raises(ExportFailed, match="OPTIONS_CONFLICT"):
        delivery.target(ground(target="ad"))


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (script(entry()), []),
        (script(gone()), [("withdrawn", "both")]),
        (script(gone(BEFORE)), []),
        (script(gone(AFTER)), []),
        (script(events=[event("global_opt_out")]), [("global_opt_out", "email")]),
        (script(events=[event("sms_stop")]), [("sms_stop", "sms")]),
        (script(events=[event("hard_bounce")]), [("hard_bounce", "email")]),
        (script(events=[event("complaint")]), [("complaint", "email")]),
        (script(events=[event("complaint", BEFORE)]), []),
    ],
)
def test_each_source_gives_its_reason_on_its_day(
    read: Scripted, expected: list[tuple[str, str]]
) -> None:
    """The reasons are DOMAIN.md's; each is in the file of one day only."""
    assert expected == reasons(read)


def test_an_event_that_came_late_is_in_the_file_of_the_day_on_which_it_came() -> None:
    """The file of its own day was sent before it came; nobody reads that one again."""
    late = event("global_opt_out", BEFORE, dt=DAY)
    (line,) = made(script(entry(), events=[late]))

    assert BEFORE == datetime.fromtimestamp(line.at / 1000, UTC)
    early = event("global_opt_out", NOON, dt=DAY + timedelta(days=2))
    assert [] == made(script(entry(), events=[early]))


def test_since_widens_the_window_to_the_left_only() -> None:
    """A promoter who starts today asks for all withdrawals since the agreement."""
    read = script(gone(BEFORE))

    assert [("withdrawn", "both")] == reasons(read, since="2026-03-12")
    assert [] == reasons(read, since="2026-03-13")
    assert [] == reasons(script(gone(AFTER)), since="2026-03-01")
    with pytest.raises(ExportFailed, match="since"):
        SUPPRESSION.refuse(ground(since="2026-03-16"))


@pytest.mark.parametrize(
    ("again", "kept"), [(NOON + timedelta(hours=1), False), (NOON - timedelta(hours=1), True)]
)
def test_who_registered_again_after_withdrawing_is_taken_out_by_time_order(
    again: datetime, kept: bool
) -> None:
    """Re-consent after withdrawal removes the fan; an older registration does not."""
    read = script(gone(), entry(OTHER, createdAt=again))

    assert kept is bool(made(read))


@pytest.mark.parametrize(
    ("later", "kept"),
    [
        ([("withdrawn", NOON)], True),
        ([("withdrawn", NOON), ("granted", NOON + timedelta(hours=1))], False),
        ([("granted", NOON - timedelta(hours=1)), ("withdrawn", NOON)], True),
        ([("withdrawn", NOON), ("granted", NOON)], True),
    ],
)
def test_a_consent_to_a_promoter_is_decided_by_its_last_word(
    later: list[tuple[str, datetime]], kept: bool
) -> None:
    """Of two at one moment the one that protects the fan counts."""
    events = [
        event(
            "consent",
            at,
            told_id=f"ev-{number}",
            action=action,
            consent_key="promoter_email",
            promoter_id=str(NORTHLAKE),
        )
        for number, (action, at) in enumerate(later)
    ]
    found = made(script(entry(), events=events))

    expected = [("promoter_withdrawal", "northlake", "email")] if kept else []
    assert expected == [(line.reason, line.promoter, line.channel) for line in found]


def test_entry_and_ledger_tell_the_same_withdrawal_once() -> None:
    """Two stores, one fact: the receiver must not see it twice."""
    told = event(
        "consent", action="withdrawn", consent_key="promoter_email", promoter_id=str(NORTHLAKE)
    )
    stored = entry(consents=promised(granted=True, at=BEFORE, withdrawnAt=NOON))

    assert 1 == len(made(script(stored, events=[told])))
    unknown = entry(consents=[{"key": "sms", "promoterId": OTHER, "withdrawnAt": NOON}])
    (line,) = made(script(unknown))
    assert (str(OTHER), "sms") == (line.promoter, line.channel)


def test_a_consent_given_after_an_opt_out_counts_only_while_the_account_agrees() -> None:
    """The account is the truth of opt-outs (DOMAIN.md 2.4); one campaign's form is not."""
    out = event("global_opt_out")
    back = event("consent", NOON + timedelta(hours=1), action="granted", consent_key="artist_email")
    agrees = entry()
    refuses = entry(user={"marketing": {"emailGlobalOptOut": True}})

    assert [] == made(script(agrees, events=[out, back]))
    assert [("global_opt_out", "email")] == reasons(script(refuses, events=[out, back]))
    texts = event("consent", NOON + timedelta(hours=1), action="granted", consent_key="sms")
    assert [("global_opt_out", "email")] == reasons(script(agrees, events=[out, texts]))


def person(**fields: Any) -> dict[str, Any]:
    """The fan's account as it is stored."""
    stored = {"_id": USER, "kind": "fan", "accountId": ACCOUNT, "email": EMAIL, "updatedAt": NOON}
    return stored | fields


@pytest.mark.parametrize(
    ("marketing", "expected"),
    [
        ({"emailGlobalOptOut": True, "smsStop": False}, [("global_opt_out", "email")]),
        ({"smsStop": True}, [("sms_stop", "sms")]),
        ({"hardBouncedAt": NOON}, [("hard_bounce", "email")]),
        ({"complainedAt": NOON}, [("complaint", "email")]),
        ({"hardBouncedAt": BEFORE}, []),
        ({"emailGlobalOptOut": False}, []),
    ],
)
def test_accounts_tell_their_own_suppressions(
    marketing: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    """A fan who opts out in the account never had an event."""
    read = script(people=[person(marketing=marketing)])

    assert expected == reasons(read)


def test_staff_and_other_days_are_not_read() -> None:
    """Neither is about a fan on this day."""
    out = {"emailGlobalOptOut": True}
    people = [
        person(marketing=out, kind="staff"),
        person(marketing=out, updatedAt=BEFORE),
    ]

    assert [] == made(script(people=people))


def test_a_no_of_an_account_that_was_merged_is_of_the_one_that_it_is_now() -> None:
    """The mailer knows the fan by today's key; the old one would stop nothing."""
    now = {"_id": OTHER, "kind": "fan", "accountId": "now"}
    people = [person(marketing={"emailGlobalOptOut": True}, mergedInto=OTHER), now]

    (line,) = made(script(people=people))

    assert ("now", str(OTHER)) == (line.subject.subscriber, line.subject.id)
    assert EMAIL == line.subject.email


def ledger(**fields: Any) -> dict[str, Any]:
    """A line of the ledger of erasures."""
    line = {
        "user_id": str(USER),
        "email_sha256": HASH,
        "completed_at": NOON.replace(tzinfo=None),
        "dt": DAY,
    }
    return line | fields


def test_of_an_erased_fan_only_key_and_hash_are_left() -> None:
    """The deletion at Salesforce needs the key, and nothing else may survive."""
    read = script(entry(), erased=[ledger()], people=[person(updatedAt=BEFORE)])
    found = cells(read)
    hashed = cells(read, target="promoter")

    assert ("erased", KEY, None, None) == (
        found["Reason"],
        found["SubscriberKey"],
        found["EmailAddress"],
        found["phone_sha256"],
    )
    assert HASH == hashed["email_sha256"]


def test_an_erasure_silences_all_other_reasons_of_the_fan_and_is_one_line() -> None:
    """The address of who was erased must not come back through an old opt-out."""
    tombstone = entry(status="erased", erasure={"completedAt": NOON}, contact={})
    said = [event("global_opt_out"), event("complaint")]
    accounts = [person(erasure={"completedAt": NOON}, marketing={"smsStop": True})]
    found = made(script(tombstone, events=said, erased=[ledger()], people=accounts))

    assert [("erased", HASH, None)] == [
        (line.reason, line.subject.digest, line.subject.email) for line in found
    ]


def test_a_guest_is_known_by_the_hash_and_unknown_to_the_mailer() -> None:
    """Without an account there is no key to delete by."""
    read = script(erased=[ledger(user_id=None)])

    assert [] == made(read)
    assert HASH == cells(read, target="ad")["email_sha256"]


def test_options_narrow_by_channel_promoter_and_target() -> None:
    """A carrier needs no e-mail bounces, and an ad platform no word about promoters."""
    stored = gone(consents=promised(withdrawnAt=NOON))
    read = script(stored, events=[event("sms_stop"), event("complaint")])

    everything = ["complaint", "promoter_withdrawal", "sms_stop", "withdrawn"]
    assert everything == [reason for reason, _ in reasons(read)]
    assert ["sms_stop", "withdrawn"] == [r for r, _ in reasons(read, channels="sms")]
    assert "promoter_withdrawal" not in dict(reasons(read, channels="sms", target="promoter"))
    assert ["complaint", "sms_stop", "withdrawn"] == [r for r, _ in reasons(read, target="ad")]
    mine = reasons(read, target="promoter", promoters=["northlake"])
    others = reasons(read, target="promoter", promoters=["old-mill"])
    assert [("promoter_withdrawal", "email")] == [one for one in mine if one not in others]


def test_an_event_whose_entry_is_lost_still_suppresses_the_key() -> None:
    """The mailer knows the key although we lost the entry."""
    (line,) = made(script(events=[event("complaint", entry_id=str(OTHER))]))

    assert (KEY, None) == (line.subject.subscriber, line.subject.email)


def test_ledger_ids_stay_whatever_is_exported_when() -> None:
    """Sending a day twice must change nothing at the receiver (idempotent by LedgerId)."""
    first = made(script(gone()))
    again = made(script(gone()), since="2026-03-01")
    other = made(script(gone(contact={"email": "other@example.com"})))

    assert [line.ledger_id for line in first] == [line.ledger_id for line in again]
    assert first[0].ledger_id != other[0].ledger_id


def test_what_cannot_be_read_is_a_counted_reject() -> None:
    """A suppression that is silently dropped writes to somebody who said no."""
    (record,) = source().rows(ground(), script(gone(consents="none")))
    assert source().fold is not None
    fold = source().fold(ground())  # type: ignore[misc]

    with pytest.raises(Unfit):
        fold.add(record)


def test_the_count_is_made_of_other_queries_than_the_rows() -> None:
    """Read equals expected only if nothing was passed over (DESIGN.md 3, rule 6)."""
    read = script(gone(), entry(OTHER), people=[person(marketing={"smsStop": True})])
    counted = {"count-erasures": [{"n": 2}], "count-aurora-lights-2026": [{"n": 3}]}
    counting = replace(read, results=counted, asked={})

    assert 2 == len(list(source().rows(ground(), read)))
    assert 2 + 5 == source().population(ground(), counting)
    assert {"count-erasures", "count-aurora-lights-2026"} == counting.asked.keys()
    assert "2026-03-15' AND DATE '2026-03-20'" in counting.asked["count-erasures"].sql


WORDS = st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=12)


@given(WORDS)
def test_the_last_word_of_a_fan_decides_whatever_was_said_before(
    said: list[tuple[int, bool]],
) -> None:
    """Property: a line exists exactly when the latest signal, ties for the fan, suppresses."""
    subject = Subject(id="fan", email="ann@example.com")
    signals = sorted(
        (
            Signal(
                subject=subject,
                reason="promoter_withdrawal",
                channel="email",
                at=at,
                known=at,
                suppresses=suppresses,
            )
            for at, suppresses in said
        ),
        key=lambda one: (one.at, one.suppresses),
    )
    found = list(lines(tuple(signals), Window(start=0, end=100)))

    assert bool(found) is bool(signals and signals[-1].suppresses)
    assert all(isinstance(line.at, int) and line.at == signals[-1].at for line in found)
    assert Record().signals == ()

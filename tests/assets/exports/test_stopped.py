"""Whoever gave an address: one who said no with it stops it for all (DOMAIN.md 11, point 3)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from bson import ObjectId

from assets.exports.ad_audience import AD_AUDIENCE
from assets.exports.non_purchasers import NON_PURCHASERS
from assets.exports.promoter_email_opt_ins import PROMOTER_EMAIL_OPT_INS
from assets.exports.reminder_email import REMINDER_EMAIL
from assets.exports.shared.id_set import IdSet
from assets.exports.shared.stopped import (
    NO_MAIL,
    NO_MARKETING,
    address_of,
    not_stopped,
    stopped_by_accounts,
    stopped_for_others,
)
from assets.model.campaign import Agreement, Consent, ConsentText, Facts, Promoter, Schedule
from assets.model.export_type import ExportType
from assets.model.source import Document, EntryRow, EntrySource
from tests.assets.examples import (
    CAMPAIGN_ID,
    NEW_YORK,
    NORTHLAKE,
    SNAPSHOT,
    campaign,
    facts,
    row,
)
from tests.assets.exports.scripted import Scripted

EARLY, LATE = (datetime(2026, 3, day, tzinfo=UTC) for day in (4, 9))
SHARED = "family@example.com"
SISTER, BROTHER = ObjectId("66520000000000000000f001"), ObjectId("66520000000000000000f002")
ENTRY, OTHER = ObjectId("66510000000000000000e001"), ObjectId("66510000000000000000e002")
TEXT = ConsentText(version="2026-02-01", text={"en-US": "Yes, Northlake may write."})
PROMOTER = Promoter(
    id=NORTHLAKE,
    key="northlake",
    agreement=Agreement(
        id="DSA-118",
        signed_at=EARLY,
        expires_at=datetime(2027, 11, 2, tzinfo=UTC),
        allowed_fields=frozenset({"email"}),
        hash_only=False,
    ),
)
CONSENT = {
    "key": "promoter_email",
    "promoterId": NORTHLAKE,
    "granted": True,
    "at": EARLY,
    "textVersion": "2026-02-01",
    "evidenceId": "ev_1",
}


def account(user_id: ObjectId, **changed: Any) -> Document:
    """The account of one of the two."""
    return {"_id": user_id, "accountId": f"account-{user_id}", "marketing": {}, **changed}


def entry(entry_id: ObjectId, user_id: ObjectId | None, **changed: Any) -> Document:
    """A registration with the address of the family."""
    return {
        "_id": entry_id,
        "campaignId": CAMPAIGN_ID,
        "userId": user_id,
        "status": "selected",
        "isCurrent": True,
        "createdAt": EARLY,
        "contact": {"email": SHARED},
        "preferences": [{"marketId": NEW_YORK, "rank": 1}],
        **changed,
    }


def ground(kind: str = "promoter-email-opt-ins", **params: Any) -> Facts:
    """A campaign that asks for consents to one promoter, and for the artist."""
    asked = (
        Consent(key="promoter_email", party="promoter", promoter_id=NORTHLAKE, texts=(TEXT,)),
        Consent(key="artist_email", party="artist"),
        Consent(key="sms", party="sms"),
    )
    over = Schedule(presale_ends_at=EARLY)
    return facts(kind, of=replace(campaign(), consents=asked, schedule=over), **params)


def reading(*entries: Document, people: Sequence[Document] = (), **results: Any) -> Scripted:
    """What there is of the family."""
    by_id = {user["_id"]: user for user in people}
    rows = [row(dict(one), by_id.get(one["userId"]), ground_of()) for one in entries]
    return Scripted(rows=rows, people=people, results=results)


def ground_of() -> Facts:
    """The ground of the promoter's file."""
    return ground(promoters=[PROMOTER], promoter="northlake")


def is_stopped(there: Scripted, address: str = SHARED, promoter: str = "northlake") -> bool:
    """Whether an address is one that those who know it alone must not have."""
    stopped = IdSet(stopped_for_others(ground_of(), there, promoter))
    mine = row({"_id": ENTRY, "contact": {"email": address}}, None, ground_of())
    return not not_stopped(stopped)[1](mine)


# --- what accounts say


@pytest.mark.parametrize("name", NO_MARKETING)
def test_one_account_that_said_no_stops_its_addresses_for_all(name: str) -> None:
    """That of its profile, and those of its registrations, in whatever campaign."""
    people = [account(BROTHER, email="Profile@Example.com ", marketing={name: LATE})]
    there = reading(entry(OTHER, BROTHER, campaignId=ObjectId()), people=people)

    assert is_stopped(there, SHARED)
    assert is_stopped(there, "profile@example.com")
    assert not is_stopped(there, "somebody.else@example.com")


@pytest.mark.parametrize("said", [None, False])
def test_who_said_nothing_stops_no_address(said: object) -> None:
    """Negative control."""
    people = [account(BROTHER, email=SHARED, marketing=dict.fromkeys(NO_MARKETING, said))]

    assert not is_stopped(reading(entry(OTHER, BROTHER), people=people))


def test_an_opt_out_does_not_stop_mail_about_a_registration() -> None:
    """A bounce and a complaint do."""
    people = [account(BROTHER, email=SHARED, marketing={"emailGlobalOptOut": True})]
    there = reading(people=people)

    assert [] == list(stopped_by_accounts(ground_of(), there, NO_MAIL))
    assert 1 == len(list(stopped_by_accounts(ground_of(), there, NO_MARKETING)))


def test_addresses_of_accounts_that_were_merged_into_it_are_stopped_too() -> None:
    """Whoever said no has had them."""
    people = [
        account(BROTHER, marketing={"complainedAt": LATE}),
        account(SISTER, mergedInto=BROTHER),
    ]

    assert is_stopped(reading(entry(OTHER, SISTER), people=people))


@pytest.mark.parametrize("named", [str(BROTHER), str(BROTHER).upper()])
def test_addresses_of_old_registrations_are_stopped_however_they_name_their_user(
    named: str,
) -> None:
    """Those of v2 do it in text (DOMAIN.md 2.9)."""
    people = [account(BROTHER, marketing={"complainedAt": LATE})]

    assert is_stopped(reading(entry(OTHER, None, userId=named), people=people))


# --- what registrations and the ledger say


def test_a_withdrawal_stops_the_address_for_other_accounts() -> None:
    """A promoter knows the address alone, and `suppression` names it."""
    gone = entry(OTHER, BROTHER, status="withdrawn", withdrawnAt=LATE)

    assert is_stopped(reading(gone, people=[account(BROTHER)]))


def test_who_registered_again_is_not_stopped_by_the_own_withdrawal() -> None:
    """By time order, as in `suppression`."""
    gone = entry(OTHER, BROTHER, status="withdrawn", withdrawnAt=EARLY, isCurrent=False)
    again = entry(ENTRY, BROTHER, createdAt=LATE)

    assert not is_stopped(reading(gone, again, people=[account(BROTHER)]))


def test_a_no_to_one_promoter_is_no_no_to_another() -> None:
    """`promoter_withdrawal` is of one promoter."""
    there = reading(entry(OTHER, BROTHER, consents=[{**CONSENT, "withdrawnAt": LATE}]))

    assert is_stopped(there)
    assert not is_stopped(there, promoter="fjord")
    assert not is_stopped(there, promoter="")


def test_a_no_to_texts_is_no_no_to_mail() -> None:
    """The channel of the consent counts."""
    texts = {**CONSENT, "key": "sms", "withdrawnAt": LATE}

    assert not is_stopped(reading(entry(OTHER, BROTHER, consents=[texts])))


def test_an_address_of_which_only_the_hash_is_left_is_stopped() -> None:
    """The subject was erased, and the promoter is told the hash."""
    erased = {
        "user_id": None,
        "email_sha256": sha256(SHARED.encode()).hexdigest(),
        "completed_at": LATE,
        "dt": LATE.date(),
    }

    assert is_stopped(reading(erasures=[erased]))


# --- addresses


@pytest.mark.parametrize(
    "address", ["Family@Example.com", " family@example.com ", "FAMILY@EXAMPLE.COM"]
)
def test_addresses_are_compared_as_they_are_shown(address: str) -> None:
    """Not as an edit has left the stored form of them."""
    contact = {"email": address, "emailNormalized": "before@example.com"}

    assert SHARED == address_of(row({"contact": contact}, None, ground_of()))


def test_two_ways_to_write_one_letter_are_one_address() -> None:
    """U+00FC, and u with U+0308."""
    both = [
        row({"contact": {"email": f"fan@b{letter}cher.test"}}, None, ground_of())
        for letter in ("\u00fc", "u\u0308")
    ]

    assert address_of(both[0]) == address_of(both[1])


# --- the exports

BOUNCED = account(BROTHER, email=SHARED, marketing={"hardBouncedAt": LATE})
LEDGER = {"entry_id": str(ENTRY), "consent_key": "promoter_email", "evidence_id": "ev_1"}
FRESH = {"newest": SNAPSHOT.date()}
Asked = tuple[ExportType, dict[str, Any]]
KINDS: Sequence[Asked] = (
    (PROMOTER_EMAIL_OPT_INS, {"promoters": [PROMOTER], "promoter": "northlake"}),
    (AD_AUDIENCE, {}),
    (REMINDER_EMAIL, {"reminder_kind": "result_ready"}),
    (NON_PURCHASERS, {}),
)


def verdict(kind: ExportType, params: dict[str, Any], people: Sequence[Document]) -> str | None:
    """Why the sister is not in the file, who has allowed everything."""
    artist = {"key": "artist_email", "granted": True, "at": EARLY}
    hers = entry(ENTRY, SISTER, consents=[CONSENT, artist])
    ledger = [{**LEDGER, "withdrawn_at": None}]
    there = reading(hers, entry(OTHER, BROTHER), people=people, ledger=ledger, newest=[FRESH])
    asked = ground(kind.name, **params)
    prepared = replace(asked, prepared=kind.prepare(asked, there))
    assert isinstance(kind.rows, EntrySource)
    judge: Callable[[EntryRow], str | None] = kind.rows.verdict(prepared)
    return judge(row(dict(hers), account(SISTER), prepared))


@pytest.mark.parametrize(("kind", "params"), KINDS, ids=lambda one: getattr(one, "name", ""))
def test_an_address_that_bounced_for_one_is_sent_for_nobody(
    kind: ExportType, params: dict[str, Any]
) -> None:
    """The address, not the account, is what mail goes to."""
    sister = account(SISTER)

    assert verdict(kind, params, [sister, account(BROTHER)]) is None
    assert "address_suppressed" == verdict(kind, params, [sister, BOUNCED])


def test_a_withdrawal_that_the_ledger_alone_knows_stops_the_address() -> None:
    """Of one account, for the grant of another."""
    theirs = entry(OTHER, BROTHER, consents=[{**CONSENT, "evidenceId": "ev_2"}])
    hers = entry(ENTRY, SISTER, consents=[CONSENT])
    gone = {**LEDGER, "entry_id": str(OTHER), "evidence_id": "ev_2", "withdrawn_at": LATE}
    people = [account(SISTER), account(BROTHER)]
    there = reading(hers, theirs, people=people, ledger=[{**LEDGER, "withdrawn_at": None}, gone])
    prepared = replace(ground_of(), prepared=PROMOTER_EMAIL_OPT_INS.prepare(ground_of(), there))
    assert isinstance(PROMOTER_EMAIL_OPT_INS.rows, EntrySource)
    judge = PROMOTER_EMAIL_OPT_INS.rows.verdict(prepared)

    assert "address_suppressed" == judge(row(dict(hers), people[0], prepared))


def test_of_two_accounts_with_one_address_the_latest_grant_is_given_once() -> None:
    """By the address that the promoter sees, whatever the stored form of it says (7.5)."""
    arrange = PROMOTER_EMAIL_OPT_INS.rows.arrange
    assert arrange is not None
    keys = [
        arrange.key(
            row(
                entry(
                    one,
                    SISTER,
                    contact={"email": SHARED, "emailNormalized": f"{one}@example.com"},
                    consents=[{**CONSENT, "at": moment}],
                ),
                None,
                ground_of(),
            )
        )
        for one, moment in ((ENTRY, EARLY), (OTHER, LATE))
    ]

    assert keys[0][: arrange.unique] == keys[1][: arrange.unique]
    assert keys[1] < keys[0]

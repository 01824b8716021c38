"""`promoter-email-opt-ins`: nobody is shared who did not allow exactly this promoter to write."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from assets.exports.promoter_email_opt_ins import PROMOTER_EMAIL_OPT_INS, WITHDRAWN_SINCE, columns
from assets.model.campaign import Agreement, Consent, ConsentText, Facts, Promoter, Question
from assets.model.column import HASH, Pii
from assets.model.failure import ExportFailed
from assets.model.parameters import InvalidRequest, parse
from assets.model.source import Document, EntrySource
from tests.assets.examples import (
    CAMPAIGN_ID,
    EVERY_SCOPE,
    KEY,
    NEW_YORK,
    NORTHLAKE,
    SNAPSHOT,
    VANCOUVER,
    campaign,
    facts,
    request,
    row,
)
from tests.assets.exports.scripted import Scripted

GIVEN = datetime(2026, 3, 3, 15, tzinfo=UTC)
BEFORE = datetime(2026, 3, 10, tzinfo=UTC)
ENTRY = ObjectId("66510000000000000000e001")
SHOWN = (
    "email",
    "first_name",
    "last_name",
    "country",
    "postal_code",
    "locale",
    "phone",
    "artist",
    "campaign",
    "markets",
    "opted_in_at",
    "opted_in_at_utc",
    "consent_text_version",
    "consent_text",
    "consent_source",
    "consent_evidence_id",
)
AGREEMENT = Agreement(
    id="DSA-118",
    signed_at=datetime(2025, 11, 2, tzinfo=UTC),
    expires_at=datetime(2027, 11, 2, tzinfo=UTC),
    allowed_fields=frozenset(SHOWN),
    hash_only=False,
)
PROMOTER = Promoter(id=NORTHLAKE, key="northlake", agreement=AGREEMENT)
TEXT = ConsentText(
    version="2026-02-01", text={"en-US": "Yes, Northlake may write.", "fr-CA": "Oui, Northlake."}
)
ASKED = (
    Consent(key="promoter_email", party="promoter", promoter_id=NORTHLAKE, texts=(TEXT,)),
    Consent(key="sms", party="sms"),
)
CONSENT = {
    "key": "promoter_email",
    "promoterId": NORTHLAKE,
    "granted": True,
    "at": GIVEN,
    "textVersion": "2026-02-01",
    "locale": "fr-CA",
    "source": "form",
    "evidenceId": "ev_1",
}
FAN: dict[str, Any] = {
    "_id": ENTRY,
    "userId": "a user",
    "status": "waitlisted",
    "createdAt": GIVEN,
    "contact": {
        "email": "Zoe@Example.com",
        "emailNormalized": "zoe@example.com",
        "firstName": "Zoë",
        "phone": {"e164": "+14155550132", "verifiedAt": GIVEN, "lineType": "mobile"},
    },
    "preferences": [{"marketId": VANCOUVER, "rank": 2}, {"marketId": NEW_YORK, "rank": 1}],
    "consents": [CONSENT],
}
USER = {"accountId": "an account", "marketing": {}}


class Continued(Scripted):
    """A reading after an export that went to the promoter on 10 March."""

    def last_success(self, facts: Facts) -> Document | None:
        """The export of 10 March."""
        return {"snapshotAt": BEFORE} if facts.request.deliver == ("promoter",) else None


def said(evidence: str = "ev_1", withdrawn: datetime | None = None) -> dict[str, Any]:
    """One row of the ledger's query: a grant, and when it was withdrawn."""
    return {
        "entry_id": str(ENTRY),
        "consent_key": "promoter_email",
        "evidence_id": evidence,
        "withdrawn_at": withdrawn,
    }


def ground(
    *,
    promoter: Promoter = PROMOTER,
    ledger: tuple[dict[str, Any], ...] = (said(),),
    continued: bool = False,
    questions: tuple[Question, ...] = (),
    **params: Any,
) -> Facts:
    """What rows stand on, with the ledger read."""
    made = facts(
        "promoter-email-opt-ins",
        of=replace(campaign(), artist="Aurora", consents=ASKED, questions=questions),
        promoters=[promoter],
        **{"promoter": "northlake", **params},
    )
    reading = (Continued if continued else Scripted)(results={"ledger": ledger})
    return replace(made, prepared=PROMOTER_EMAIL_OPT_INS.prepare(made, reading))


def reason(
    changed: dict[str, Any] | None = None,
    *,
    user: dict[str, Any] | None = USER,
    consent: dict[str, Any] | None = None,
    **params: Any,
) -> str | None:
    """Why a fan is not in the file."""
    stands = ground(**params)
    entry = FAN | {"consents": [CONSENT | (consent or {})]} | (changed or {})
    assert isinstance(PROMOTER_EMAIL_OPT_INS.rows, EntrySource)
    return PROMOTER_EMAIL_OPT_INS.rows.verdict(stands)(row(entry, user, stands))


def names(**params: Any) -> list[str]:
    """The headers."""
    return [column.name for column in columns(ground(**params))]


def cells(changed: dict[str, Any] | None = None, **params: Any) -> dict[str, object]:
    """The values of a fan by column."""
    stands = ground(**params)
    seen = row(FAN | (changed or {}), USER, stands)
    return {column.name: column.value(seen) for column in columns(stands)}


def withdrawal(changed: dict[str, Any], **params: Any) -> dict[str, object]:
    """The row of a fan in the file of withdrawals."""
    stands = ground(continued=True, mode="delta", **params)
    (companion,) = PROMOTER_EMAIL_OPT_INS.companions
    seen = row(FAN | changed, USER, stands)
    return {column.name: column.value(seen) for column in companion.columns(stands)}


def test_the_columns_are_those_of_the_agreement_and_no_other() -> None:
    """What the agreement does not name must not leave, whoever asks for it."""
    few = replace(AGREEMENT, allowed_fields=frozenset({"email", "locale", "shoe_size"}))

    assert list(SHOWN) == names()
    assert ["email", "locale"] == names(promoter=replace(PROMOTER, agreement=few))
    none = replace(AGREEMENT, allowed_fields=frozenset[str]())
    assert [] == names(promoter=replace(PROMOTER, agreement=none))


def test_addresses_leave_as_hashes_where_the_agreement_or_the_request_says_so() -> None:
    """A promoter of hashes matches its own list and learns no new address."""
    hashed = replace(PROMOTER, agreement=replace(AGREEMENT, hash_only=True))

    for stands in (ground(promoter=hashed), ground(hash_only=True)):
        shown = {column.name: column for column in columns(stands)}
        assert not {"email", "phone"} & shown.keys()
        assert (HASH, HASH) == (shown["email_sha256"].format, shown["phone_sha256"].format)
        assert Pii.DIRECT is shown["email_sha256"].pii
    assert "email_sha256" in names(promoter=hashed, hash_only=False)


def test_an_agreement_on_the_hash_alone_does_not_give_the_address() -> None:
    """The hash may be known to somebody who must not write."""
    digest = replace(AGREEMENT, allowed_fields=frozenset({"email_sha256"}))

    assert ["email_sha256"] == names(promoter=replace(PROMOTER, agreement=digest))


def test_only_answers_that_promoters_may_see_are_shown() -> None:
    """A form asks more than promoters need; what is sensitive never leaves."""

    def asked(key: str, pii: Pii = Pii.QUASI_IDENTIFIER, **fields: Any) -> Question:
        usual: dict[str, Any] = {"order": 1, "exportable": True, "promoter_visible": True}
        return Question(key=key, type="text", pii=pii, **usual | fields)

    questions = (
        asked("since"),
        asked("hidden", promoter_visible=False),
        asked("internal", exportable=False),
        asked("old", retired=True),
        asked("wheelchair", Pii.SECRET),
        asked("unnamed"),
    )
    fields = {f"q_{one.key}" for one in questions} - {"q_unnamed"}
    agreed = replace(AGREEMENT, allowed_fields=frozenset(fields))

    assert ["q_since"] == names(questions=questions, promoter=replace(PROMOTER, agreement=agreed))


def test_the_consent_is_shown_in_the_words_that_the_fan_read() -> None:
    """The promoter must be able to prove it, in the language it was given in."""
    shown = cells()

    assert ("Oui, Northlake.", "2026-02-01", "form", "ev_1", GIVEN, GIVEN) == tuple(
        shown[name]
        for name in (
            "consent_text",
            "consent_text_version",
            "consent_source",
            "consent_evidence_id",
            "opted_in_at",
            "opted_in_at_utc",
        )
    )
    german = cells({"consents": [CONSENT | {"locale": "de-DE"}]})
    assert "Yes, Northlake may write." == german["consent_text"]
    assert ["New York, NY", "Vancouver, BC (cancelled)"] == shown["markets"]


@pytest.mark.parametrize(
    ("consents", "phone", "expected"),
    [
        ([CONSENT], {}, None),
        ([CONSENT, CONSENT | {"key": "sms"}], {}, "+14155550132"),
        ([CONSENT, CONSENT | {"key": "sms", "promoterId": None}], {}, None),
        ([CONSENT, CONSENT | {"key": "sms", "withdrawnAt": GIVEN}], {}, None),
        ([CONSENT, CONSENT | {"key": "sms", "evidenceId": None}], {}, None),
        ([CONSENT, CONSENT | {"key": "sms"}], {"verifiedAt": None}, None),
        ([CONSENT, CONSENT | {"key": "sms"}], {"lineType": "landline"}, None),
    ],
)
def test_a_telephone_needs_a_consent_of_its_own(
    consents: list[dict[str, Any]], phone: dict[str, Any], expected: str | None
) -> None:
    """A yes to e-mail is no yes to texts (DOMAIN.md 7.5)."""
    contact = FAN["contact"] | {"phone": FAN["contact"]["phone"] | phone}

    assert expected == cells({"consents": consents, "contact": contact})["phone"]


def test_a_fan_with_a_proven_consent_is_shared() -> None:
    """The control of all that follows."""
    assert reason() is None


@pytest.mark.parametrize(
    ("consent", "expected"),
    [
        ({"granted": False}, "not_granted"),
        ({"promoterId": None}, "not_granted"),
        ({"promoterId": "another"}, "not_granted"),
        ({"withdrawnAt": SNAPSHOT}, "consent_withdrawn"),
        ({"evidenceId": None}, "no_evidence"),
        ({"textVersion": "2019-05-01"}, "unknown_consent_text"),
        ({"textVersion": None}, "unknown_consent_text"),
        ({"at": SNAPSHOT - timedelta(days=731)}, "consent_expired"),
        ({"evidenceId": "ev_2"}, "no_ledger_evidence"),
    ],
)
def test_consents_that_do_not_allow_it_are_told_by_reason(
    consent: dict[str, Any], expected: str
) -> None:
    """Invariant 3 of DOMAIN.md 11, one way to break it after the other."""
    assert expected == reason(consent=consent)


@pytest.mark.parametrize(
    ("changed", "user", "expected"),
    [
        ({"consents": [{"key": "promoter_email", "granted": True}]}, USER, "not_granted"),
        ({"consents": None}, USER, "not_granted"),
        ({}, USER | {"marketing": {"emailGlobalOptOut": True}}, "opted_out"),
        ({}, USER | {"marketing": {"complainedAt": GIVEN}}, "complained"),
        ({}, None, "missing_user"),
        ({"contact": {"email": None}}, USER, "invalid_email"),
        ({"status": "withdrawn"}, USER, "withdrawn"),
        ({"erasure": {"scope": "all"}}, USER, "erased"),
    ],
)
def test_suppressed_fans_and_old_forms_are_not_shared(
    changed: dict[str, Any], user: dict[str, Any] | None, expected: str
) -> None:
    """No row of this file may be one of `suppression`."""
    assert expected == reason(changed, user=user)


def test_a_withdrawal_that_only_the_ledger_knows_wins() -> None:
    """The support writes to the ledger; the entry learns of it later or never."""
    gone = (said(withdrawn=datetime(2026, 3, 15, 8, tzinfo=UTC)),)

    assert "ledger_withdrawn" == reason(ledger=gone)
    assert "no_ledger_evidence" == reason(ledger=())
    assert reason(ledger=(said("ev_0", withdrawn=BEFORE), said())) is None


def test_a_delta_holds_what_was_granted_since_the_last_success() -> None:
    """A promoter that gets a fan twice welcomes the fan twice."""
    later = {"at": datetime(2026, 3, 11, tzinfo=UTC)}

    assert "before_delta" == reason(mode="delta", continued=True)
    assert "before_delta" == reason(consent={"at": BEFORE}, mode="delta", continued=True)
    assert reason(consent=later, mode="delta", continued=True) is None
    assert reason(mode="delta") is None  # nothing before: the first delta is full
    assert reason(mode="full", continued=True) is None
    looked_at: dict[str, Any] = {"mode": "delta", "continued": True, "deliver": []}
    assert reason(**looked_at) is None  # the promoter has another history than we have here


@pytest.mark.parametrize(
    ("consent", "changed", "ledger"),
    [
        ({"withdrawnAt": SNAPSHOT}, {}, (said(),)),
        ({}, {}, (said(withdrawn=SNAPSHOT),)),
        ({}, {"status": "withdrawn", "withdrawnAt": SNAPSHOT}, (said(),)),
    ],
)
def test_a_delta_names_who_withdrew_since(
    consent: dict[str, Any], changed: dict[str, Any], ledger: tuple[dict[str, Any], ...]
) -> None:
    """The promoter has the address, and must learn that it may not write any more."""
    entry = {"consents": [CONSENT | consent]} | changed
    delta: dict[str, Any] = {"mode": "delta", "continued": True, "ledger": ledger}

    assert WITHDRAWN_SINCE == reason(entry, **delta)
    assert WITHDRAWN_SINCE != reason(entry, with_withdrawals=False, **delta)
    assert WITHDRAWN_SINCE != reason(entry, mode="full", ledger=ledger)
    assert {"email": "Zoe@Example.com", "withdrawn_at_utc": SNAPSHOT} == withdrawal(
        entry, ledger=ledger
    )


def test_who_opted_out_of_everything_as_well_is_still_named_as_withdrawn() -> None:
    """The opt-out keeps the fan out of the file, not out of the promoter's memory."""
    out = USER | {"marketing": {"emailGlobalOptOut": True}}
    entry = {"consents": [CONSENT | {"withdrawnAt": SNAPSHOT}]}

    assert WITHDRAWN_SINCE == reason(entry, user=out, mode="delta", continued=True)


@pytest.mark.parametrize(
    "consent",
    [
        {"at": datetime(2026, 3, 11, tzinfo=UTC), "withdrawnAt": SNAPSHOT},  # came and went
        {"withdrawnAt": datetime(2026, 3, 9, tzinfo=UTC)},  # told the last time
        {"withdrawnAt": SNAPSHOT, "evidenceId": None},
        {"withdrawnAt": SNAPSHOT, "evidenceId": "ev_2"},
        {"withdrawnAt": SNAPSHOT, "textVersion": None},
        {"withdrawnAt": SNAPSHOT, "granted": False},
    ],
)
def test_a_withdrawal_never_names_a_fan_whom_the_promoter_never_had(
    consent: dict[str, Any],
) -> None:
    """The list of those who said no would be a list of addresses."""
    assert WITHDRAWN_SINCE != reason(consent=consent, mode="delta", continued=True)


def test_withdrawals_are_hashes_where_the_promoter_has_hashes() -> None:
    """It knows the fan by no other name."""
    hashed = replace(PROMOTER, agreement=replace(AGREEMENT, hash_only=True))
    nothing = replace(PROMOTER, agreement=replace(AGREEMENT, allowed_fields=frozenset({"locale"})))

    for promoter in (hashed, nothing):
        assert ["email_sha256", "withdrawn_at_utc"] == list(withdrawal({}, promoter=promoter))
    (companion,) = PROMOTER_EMAIL_OPT_INS.companions
    assert not companion.wanted(ground())
    assert companion.wanted(ground(mode="delta"))
    assert not companion.wanted(ground(mode="delta", with_withdrawals=False))


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"from": "2026-03-03T15:00:00Z", "to": "2026-03-03T15:00:01Z"}, None),
        ({"from": "2026-03-03T15:00:01Z"}, "from"),
        ({"to": "2026-03-03T15:00:00Z"}, "to"),
        ({"markets": ["vancouver-bc"]}, None),
    ],
)
def test_the_range_is_that_of_the_consent(params: dict[str, Any], expected: str | None) -> None:
    """Its end is not part of it, so that two ranges share no fan."""
    assert expected == reason(**params)
    assert "markets" == reason({"preferences": []}, markets=["vancouver-bc"])


def test_one_row_an_address_and_the_latest_grant_wins() -> None:
    """One person with two entries is one recipient (DOMAIN.md 7.5)."""
    stands = ground()
    assert isinstance(PROMOTER_EMAIL_OPT_INS.rows, EntrySource)
    arrange = PROMOTER_EMAIL_OPT_INS.rows.arrange
    assert arrange is not None

    def key(number: int, address: str, granted: datetime) -> tuple[Any, ...]:
        changed = {
            "_id": ObjectId(f"{number:024x}"),
            "contact": {"email": address},
            "consents": [CONSENT | {"at": granted}],
        }
        return arrange.key(row(FAN | changed, USER, stands))

    rising = [
        key(9, "a@example.com", GIVEN),
        key(5, " Zoe@Example.com", BEFORE),
        key(3, "zoe@example.com", GIVEN),
        key(4, "zoe@example.com", GIVEN),
    ]

    assert sorted(rising) == rising
    assert 1 == arrange.unique
    assert 2 == len({one[:1] for one in rising})


@pytest.mark.parametrize(
    ("promoter", "code"),
    [
        (replace(PROMOTER, agreement=None), "NO_DATA_SHARING_AGREEMENT"),
        (replace(PROMOTER, status="suspended"), "NO_DATA_SHARING_AGREEMENT"),
        (
            replace(PROMOTER, agreement=replace(AGREEMENT, expires_at=SNAPSHOT)),
            "NO_DATA_SHARING_AGREEMENT",
        ),
        (
            replace(PROMOTER, agreement=replace(AGREEMENT, signed_at=None)),
            "NO_DATA_SHARING_AGREEMENT",
        ),
        (replace(PROMOTER, key="another"), "UNKNOWN_PROMOTER"),
    ],
)
def test_without_an_agreement_the_export_is_refused_not_empty(
    promoter: Promoter, code: str
) -> None:
    """An empty file would look like an answer (DOMAIN.md 2.3)."""
    made = facts("promoter-email-opt-ins", promoters=[promoter], promoter="northlake")

    with pytest.raises(ExportFailed, match=code):
        PROMOTER_EMAIL_OPT_INS.refuse(made)
    PROMOTER_EMAIL_OPT_INS.refuse(ground())


def test_a_promoter_must_be_named() -> None:
    """A file of all promoters would tell each of the others' fans."""
    with pytest.raises(InvalidRequest) as refused:
        parse(PROMOTER_EMAIL_OPT_INS, {"campaign_id": KEY, "reason": "x y"}, scopes=EVERY_SCOPE)

    assert ["lacks the member promoter"] == [one.detail for one in refused.value.problems]


def test_files_go_to_the_prefix_of_the_promoter_and_are_checked_for_erasures_again() -> None:
    """Another promoter's prefix is another company's disk."""
    (delivery,) = PROMOTER_EMAIL_OPT_INS.deliveries
    own = replace(PROMOTER, prefix="promoters/northlake/inbox/")

    assert "promoters/northlake/" == delivery.target(ground())
    assert "promoters/northlake/inbox/" == delivery.target(ground(promoter=own))
    assert (True, True) == (delivery.rechecks_erasure, delivery.by_default)
    with pytest.raises(InvalidRequest):
        request("promoter-email-opt-ins", promoter="northlake", pii="masked")


def test_the_ledger_is_asked_for_one_campaign_and_the_promoter_is_bound() -> None:
    """The id comes from a document, so it stands in no text (RELIABILITY.md S9)."""
    reading = Scripted(results={"ledger": []})
    PROMOTER_EMAIL_OPT_INS.prepare(ground(), reading)
    asked = reading.asked["ledger"]

    assert (str(NORTHLAKE),) == asked.parameters
    assert 1 == asked.sql.count("?") == asked.sql.count(f"campaign_id = '{CAMPAIGN_ID}'")
    assert str(NORTHLAKE) not in asked.sql

"""Whom one may write to, text, or tell a promoter about (DOMAIN.md 7.0, "Row predicates").

Each audience is a list of rules in the order in which a row fails them; the names are the reasons
that the accounting shows. What suppresses a fan stands on the account, so a fan whose account
cannot be found is in none of them; guests never had one. A value that cannot be read rejects its
row: it may be the one that says no.
"""

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from assets.exports.shared.entry_options import LIVE, NOT_WITHDRAWN, Rule
from assets.exports.shared.entry_values import NO_INSTANT, at, mappings, millis, string
from assets.exports.shared.telephone import is_possible
from assets.model.campaign import Campaign, Facts, Promoter
from assets.model.campaign import Consent as AskedConsent
from assets.model.column import Unfit
from assets.model.meaning import Described, Meaning, What, of_user
from assets.model.source import EntryRow

Consent = Mapping[str, Any]

# DOMAIN.md 9: consent does not last for ever.
CONSENT_MAX_AGE_MONTHS: Final = 24
_MOST_EMAIL, _MOST_LOCAL = 254, 64  # RFC 5321 4.5.3.1, and RFC 3696 erratum 1690
# RFC 5322 dot-atom or quoted string, with RFC 6531's letters of any script.
_LOCAL: Final = re.compile(
    r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*|\"[^\"\\\x00-\x1f]+\""
)
_LABEL: Final = re.compile(r"[^\W_](?:[\w-]{0,61}[^\W_])?")


def is_email(value: object) -> bool:
    """Whether a value is an address by its syntax: one @ that splits it, and a domain of labels."""
    if not isinstance(value, str):
        return False
    local, _, domain = value.strip().rpartition("@")
    labels = domain.split(".")
    return (
        len(value.strip()) <= _MOST_EMAIL
        and len(local) <= _MOST_LOCAL
        and _LOCAL.fullmatch(local) is not None
        and len(labels) > 1
        and all(_LABEL.fullmatch(label) for label in labels)
    )


def _marketing(row: EntryRow) -> Mapping[str, Any]:
    """The suppressions of the account (DOMAIN.md 2.4 `marketing`)."""
    found = (row.user or {}).get("marketing") or {}
    if not isinstance(found, Mapping):
        raise Unfit("marketing:wrong_type")
    return found


def _said(row: EntryRow, name: str) -> bool:
    """Whether a suppression is set; any value that is not a clear no counts as a yes."""
    return _marketing(row).get(name) not in (None, False)


# Beside `LIVE`: a fan whose suppressions are not to be found cannot be written to.
_KNOWN: Final[Rule] = (
    "missing_user",
    Described(
        meaning=Meaning(what=What.KNOWN_USER),
        read=lambda row: row.user is not None or row.entry.get("userId") is None,
    ),
)
SERVICE_MAIL: Final[tuple[Rule, ...]] = (
    *LIVE,
    _KNOWN,
    (
        "invalid_email",
        Described(
            meaning=Meaning(what=What.EMAIL, path="contact.email"),
            read=lambda row: is_email(string(row, "contact.email")),
        ),
    ),
    ("hard_bounced", of_user(lambda row: not _said(row, "hardBouncedAt"))),
    ("complained", of_user(lambda row: not _said(row, "complainedAt"))),
)
# The registration, not a consent: whoever took it back is no audience of anything about it.
WITHDRAWN: Final[Rule] = ("withdrawn", NOT_WITHDRAWN)
OPTED_OUT: Final[Rule] = ("opted_out", of_user(lambda row: not _said(row, "emailGlobalOptOut")))
MARKETING_MAIL: Final[tuple[Rule, ...]] = (*SERVICE_MAIL, OPTED_OUT)
TEXTABLE: Final[tuple[Rule, ...]] = (
    *LIVE,
    _KNOWN,
    ("no_phone", lambda row: is_possible(at("contact.phone.e164")(row))),
    ("unverified_phone", lambda row: at("contact.phone.verifiedAt")(row) is not None),
    ("sms_stopped", lambda row: not _said(row, "smsStop")),
    ("landline", lambda row: at("contact.phone.lineType")(row) != "landline"),
)


def shareable(facts: Facts, promoter: Promoter) -> tuple[Rule, ...]:
    """`SHAREABLE(p)`: whose address exactly this promoter may have.

    That the agreement is in force is not a rule of rows: without one the whole export is refused
    (`assets/exports/promoter_email_opt_ins`). A consent names the promoter when the campaign
    declares its text for exactly this promoter; the consents of v1 and v2 name none.
    """
    texts = known_texts(facts.campaign, promoter)
    oldest = millis(months_before(facts.snapshot, CONSENT_MAX_AGE_MONTHS))

    def latest(row: EntryRow) -> Consent:
        return mail_consent(row, promoter) or {}

    return (
        *MARKETING_MAIL,
        ("not_granted", lambda row: latest(row).get("granted") is True),
        ("consent_withdrawn", lambda row: latest(row).get("withdrawnAt") is None),
        ("no_evidence", lambda row: _has_evidence(latest(row))),
        (
            "unknown_consent_text",
            lambda row: (latest(row).get("key"), latest(row).get("textVersion")) in texts,
        ),
        ("consent_expired", lambda row: millis(latest(row).get("at")) >= oldest),
    )


def mail_consent(row: EntryRow, promoter: Promoter) -> Consent | None:
    """The latest consent to e-mail from exactly this promoter, whatever it says."""
    return _latest(row, promoter, texts=False)


def text_consent(row: EntryRow, promoter: Promoter) -> Consent | None:
    """The latest consent to text messages from exactly this promoter, whatever it says.

    It is another consent than the one to e-mail: the campaign declares it for the party `sms`.
    """
    return _latest(row, promoter, texts=True)


def is_granted(consent: Consent | None) -> bool:
    """Whether a consent is given, not withdrawn, and provable."""
    return (
        consent is not None
        and consent.get("granted") is True
        and consent.get("withdrawnAt") is None
        and _has_evidence(consent)
    )


def _latest(row: EntryRow, promoter: Promoter, *, texts: bool) -> Consent | None:
    memo = f"consent:{promoter.id}:{texts}"
    if memo not in row.memo:
        row.memo[memo] = _found(row, promoter, texts=texts)
    found: Consent | None = row.memo[memo]
    return found


def _found(row: EntryRow, promoter: Promoter, *, texts: bool) -> Consent | None:
    by_text = {c.key for c in row.facts.campaign.consents if c.party == "sms"}
    given = [
        consent
        for consent in mappings(row.entry.get("consents"))
        if consent.get("promoterId") == promoter.id and (consent.get("key") in by_text) is texts
    ]
    # Of two of the same moment the one that is not granted counts.
    return max(
        given,
        key=lambda consent: (millis(consent.get("at")), consent.get("granted") is not True),
        default=None,
    )


def _has_evidence(consent: Consent) -> bool:
    evidence, given = consent.get("evidenceId"), millis(consent.get("at"))
    return isinstance(evidence, str) and evidence != "" and given != NO_INSTANT


def known_texts(campaign: Campaign, promoter: Promoter) -> frozenset[tuple[str, str]]:
    """Key and version of every text that names the promoter."""
    return frozenset(
        (consent.key, text.version)
        for consent in campaign.consents
        if names_promoter(consent, promoter)
        for text in consent.texts
    )


def names_promoter(asked: AskedConsent, promoter: Promoter) -> bool:
    """Whether the campaign asks for this consent to mail for exactly this promoter."""
    return asked.party == "promoter" and asked.promoter_id == promoter.id


def months_before(instant: datetime, months: int) -> datetime:
    """The same day and time some months ago; the last day of a month that is too short."""
    year, month = divmod(instant.year * 12 + instant.month - 1 - months, 12)
    day = min(instant.day, monthrange(year, month + 1)[1])
    return instant.replace(year=year, month=month + 1, day=day)

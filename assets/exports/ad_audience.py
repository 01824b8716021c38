"""`ad-audience`: a hashed audience for an advertising platform (DOMAIN.md 7.20).

Names, addresses and numbers are SHA-256 of what the platform's own rules make of them; the headers
are the platform's. Google matches country and postal code in clear, which the mode `hashed` never
shows (DOMAIN.md 7.0, class Q): its files need `full` and a reason, and their direct identifiers are
hashes by their format. Meta hashes all six, so its files are `hashed`.

Consent for advertising is the consent `ads` where the campaign asks for it, else the one to mail
from the artist. Fans who withdrew or opted out are left out at the snapshot, and with them whoever
gave the same address; an audience is uploaded at once, and `suppression` with `target=ad` names
those who must leave it later.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from assets.exports.shared.audiences import MARKETING_MAIL, WITHDRAWN
from assets.exports.shared.entry_options import GROUPS, LIVE, Rule, first_failing
from assets.exports.shared.entry_strands import (
    before_snapshot,
    by_registration,
    registration_order,
)
from assets.exports.shared.entry_values import at, granted, lowered, notes, string
from assets.exports.shared.id_set import IdSet
from assets.exports.shared.lake import events_until_snapshot
from assets.exports.shared.merged_accounts import keys_of_today
from assets.exports.shared.salesforce import NO_ACCOUNT, subscriber_key
from assets.exports.shared.statements import statement
from assets.exports.shared.stopped import address_of, not_stopped, stopped_for_others
from assets.exports.shared.telephone import is_possible
from assets.model.campaign import Campaign, Facts
from assets.model.column import COUNTRY, HASH, Column, Format, Getter, Pii, text
from assets.model.export_type import ExportType, Scope
from assets.model.meaning import of_user, same, value
from assets.model.option import choice
from assets.model.source import Arrange, EntryRow, EntrySource, Reading, Verdict

_ADS, _ARTIST = "ads", "artist_email"
# The statuses of each segment; non-purchasers are invited fans who have not bought.
_SEGMENTS: Final = {
    "active": GROUPS["active"],
    "invited": GROUPS["invited"],
    "non_purchasers": GROUPS["invited"],
}
_US_ZIP, _GB_INWARD = 5, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """What is known before the first row.

    Attributes:
        buyers: Subscriber keys of those who have bought; None where nobody asks.
        stopped: Digests of addresses that some account does not want written to.
    """

    buyers: IdSet | None
    stopped: IdSet


def _prepare(facts: Facts, reading: Reading) -> _Prepared:
    stopped = IdSet(stopped_for_others(facts, reading))
    if facts.request.options["segment"] != "non_purchasers":
        return _Prepared(buyers=None, stopped=stopped)
    asked = statement("ad_audience/buyers.sql", literals=events_until_snapshot(facts))
    bought = {str(row["account_id"] or "") for row in reading.query(asked, "buyers")} - {""}
    buyers = IdSet(keys_of_today(bought, reading).values())
    return _Prepared(buyers=buyers, stopped=stopped)


def _phone(row: EntryRow) -> str | None:
    """E.164; a number that cannot exist matches nobody."""
    number = at("contact.phone.e164")(row)
    return number if isinstance(number, str) and is_possible(number) else None


def _digits(row: EntryRow) -> str | None:
    """The number as Meta hashes it: with the country's code and without a plus."""
    number = _phone(row)
    return None if number is None else number[1:]


def _plain(path: str) -> Getter:
    """Text without the blanks around it, in lower case; None where there is none."""
    return lambda row: _lowered(row, path) or None


def _lowered(row: EntryRow, path: str) -> str:
    return lowered(string(row, path))


def _letters(path: str) -> Getter:
    """A name as Meta hashes it: in lower case and without punctuation, in any script."""

    def get(row: EntryRow) -> str | None:
        name = _lowered(row, path)
        kept = (sign for sign in name if not unicodedata.category(sign).startswith(("P", "S")))
        return " ".join("".join(kept).split()) or None

    return get


def _postal_area(row: EntryRow) -> str | None:
    """A postal code as Meta hashes it: five digits in the US, up to the sector in Great Britain."""
    code = re.sub(r"[\s-]+", "", _lowered(row, "contact.postalCode"))
    match _lowered(row, "contact.countryCode"):
        case "us":
            code = code[:_US_ZIP]
        case "gb":
            code = code[:-_GB_INWARD]
    return code or None


def _column(name: str, header: str, form: Format, path: str, value: Getter) -> Column:
    """A column in one platform's layout: hashes of direct identifiers, or a wide area in clear."""
    return Column(
        name=name,
        header=header,
        format=form,
        pii=Pii.DIRECT if form is HASH else Pii.QUASI_IDENTIFIER,
        source=f"e.{path}",
        value=_digest(value) if form is HASH else value,
    )


def _digest(read: Getter) -> Getter:
    """The SHA-256 of what the platform makes of a value; None where there is none."""

    def get(row: EntryRow) -> str | None:
        value = read(row)
        return None if value is None else _sha256(str(value))

    return get


def _sha256(value: str) -> str:
    return hashlib.sha256(value.encode(errors="replace")).hexdigest()


_FIRST, _LAST = "contact.firstName", "contact.lastName"
_PHONE, _NATION, _POSTAL = "contact.phone.e164", "contact.countryCode", "contact.postalCode"
_GOOGLE: Final[tuple[Column, ...]] = (
    _column("email", "Email", HASH, "contact.email", address_of),
    _column("phone", "Phone", HASH, _PHONE, _phone),
    _column("first_name", "First Name", HASH, _FIRST, _plain(_FIRST)),
    _column("last_name", "Last Name", HASH, _LAST, _plain(_LAST)),
    _column("country", "Country", COUNTRY, _NATION, at(_NATION)),
    _column("zip", "Zip", text(12), _POSTAL, at(_POSTAL)),
)
_META: Final[tuple[Column, ...]] = (
    _column("email", "email", HASH, "contact.email", address_of),
    _column("phone", "phone", HASH, _PHONE, _digits),
    _column("first_name", "fn", HASH, _FIRST, _letters(_FIRST)),
    _column("last_name", "ln", HASH, _LAST, _letters(_LAST)),
    _column("country", "country", HASH, _NATION, _plain(_NATION)),
    _column("zip", "zip", HASH, _POSTAL, _postal_area),
)


def columns(facts: Facts) -> tuple[Column, ...]:
    """The six columns in the layout of the platform."""
    return _GOOGLE if facts.request.options["platform"] == "google" else _META


def _fixed(options: Mapping[str, Any]) -> Mapping[str, str]:
    """A machine's file without byte-order mark; of Google's columns two are in clear."""
    pii = "full" if options["platform"] == "google" else "hashed"
    return {"dialect": "rfc4180", "format": "csv", "pii": pii}


def _consent(campaign: Campaign) -> str:
    """The consent that allows advertising."""
    return _ADS if _ADS in campaign.consent_keys else _ARTIST


def _verdict(facts: Facts) -> Verdict:
    of_segment = _SEGMENTS[facts.request.options["segment"]]
    rules: list[Rule] = [
        *LIVE,
        WITHDRAWN,
        *MARKETING_MAIL,
        ("no_ads_consent", granted(_consent(facts.campaign))),
        not_stopped(facts.prepared.stopped),
        ("segment", same(lambda row: row.entry.get("status") in of_segment, value("status"))),
    ]
    buyers: IdSet | None = facts.prepared.buyers
    if buyers is not None:
        # A guest may have bought under any account.
        rules.append(NO_ACCOUNT)
        rules.append(("purchased", of_user(lambda row: str(subscriber_key(row)) not in buyers)))
    return first_failing(rules)


def _order(row: EntryRow) -> tuple[Any, ...]:
    """By the hash of the address; of two entries with one address the first registered stays."""
    return _sha256(address_of(row)), *_registered(row)


def _registered(row: EntryRow) -> tuple[Any, ...]:
    registered, entry_id = registration_order(row)
    return registered, str(entry_id)


AD_AUDIENCE = ExportType(
    name="ad-audience",
    version=1,
    summary="Hashed addresses, numbers and names of fans who allow advertising, for ad platforms.",
    scope=Scope.CAMPAIGN,
    owner="team:lifecycle-marketing",
    upstream=(
        ("mongo", "entries"),
        ("mongo", "campaigns"),
        ("mongo", "users"),
        ("athena", "fan_events", "ticket_orders"),
        ("athena", "fan_events", "erasure_ledger"),
    ),
    options=(
        choice(
            "platform",
            "Whose layout the file has.",
            values=("google", "meta"),
            default="google",
        ),
        choice(
            "segment",
            "Active or invited fans, or invited fans who have not bought.",
            values=tuple(_SEGMENTS),
            default="active",
        ),
    ),
    columns=columns,
    static_columns=_GOOGLE,
    sort=("email",),
    rows=EntrySource(
        strands=by_registration,
        order=registration_order,
        population=before_snapshot,
        verdict=_verdict,
        notes=notes,
        arrange=Arrange(key=_order, unique=1, reason="same_email"),
    ),
    retention_days=30,
    fixed=_fixed,
    prepare=_prepare,
)

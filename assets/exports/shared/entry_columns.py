"""Columns that more than one export of entries shows, so that they mean the same in each."""

from assets.exports.shared.entry_values import account_id, at, band, market_label
from assets.model.column import (
    COUNTRY,
    E164,
    EMAIL,
    ENUM,
    ID,
    INTEGER,
    LOCALE,
    UTC_TIME,
    Column,
    Format,
    Pii,
    text,
)
from assets.model.meaning import Described, Meaning, What


def field(name: str, form: Format, pii: Pii, path: str) -> Column:
    """A column that shows one field of the entry as it is.

    Args:
        name: The header.
        form: How the value becomes text.
        pii: Its class.
        path: Dotted path in the entry, also its source for lineage.
    """
    return Column(name=name, format=form, pii=pii, source=f"e.{path}", value=at(path))


ENTRY_ID = field("entry_id", ID, Pii.PSEUDONYM, "_id")
ACCOUNT_ID = Column(
    name="account_id",
    format=ID,
    pii=Pii.PSEUDONYM,
    source="u.accountId",
    value=Described(meaning=Meaning(what=What.ACCOUNT), read=account_id),
    description="The ticketing account after merges; empty for guests.",
)
CONTACT: tuple[Column, ...] = (
    field("email", EMAIL, Pii.DIRECT, "contact.email"),
    field("first_name", text(80), Pii.DIRECT, "contact.firstName"),
    field("last_name", text(80), Pii.DIRECT, "contact.lastName"),
    field("phone", E164, Pii.DIRECT, "contact.phone.e164"),
)
REGISTERED_AT_UTC = field("registered_at_utc", UTC_TIME, Pii.NONE, "createdAt")
COUNTRY_COLUMN = field("country", COUNTRY, Pii.QUASI_IDENTIFIER, "contact.countryCode")
LOCALE_COLUMN = field("locale", LOCALE, Pii.QUASI_IDENTIFIER, "locale")
BOOST_POINTS = field("boost_points", INTEGER, Pii.NONE, "boost.points")
RISK_BAND = Column(
    name="risk_band",
    format=ENUM,
    pii=Pii.RESTRICTED,
    source="s.toBand | e.risk.band",
    value=Described(meaning=Meaning(what=What.BAND), read=band),
    description="A manual decision beats the scoring file.",
)
SELECTED_MARKET = Column(
    name="selected_market",
    format=text(120),
    pii=Pii.NONE,
    source="m.name by e.selection.marketId",
    value=market_label("selection.marketId"),
)

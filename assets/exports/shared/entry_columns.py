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
    Pii,
    text,
)

ENTRY_ID = Column(name="entry_id", format=ID, pii=Pii.PSEUDONYM, source="e._id", value=at("_id"))
ACCOUNT_ID = Column(
    name="account_id",
    format=ID,
    pii=Pii.PSEUDONYM,
    source="u.accountId",
    value=account_id,
    description="The ticketing account after merges; empty for guests.",
)
CONTACT: tuple[Column, ...] = (
    Column(
        name="email",
        format=EMAIL,
        pii=Pii.DIRECT,
        source="e.contact.email",
        value=at("contact.email"),
    ),
    Column(
        name="first_name",
        format=text(80),
        pii=Pii.DIRECT,
        source="e.contact.firstName",
        value=at("contact.firstName"),
    ),
    Column(
        name="last_name",
        format=text(80),
        pii=Pii.DIRECT,
        source="e.contact.lastName",
        value=at("contact.lastName"),
    ),
    Column(
        name="phone",
        format=E164,
        pii=Pii.DIRECT,
        source="e.contact.phone.e164",
        value=at("contact.phone.e164"),
    ),
)
REGISTERED_AT_UTC = Column(
    name="registered_at_utc",
    format=UTC_TIME,
    pii=Pii.NONE,
    source="e.createdAt",
    value=at("createdAt"),
)
COUNTRY_COLUMN = Column(
    name="country",
    format=COUNTRY,
    pii=Pii.QUASI_IDENTIFIER,
    source="e.contact.countryCode",
    value=at("contact.countryCode"),
)
LOCALE_COLUMN = Column(
    name="locale",
    format=LOCALE,
    pii=Pii.QUASI_IDENTIFIER,
    source="e.locale",
    value=at("locale"),
)
BOOST_POINTS = Column(
    name="boost_points",
    format=INTEGER,
    pii=Pii.NONE,
    source="e.boost.points",
    value=at("boost.points"),
)
RISK_BAND = Column(
    name="risk_band",
    format=ENUM,
    pii=Pii.RESTRICTED,
    source="s.toBand | e.risk.band",
    value=band,
    description="A manual decision beats the scoring file.",
)
SELECTED_MARKET = Column(
    name="selected_market",
    format=text(120),
    pii=Pii.NONE,
    source="m.name by e.selection.marketId",
    value=market_label("selection.marketId"),
)

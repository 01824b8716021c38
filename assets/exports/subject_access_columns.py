"""The files of `subject-access` and their columns, each with its meaning in plain words.

The words are for the person whose data it is: the guide beside the files is made of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from bson.datetime_ms import DatetimeMS

from assets.exports.entries import ENTRIES as REGISTRATIONS
from assets.exports.shared.entry_values import (
    NO_INSTANT,
    Preference,
    at,
    event_dates,
    market,
    millis,
)
from assets.model.campaign import Facts
from assets.model.column import (
    CODES as CODES_SCOPE,
)
from assets.model.column import (
    E164,
    EMAIL,
    ENUM,
    ID,
    INTEGER,
    LIST,
    UTC_TIME,
    YES_NO,
    Column,
    Format,
    FormatKind,
    Getter,
    Pii,
    decimal,
    text,
)
from assets.model.instant import rfc3339
from assets.model.request import canonical_json
from assets.model.source import Document, EntryRow
from assets.steps.masks import mask_name

ENTRIES: Final = "entries"
PROFILE: Final = "profile"
PREFERENCES: Final = "preferences"
ANSWERS: Final = "answers"
CONSENTS: Final = "consents"
MESSAGES: Final = "messages"
CODES: Final = "codes"
ORDERS: Final = "orders"
ACTIVITY: Final = "activity"
SCORES: Final = "scores"
GUIDE: Final = "guide"

_LONG: Final = Format(kind=FormatKind.MULTILINE, length=32_767)
_NAMES: Final = text(120)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One thing that is held of the person; a row of one of the files.

    Attributes:
        section: The file.
        record: What it is, in a file that holds several kinds of things.
        facts: Of the campaign; of none for the profile and the guide.
        entry: The registration that it belongs to, if it is the person's own.
        item: The document or the row of the lake itself.
        code: Of a code that is the person's own, what the codes service says: empty where it does
            not know it; None: no such code.
        place: Among the things of its kind.
        unfit: Why it cannot be understood; it becomes a counted reject.
    """

    section: str
    record: str
    facts: Facts
    entry: EntryRow | None = None
    item: Document = field(default_factory=dict)
    code: Document | None = None
    place: int = 0
    unfit: str | None = None

    @property
    def moment(self) -> int:
        """When it was, in milliseconds; a thing without a time is as old as its registration."""
        own = (self.item.get(name) for name in ("occurred_at", "at", "lastAt", "assignedAt"))
        stated = next((m for value in own if (m := millis(value)) != NO_INSTANT), NO_INSTANT)
        if stated != NO_INSTANT or self.entry is None:
            return stated
        return millis(self.entry.entry.get("createdAt"))


# --------------------------------------------------------------------------------------- getters


def _of_entry(path: str) -> Getter:
    read = at(path)
    return lambda held: None if held.entry is None else read(held.entry)


def _item(*names: str) -> Getter:
    """The first member that is there: the database and the lake call it differently."""

    def get(held: Held) -> object:
        found = (held.item.get(name) for name in names)
        return next((value for value in found if value is not None), None)

    return get


def _instant(*names: str) -> Getter:
    """An instant of the database as it is stored, of the lake as the UTC that it is."""
    read = _item(*names)

    def get(held: Held) -> object:
        value = read(held)
        return DatetimeMS(millis(value)) if isinstance(value, datetime) else value

    return get


def _nested(path: str) -> Getter:
    """A getter for a dotted path in the item."""
    read = at(path)
    return lambda held: read(EntryRow(held.item, None, held.facts))


def _of_code(stored: str, served: str) -> Getter:
    """What the codes service says of the person's own code, else what was noted of it."""

    def get(held: Held) -> object:
        known = (held.code or {}).get(served)
        return held.item.get(stored) if known is None else known

    return get


def _code_state(held: Held) -> object:
    """As it stands today, and for an event as it stood then."""
    if held.record == "assigned":
        return held.item.get("state")
    return _of_code("state", "state")(held)


def _market_key(held: Held) -> object:
    """The key of the market that the item names by id, or by key as the lake does."""
    if held.record in ("assigned", "order", "queue"):
        return held.item.get("name")
    found = market(EntryRow({}, None, held.facts), held.item.get("marketId"))
    return None if found is None else found.key


def _market_name(held: Held) -> object:
    found = market(EntryRow({}, None, held.facts), held.item.get("marketId"))
    return None if found is None else found.label


def _event_dates(held: Held) -> object:
    preference: Preference = held.item["preference"]
    return event_dates(EntryRow({}, None, held.facts), preference)


def _quantity(held: Held) -> object:
    preference: Preference = held.item["preference"]
    return preference.quantity


def _promoter(held: Held) -> object:
    """The promoter's key; its id where the platform does not know it any more."""
    named = _item("promoterId", "promoter_id")(held)
    keys = {str(promoter.id): promoter.key for promoter in held.facts.promoters}
    return None if named is None else keys.get(str(named), str(named))


def _consent_state(held: Held) -> object:
    if held.record == "consent":
        return held.item.get("state")
    if held.item.get("withdrawnAt") is not None:
        return "withdrawn"
    # Null is not granted (DOMAIN.md 6.3).
    return "granted" if held.item.get("granted") is True else "not_granted"


def _consent_at(held: Held) -> object:
    return _instant("withdrawnAt", "at", "occurred_at")(held)


def _message_kind(held: Held) -> object:
    """The database calls it `kind`, which in a row of the lake is the table."""
    return held.item.get("kind" if held.record == "latest" else "name")


def _question(held: Held) -> object:
    """The question in words, in the campaign's own language."""
    key, version = held.item.get("key"), held.item.get("version")
    campaign = held.facts.campaign
    asked = [question for question in campaign.questions if question.key == key]
    exact = [question for question in asked if question.version == version] or asked[-1:]
    return exact[0].label.get(campaign.default_locale) if exact else None


def _plain(held: Held) -> object:
    """An answer as text, whatever it is: words as they were given, lists as JSON."""
    value = _jsonable(held.item.get("value"))
    return value if value is None or isinstance(value, str) else canonical_json(value).decode()


def _jsonable(value: object) -> object:
    match value:
        case Mapping():
            return {str(key): _jsonable(one) for key, one in value.items()}
        case list():
            return [_jsonable(one) for one in value]
        case datetime():
            return rfc3339(value)
        case None | bool() | int() | str():
            return value
        case _:  # a number that JSON may not be able to say, or an id
            return str(value)


def _masked_code(held: Held) -> object:
    value = (held.code or {}).get("value")
    return mask_name(value) if isinstance(value, str) else None


def _redeemed_code(held: Held) -> object:
    """Only the person's own: one that did not work may be somebody else's."""
    return held.item.get("detail") if held.code is not None else None


def _is_own(path: str) -> Getter:
    """The id of another entry, if that is the person's too."""
    read = _of_entry(path)

    def get(held: Held) -> object:
        other = read(held)
        return other if str(other) in held.facts.prepared.entry_ids else None

    return get


def _override(held: Held) -> object:
    entry = held.entry
    return None if entry is None else held.facts.bands.get(entry.entry["_id"])


# --------------------------------------------------------------------------------------- columns


def _column(  # noqa: PLR0917 - a table of columns is read line by line
    name: str, form: Format, pii: Pii, source: str, value: Getter, said: str, **more: Any
) -> Column:
    return Column(
        name=name, format=form, pii=pii, source=source, value=value, description=said, **more
    )


_N, _Q, _I, _D, _R, _S = (
    Pii.NONE,
    Pii.QUASI_IDENTIFIER,
    Pii.PSEUDONYM,
    Pii.DIRECT,
    Pii.RESTRICTED,
    Pii.SECRET,
)
_CAMPAIGN = _column(
    "campaign_key", ID, _N, "c.key", lambda held: held.facts.campaign.key or None, "The campaign."
)
_CAMPAIGN_NAME = _column(
    "campaign",
    text(200),
    _N,
    "c.name",
    lambda held: held.facts.campaign.name or None,
    "The campaign by its name.",
)
_ENTRY = _column(
    "entry_id", ID, _I, "e._id", _of_entry("_id"), "Your registration, as in the file entries."
)


def _record(source: str, said: str) -> Column:
    """What a row is, in a file that holds several kinds of things."""
    return _column("record", ENUM, _N, source, lambda held: held.record, said)


# Other people, distrust, and times without their zone are not for this file; the locale is shown as
# it is stored because each campaign has others.
_NOT_SHOWN: Final = ("registered_at", "referred_by_entry", "duplicate_of", "locale")
_MEANINGS: Final[Mapping[str, str]] = {
    "entry_id": "Your registration.",
    "account_id": "Your account; empty if you registered without one.",
    "status": "Where your registration stands.",
    "registered_at_utc": "When you registered.",
    "updated_at_utc": "When the registration was last changed.",
    "email": "The e-mail address that you gave.",
    "first_name": "The first name that you gave.",
    "last_name": "The last name that you gave.",
    "phone": "The telephone number that you gave.",
    "phone_verified": "Whether you confirmed that number.",
    "country": "The country that you gave.",
    "region": "The region that you gave.",
    "city": "The city that you gave.",
    "postal_code": "The postal code that you gave.",
    "time_zone": "The time zone of your device.",
    "pref_count": "How many cities you chose; they are in the file preferences.",
    "selection_outcome": "What the draw decided.",
    "selected_market": "The city that you were selected for.",
    "wave": "The group in which codes were sent.",
    "waitlist_position": "Your place on the waiting list.",
    "boost_points": "Points for activities; they are in the file activity.",
    "referral_code": "The code with which you could invite others.",
    "utm_source": "The site that led you to the form.",
    "utm_medium": "The kind of link that led you to the form.",
    "utm_campaign": "The advertisement that led you to the form.",
    "withdrawn_at_utc": "When you withdrew.",
}


def _registration(column: Column) -> Column:
    """A column of `entries` (DOMAIN.md 7.1), in words for the person."""
    read: Getter = column.value
    return replace(column, value=lambda held: read(held.entry), description=_MEANINGS[column.name])


_ENTRIES: tuple[Column, ...] = (
    _CAMPAIGN,
    _CAMPAIGN_NAME,
    *(
        _registration(column)
        for column in REGISTRATIONS.static_columns
        if column.pii is not Pii.RESTRICTED and column.name not in _NOT_SHOWN
    ),
    _column("locale", text(35), _Q, "e.locale", _of_entry("locale"), "The language of the form."),
    _column(
        "duplicate_of",
        ID,
        _I,
        "e.duplicateOf",
        _is_own("duplicateOf"),
        "Another registration of yours that this one repeats.",
    ),
    _column(
        "email_confirmed_at_utc",
        UTC_TIME,
        _N,
        "e.verification.emailAt",
        _of_entry("verification.emailAt"),
        "When you confirmed your address.",
    ),
    _column(
        "decided_at_utc",
        UTC_TIME,
        _N,
        "e.selection.decidedAt",
        _of_entry("selection.decidedAt"),
        "When the draw was decided.",
    ),
    _column(
        "promoted_at_utc",
        UTC_TIME,
        _N,
        "e.waitlist.promotedAt",
        _of_entry("waitlist.promotedAt"),
        "When you were let in from the waiting list.",
    ),
    _column(
        "referral_signups",
        INTEGER,
        _N,
        "e.referral.signups",
        _of_entry("referral.signups"),
        "How many people registered with your code.",
    ),
    _column(
        "ip_address",
        text(45),
        _D,
        "e.device.ip",
        _of_entry("device.ip"),
        "The internet address that you registered from; kept for 90 days.",
    ),
    _column(
        "ip_country",
        text(2),
        _Q,
        "e.device.ipCountry",
        _of_entry("device.ipCountry"),
        "The country of that internet address.",
    ),
    _column(
        "user_agent",
        text(500),
        _Q,
        "e.device.userAgent",
        _of_entry("device.userAgent"),
        "The browser that you registered with.",
    ),
    _column(
        "device_fingerprint",
        text(200),
        _I,
        "e.device.fingerprint",
        _of_entry("device.fingerprint"),
        "What your device was recognised by.",
    ),
)
_PROFILE: tuple[Column, ...] = (
    _column("account_id", ID, _I, "u.accountId", _item("accountId"), "Your account."),
    _column("kind", ENUM, _N, "u.kind", _item("kind"), "Fan, or staff of the platform."),
    _column("email", EMAIL, _D, "u.email", _item("email"), "The address of your account."),
    _column("first_name", text(80), _D, "u.firstName", _item("firstName"), "Your first name."),
    _column("last_name", text(80), _D, "u.lastName", _item("lastName"), "Your last name."),
    _column(
        "display_name", text(80), _D, "u.displayName", _item("displayName"), "The name you show."
    ),
    _column("phone", E164, _D, "u.phone.e164", _nested("phone.e164"), "Your telephone number."),
    _column(
        "phone_verified_at_utc",
        UTC_TIME,
        _N,
        "u.phone.verifiedAt",
        _nested("phone.verifiedAt"),
        "When you confirmed that number.",
    ),
    _column(
        "phone_line_type",
        ENUM,
        _N,
        "u.phone.lineType",
        _nested("phone.lineType"),
        "Whether it is a mobile number.",
    ),
    _column("country", text(2), _Q, "u.countryCode", _item("countryCode"), "Your country."),
    _column("postal_code", text(12), _Q, "u.postalCode", _item("postalCode"), "Your postal code."),
    _column("locale", text(35), _Q, "u.locale", _item("locale"), "Your language."),
    _column(
        "email_opt_out",
        YES_NO,
        _N,
        "u.marketing.emailGlobalOptOut",
        _nested("marketing.emailGlobalOptOut"),
        "Whether you asked for no e-mail at all.",
    ),
    _column(
        "sms_stop",
        YES_NO,
        _N,
        "u.marketing.smsStop",
        _nested("marketing.smsStop"),
        "Whether you asked for no text messages.",
    ),
    _column(
        "email_bounced_at_utc",
        UTC_TIME,
        _N,
        "u.marketing.hardBouncedAt",
        _nested("marketing.hardBouncedAt"),
        "When your address was found not to work.",
    ),
    _column(
        "complained_at_utc",
        UTC_TIME,
        _N,
        "u.marketing.complainedAt",
        _nested("marketing.complainedAt"),
        "When you marked a message as unwanted.",
    ),
    _column(
        "orders_lifetime",
        INTEGER,
        _Q,
        "u.history.ordersLifetime",
        _nested("history.ordersLifetime"),
        "How often you bought tickets.",
    ),
    _column(
        "orders_artist",
        INTEGER,
        _Q,
        "u.history.ordersArtist",
        _nested("history.ordersArtist"),
        "How often you bought tickets of this artist.",
    ),
    _column(
        "last_order_at_utc",
        UTC_TIME,
        _Q,
        "u.history.lastOrderAt",
        _nested("history.lastOrderAt"),
        "When you last bought tickets.",
    ),
    _column(
        "resale_listings",
        INTEGER,
        _Q,
        "u.history.resaleListings",
        _nested("history.resaleListings"),
        "How often you offered tickets for resale.",
    ),
    _column("flags", LIST, _R, "u.flags", _item("flags"), "Marks that were put on your account."),
    _column(
        "merged",
        YES_NO,
        _N,
        "X: u.mergedInto is there",
        lambda held: held.item.get("mergedInto") is not None,
        "Whether this account was merged into another of yours.",
    ),
    _column(
        "created_at_utc",
        UTC_TIME,
        _N,
        "u.createdAt",
        _item("createdAt"),
        "When the account was made.",
    ),
    _column(
        "updated_at_utc",
        UTC_TIME,
        _N,
        "u.updatedAt",
        _item("updatedAt"),
        "When the account was last changed.",
    ),
)
_PREFERENCES: tuple[Column, ...] = (
    _CAMPAIGN,
    _ENTRY,
    _column("rank", INTEGER, _N, "e.preferences.rank", _item("rank"), "Your order of wishes."),
    _column("market", _NAMES, _N, "m.name by e.preferences", _market_name, "The city."),
    _column("market_key", ID, _N, "m.key by e.preferences", _market_key, "The city's key."),
    _column(
        "events",
        LIST,
        _N,
        "m.events.localDate by e.preferences",
        _event_dates,
        "The dates of the shows that you chose.",
    ),
    _column(
        "quantity",
        INTEGER,
        _N,
        "e.preferences.ticketQuantity",
        _quantity,
        "How many tickets you wished for.",
    ),
)
_ANSWERS: tuple[Column, ...] = (
    _CAMPAIGN,
    _ENTRY,
    _column("question_key", text(60), _N, "e.answers.key", _item("key"), "The question's key."),
    _column(
        "question_version",
        INTEGER,
        _N,
        "e.answers.version",
        _item("version"),
        "Which wording you answered.",
    ),
    _column("question", text(300), _N, "c.questions.label", _question, "The question in words."),
    _column("answer", _LONG, _S, "e.answers.value", _plain, "What you answered."),
)
_CONSENTS: tuple[Column, ...] = (
    _CAMPAIGN,
    _ENTRY,
    _record(
        "X: current state, or event of the ledger",
        "current: as it stands; consent: one time that you said yes or no.",
    ),
    _column(
        "consent_key",
        text(60),
        _N,
        "e.consents.key | A.consent_events.consent_key",
        _item("key", "name"),
        "What it is about.",
    ),
    _column("promoter", ID, _N, "p.key", _promoter, "The promoter whom it is given to."),
    _column(
        "state",
        ENUM,
        _N,
        "X: e.consents.granted, e.consents.withdrawnAt | A.consent_events.action",
        _consent_state,
        "What you said.",
    ),
    _column(
        "at_utc",
        UTC_TIME,
        _N,
        "X: e.consents.at, e.consents.withdrawnAt | A.consent_events.occurred_at",
        _consent_at,
        "When you said it.",
    ),
    _column(
        "text_version",
        text(60),
        _N,
        "e.consents.textVersion | A.consent_events.text_version",
        _item("textVersion", "reference"),
        "The wording that you saw.",
    ),
    _column(
        "locale",
        text(35),
        _Q,
        "e.consents.locale | A.consent_events.locale",
        _item("locale"),
        "Its language.",
    ),
    _column(
        "given_through",
        text(60),
        _N,
        "e.consents.source | A.consent_events.source",
        _item("source", "medium"),
        "Where you said it.",
    ),
    _column(
        "evidence_id",
        text(100),
        _I,
        "e.consents.evidenceId | A.consent_events.evidence_id",
        _item("evidenceId", "event_id"),
        "The number of the proof.",
    ),
    _column(
        "ip_country",
        text(2),
        _Q,
        "A.consent_events.ip_country",
        _item("country"),
        "The country that you said it from.",
    ),
)
_MESSAGES: tuple[Column, ...] = (
    _CAMPAIGN,
    _ENTRY,
    _record(
        "X: latest of its kind, or event of the mailer or carrier",
        "latest: the last of its kind; email and sms: what became of one.",
    ),
    _column(
        "message_kind",
        ENUM,
        _N,
        "e.messages.kind | A.email_events.message_kind, sms_events.message_kind",
        _message_kind,
        "What the message was about.",
    ),
    _column(
        "channel",
        ENUM,
        _N,
        "X: e.messages.channel, or the table",
        _item("channel", "medium"),
        "E-mail or text message.",
    ),
    _column(
        "state",
        ENUM,
        _N,
        "e.messages.state | A.email_events.event_type, sms_events.event_type",
        _item("state"),
        "What became of it.",
    ),
    _column(
        "at_utc",
        UTC_TIME,
        _N,
        "e.messages.at | A.email_events.occurred_at, sms_events.occurred_at",
        _instant("at", "occurred_at"),
        "When.",
    ),
    _column(
        "detail",
        text(100),
        _N,
        "A.email_events.bounce_class, sms_events.error_code",
        _item("detail"),
        "Why it did not arrive.",
    ),
    _column(
        "link_or_carrier",
        text(200),
        _N,
        "A.email_events.url_label, sms_events.carrier",
        _item("reference"),
        "The link that you followed, or your telephone company.",
    ),
)
_CODES: tuple[Column, ...] = (
    _CAMPAIGN,
    _ENTRY,
    _record(
        "X: of the registration, or event of the lake",
        "registration: as it stands; assigned: one time that it was given to you.",
    ),
    _column(
        "code_id",
        ID,
        _I,
        "e.codes.codeId | A.codes_assigned.code_id",
        _item("codeId", "detail"),
        "The number of the code.",
    ),
    _column(
        "code_masked",
        text(50),
        _S,
        "CS.value",
        _masked_code,
        "Its first character; whoever has the whole code can use it.",
        secret_scope=CODES_SCOPE,
    ),
    _column(
        "market_key",
        ID,
        _N,
        "m.key by e.codes.marketId | A.codes_assigned.market_key",
        _market_key,
        "The city that it is for.",
    ),
    _column(
        "wave",
        INTEGER,
        _N,
        "CS.wave | A.codes_assigned.wave",
        _of_code("number", "wave"),
        "The group that it was sent with.",
    ),
    _column(
        "state",
        ENUM,
        _N,
        "CS.state | e.codes.state | A.codes_assigned.state",
        _code_state,
        "What became of it.",
    ),
    _column(
        "assigned_at_utc",
        UTC_TIME,
        _N,
        "e.codes.assignedAt | A.codes_assigned.assigned_at",
        _instant("assignedAt", "occurred_at"),
        "When it was given to you.",
    ),
    _column("sent_at_utc", UTC_TIME, _N, "e.codes.sentAt", _item("sentAt"), "When it was sent."),
    _column(
        "channel",
        ENUM,
        _N,
        "e.codes.channel | A.codes_assigned.channel",
        _item("channel", "medium"),
        "How it was sent.",
    ),
    _column(
        "valid_until_utc",
        UTC_TIME,
        _N,
        "A.codes_assigned.valid_until",
        _instant("ended_at"),
        "Until when it could be used.",
    ),
)
_ORDERS: tuple[Column, ...] = (
    _CAMPAIGN,
    _record(
        "X: order, or use of a code",
        "order: tickets that you ordered; redemption: one time that you used a code.",
    ),
    _column(
        "number",
        text(60),
        _I,
        "A.ticket_orders.order_id, code_redemptions.redemption_id",
        _item("event_id"),
        "The number of the order, or of the use.",
    ),
    _column("market_key", ID, _N, "A.ticket_orders.market_key", _item("name"), "The city."),
    _column(
        "host_event_id",
        text(60),
        _N,
        "A.ticket_orders.host_event_id, code_redemptions.host_event_id",
        _item("reference"),
        "The show.",
    ),
    _column(
        "at_utc",
        UTC_TIME,
        _N,
        "A.ticket_orders.ordered_at, code_redemptions.redeemed_at",
        _instant("occurred_at"),
        "When.",
    ),
    _column(
        "tickets",
        INTEGER,
        _N,
        "A.ticket_orders.tickets, code_redemptions.tickets",
        _item("number"),
        "How many tickets.",
    ),
    _column(
        "amount", decimal(2), _Q, "A.ticket_orders.gross_amount", _item("amount"), "What you paid."
    ),
    _column(
        "currency", text(3), _N, "A.ticket_orders.currency", _item("currency"), "In which money."
    ),
    _column(
        "state",
        ENUM,
        _N,
        "A.ticket_orders.status, code_redemptions.result",
        _item("state"),
        "What became of it.",
    ),
    _column(
        "used_code",
        YES_NO,
        _N,
        "A.ticket_orders.used_code",
        _item("used_code"),
        "Whether you bought with a code.",
    ),
    _column(
        "resale_listed",
        YES_NO,
        _N,
        "A.ticket_orders.resale_listed",
        _item("resale_listed"),
        "Whether you offered them for resale.",
    ),
    _column(
        "code_id",
        ID,
        _I,
        "A.code_redemptions.code_id",
        _redeemed_code,
        "Your code that you used; empty for one that was not yours.",
    ),
)
_ACTIVITY: tuple[Column, ...] = (
    _CAMPAIGN,
    _ENTRY,
    _record(
        "X: kind of activity",
        "status: of your registration; registration: a step of the form; queue: the waiting room; "
        "boost and boost_total: activities for points.",
    ),
    _column(
        "what",
        text(100),
        _N,
        "e.statusLog.status, e.boost.activities.key | A.registration_events.step, "
        "boost_events.boost_key, queue_visits.market_key",
        _item("status", "key", "name"),
        "Which status, step, activity or city.",
    ),
    _column(
        "state",
        ENUM,
        _N,
        "X: boost_events.accepted | A.queue_visits.outcome",
        _item("state"),
        "What came of it.",
    ),
    _column(
        "at_utc",
        UTC_TIME,
        _N,
        "e.statusLog.at, e.boost.activities.lastAt | A.registration_events.occurred_at, "
        "boost_events.occurred_at, queue_visits.joined_at",
        _instant("at", "lastAt", "occurred_at"),
        "When.",
    ),
    _column(
        "ended_at_utc",
        UTC_TIME,
        _N,
        "A.queue_visits.admitted_at",
        _instant("ended_at"),
        "When you were let in.",
    ),
    _column(
        "number",
        INTEGER,
        _N,
        "e.boost.activities.count | A.boost_events.points",
        _item("count", "number"),
        "Points, or how often.",
    ),
    _column(
        "device_class",
        text(60),
        _Q,
        "A.registration_events.device_class",
        _item("detail"),
        "The kind of device.",
    ),
    _column(
        "came_from",
        text(500),
        _Q,
        "A.registration_events.referrer",
        _item("reference"),
        "The page that you came from.",
    ),
    _column(
        "country",
        text(2),
        _Q,
        "A.registration_events.country",
        _item("country"),
        "The country that you were in.",
    ),
)
_SCORES: tuple[Column, ...] = (
    _CAMPAIGN,
    _ENTRY,
    _column(
        "score",
        decimal(6),
        _R,
        "e.risk.score",
        _of_entry("risk.score"),
        "How likely a person rather than a program registered; 1 is certain.",
    ),
    _column("band", ENUM, _R, "e.risk.band", _of_entry("risk.band"), "The score as a letter."),
    _column(
        "override_band",
        ENUM,
        _R,
        "s.toBand",
        _override,
        "The letter that somebody decided on instead.",
    ),
    _column(
        "reasons",
        Format(kind=FormatKind.LIST, ordered=False),
        _R,
        "e.risk.reasons",
        _of_entry("risk.reasons"),
        "What the score rests on.",
    ),
    _column(
        "model_version",
        text(60),
        _R,
        "e.risk.modelVersion",
        _of_entry("risk.modelVersion"),
        "The program that made it.",
    ),
    _column(
        "scored_at_utc",
        UTC_TIME,
        _R,
        "e.risk.scoredAt",
        _of_entry("risk.scoredAt"),
        "When it was made.",
    ),
)
_GUIDE: tuple[Column, ...] = (
    _column("file", text(60), _N, "X: the files", _item("file"), "The file."),
    _column("column", text(60), _N, "X: their columns", _item("column"), "The column."),
    _column("meaning", text(300), _N, "X: plain words", _item("meaning"), "What it says."),
)

# Every file with its columns; the main one first.
SECTIONS: Final[Mapping[str, tuple[Column, ...]]] = {
    ENTRIES: _ENTRIES,
    PROFILE: _PROFILE,
    PREFERENCES: _PREFERENCES,
    ANSWERS: _ANSWERS,
    CONSENTS: _CONSENTS,
    MESSAGES: _MESSAGES,
    CODES: _CODES,
    ORDERS: _ORDERS,
    ACTIVITY: _ACTIVITY,
    SCORES: _SCORES,
    GUIDE: _GUIDE,
}

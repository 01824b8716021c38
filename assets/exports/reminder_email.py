"""`reminder-email`: one row a fan for a reminder of the own registration (DOMAIN.md 7.4).

It is service mail: about a registration that the fan made. Guests have no account, and without one
there is no SubscriberKey, so they get none. A fan with several current entries in one campaign, by
merged accounts, gets the reminder of the one that came furthest.

Texts about events are true at the snapshot only: mail from these rows must be sent within
`SEND_WITHIN` of `SnapshotUtc`. No access code stands in an e-mail, only whether there is one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from assets.exports.shared.audiences import OPTED_OUT, SERVICE_MAIL, WITHDRAWN
from assets.exports.shared.entry_columns import field
from assets.exports.shared.entry_options import (
    GROUPS,
    INVITED,
    LIVE,
    LOCALES,
    MARKETS,
    Rule,
    entry_filter,
    first_failing,
    has_code,
    has_no_code,
)
from assets.exports.shared.entry_strands import (
    ENTRY_ID_PART,
    before_snapshot,
    by_registration,
    registration_order,
)
from assets.exports.shared.entry_values import at, market, notes, preferences, string
from assets.exports.shared.id_set import IdSet
from assets.exports.shared.languages import greeting, locale_of, long_date, long_time
from assets.exports.shared.links import FanLinks, fan_links
from assets.exports.shared.salesforce import (
    NO_ACCOUNT,
    TO_SFMC,
    as_table,
    of_campaign,
    subscriber_key,
)
from assets.exports.shared.stopped import (
    NO_MAIL,
    NO_MARKETING,
    not_stopped,
    stopped_by_accounts,
)
from assets.model.campaign import Event, Facts, Market
from assets.model.column import (
    EMAIL,
    ID,
    LOCALE,
    TRUE_FALSE,
    UTC_TIME,
    Column,
    Format,
    Getter,
    Pii,
    Unfit,
    text,
)
from assets.model.export_type import ExportType, Scope
from assets.model.meaning import (
    Described,
    Meaning,
    What,
    best_wish,
    key_of,
    of_user,
    same,
    value,
)
from assets.model.option import choice, flag, whole
from assets.model.source import Arrange, EntryRow, EntrySource, Reading, Verdict, no_answers

SEND_WITHIN: Final = timedelta(hours=6)

# Who is reminded of what, unless the request names an audience: whoever may still change a wish or
# waits for a result, and those who may buy.
_AUDIENCES: Final[Mapping[str, str]] = {
    "registration_closing": "active",
    "result_ready": "active",
    "onsale_tomorrow": "invited",
    "onsale_soon": "invited",
    "presale_ending": "invited",
}
_NO_EVENT = ("cancelled", "postponed")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """What is made before the first row; `stopped` are digests of addresses."""

    links: FanLinks
    stopped: IdSet


def _prepare(facts: Facts, reading: Reading) -> _Prepared:
    said = NO_MARKETING if facts.request.options["include_marketing_only"] else NO_MAIL
    return _Prepared(
        links=fan_links(reading, facts.campaign.key),
        stopped=IdSet(stopped_by_accounts(facts, reading, said)),
    )


def _market(row: EntryRow) -> Market | None:
    """The market of the draw, else the best wish that is still to be had."""
    if "reminded_of" not in row.memo:
        row.memo["reminded_of"] = _found_market(row)
    found: Market | None = row.memo["reminded_of"]
    return found


def _found_market(row: EntryRow) -> Market | None:
    selected = market(row, at("selection.marketId")(row))
    if selected is not None:
        return selected
    wishes = (market(row, preference.market_id) for preference in preferences(row))
    return next((wish for wish in wishes if wish and wish.status != "cancelled"), None)


def _still_to_be_had(facts: Facts) -> list[object]:
    return [market.id for market in facts.markets if market.status != "cancelled"]


_LOOKS_AT: Final = (value("selection.marketId"), best_wish(_still_to_be_had))
"""What `_market` looks at."""


def _of_market(attribute: str) -> Getter:
    def get(row: EntryRow) -> object:
        found = _market(row)
        return None if found is None else getattr(found, attribute)

    return same(get, *_LOOKS_AT)


def _event(row: EntryRow) -> Event | None:
    """The first event of the market that has its date."""
    found = _market(row)
    events = () if found is None else found.events
    return next((event for event in events if event.status not in _NO_EVENT), None)


def _venue(row: EntryRow) -> object:
    event = _event(row)
    return None if event is None else event.venue


def _event_date(row: EntryRow) -> str | None:
    """The date on the poster, which is that of the market's zone."""
    event = _event(row)
    if event is None or not event.local_date:
        return None
    try:
        day = date.fromisoformat(event.local_date)
    except ValueError:
        raise Unfit("not_a_date") from None
    return long_date(day, locale_of(row))


def _presale_starts(row: EntryRow) -> datetime | None:
    """The presale of the event where it has its own, else the campaign's."""
    event = _event(row)
    own = None if event is None else event.presale_starts_at
    return own or row.facts.campaign.schedule.presale_starts_at


def _presale_local(row: EntryRow) -> datetime | None:
    starts, found = _presale_starts(row), _market(row)
    zone = row.facts.campaign.zone if found is None else found.zone
    return None if starts is None else starts.astimezone(ZoneInfo(zone))


def _presale_text(row: EntryRow) -> str | None:
    local = _presale_local(row)
    return None if local is None else long_time(local, locale_of(row))


def _zone(row: EntryRow) -> str | None:
    local = _presale_local(row)
    return None if local is None else local.tzname()


_GREETING: Final = same(lambda row: greeting(locale_of(row)), value("locale"))


def _first_name(row: EntryRow) -> object:
    return string(row, "contact.firstName").strip() or _GREETING(row)


def _outcome(row: EntryRow) -> str:
    """The status as the fan sees it: what is in between is nobody's business."""
    status = row.entry.get("status")
    if status in INVITED:
        return "invited"
    return str(status) if status in ("waitlisted", "not_selected") else "registered"


def _deep_link(row: EntryRow) -> str:
    links: FanLinks = row.facts.prepared.links
    return links.registration(row.entry["_id"])


def _signed(facts: Facts) -> tuple[bytes, bytes, bytes]:
    links: FanLinks = facts.prepared.links
    return links.registration_parts()


def _preference_centre(row: EntryRow) -> str | None:
    links: FanLinks = row.facts.prepared.links
    account = subscriber_key(row)
    return None if account is None else links.preference_centre(account)


def _made(
    name: str,
    form: Format,
    source: str,
    value: Getter,
    description: str = "",
    *,
    pii: Pii = Pii.NONE,
) -> Column:
    return Column(
        name=name, format=form, pii=pii, source=source, value=value, description=description
    )


_COLUMNS: Final[tuple[Column, ...]] = (
    _made(
        "SubscriberKey",
        ID,
        "u.accountId",
        subscriber_key,
        "The account without hyphens, the same key in e-mail and mobile; never the address.",
        pii=Pii.PSEUDONYM,
    ),
    _made("CampaignKey", text(80), "c.key", of_campaign("key")),
    _made(
        "ReminderKind",
        text(40),
        "X: option reminder_kind",
        same(lambda row: row.facts.request.options["reminder_kind"]),
    ),
    field("EmailAddress", EMAIL, Pii.DIRECT, "contact.email"),
    _made(
        "FirstName",
        text(80),
        "e.contact.firstName",
        Described(
            meaning=Meaning(what=What.ELSE, path="contact.firstName", values=(_GREETING,)),
            read=_first_name,
        ),
        "A greeting word of the fan's language where there is none.",
        pii=Pii.DIRECT,
    ),
    field("Locale", LOCALE, Pii.QUASI_IDENTIFIER, "locale"),
    _made("ArtistName", text(200), "c.artist.name", of_campaign("artist")),
    _made("CampaignName", text(200), "c.name", of_campaign("name")),
    _made(
        "MarketKey",
        text(80),
        "m.key by e.selection.marketId | e.preferences[1].marketId",
        _of_market("key"),
        "The market of the draw, else the best wish that is not cancelled.",
    ),
    _made(
        "MarketName",
        text(200),
        "m.name by e.selection.marketId | e.preferences[1].marketId",
        _of_market("name"),
    ),
    _made("VenueName", text(200), "m.events[first].venue.name", same(_venue, *_LOOKS_AT)),
    _made(
        "EventDateText",
        text(200),
        "m.events[first].localDate",
        same(_event_date, *_LOOKS_AT, value("locale")),
        "The date on the poster in the fan's language; cancelled and postponed events have none.",
    ),
    _made(
        "PresaleStartUtc",
        UTC_TIME,
        "m.events[first].presaleStartsAt | c.schedule.presaleStartsAt",
        same(_presale_starts, *_LOOKS_AT),
    ),
    _made(
        "PresaleStartText",
        text(200),
        "X: PresaleStartUtc in the market's zone and the fan's language",
        same(_presale_text, *_LOOKS_AT, value("locale")),
    ),
    _made(
        "TimeZoneAbbr",
        text(20),
        "X: abbreviation of m.timeZone at PresaleStartUtc",
        same(_zone, *_LOOKS_AT),
    ),
    _made("HasCode", TRUE_FALSE, "X: any e.codes in state assigned or sent", has_code),
    _made("OutcomeStatus", text(20), "X: group of e.status", same(_outcome, value("status"))),
    _made(
        "DeepLink",
        text(400),
        "X: signed link with e._id",
        Described(meaning=Meaning(what=What.LINK, values=(_signed,)), read=_deep_link),
        "Whoever holds it is taken for the fan.",
        pii=Pii.PSEUDONYM,
    ),
    _made(
        "PreferenceCentreUrl",
        text(400),
        "X: signed link with u.accountId",
        of_user(_preference_centre),
        "Whoever holds it is taken for the fan.",
        pii=Pii.PSEUDONYM,
    ),
    _made("ExportId", text(50), "X: id of the export", same(lambda row: row.facts.export_id)),
    _made(
        "SnapshotUtc",
        UTC_TIME,
        "X: snapshot of the export",
        same(lambda row: row.facts.snapshot),
        "Mail must be sent within 6 hours of it: an event may be rescheduled.",
    ),
)


def _verdict(facts: Facts) -> Verdict:
    rules = [*LIVE, WITHDRAWN, *SERVICE_MAIL, not_stopped(facts.prepared.stopped)]
    return first_failing([*rules, *_asked_for(facts), *entry_filter(facts)])


def _asked_for(facts: Facts) -> Iterator[Rule]:
    options = facts.request.options
    if options["include_marketing_only"]:
        yield OPTED_OUT
    yield NO_ACCOUNT
    group = GROUPS[options.get("audience") or _AUDIENCES[options["reminder_kind"]]]
    yield "audience", same(lambda row: row.entry.get("status") in group, value("status"))
    if options.get("markets"):
        chosen = {market.id for market in facts.chosen_markets}
        is_chosen = same(lambda row: getattr(_market(row), "id", None) in chosen, *_LOOKS_AT)
        yield "markets", is_chosen
    if (wave := options.get("wave")) is not None:
        of_wave = at("selection.wave")
        yield "wave", same(lambda row: of_wave(row) == wave, value("selection.wave"))


def _far(row: EntryRow) -> tuple[bool, bool]:
    status = row.entry.get("status")
    return status not in INVITED, status != "waitlisted"


_ORDER: Final = key_of(
    of_user(lambda row: subscriber_key(row) or ""),
    has_no_code,
    same(_far, value("status")),
    ENTRY_ID_PART,
)
"""By SubscriberKey; of several rows with one, the furthest entry comes first and stays."""


REMINDER_EMAIL = ExportType(
    name="reminder-email",
    version=1,
    summary="One row a fan for a reminder by e-mail, with event and presale in words.",
    scope=Scope.CAMPAIGN,
    owner="team:email-marketing",
    upstream=(
        ("mongo", "entries"),
        ("mongo", "campaigns"),
        ("mongo", "markets"),
        ("mongo", "users"),
    ),
    options=(
        choice(
            "reminder_kind",
            "What fans are reminded of.",
            values=tuple(_AUDIENCES),
            default=None,
            required=True,
        ),
        choice(
            "audience",
            "Only a group of statuses; by default the one that the kind of reminder is for.",
            values=tuple(GROUPS),
            default=None,
        ),
        MARKETS,
        whole("wave", "Only this wave of the draw.", least=1, most=1_000),
        LOCALES,
        flag("include_marketing_only", "Leave out fans who opted out of all marketing."),
    ),
    columns=lambda _: _COLUMNS,
    static_columns=_COLUMNS,
    sort=("SubscriberKey",),
    rows=EntrySource(
        strands=by_registration,
        order=registration_order,
        population=before_snapshot,
        verdict=_verdict,
        notes=notes,
        arrange=Arrange(key=_ORDER, unique=1, reason="same_account"),
        counted=no_answers,
    ),
    retention_days=30,
    deliveries=(TO_SFMC,),
    fixed=as_table,
    prepare=_prepare,
)

"""`code-sms`: access codes by text message, the most urgent export (DOMAIN.md 7.7).

Rows are those of MobileConnect's import: its headers begin with an underscore, it wants no sign in
a number and no file above 20 MB. Whoever cannot be texted is named in the companion file
`untextable`, without the code: a code never goes by e-mail (7.4).

Decided here: `kind=initial` texts codes that were never sent, `reminder` those that were, `resend`
those that were sent or replace another one; `send_window` is how many hours before the sale the
message goes out (12 or 24, DOMAIN.md 1 row 5), so later sales wait. The offset is that of standard
time in whole hours, as the import has no other; Salesforce adds the hour of summer itself.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from assets.exports.shared.audiences import SERVICE_MAIL, TEXTABLE
from assets.exports.shared.codes import (
    ALWAYS,
    CODES_SERVICE,
    CodeRule,
    as_instant,
    code_field,
    first_failing,
    is_superseded,
    market_of,
    of_entry,
    refuse_unallocated,
    reissued,
    slices,
    was_sent,
)
from assets.exports.shared.entry_options import LIVE, MARKETS, Rule, withdrawn
from assets.exports.shared.entry_options import first_failing as first_failing_entry
from assets.exports.shared.entry_values import at, millis
from assets.exports.shared.languages import locale_of, long_time
from assets.exports.shared.links import FANS_SITE
from assets.exports.shared.salesforce import TO_SFMC, as_table, of_campaign, subscriber_key
from assets.exports.shared.telephone import country_of
from assets.model.campaign import Facts
from assets.model.column import (
    CODES,
    COUNTRY,
    ENUM,
    ID,
    INTEGER,
    MSISDN,
    RAW,
    TRUE_FALSE,
    YES_NO,
    Column,
    Getter,
    Pii,
    text,
)
from assets.model.export_type import Companion, ExportType, Scope
from assets.model.failure import ExportFailed
from assets.model.option import choice, whole, words
from assets.model.policy import Transform, transform
from assets.model.source import (
    Arrange,
    CodeRow,
    CodeSlice,
    CodeSource,
    EntryRow,
    Reading,
    Verdict,
)

# MobileConnect takes 20 MB of CSV (DOMAIN.md 7.7); a tenth stays free for what a row may be over.
MAX_FILE_BYTES: Final = 18_000_000
_STATES: Final[Mapping[str, tuple[str, ...]]] = {
    "initial": ("assigned",),
    "resend": ("assigned", "sent"),
    "reminder": ("assigned", "sent"),
}


def _of_entry(value: Getter) -> Getter:
    """A getter of entries, for codes that have one; `no_entry` keeps the others out."""
    return lambda row: None if row.entry is None else value(row.entry)


# ------------------------------------------------------------------------------------------ zone


def _zone(row: CodeRow) -> ZoneInfo:
    market = market_of(row)
    return ZoneInfo(row.facts.campaign.zone if market is None else market.zone)


def _standard_offset(row: CodeRow) -> int:
    """Hours from UTC in standard time; a half hour is cut off."""
    there = row.facts.snapshot.astimezone(_zone(row))
    standard = (there.utcoffset() or timedelta()) - (there.dst() or timedelta())
    return int(standard / timedelta(hours=1))


def _honours_dst(row: CodeRow) -> bool:
    """Whether the clocks there are ever set forward: they are in January or in July."""
    year, zone = row.facts.snapshot.year, _zone(row)
    return any(datetime(year, month, 1, tzinfo=zone).dst() for month in (1, 7))


def _sale_starts(row: CodeRow) -> datetime | None:
    """When the code begins to work, else when the sale of the campaign does."""
    starts = as_instant(row.code.get("validFrom"))
    return starts if isinstance(starts, datetime) else row.facts.campaign.schedule.presale_starts_at


def _sale_start_text(row: CodeRow) -> str | None:
    starts = _sale_starts(row)
    if starts is None or row.entry is None:
        return None
    there = starts.astimezone(_zone(row))
    # The zone is named, or half of the readers would be an hour late.
    return f"{long_time(there, locale_of(row.entry))} {there.tzname()}"


def _sale_url(row: CodeRow) -> str:
    """Where the sale is; without the code, because messengers open links to show a preview."""
    return f"{FANS_SITE}/campaigns/{row.facts.campaign.key}/sale/{row.code.get('marketKey')}"


def _country(row: EntryRow) -> str | None:
    number = at("contact.phone.e164")(row)
    return country_of(number) if isinstance(number, str) else None


# --------------------------------------------------------------------------------------- columns

_CONTACT_KEY = Column(
    name="_ContactKey",
    format=text(50),
    pii=Pii.PSEUDONYM,
    source="u.accountId",
    value=_of_entry(subscriber_key),
    description="The account id without hyphens, the same key as in e-mail.",
)
_CAMPAIGN_KEY = Column(
    name="CampaignKey",
    format=ID,
    pii=Pii.NONE,
    source="c.key",
    value=of_campaign("key"),
)
_MARKET_KEY = code_field("MarketKey", ID, Pii.NONE, "marketKey")
_WAVE = code_field("Wave", INTEGER, Pii.NONE, "wave")
_ACCESS_CODE = Column(
    name="AccessCode",
    format=RAW,
    pii=Pii.SECRET,
    secret_scope=CODES,
    source="CS.value",
    value=lambda row: row.code.get("value"),
)
_COLUMNS: tuple[Column, ...] = (
    _CONTACT_KEY,
    Column(
        name="_MobileNumber",
        format=MSISDN,
        pii=Pii.DIRECT,
        source="e.contact.phone.e164",
        value=_of_entry(at("contact.phone.e164")),
    ),
    Column(
        name="_Locale",
        format=COUNTRY,
        pii=Pii.QUASI_IDENTIFIER,
        source="X: country of e.contact.phone.e164",
        value=_of_entry(_country),
        description="The country of the number, as MobileConnect wants it; not a language.",
    ),
    Column(
        name="_FirstName",
        format=text(40),
        pii=Pii.DIRECT,
        source="e.contact.firstName",
        value=_of_entry(at("contact.firstName")),
    ),
    Column(
        name="_UTCOffset",
        format=INTEGER,
        pii=Pii.NONE,
        source="X: standard time of m.timeZone",
        value=_standard_offset,
    ),
    Column(
        name="_IsHonorDST",
        format=TRUE_FALSE,
        pii=Pii.NONE,
        source="X: summer time of m.timeZone",
        value=_honours_dst,
    ),
    _ACCESS_CODE,
    _CAMPAIGN_KEY,
    _MARKET_KEY,
    _WAVE,
    Column(
        name="SaleStartLocalText",
        format=text(80),
        pii=Pii.NONE,
        source="X: CS.validFrom in m.timeZone and e.locale",
        value=_sale_start_text,
    ),
    Column(
        name="SaleUrl",
        format=text(400),
        pii=Pii.NONE,
        source="X: c.key and CS.marketKey",
        value=_sale_url,
    ),
)

# --------------------------------------------------------------------------------- who is texted

_BEFORE = frozenset(reason for reason, _ in LIVE)
_REACHABLE: Final[tuple[Rule, ...]] = (
    *TEXTABLE,
    ("no_account", lambda row: subscriber_key(row) is not None),
    ("unknown_country", lambda row: _country(row) is not None),
)
_UNTEXTABLE = frozenset(reason for reason, _ in _REACHABLE) - _BEFORE
_why = first_failing_entry(_REACHABLE)
_mail = first_failing_entry(SERVICE_MAIL)

_UNTEXTABLE_COLUMNS: tuple[Column, ...] = (
    _CONTACT_KEY,
    code_field("EntryId", ID, Pii.PSEUDONYM, "entryId"),
    _CAMPAIGN_KEY,
    _MARKET_KEY,
    _WAVE,
    Column(
        name="Reason",
        format=ENUM,
        pii=Pii.NONE,
        source="X: the first rule of TEXTABLE that fails",
        value=_of_entry(_why),
    ),
    Column(
        name="FallbackEmail",
        format=YES_NO,
        pii=Pii.NONE,
        source="X: SERVICE_MAIL",
        value=_of_entry(lambda row: _mail(row) is None),
        description="Whether an e-mail can tell the fan to look up the code in the account.",
    ),
)


def _verdict(facts: Facts) -> Verdict:
    highest = facts.prepared
    rules: list[CodeRule] = [
        *ALWAYS,
        ("no_entry", lambda row: row.entry is not None),
        ("superseded", lambda row: not is_superseded(row, highest)),
        of_entry(("withdrawn", lambda row: not withdrawn(row))),
        *_kind(facts),
        *_window(facts),
        *(of_entry(rule) for rule in _REACHABLE),
    ]
    return first_failing(rules)


def _kind(facts: Facts) -> list[CodeRule]:
    match facts.request.options["kind"]:
        case "initial":
            return [("already_sent", lambda row: not was_sent(row))]
        case "reminder":
            return [("not_sent_before", was_sent)]
        case _:
            return [("not_sent_before", lambda row: was_sent(row) or _replaces(row))]


def _replaces(row: CodeRow) -> bool:
    """Whether the code was issued in place of another one."""
    return int(row.code.get("seq") or 1) > 1


def _window(facts: Facts) -> list[CodeRule]:
    hours = facts.request.options.get("send_window")
    if hours is None:
        return []
    latest = millis(facts.snapshot + timedelta(hours=hours))
    return [("outside_send_window", lambda row: millis(_sale_starts(row)) <= latest)]


def _slices(facts: Facts) -> list[CodeSlice]:
    options = facts.request.options
    states = options.get("states") or _STATES[options["kind"]]
    return slices(facts, states, wave=options.get("wave"), reveal=True)


def _prepare(facts: Facts, reading: Reading) -> object:
    """The codes that were re-issued, whatever became of the new ones and in whichever wave."""
    found: dict[tuple[str, str], int] = {}
    for wanted in slices(facts, (), wave=None, reveal=False):
        found |= reissued(reading.codes(facts, wanted), facts)
    return found


def _fixed(options: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**as_table(options), "max_file_bytes": MAX_FILE_BYTES}


def _refuse(facts: Facts) -> None:
    """Refuse to text messages without their code."""
    refuse_unallocated(facts)
    if transform(_ACCESS_CODE, facts.request.policy) is Transform.WITHHELD:
        message = "a text message needs its code: ask with the scopes pii:full and codes:reveal"
        raise ExportFailed("CODES_NOT_REVEALED", message)


def _key(row: CodeRow) -> tuple[Any, ...]:
    key = None if row.entry is None else subscriber_key(row.entry)
    return key or "", str(row.code.get("marketKey") or ""), str(row.code["codeId"])


CODE_SMS = ExportType(
    name="code-sms",
    version=1,
    summary="Access codes for text messages, and who cannot be texted.",
    scope=Scope.CAMPAIGN,
    owner="team:sms-operations",
    upstream=(
        CODES_SERVICE,
        ("mongo", "entries"),
        ("mongo", "campaigns"),
        ("mongo", "markets"),
        ("mongo", "users"),
    ),
    options=(
        MARKETS,
        whole("wave", "Only this wave.", least=0, most=10_000),
        choice(
            "kind",
            "initial: never sent before; resend: sent or re-issued; reminder: sent before.",
            values=tuple(_STATES),
            default="initial",
        ),
        words(
            "states",
            "Only codes in these states; usually assigned, and sent too for other kinds.",
            values=("assigned", "sent"),
        ),
        whole(
            "send_window",
            "Only codes whose sale begins at most so many hours after the snapshot.",
            least=1,
            most=720,
        ),
    ),
    columns=lambda _: _COLUMNS,
    static_columns=_COLUMNS,
    sort=("_ContactKey",),
    rows=CodeSource(
        slices=_slices,
        verdict=_verdict,
        notes=lambda _: (),
        # A fan has one row a market: the three keys of the data extension.
        arrange=Arrange(key=_key, unique=2),
    ),
    retention_days=7,
    deliveries=(TO_SFMC,),
    fixed=_fixed,
    prepare=_prepare,
    refuse=_refuse,
    companions=(
        Companion(
            name="untextable",
            reasons=_UNTEXTABLE,
            columns=lambda _: _UNTEXTABLE_COLUMNS,
        ),
    ),
    downloadable=False,
)

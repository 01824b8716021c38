"""`entries`: everything known about the registrations of a campaign (DOMAIN.md 7.1)."""

from collections.abc import Iterator, Sequence

from assets.exports.shared.entry_columns import (
    ACCOUNT_ID,
    BOOST_POINTS,
    CONTACT,
    COUNTRY_COLUMN,
    ENTRY_ID,
    LOCALE_COLUMN,
    REGISTERED_AT_UTC,
    RISK_BAND,
    SELECTED_MARKET,
    field,
)
from assets.exports.shared.entry_options import (
    ENTRY_FILTER,
    INCLUDE_DUPLICATES,
    INCLUDE_WITHDRAWN,
    LIVE,
    chosen_market,
    entry_filter,
    first_failing,
    withdrawn_and_duplicates,
)
from assets.exports.shared.entry_strands import (
    before_snapshot,
    by_registration,
    registration_order,
)
from assets.exports.shared.entry_values import (
    event_dates,
    granted,
    granted_to,
    mappings,
    market,
    notes,
    preferences,
    preferred,
    present,
    version,
)
from assets.exports.shared.questions import distinct, in_form_order, question_columns, slug
from assets.model.campaign import Facts, Market, Question
from assets.model.column import (
    ENUM,
    ID,
    INTEGER,
    JSON,
    LIST,
    LOCAL_TIME,
    UTC_TIME,
    YES_NO,
    Column,
    Format,
    Getter,
    Pii,
    text,
)
from assets.model.export_type import ExportType, Scope
from assets.model.meaning import Described, Meaning, What
from assets.model.option import choice, flag
from assets.model.source import EntryRow, EntrySource, Verdict

_BEFORE_PREFERENCES: tuple[Column, ...] = (
    ENTRY_ID,
    ACCOUNT_ID,
    field("status", ENUM, Pii.NONE, "status"),
    field("registered_at", LOCAL_TIME, Pii.NONE, "createdAt"),
    REGISTERED_AT_UTC,
    field("updated_at_utc", UTC_TIME, Pii.NONE, "updatedAt"),
    *CONTACT,
    Column(
        name="phone_verified",
        format=YES_NO,
        pii=Pii.NONE,
        source="X: e.contact.phone.verifiedAt is there",
        value=present("contact.phone.verifiedAt"),
    ),
    COUNTRY_COLUMN,
    field("region", text(80), Pii.QUASI_IDENTIFIER, "contact.region"),
    field("city", text(80), Pii.QUASI_IDENTIFIER, "contact.city"),
    field("postal_code", text(12), Pii.QUASI_IDENTIFIER, "contact.postalCode"),
    LOCALE_COLUMN,
    field("time_zone", text(60), Pii.QUASI_IDENTIFIER, "timeZone"),
    Column(
        name="pref_count",
        format=INTEGER,
        pii=Pii.NONE,
        source="X: number of e.preferences",
        value=Described(meaning=Meaning(what=What.WISHES), read=lambda row: len(preferences(row))),
    ),
)
_AFTER_CONSENTS: tuple[Column, ...] = (
    field("selection_outcome", ENUM, Pii.NONE, "selection.outcome"),
    SELECTED_MARKET,
    field("wave", INTEGER, Pii.NONE, "selection.wave"),
    field("waitlist_position", INTEGER, Pii.NONE, "waitlist.position"),
    BOOST_POINTS,
    field("referral_code", ID, Pii.PSEUDONYM, "referral.code"),
    field("referred_by_entry", ID, Pii.PSEUDONYM, "referral.referredBy"),
    field("utm_source", text(100), Pii.NONE, "attribution.source"),
    field("utm_medium", text(100), Pii.NONE, "attribution.medium"),
    field("utm_campaign", text(100), Pii.NONE, "attribution.campaign"),
    RISK_BAND,
    field("duplicate_of", ID, Pii.PSEUDONYM, "duplicateOf"),
    field("withdrawn_at_utc", UTC_TIME, Pii.NONE, "withdrawnAt"),
)


def columns(facts: Facts) -> tuple[Column, ...]:
    """The columns of one campaign: its preference width, consents, promoters and questions."""
    options = facts.request.options
    onehot = options["pivot"] == "onehot"
    pivot = [_market_column(m) for m in facts.markets] if onehot else _rank_columns(facts)
    consents = [
        _consent(f"opt_in_{slug(key)}", key, granted(key)) for key in facts.campaign.consent_keys
    ]
    promoters = [
        _consent(f"opt_in_promoter_{slug(p.key)}", f"promoter {p.key}", granted_to(p.id))
        for p in facts.promoters
    ]
    shown = (
        *_BEFORE_PREFERENCES,
        *pivot,
        *consents,
        *promoters,
        *_AFTER_CONSENTS,
        *_question_columns(facts),
        *_extra_answers(facts),
    )
    return tuple(distinct(shown))


def _consent(name: str, who: str, value: Getter) -> Column:
    return Column(
        name=name, format=YES_NO, pii=Pii.NONE, source=f"X: e.consents[{who}]", value=value
    )


def _rank_columns(facts: Facts) -> Iterator[Column]:
    for place in range(1, facts.campaign.max_markets + 1):
        source = f"e.preferences[{place}]"
        parts: tuple[tuple[str, Format, Getter], ...] = (
            ("market", text(120), _preferred_market(place, "label")),
            ("market_key", ID, _preferred_market(place, "key")),
            ("events", LIST, _preferred_events(place)),
            ("quantity", INTEGER, _preferred_quantity(place)),
        )
        for part, format_, value in parts:
            yield Column(
                name=f"pref_{place}_{part}",
                format=format_,
                pii=Pii.NONE,
                source=f"{source}.{part}",
                value=value,
            )


def _preferred_market(place: int, attribute: str) -> Getter:
    def get(row: EntryRow) -> object:
        preference = preferred(row, place)
        found = None if preference is None else market(row, preference.market_id)
        return None if found is None else getattr(found, attribute)

    meaning = Meaning(what=What.WISH_MARKET, place=place, attribute=attribute)
    return Described(meaning=meaning, read=get)


def _preferred_events(place: int) -> Getter:
    def get(row: EntryRow) -> object:
        preference = preferred(row, place)
        return None if preference is None else event_dates(row, preference)

    return Described(meaning=Meaning(what=What.WISH_EVENTS, place=place), read=get)


def _preferred_quantity(place: int) -> Getter:
    def get(row: EntryRow) -> object:
        preference = preferred(row, place)
        return None if preference is None else preference.quantity

    return Described(meaning=Meaning(what=What.WISH_QUANTITY, place=place), read=get)


def _market_column(shown: Market) -> Column:
    """One column a market: the rank, or Y where legacy preferences have none."""

    def get(row: EntryRow) -> object:
        stored = row.entry.get("preferences") or ()
        for preference in preferences(row):
            if preference.market_id == shown.id:
                ranked = any(p.get("marketId") == shown.id and p.get("rank") for p in stored)
                return str(preference.rank) if ranked else "Y"
        return None

    return Column(
        name=f"mkt_{slug(shown.key)}",
        format=text(4),
        pii=Pii.NONE,
        source=f"X: rank of {shown.key} in e.preferences",
        value=get,
    )


def _question_columns(facts: Facts) -> Iterator[Column]:
    """`q_<key>` in the order of the form."""
    split = facts.request.options["multi_as"] == "columns"
    shown = [question for question in in_form_order(facts.campaign) if _is_shown(facts, question)]
    return question_columns(facts.campaign, shown, split=split)


def _is_shown(facts: Facts, question: Question) -> bool:
    retired = question.retired and not facts.request.options["include_retired"]
    return question.exportable and not retired


def _extra_answers(facts: Facts) -> Iterator[Column]:
    """Answers to what the campaign does not ask; their class is unknown, so the most sensitive."""
    if not facts.request.options["include_unknown"]:
        return
    known = {question.key for question in facts.campaign.questions}

    def get(row: EntryRow) -> object:
        given = sorted(mappings(row.entry.get("answers")), key=version)
        # The latest version comes last, and so stays.
        extra = {key: a.get("value") for a in given if (key := str(a.get("key"))) not in known}
        return extra or None

    yield Column(
        name="extra_answers",
        format=JSON,
        pii=Pii.SECRET,
        source="X: e.answers without a question of the campaign, by key",
        value=get,
        description="Answers with keys that the campaign's form does not know.",
    )


def _notes(row: EntryRow) -> Sequence[str]:
    """What is odd about the entry, and which questions it answers.

    A question that was added later is as empty as one that was left blank; `answered:<key>` counts
    in the manifest tell the two apart (DOMAIN.md 6.3).
    """
    facts, found = row.facts, notes(row)
    given = mappings(row.entry.get("answers"))
    if not given:
        return found
    answered = {str(a.get("key")) for a in given if a.get("value") not in (None, "", [])}
    shown = (key for key in _counted(facts) if key in answered)
    return [*found, *(f"answered:{key}" for key in shown)]


def _counted(facts: Facts) -> tuple[str, ...]:
    """Keys of the questions whose answers are counted."""
    return tuple(sorted({q.key for q in facts.campaign.questions if _is_shown(facts, q)}))


def _verdict(facts: Facts) -> Verdict:
    rules = [*LIVE, *withdrawn_and_duplicates(facts), *entry_filter(facts)]
    return first_failing([*rules, *chosen_market(facts)])


ENTRIES = ExportType(
    name="entries",
    version=1,
    summary="Everything known about the registrations of a campaign, one row an entry.",
    scope=Scope.CAMPAIGN,
    owner="team:client-services",
    upstream=(
        ("mongo", "entries"),
        ("mongo", "campaigns"),
        ("mongo", "markets"),
        ("mongo", "promoters"),
        ("mongo", "users"),
        ("mongo", "scoring"),
    ),
    options=(
        *ENTRY_FILTER,
        INCLUDE_WITHDRAWN,
        INCLUDE_DUPLICATES,
        choice(
            "pivot",
            "Preferences as ranked columns, or one column a market.",
            values=("rank", "onehot"),
            default="rank",
        ),
        choice(
            "multi_as",
            "Multiple-choice answers as one list, or one column an option.",
            values=("list", "columns"),
            default="list",
        ),
        flag("include_retired", "Keep questions that the form no longer asks."),
        flag("include_unknown", "Add extra_answers: answers to what the form does not ask."),
    ),
    columns=columns,
    static_columns=(*_BEFORE_PREFERENCES, *_AFTER_CONSENTS),
    sort=("registered_at_utc", "entry_id"),
    rows=EntrySource(
        strands=by_registration,
        order=registration_order,
        population=before_snapshot,
        verdict=_verdict,
        notes=_notes,
        counted=_counted,
    ),
    retention_days=30,
    other_columns=(
        r"pref_[0-9]+_(market|market_key|events|quantity)",
        r"(mkt|opt_in|q)_[a-z0-9_]{1,80}",
        "extra_answers",
    ),
)

"""`promoter-email-opt-ins`: the fans who allowed exactly one promoter to write (DOMAIN.md 7.5).

The promoter gets the columns of its agreement and nothing else, of fans with a granted, evidenced
consent to a text that names it: there is never a row without one, not even as an `N`. The consent
on the entry must be in the ledger of consents, and a withdrawal that the ledger alone knows wins.
An address is shared only if no account that has it said no (`assets/exports/shared/stopped`).

`delta` holds what was granted since the last success with the same options (the first one is full),
and beside it the withdrawals of consents that were there then: a consent that came and went in
between was never shared, and is not named now. A grant whose event reaches the ledger late is in no
delta, so a full file from time to time is due.

Decided here: a fan who withdrew the registration is not shared either, so that no row stands in
`suppression` (DOMAIN.md 11, point 3); questions of class R or S are not shown to promoters at all;
a telephone needs its own consent and a number that may be texted; by an agreement for hashes only
both addresses leave as SHA-256.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, Final

from assets.exports.shared.audiences import (
    TEXTABLE,
    WITHDRAWN,
    is_email,
    is_granted,
    known_texts,
    mail_consent,
    names_promoter,
    shareable,
    text_consent,
)
from assets.exports.shared.chunks import chunks
from assets.exports.shared.entry_columns import COUNTRY_COLUMN, LOCALE_COLUMN, field
from assets.exports.shared.entry_options import (
    LIVE,
    MARKETS,
    Rule,
    chosen_market,
    first_failing,
)
from assets.exports.shared.entry_strands import (
    before_snapshot,
    by_registration,
    registration_order,
)
from assets.exports.shared.entry_values import (
    NO_INSTANT,
    at,
    instant,
    market,
    millis,
    notes,
    preferences,
    string,
)
from assets.exports.shared.id_set import IdSet
from assets.exports.shared.lake import events_until_snapshot
from assets.exports.shared.questions import distinct, in_form_order, question_columns
from assets.exports.shared.salesforce import of_campaign
from assets.exports.shared.statements import statement
from assets.exports.shared.stopped import (
    address_of,
    not_stopped,
    stopped_digest,
    stopped_for_others,
)
from assets.model.campaign import Consent, Facts, Promoter
from assets.model.column import (
    E164,
    EMAIL,
    ENUM,
    HASH,
    ID,
    LIST,
    LOCAL_TIME,
    UTC_TIME,
    Column,
    Format,
    FormatKind,
    Getter,
    Pii,
    Unfit,
    text,
)
from assets.model.delivery import Delivery, Destination
from assets.model.export_type import Companion, ExportType, Scope
from assets.model.failure import ExportFailed
from assets.model.option import SLUG_PATTERN, Option, choice, flag
from assets.model.option import instant as instant_option
from assets.model.source import Arrange, EntryRow, EntrySource, Reading, Verdict

WITHDRAWN_SINCE: Final = "withdrawn_since"
_PROMOTERS_MAY_SEE = (Pii.NONE, Pii.QUASI_IDENTIFIER)
_MULTILINE = Format(kind=FormatKind.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What is known before the first row.

    Attributes:
        since: Snapshot of the export that this one continues; None for a full one.
        proven: Consents that the ledger holds as granted, as `_act` writes them.
        withdrawn: When those were withdrawn that the ledger holds as withdrawn.
        stopped: Digests of addresses that some account does not want written to.
    """

    since: datetime | None
    proven: IdSet
    withdrawn: Mapping[str, object]
    stopped: IdSet


def _prepare(facts: Facts, reading: Reading) -> Prepared:
    promoter = _promoter(facts)
    ledger = statement(
        "promoter_email_opt_ins/ledger.sql",
        literals=events_until_snapshot(facts),
        parameters=(str(promoter.id),),
    )
    gone: dict[str, object] = {}

    def proven() -> Iterator[str]:
        for row in reading.query(ledger, "ledger"):
            act = _act(row["entry_id"], row["consent_key"], row["evidence_id"])
            if row["withdrawn_at"] is None:
                yield act
            else:
                gone[act] = row["withdrawn_at"]

    granted = IdSet(proven())
    stopped = chain(
        stopped_for_others(facts, reading, promoter.key),
        _withdrawn_in_ledger(facts, reading, granted, gone),
    )
    return Prepared(
        since=_since(facts, reading), proven=granted, withdrawn=gone, stopped=IdSet(stopped)
    )


def _withdrawn_in_ledger(
    facts: Facts, reading: Reading, granted: IdSet, gone: Collection[str]
) -> Iterator[str]:
    """Digests of the addresses of entries whose consent the ledger alone holds as withdrawn."""
    for ids in chunks(sorted({act.partition("|")[0] for act in gone})):
        for row in reading.entries_by_ids(facts, ids).values():
            with suppress(Unfit):  # its own row is rejected
                if _act_of(row) not in granted:
                    yield stopped_digest(row)


def _since(facts: Facts, reading: Reading) -> datetime | None:
    """The snapshot of the last export that went where this one goes (DOMAIN.md 7.5, delta).

    One that was only looked at told the promoter nothing, so it is no beginning for a delta.
    """
    if facts.request.options["mode"] == "full":
        return None
    found = (reading.last_success(facts) or {}).get("snapshotAt")
    return found if isinstance(found, datetime) else None


def _act(entry_id: object, key: object, evidence: object) -> str:
    """One act of consent, as the entry and the ledger both name it."""
    return f"{entry_id}|{key}|{evidence}"


def _act_of(row: EntryRow) -> str:
    consent = _consent(row)
    return _act(row.entry["_id"], consent.get("key"), consent.get("evidenceId"))


# -------------------------------------------------------------------------- promoter and agreement


def _named(facts: Facts) -> Promoter | None:
    """The promoter of the request, if the campaign has it."""
    wanted = facts.request.options.get("promoter")
    return next((promoter for promoter in facts.promoters if promoter.key == wanted), None)


def _promoter(facts: Facts) -> Promoter:
    """The promoter of the request.

    Raises:
        ExportFailed: `UNKNOWN_PROMOTER`.
    """
    found = _named(facts)
    if found is None:
        raise ExportFailed("UNKNOWN_PROMOTER", "params/promoter names none of the campaign's")
    return found


def _refuse(facts: Facts) -> None:
    promoter = _promoter(facts)
    agreement = promoter.agreement
    if promoter.status != "active":
        message = "the promoter is suspended: nothing may be shared with it"
    elif agreement is None:
        message = "the promoter has no data sharing agreement: add one to its dataSharing"
    elif not agreement.in_force(facts.snapshot):
        message = "the promoter's data sharing agreement is not in force: renew it first"
    else:
        return
    raise ExportFailed("NO_DATA_SHARING_AGREEMENT", message)


def _is_hashed(facts: Facts) -> bool:
    promoter = _named(facts)
    agreed = None if promoter is None else promoter.agreement
    return bool(facts.request.options["hash_only"] or (agreed is not None and agreed.hash_only))


def _prefix(facts: Facts) -> str:
    promoter = _promoter(facts)
    return promoter.prefix or f"promoters/{promoter.key}/"


# ----------------------------------------------------------------------------------------- columns


def _consent(row: EntryRow) -> Mapping[str, Any]:
    promoter = _named(row.facts)
    return {} if promoter is None else mail_consent(row, promoter) or {}


def _of_consent(name: str) -> Getter:
    return lambda row: _consent(row).get(name)


def _consent_text(row: EntryRow) -> str | None:
    """What the fan agreed to, in the words that were shown."""
    consent, campaign = _consent(row), row.facts.campaign
    promoter = _named(row.facts)
    asked = (c for c in campaign.consents if promoter and names_promoter(c, promoter))
    for text_ in _texts(asked, consent.get("key"), consent.get("textVersion")):
        shown = text_.get(str(consent.get("locale"))) or text_.get(campaign.default_locale)
        if shown:
            return shown
    return None


def _texts(asked: Iterator[Consent], key: object, version: object) -> Iterator[Mapping[str, str]]:
    for consent in asked:
        for text_ in consent.texts:
            if (consent.key, text_.version) == (key, version):
                yield text_.text


def _markets(row: EntryRow) -> list[str]:
    wishes = (market(row, preference.market_id) for preference in preferences(row))
    return [wish.label for wish in wishes if wish is not None]


def _phone(row: EntryRow) -> object:
    """The number of a fan who allowed this promoter to text, and can be texted."""
    promoter = _named(row.facts)
    if promoter is None or not is_granted(text_consent(row, promoter)):
        return None
    return at("contact.phone.e164")(row) if first_failing(TEXTABLE)(row) is None else None


def _made(name: str, form: Format, pii: Pii, source: str, value: Getter) -> Column:
    return Column(name=name, format=form, pii=pii, source=source, value=value)


_EMAIL = field("email", EMAIL, Pii.DIRECT, "contact.email")
_CONSENT = "e.consents[promoter]"
_COLUMNS: Final[tuple[Column, ...]] = (
    _EMAIL,
    field("first_name", text(80), Pii.DIRECT, "contact.firstName"),
    field("last_name", text(80), Pii.DIRECT, "contact.lastName"),
    COUNTRY_COLUMN,
    field("postal_code", text(12), Pii.QUASI_IDENTIFIER, "contact.postalCode"),
    LOCALE_COLUMN,
    Column(
        name="phone",
        format=E164,
        pii=Pii.DIRECT,
        source="e.contact.phone.e164",
        value=_phone,
        description="Only with a consent of its own to texts from the same promoter.",
    ),
    _made("artist", text(200), Pii.NONE, "c.artist.name", of_campaign("artist")),
    _made("campaign", text(200), Pii.NONE, "c.name", of_campaign("name")),
    Column(
        name="markets",
        format=LIST,
        pii=Pii.NONE,
        source="m.name by e.preferences",
        value=_markets,
        description="By rank.",
    ),
    _made("opted_in_at", LOCAL_TIME, Pii.NONE, f"{_CONSENT}.at", _of_consent("at")),
    _made("opted_in_at_utc", UTC_TIME, Pii.NONE, f"{_CONSENT}.at", _of_consent("at")),
    _made(
        "consent_text_version",
        text(80),
        Pii.NONE,
        f"{_CONSENT}.textVersion",
        _of_consent("textVersion"),
    ),
    _made("consent_text", _MULTILINE, Pii.NONE, "c.consents[promoter].textVersions", _consent_text),
    _made("consent_source", ENUM, Pii.NONE, f"{_CONSENT}.source", _of_consent("source")),
    _made(
        "consent_evidence_id",
        ID,
        Pii.PSEUDONYM,
        f"{_CONSENT}.evidenceId",
        _of_consent("evidenceId"),
    ),
)


def _as_hash(column: Column) -> Column:
    """The same address as the hash that others can match."""
    return Column(
        name=f"{column.name}_sha256",
        format=HASH,
        pii=column.pii,
        source=column.source,
        value=column.value,
        description=column.description,
    )


_ADDRESSES: Final = {"email": "email_sha256", "phone": "phone_sha256"}


def columns(facts: Facts) -> tuple[Column, ...]:
    """The columns that the agreement allows, and the answers that promoters may see."""
    asked = (
        question
        for question in in_form_order(facts.campaign)
        if question.promoter_visible
        and question.exportable
        and not question.retired
        and question.pii in _PROMOTERS_MAY_SEE
    )
    every = distinct((*_COLUMNS, *question_columns(facts.campaign, asked)))
    return tuple(_agreed(facts, every))


def _agreed(facts: Facts, every: Iterator[Column]) -> Iterator[Column]:
    """What may be shown; an agreement on an address allows its hash as well."""
    allowed, hashed = _allowed(facts), _is_hashed(facts)
    for column in every:
        digest = _ADDRESSES.get(column.name)
        if allowed(column.name) and not (hashed and digest):
            yield column
        elif digest and (allowed(column.name) or allowed(digest)):
            yield _as_hash(column)


def _allowed(facts: Facts) -> Callable[[str], bool]:
    """Whether the agreement has a field; without a promoter, for listings, it has all."""
    promoter = _named(facts)
    if promoter is None:
        return lambda _: True
    fields = frozenset[str]() if promoter.agreement is None else promoter.agreement.allowed_fields
    return lambda name: name in fields


def _withdrawal_columns(facts: Facts) -> tuple[Column, ...]:
    """By what the promoter knows the fan, and since when it must not write any more."""
    (address,) = list(_agreed(facts, iter([_EMAIL]))) or [_as_hash(_EMAIL)]
    since = Column(
        name="withdrawn_at_utc",
        format=UTC_TIME,
        pii=Pii.NONE,
        source=f"{_CONSENT}.withdrawnAt | A.consent_events.occurred_at | e.withdrawnAt",
        value=_withdrawn_at,
    )
    return address, since


# ------------------------------------------------------------------------------------------- rows


def _withdrawn_at(row: EntryRow) -> object:
    """When the consent ended: by the entry, by the ledger, or with the registration."""
    prepared: Prepared = row.facts.prepared
    ends = (
        _consent(row).get("withdrawnAt"),
        prepared.withdrawn.get(_act_of(row)),
        row.entry.get("withdrawnAt"),
    )
    return min((end for end in ends if end is not None), key=millis, default=None)


def _verdict(facts: Facts) -> Verdict:
    promoter, prepared = _promoter(facts), facts.prepared
    rules: list[Rule] = [
        *LIVE,
        *_withdrawals(facts),
        WITHDRAWN,
        *shareable(facts, promoter),
        ("ledger_withdrawn", lambda row: _act_of(row) not in prepared.withdrawn),
        ("no_ledger_evidence", lambda row: _act_of(row) in prepared.proven),
        not_stopped(prepared.stopped),
        *_granted_between(facts),
    ]
    return first_failing([*rules, *chosen_market(facts)])


def _withdrawals(facts: Facts) -> Iterator[Rule]:
    """In a delta: who was in the last file by all that is known, and must leave it."""
    since, promoter = facts.prepared.since, _promoter(facts)
    if since is None or not facts.request.options["with_withdrawals"]:
        return
    texts = known_texts(facts.campaign, promoter)
    prepared: Prepared = facts.prepared

    def stays(row: EntryRow) -> bool:
        consent = _consent(row)
        granted = NO_INSTANT < millis(consent.get("at")) <= millis(since)
        shared = (
            granted
            and is_granted({**consent, "withdrawnAt": None})
            and (consent.get("key"), consent.get("textVersion")) in texts
            and (_act_of(row) in prepared.proven or _act_of(row) in prepared.withdrawn)
            and is_email(string(row, "contact.email"))
        )
        return not (shared and millis(_withdrawn_at(row)) > millis(since))

    yield WITHDRAWN_SINCE, stays


def _granted_between(facts: Facts) -> Iterator[Rule]:
    """The time of the consent: since the last export, and within the range asked for."""
    options, since = facts.request.options, facts.prepared.since
    if since is not None:
        yield "before_delta", lambda row: millis(_consent(row).get("at")) > millis(since)
    if (first := options.get("from")) is not None:
        yield "from", lambda row: millis(_consent(row).get("at")) >= instant(first)
    if (end := options.get("to")) is not None:
        yield "to", lambda row: millis(_consent(row).get("at")) < instant(end)


def _order(row: EntryRow) -> tuple[Any, ...]:
    """By address; of several entries with one address the latest grant comes first and stays."""
    return address_of(row), -millis(_consent(row).get("at")), str(row.entry["_id"])


PROMOTER_EMAIL_OPT_INS = ExportType(
    name="promoter-email-opt-ins",
    version=1,
    summary="Fans who allowed one promoter to write to them, with the proof of their consent.",
    scope=Scope.CAMPAIGN,
    owner="team:promoter-relations",
    upstream=(
        ("mongo", "entries"),
        ("mongo", "campaigns"),
        ("mongo", "markets"),
        ("mongo", "promoters"),
        ("mongo", "users"),
        ("athena", "fan_events", "consent_events"),
        ("athena", "fan_events", "erasure_ledger"),
    ),
    options=(
        Option(
            name="promoter",
            schema={"type": "string", "pattern": SLUG_PATTERN},
            description="The promoter's key, one of the campaign's.",
            required=True,
        ),
        choice(
            "mode",
            "All consents, or those granted since the last success with the same options.",
            values=("full", "delta"),
            default="full",
        ),
        instant_option("from", "Granted at or after this instant."),
        instant_option("to", "Granted before this instant.", after="from"),
        MARKETS,
        flag(
            "with_withdrawals",
            "Add a file of consents that were withdrawn since the last export, in mode delta.",
            default=True,
        ),
        flag("hash_only", "Addresses as SHA-256 only; some agreements insist on it."),
    ),
    columns=columns,
    static_columns=_COLUMNS,
    sort=("email", "opted_in_at_utc", "consent_evidence_id"),
    rows=EntrySource(
        strands=by_registration,
        order=registration_order,
        population=before_snapshot,
        verdict=_verdict,
        notes=notes,
        arrange=Arrange(key=_order, unique=1, reason="same_email"),
    ),
    retention_days=30,
    other_columns=("(email|phone)_sha256", r"q_[a-z0-9_]{1,80}"),
    deliveries=(Delivery(destination=Destination.PROMOTER, target=_prefix, rechecks_erasure=True),),
    fixed=lambda _: {"pii": "full"},
    prepare=_prepare,
    refuse=_refuse,
    companions=(
        Companion(
            name="withdrawals",
            reasons=frozenset({WITHDRAWN_SINCE}),
            columns=_withdrawal_columns,
            wanted=lambda facts: (
                facts.request.options["mode"] == "delta"
                and facts.request.options["with_withdrawals"]
            ),
        ),
    ),
)

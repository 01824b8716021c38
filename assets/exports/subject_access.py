"""`subject-access`: everything that is held of one person, for a privacy request (DOMAIN.md 7.22).

The main file holds the person's registrations in all campaigns; beside it lie a file for the
profile, one for each thing that is held several times a registration, one for what the event lake
holds, and a guide that says in plain words what every column is.

The person is named by the account, or by the digest of an address (`assets/exports/shared/person`).
Of somebody whom nobody knows there is a proved file without rows: that is the answer. Of somebody
who was erased every row is read, counted as `erased`, and not written.

Left out because it is about somebody else: who referred the fan, of whose entry an entry is a
duplicate, who of the staff did something, and whose code it was that did not work for the fan.
Why the platform distrusts somebody is class R; the scores are there only where `include_scores`
asks for them. Times are UTC, because campaigns have their zones and a person has several
campaigns. Files are always in full: masked data is no answer to the person it is about.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from assets.exports.shared.entry_values import at, mappings, preferences
from assets.exports.shared.lake import events_until_snapshot
from assets.exports.shared.person import Person, person
from assets.exports.shared.statements import statement
from assets.exports.subject_access_columns import (
    ACTIVITY,
    ANSWERS,
    CODES,
    CONSENTS,
    ENTRIES,
    GUIDE,
    MESSAGES,
    ORDERS,
    PREFERENCES,
    PROFILE,
    SCORES,
    SECTIONS,
    Held,
)
from assets.model.campaign import NO_CAMPAIGN, Facts
from assets.model.column import CODES as CODES_SCOPE
from assets.model.column import Column, Unfit
from assets.model.export_type import Companion, ExportType, Scope
from assets.model.failure import ExportFailed
from assets.model.option import Option
from assets.model.policy import Transform, transform
from assets.model.source import Arrange, EntryRow, MadeSource, Reading, Segment, Statement, Verdict

_SQL: Final = "subject_access"
# What an entry holds several times: where, the file that it goes to, and what a row of it is.
_EMBEDDED: Final = (
    ("preferences", PREFERENCES, "preference"),
    ("answers", ANSWERS, "answer"),
    ("consents", CONSENTS, "current"),
    ("messages", MESSAGES, "latest"),
    ("codes", CODES, "registration"),
    ("statusLog", ACTIVITY, "status"),
    ("boost.activities", ACTIVITY, "boost_total"),
)
# The file that a row of the lake goes to, by its kind.
_EVENTS: Final[Mapping[str, str]] = {
    "consent": CONSENTS,
    "email": MESSAGES,
    "sms": MESSAGES,
    "boost": ACTIVITY,
    "registration": ACTIVITY,
    "queue": ACTIVITY,
    "order": ORDERS,
    "redemption": ORDERS,
    "assigned": CODES,
}
# What Athena takes as one parameter: 40 registrations in one campaign, or 14 merged accounts.
_LONGEST: Final = 1_024
_NOBODY: Final = "-"  # a parameter must not be empty
_UUID: Final = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


# --------------------------------------------------------------------------------------- request


def _refuse(facts: Facts) -> None:
    """One person, named in one way.

    Raises:
        ExportFailed: `NO_SUBJECT` or `OPTIONS_CONFLICT`.
    """
    options = facts.request.options
    named = [name for name in ("account_id", "email_sha256") if options[name] is not None]
    if not named:
        message = "name the person: params/account_id, or params/email_sha256 of a guest"
        raise ExportFailed("NO_SUBJECT", message)
    if len(named) > 1:
        message = "params/account_id and params/email_sha256 may be two persons: name one of them"
        raise ExportFailed("OPTIONS_CONFLICT", message)


# --------------------------------------------------------------------------------------- grounds


def _grounds(facts: Facts, reading: Reading) -> Iterator[Facts]:
    """The facts of each campaign, those last that the person is in and nobody knows any more."""
    for campaign in facts.campaigns:
        yield reading.ground(facts, campaign)
    known = {campaign.id for campaign in facts.campaigns}
    for campaign_id in sorted(_person(facts).entries.keys() - known):
        yield replace(facts, campaign=replace(NO_CAMPAIGN, id=campaign_id))


def _person(facts: Facts) -> Person:
    found: Person = facts.prepared
    return found


# ----------------------------------------------------------------------------------- what is held


def _rows(facts: Facts, reading: Reading) -> Iterator[Held]:
    subject = _person(facts)
    for user in subject.accounts:
        yield _profile(facts, user)
    for _ in range(subject.unreadable):
        yield Held(section=ENTRIES, record="", facts=facts, unfit="entry:undecodable")
    if subject.accounts or subject.entries:
        for ground in _grounds(facts, reading):
            yield from _of_campaign(ground, reading)
    yield from _guide(facts)


def _profile(facts: Facts, user: Mapping[str, Any]) -> Held:
    unfit = "user:undecodable" if user.get("undecodable") else None
    return Held(section=PROFILE, record="account", facts=facts, item=user, unfit=unfit)


def _of_campaign(ground: Facts, reading: Reading) -> Iterator[Held]:
    rows = _entries(ground, reading)
    events = list(_events(ground, reading))
    codes = _codes(ground, reading, rows.values(), events)
    for row in rows.values():
        for held in _of_entry(row):
            yield replace(held, code=codes.get(str(held.item.get("codeId"))))
    for place, event in enumerate(events):
        yield Held(
            section=_EVENTS[event["kind"]],
            record=event["kind"],
            facts=ground,
            entry=rows.get(str(event["entry_id"])),
            item=event,
            code=codes.get(str(event["detail"])),
            place=place,
        )


def _entries(ground: Facts, reading: Reading) -> dict[str, EntryRow]:
    ids = _person(ground).entries.get(ground.campaign.id, ())
    return dict(sorted(reading.entries_by_ids(ground, ids).items()))


def _of_entry(row: EntryRow) -> Iterator[Held]:
    """An entry, and what it holds; of one that may be somebody else's, only that it is there."""
    usual = Held(section=ENTRIES, record="registration", facts=row.facts, entry=row)
    yield usual
    if row.entry["_id"] in _person(row.facts).disputed:
        return
    for path, section, record in _EMBEDDED:
        try:
            items = _items(row, path)
        except Unfit as unfit:
            yield replace(usual, section=section, record=record, unfit=f"{path}:{unfit.reason}")
            continue
        for place, item in enumerate(items, start=1):
            yield replace(usual, section=section, record=record, item=item, place=place)
    if _has_score(row):
        yield replace(usual, section=SCORES, record="score")


def _items(row: EntryRow, path: str) -> Sequence[Mapping[str, Any]]:
    """The documents that an entry holds at a path.

    Raises:
        Unfit: Something else stands there.
    """
    if path != "preferences":
        return mappings(at(path)(row))
    return [
        {"rank": one.rank, "marketId": one.market_id, "preference": one} for one in preferences(row)
    ]


def _has_score(row: EntryRow) -> bool:
    wanted = bool(row.facts.request.options["include_scores"])
    return wanted and (row.entry.get("risk") is not None or row.entry["_id"] in row.facts.bands)


# ---------------------------------------------------------------------------------------- events


def _events(ground: Facts, reading: Reading) -> Iterator[Mapping[str, Any]]:
    """What the lake holds of the person in one campaign, each once."""
    asked = _asked(ground, f"{_SQL}/person.sql")
    return reading.query(asked, f"held-{ground.campaign.id}")


def _asked(ground: Facts, template: str) -> Statement:
    """A statement about the person in one campaign."""
    subject = _person(ground)
    ids = [str(one) for one in subject.entries.get(ground.campaign.id, ())]
    parameters = (
        _joined([one for one in ids if one in subject.entry_ids]),
        _joined(subject.user_ids),
        _joined(subject.account_keys),
    )
    return statement(template, literals=events_until_snapshot(ground), parameters=parameters)


def _joined(ids: Sequence[str]) -> str:
    """Several ids as one parameter, which must not be empty.

    Raises:
        ExportFailed: `SUBJECT_TOO_LARGE`: they do not fit, and a part of them is no answer.
    """
    text = ",".join(ids) or _NOBODY
    if len(text) > _LONGEST:
        message = f"more than {_LONGEST} characters of ids: no person has so many registrations"
        raise ExportFailed("SUBJECT_TOO_LARGE", message)
    return text


def _codes(
    ground: Facts,
    reading: Reading,
    rows: Iterable[EntryRow],
    events: Iterable[Mapping[str, Any]],
) -> Mapping[str, Mapping[str, Any]]:
    """The person's own codes, as the service shows them; empty where it does not know one."""
    own = [str(event["detail"]) for event in events if event["kind"] == "assigned"]
    for row in rows:
        if row.entry["_id"] not in _person(ground).disputed:
            own += [str(code.get("codeId")) for code in _safe(row, "codes")]
    if not own:
        return {}
    # Values are asked for only where a mask of them may be shown.
    reveal = CODES_SCOPE in ground.request.policy.grants
    empty: dict[str, Mapping[str, Any]] = {one: {} for one in own}
    return empty | dict(reading.codes_by_ids(dict.fromkeys(own), reveal=reveal))


def _safe(row: EntryRow, path: str) -> Sequence[Mapping[str, Any]]:
    """The same, and nothing where it cannot be understood: it is rejected as a row of its own."""
    try:
        return _items(row, path)
    except Unfit:
        return ()


# ----------------------------------------------------------------------------------------- guide


def _guide(facts: Facts) -> Iterator[Held]:
    """What each column is in plain words, if there is anything to explain."""
    subject = _person(facts)
    if subject.erased or not (subject.accounts or subject.entry_ids):
        return
    place = 0
    for section, columns in SECTIONS.items():
        if section == SCORES and not facts.request.options["include_scores"]:
            continue
        for column in _shown(section, columns, facts):
            place += 1
            item = {"file": section, "column": column.title, "meaning": column.description}
            yield Held(section=GUIDE, record="column", facts=facts, item=item, place=place)


def _shown(section: str, columns: Sequence[Column], facts: Facts) -> Iterator[Column]:
    """The columns that the policy and the request leave in a file."""
    chosen = facts.request.columns if section == ENTRIES else ()
    for column in columns:
        withheld = transform(column, facts.request.policy) is Transform.WITHHELD
        if not withheld and (not chosen or column.name in chosen):
            yield column


# ------------------------------------------------------------------------------------ accounting


def _population(facts: Facts, reading: Reading) -> int:
    """Counted apart: entries read anew, what they hold by length, the lake by the lake."""
    subject = _person(facts)
    total = len({user["_id"] for user in subject.accounts}) + subject.unreadable
    if subject.accounts or subject.entries:
        for ground in _grounds(facts, reading):
            total += _size(ground, reading)
    return total + sum(1 for _ in _guide(facts))


def _size(ground: Facts, reading: Reading) -> int:
    ids = _person(ground).entries.get(ground.campaign.id, ())
    segment = Segment(filter={"_id": {"$in": list(ids)}}, sort=("_id",))
    found = {row.entry["_id"]: row for row in reading.entries(ground, [[segment]])} if ids else {}
    asked = _asked(ground, f"{_SQL}/count_person.sql")
    (counted,) = reading.query(asked, f"count-{ground.campaign.id}")
    return sum(map(_parts, found.values())) + int(next(iter(counted.values())) or 0)


def _parts(row: EntryRow) -> int:
    """How many rows an entry is: itself, each thing that it holds, and its score."""
    if row.entry["_id"] in _person(row.facts).disputed:
        return 1
    lists = (path for path, _, _ in _EMBEDDED)
    return 1 + sum(_length(path, row) for path in lists) + _has_score(row)


def _length(path: str, row: EntryRow) -> int:
    """How many items are there; what is no list of documents is one reject."""
    try:
        return len(_items(row, path))
    except Unfit:
        return 1


def _verdict(facts: Facts) -> Verdict:
    subject = _person(facts)

    def verdict(held: Held) -> str | None:
        entry = held.entry.entry if held.entry is not None else {}
        if subject.erased or entry.get("erasure") is not None or entry.get("status") == "erased":
            return "erased"
        if entry.get("_id") in subject.disputed:
            return "shared_address"
        if held.unfit is not None:
            raise Unfit(held.unfit)
        return None if held.section == ENTRIES else held.section

    return verdict


def _order(held: Held) -> tuple[Any, ...]:
    """By campaign, then time; what has no time of its own stands in the order of its entry."""
    entry_id = "" if held.entry is None else str(held.entry.entry["_id"])
    return held.facts.campaign.key, held.moment, entry_id, held.record, held.place


def _wanted(section: str) -> Callable[[Facts], bool]:
    return lambda facts: section != SCORES or bool(facts.request.options["include_scores"])


def _always(columns: tuple[Column, ...]) -> Callable[[Facts], tuple[Column, ...]]:
    return lambda _: columns


SUBJECT_ACCESS = ExportType(
    name="subject-access",
    version=1,
    summary="Everything that is held of one person, for the person.",
    scope=Scope.PRIVACY_CASE,
    owner="team:privacy",
    upstream=(
        ("mongo", "users"),
        ("mongo", "entries"),
        ("mongo", "campaigns"),
        ("mongo", "markets"),
        ("mongo", "promoters"),
        ("mongo", "scoring"),
        ("http", "codes"),
        ("athena", "fan_events", "consent_events"),
        ("athena", "fan_events", "email_events"),
        ("athena", "fan_events", "sms_events"),
        ("athena", "fan_events", "boost_events"),
        ("athena", "fan_events", "registration_events"),
        ("athena", "fan_events", "queue_visits"),
        ("athena", "fan_events", "ticket_orders"),
        ("athena", "fan_events", "code_redemptions"),
        ("athena", "fan_events", "codes_assigned"),
    ),
    options=(
        Option(
            name="account_id",
            schema={"type": "string", "pattern": _UUID},
            description="The person's account, as a UUID; merged accounts are followed.",
        ),
        Option(
            name="email_sha256",
            schema={"type": "string", "pattern": "^[0-9a-f]{64}$"},
            description=(
                "For guests: lower-hex SHA-256 of the trimmed, lower-cased address that the person "
                "proved to have. The address itself must not stand in a request."
            ),
        ),
        Option(
            name="include_scores",
            schema={"type": "boolean"},
            description="Add what the scoring made of the person.",
            default=False,
            scope="scores:read",
        ),
    ),
    columns=lambda _: SECTIONS[ENTRIES],
    static_columns=SECTIONS[ENTRIES],
    sort=("campaign_key", "registered_at_utc", "entry_id"),
    rows=MadeSource(
        rows=_rows,
        population=_population,
        verdict=_verdict,
        arrange=Arrange(key=_order),
    ),
    retention_days=7,
    fixed=lambda _: {"pii": "full"},
    prepare=person,
    refuse=_refuse,
    companions=tuple(
        Companion(
            name=section,
            reasons=frozenset((section,)),
            columns=_always(columns),
            wanted=_wanted(section),
            static_columns=columns,
        )
        for section, columns in SECTIONS.items()
        if section != ENTRIES
    ),
)

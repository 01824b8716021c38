"""`scoring-input`: what a provider needs to tell fans from bots (DOMAIN.md 7.12, 4.2, 4.3).

Addresses and telephones leave as SHA-256 only, so the policy is fixed: `full`, which shows ids as
they are, for without them no score finds its entry. The internal model takes Parquet by entry. The
second provider takes one gzipped JSONL file by account, in names of its own dialect; it knows no
guests, and of two entries of one account, which a merge can leave, it gets the first.

A feature that cannot be read is empty and counted (`unreadable:<column>`): a fan who is left out of
the input for a broken telephone number would be a fan without a score (DOMAIN.md 11, point 9).

Whoever asks for a provider names its delivery: `scoring` is the usual one, `vf_scoring` goes with
`provider=vf`. The run document and its id are the delivery's business; an export that is asked for
again is another run and overwrites nothing.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from bson.datetime_ms import DatetimeMS

from assets.exports.shared.entry_columns import ACCOUNT_ID, COUNTRY_COLUMN, ENTRY_ID, field
from assets.exports.shared.entry_options import Rule, first_failing
from assets.exports.shared.entry_strands import (
    before_snapshot,
    by_registration,
    registration_order,
)
from assets.exports.shared.entry_values import (
    account_id,
    at,
    email_domain,
    instant,
    millis,
    preferences,
    present,
    string,
)
from assets.exports.shared.entry_values import notes as entry_notes
from assets.exports.shared.readable import Readable
from assets.exports.shared.scored import SCORED
from assets.exports.shared.telephone import is_possible
from assets.model.campaign import Facts
from assets.model.column import (
    COUNTRY,
    HASH,
    INTEGER,
    UTC_TIME,
    Column,
    Format,
    Getter,
    Pii,
    Unfit,
    text,
)
from assets.model.delivery import Delivery, Destination
from assets.model.export_type import ExportType, Scope
from assets.model.failure import ExportFailed
from assets.model.option import Option, choice
from assets.model.option import instant as instant_option
from assets.model.source import Arrange, EntryRow, EntrySource, Reading, Segment, Verdict

_DELIVERY_OF: Final = {"internal": Destination.SCORING, "vf": Destination.VF_SCORING}
# Which bit of `verification_flags` says what; bits are never given a new meaning.
EMAIL_VERIFIED, PHONE_VERIFIED, MOBILE, NOT_A_HANDSET, HAS_ACCOUNT = 1, 2, 4, 8, 16
_NO_HANDSET: Final = ("landline", "voip", "payphone", "pager")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """How many entries of the campaign each group of duplicates holds at the snapshot."""

    group_sizes: Mapping[object, int]


def prepare(facts: Facts, reading: Reading) -> Prepared:
    """Count the groups of duplicates: 1.5 % of the entries are in one (DOMAIN.md 10.3)."""
    grouped = {**before_snapshot(facts), "duplicateGroupId": {"$type": "objectId"}}
    strand = [Segment(filter=grouped, sort=("duplicateGroupId", "_id"))]
    sizes = Counter(row.entry["duplicateGroupId"] for row in reading.entries(facts, [strand]))
    return Prepared(group_sizes=sizes)


# --- features -----------------------------------------------------------------------------------


def _phone(row: EntryRow) -> object:
    """The telephone where it can be one: a hash of something else matches nobody."""
    number = at("contact.phone.e164")(row)
    return number if is_possible(number) else None


def _days_until_snapshot(value: object, row: EntryRow) -> int | None:
    """Whole days from an instant to the snapshot, never fewer than none."""
    if value is None:
        return None
    if not isinstance(value, datetime | DatetimeMS):
        raise Unfit("wrong_type")
    passed = timedelta(milliseconds=millis(row.facts.snapshot) - millis(value))
    return max(passed // timedelta(days=1), 0)


def _account_age(row: EntryRow) -> object:
    created = (row.user or {}).get("createdAt")
    if created is None:
        return at("verification.accountAgeDays")(row)
    return _days_until_snapshot(created, row)


def _history(name: str) -> Getter:
    """A figure of the account's history; guests have none."""

    def get(row: EntryRow) -> object:
        history = (row.user or {}).get("history")
        if history is None:
            return None
        if not isinstance(history, Mapping):
            raise Unfit("wrong_type")
        return history.get(name)

    return get


def _last_order_days(row: EntryRow) -> object:
    return _days_until_snapshot(_history("lastOrderAt")(row), row)


def _postal_prefix(row: EntryRow) -> object:
    return "".join(string(row, "contact.postalCode").split()).upper()[:3] or None


def _boost_points(row: EntryRow) -> object:
    points = at("boost.points")(row)
    return 0 if points is None else points


def _group_size(row: EntryRow) -> int:
    group = row.entry.get("duplicateGroupId")
    if isinstance(group, list | Mapping):
        raise Unfit("wrong_type")
    sizes: Mapping[object, int] = row.facts.prepared.group_sizes
    return sizes.get(group, 1)


_HAS_EMAIL: Final = present("verification.emailAt")
_HAS_PHONE: Final = (present("contact.phone.verifiedAt"), present("verification.phoneAt"))


def verification_flags(row: EntryRow) -> int:
    """What is known of a fan's identity, as a sum of bits."""
    line = at("contact.phone.lineType")(row)
    flags = (
        (EMAIL_VERIFIED, _HAS_EMAIL(row)),
        (PHONE_VERIFIED, any(has(row) for has in _HAS_PHONE)),
        (MOBILE, line == "mobile"),
        (NOT_A_HANDSET, line in _NO_HANDSET),
        (HAS_ACCOUNT, account_id(row) is not None),
    )
    return sum(bit for bit, is_set in flags if is_set)


# --- columns ------------------------------------------------------------------------------------


def _feature(
    name: str, form: Format, pii: Pii, source: str, value: Getter, *, said: str = ""
) -> Column:
    return Column(name=name, format=form, pii=pii, source=source, value=value, description=said)


_QUASI: Final = Pii.QUASI_IDENTIFIER
_FEATURES: tuple[Column, ...] = (
    _feature("email_sha256", HASH, Pii.DIRECT, "e.contact.email", at("contact.email")),
    _feature(
        "phone_sha256",
        HASH,
        Pii.DIRECT,
        "e.contact.phone.e164",
        _phone,
        said="Empty for what is no possible number.",
    ),
    _feature("email_domain", text(253), _QUASI, "e.contact.email", email_domain),
    _feature(
        "account_age_days",
        INTEGER,
        _QUASI,
        "u.createdAt | e.verification.accountAgeDays",
        _account_age,
        said="At the snapshot; what the entry says where the account does not.",
    ),
    _feature(
        "orders_lifetime",
        INTEGER,
        _QUASI,
        "u.history.ordersLifetime",
        _history("ordersLifetime"),
        said="Empty for guests.",
    ),
    _feature(
        "orders_artist",
        INTEGER,
        _QUASI,
        "u.history.ordersArtist",
        _history("ordersArtist"),
        said="Empty for guests.",
    ),
    _feature(
        "last_order_days",
        INTEGER,
        _QUASI,
        "u.history.lastOrderAt",
        _last_order_days,
        said="Days from the last order to the snapshot.",
    ),
    field("ip_country", COUNTRY, _QUASI, "device.ipCountry"),
    COUNTRY_COLUMN,
    _feature(
        "postal_prefix",
        text(3),
        _QUASI,
        "e.contact.postalCode",
        _postal_prefix,
        said="The first three characters.",
    ),
    field("registered_at", UTC_TIME, Pii.NONE, "createdAt"),
    _feature(
        "markets_n",
        INTEGER,
        Pii.NONE,
        "X: number of e.preferences",
        lambda row: len(preferences(row)),
    ),
    _feature(
        "boost_points",
        INTEGER,
        Pii.NONE,
        "e.boost.points",
        _boost_points,
        said="0 where there are none.",
    ),
    _feature(
        "dup_group_size",
        INTEGER,
        Pii.NONE,
        "X: count of e.duplicateGroupId",
        _group_size,
        said="Entries of the campaign in the same group of duplicates; 1 for one of its own.",
    ),
    _feature(
        "verification_flags",
        INTEGER,
        Pii.NONE,
        "X: e.verification.emailAt, e.contact.phone.verifiedAt, e.contact.phone.lineType, e.userId",
        verification_flags,
        said=(
            "A sum: 1 e-mail verified, 2 telephone verified, 4 mobile, 8 no handset (landline,"
            " VoIP, payphone, pager), 16 has an account."
        ),
    ),
)


_READABLE: Final = Readable(_FEATURES)


def features(row: EntryRow) -> Mapping[str, object]:
    """The features of an entry by column, each empty where it cannot be read."""
    return _READABLE.values(row)


def _notes(row: EntryRow) -> list[str]:
    """What is odd about the entry, and which features of it cannot be read."""
    return [*entry_notes(row), *_READABLE.notes(row)]


_COLUMNS: tuple[Column, ...] = (
    ENTRY_ID,
    ACCOUNT_ID,
    *_READABLE.shown(features).values(),
)


def columns(facts: Facts) -> tuple[Column, ...]:
    """The columns; the second provider reads JSON in camel case, as it writes (DOMAIN.md 4.3)."""
    if facts.request.options["provider"] == "internal":
        return _COLUMNS
    return tuple(replace(column, header=_camel(column.name)) for column in _COLUMNS)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


# --- rows ---------------------------------------------------------------------------------------


def _verdict(facts: Facts) -> Verdict:
    return first_failing([*SCORED, *_incremental(facts), *_known(facts)])


def _incremental(facts: Facts) -> list[Rule]:
    since = facts.request.options.get("incremental_since")
    if since is None:
        return []
    least = instant(since)
    # An entry whose last change cannot be read may have changed, so it is sent.
    changed: Callable[[Any], bool] = lambda value: not 0 <= millis(value) < least  # noqa: E731
    return [("unchanged", lambda row: changed(row.entry.get("updatedAt")))]


def _known(facts: Facts) -> list[Rule]:
    if facts.request.options["provider"] == "internal":
        return []
    return [("guest", lambda row: account_id(row) is not None)]


def _order(row: EntryRow) -> tuple[str, ...]:
    entry_id = str(row.entry["_id"])
    if row.facts.request.options["provider"] == "internal":
        return (entry_id,)
    return (str(account_id(row)).lower(), entry_id)


def _fixed(options: Mapping[str, Any]) -> Mapping[str, str]:
    if options["provider"] == "internal":
        return {"format": "parquet", "compression": "none", "pii": "full"}
    return {"format": "jsonl", "compression": "gzip", "pii": "full"}


def refuse(facts: Facts) -> None:
    """Each provider has a bucket of its own.

    Raises:
        ExportFailed: `OPTIONS_CONFLICT`: the delivery named is the other provider's.
    """
    provider = facts.request.options["provider"]
    wrong = set(facts.request.deliver) - {str(_DELIVERY_OF[provider])}
    if wrong:
        message = f"provider={provider} goes with deliver={_DELIVERY_OF[provider]}, or with none"
        raise ExportFailed("OPTIONS_CONFLICT", message)


def _scored_by(provider: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda options: options["provider"] == provider


def _target(provider: str) -> Callable[[Facts], str]:
    return lambda facts: f"{provider}/{facts.campaign.key}"


SCORING_INPUT = ExportType(
    name="scoring-input",
    version=1,
    summary="What a scoring provider needs, one row an entry; addresses as hashes only.",
    scope=Scope.CAMPAIGN,
    owner="team:data-science",
    upstream=(
        ("mongo", "entries"),
        ("mongo", "campaigns"),
        ("mongo", "markets"),
        ("mongo", "users"),
    ),
    options=(
        choice(
            "provider",
            "Who scores; vf takes accounts, so guests go to internal only.",
            values=("internal", "vf"),
            default="internal",
        ),
        instant_option("incremental_since", "Only entries changed at or after this instant."),
        Option(
            name="model_version",
            schema={"type": "string", "pattern": r"^[a-z0-9][a-z0-9._-]{0,39}$"},
            description="The model that is asked for, as the run document notes it.",
        ),
    ),
    columns=columns,
    static_columns=_COLUMNS,
    sort=("entry_id",),
    rows=EntrySource(
        strands=by_registration,
        order=registration_order,
        population=before_snapshot,
        verdict=_verdict,
        notes=_notes,
        arrange=Arrange(key=_order, unique=1, reason="same_account"),
    ),
    retention_days=30,
    deliveries=(
        *(
            Delivery(destination=of, target=_target(provider), by_default=_scored_by(provider))
            for provider, of in _DELIVERY_OF.items()
        ),
    ),
    fixed=_fixed,
    prepare=prepare,
    refuse=refuse,
)

"""Every table of the lake, declared once: Hive columns, partition keys, where the files are.

The Athena endpoint reads by this declaration and the seed writes by it (DOMAIN.md 3). A table that
is not here does not exist. How a query is run does not belong here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

BUCKET = "lake"

_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")
_ARRAY = re.compile(r"array<(.+)>")
_ARROW: Mapping[str, pa.DataType] = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    # Hive's timestamp has no zone and, in Athena, three digits of a second: UTC by convention.
    "timestamp": pa.timestamp("ms"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HiveColumn:
    """A column.

    Attributes:
        name: Lower snake case.
        type: Hive's name of the type, such as `decimal(12,2)` or `array<string>`.
    """

    name: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of Parquet files in the bucket `lake`.

    Attributes:
        database: Glue database.
        name: Table name.
        columns: The columns inside the files.
        partition_keys: The columns in the path. `campaign_id` as a key is *injected*: a query must
            name one value of it; `dt` is projected.
    """

    database: str
    name: str
    columns: tuple[HiveColumn, ...]
    partition_keys: tuple[HiveColumn, ...]

    @property
    def is_injected(self) -> bool:
        """Whether a query must name the campaign."""
        return any(key.name == "campaign_id" for key in self.partition_keys)

    @property
    def prefix(self) -> str:
        """The key prefix below which all files of the table are."""
        return f"{self.database}/{self.name}/"


def arrow_schema(table: Table) -> pa.Schema:
    """The schema of the table's Parquet files; the partition keys are in the path, not in it."""
    return pa.schema([(column.name, arrow_type(column.type)) for column in table.columns])


def arrow_type(hive: str) -> pa.DataType:
    """The Arrow type that is written to Parquet for a Hive type.

    Raises:
        KeyError: The type is not one that the tables use.
    """
    if found := _DECIMAL.fullmatch(hive):
        return pa.decimal128(int(found[1]), int(found[2]))
    if found := _ARRAY.fullmatch(hive):
        return pa.list_(arrow_type(found[1]))
    return _ARROW[hive]


def partition_prefix(table: Table, *, dt: date, campaign_id: str | None = None) -> str:
    """The key prefix of one partition, such as `fan_events/sms_events/campaign_id=…/dt=…/`.

    Raises:
        ValueError: The table is by campaign and none is given, or the reverse.
    """
    if table.is_injected != (campaign_id is not None):
        raise ValueError(f"campaign_id does not fit the partition keys of {table.name}")
    campaign = f"campaign_id={campaign_id}/" if campaign_id is not None else ""
    return f"{table.prefix}{campaign}dt={dt.isoformat()}/"


def find(database: str, name: str) -> Table | None:
    """The table of that name, in any case of letters; None when there is none."""
    wanted = (database.lower(), name.lower())
    return next((table for table in TABLES if (table.database, table.name) == wanted), None)


def _columns(text: str) -> tuple[HiveColumn, ...]:
    """Columns from `name type, name type`; a comma inside brackets belongs to the type."""
    parts = (part.split(maxsplit=1) for part in re.split(r",\s*(?![^(<]*[)>])", text.strip()))
    return tuple(HiveColumn(name=name, type=kind.strip()) for name, kind in parts)


_BY_CAMPAIGN_AND_DAY = _columns("campaign_id string, dt date")
_BY_DAY = _columns("dt date")


def _fact(name: str, columns: str) -> Table:
    return Table(
        database="fan_events",
        name=name,
        columns=_columns(columns),
        partition_keys=_BY_CAMPAIGN_AND_DAY,
    )


def _daily(name: str, columns: str) -> Table:
    return Table(
        database="fan_events", name=name, columns=_columns(columns), partition_keys=_BY_DAY
    )


def _score(name: str, columns: str) -> Table:
    return Table(
        database="fan_scoring",
        name=name,
        columns=_columns(columns),
        partition_keys=_BY_CAMPAIGN_AND_DAY,
    )


TABLES: tuple[Table, ...] = (
    _fact(
        "codes_assigned",
        "event_id string, code_id string, entry_id string, user_id string, market_key string,"
        "host_event_id string, code_config_key string, wave int, seq int, state string,"
        "channel string, assigned_at timestamp, valid_from timestamp, valid_until timestamp",
    ),
    _fact(
        "code_redemptions",
        "redemption_id string, code_id string, account_id string, host_event_id string,"
        "redeemed_at timestamp, result string, order_id string, tickets int",
    ),
    _fact(
        "ticket_orders",
        "order_id string, account_id string, host_event_id string, market_key string,"
        "ordered_at timestamp, tickets int, gross_amount decimal(12,2), currency string,"
        "used_code boolean, status string, resale_listed boolean",
    ),
    _fact(
        "queue_visits",
        "visit_id string, account_id string, market_key string, joined_at timestamp,"
        "admitted_at timestamp, outcome string",
    ),
    _fact(
        "registration_events",
        "event_id string, session_id string, entry_id string, step string,"
        "market_keys array<string>, occurred_at timestamp, country string, device_class string,"
        "referrer string",
    ),
    _fact(
        "email_events",
        "event_id string, subscriber_key string, entry_id string, message_kind string,"
        "job_id string, event_type string, occurred_at timestamp, bounce_class string,"
        "url_label string",
    ),
    _fact(
        "sms_events",
        "event_id string, entry_id string, message_kind string, event_type string,"
        "occurred_at timestamp, carrier string, error_code string",
    ),
    _fact(
        "consent_events",
        "evidence_id string, entry_id string, user_id string, consent_key string,"
        "promoter_id string, action string, text_version string, locale string,"
        "occurred_at timestamp, source string, ip_country string",
    ),
    _fact(
        "boost_events",
        "event_id string, entry_id string, boost_key string, points int, occurred_at timestamp,"
        "accepted boolean, reject_reason string",
    ),
    _daily(
        "erasure_ledger",
        "user_id string, email_sha256 string, requested_at timestamp, completed_at timestamp,"
        "scope string",
    ),
    _daily(
        "campaign_daily",
        "campaign_id string, entries int, verified int, rejected int, selected int,"
        "waitlisted int, codes_issued int, codes_redeemed int, tickets int, opt_ins int,"
        "unsubscribes int",
    ),
    _score(
        "entry_scores",
        "run_id string, entry_id string, score double, band string, model_version string,"
        "reasons array<string>, scored_at timestamp",
    ),
    _score(
        "vf_scores",
        "run_id string, account_id string, vf_score double, vf_tier string, is_person_prob double,"
        "attend_prob double, resale_prob double, device_cluster string, reasons array<string>,"
        "scored_at timestamp",
    ),
)
DATABASES = tuple(sorted({table.database for table in TABLES}))

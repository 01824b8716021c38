"""The lake tables that the packs fill, column by column in Hive's types (DOMAIN.md 3)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pyarrow as pa

HIVE_TYPES: Final[Mapping[str, Mapping[str, str]]] = {
    "codes_assigned": {
        "event_id": "string",
        "code_id": "string",
        "entry_id": "string",
        "user_id": "string",
        "market_key": "string",
        "host_event_id": "string",
        "code_config_key": "string",
        "wave": "int",
        "seq": "int",
        "state": "string",
        "channel": "string",
        "assigned_at": "timestamp",
        "valid_from": "timestamp",
        "valid_until": "timestamp",
    },
    "code_redemptions": {
        "redemption_id": "string",
        "code_id": "string",
        "account_id": "string",
        "host_event_id": "string",
        "redeemed_at": "timestamp",
        "result": "string",
        "order_id": "string",
        "tickets": "int",
    },
    "ticket_orders": {
        "order_id": "string",
        "account_id": "string",
        "host_event_id": "string",
        "market_key": "string",
        "ordered_at": "timestamp",
        "tickets": "int",
        "gross_amount": "decimal(12,2)",
        "currency": "string",
        "used_code": "boolean",
        "status": "string",
        "resale_listed": "boolean",
    },
}


def arrow_schema(table: str) -> "pa.Schema":
    """The Parquet schema of a table, without its partition keys (they live in the path).

    Instants are naive milliseconds in UTC: what Athena's `timestamp` is.
    """
    import pyarrow as pa  # noqa: PLC0415 - 0.3 s, and only the loader needs it

    types = {
        "string": pa.string(),
        "int": pa.int32(),
        "timestamp": pa.timestamp("ms"),
        "boolean": pa.bool_(),
        "decimal(12,2)": pa.decimal128(12, 2),
    }
    return pa.schema([(name, types[hive]) for name, hive in HIVE_TYPES[table].items()])

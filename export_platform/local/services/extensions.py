"""The data extensions that the exports need, as an administrator would have made them.

The fields follow from the declared columns; what no declaration says is the key of each table, by
which a row that is sent twice stays one row (DOMAIN.md 7.4, 7.9 and 8.2).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import requests

from assets.exports.catalog import CATALOG
from assets.model.column import Column, FormatKind

_SECONDS: Final = 10

# Export to external key and the columns of the primary key.
KEYS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "reminder-email": ("ReminderAudience", ("SubscriberKey", "CampaignKey", "ReminderKind")),
    "waitlist": ("WaitlistAudience", ("entry_id",)),
    "code-sms": ("CodeSmsAudience", ("_ContactKey", "CampaignKey", "MarketKey")),
    "non-purchasers": ("SecondChance", ("SubscriberKey", "CampaignKey", "MarketKey")),
    "suppression": ("Suppression", ("LedgerId",)),
}

_TYPES: Final[Mapping[FormatKind, str]] = {
    FormatKind.EMAIL: "EmailAddress",
    FormatKind.LOCALE: "Locale",
    FormatKind.COUNTRY: "Locale",
    FormatKind.E164: "Phone",
    FormatKind.MSISDN: "Phone",
    FormatKind.INTEGER: "Number",
    FormatKind.UTC_TIME: "Date",
    FormatKind.DATE: "Date",
    FormatKind.YES_NO: "Boolean",
    FormatKind.TRUE_FALSE: "Boolean",
}
# The longest that a text field can be (DOMAIN.md 8.1); columns that state no length get this.
_LONGEST: Final = 4_000


def data_extensions() -> Iterator[dict[str, Any]]:
    """Each data extension, as the stand-in takes it."""
    for name, (key, primary) in KEYS.items():
        columns = CATALOG[name].static_columns
        fields = [_field(column, primary) for column in columns]
        sendable = any(field["type"] == "EmailAddress" for field in fields)
        yield {"key": key, "isSendable": sendable, "fields": fields}


def put_data_extensions(rest_url: str) -> int:
    """Make them in the stand-in; those that are there already are emptied.

    Returns:
        How many there are.

    Raises:
        requests.RequestException: The stand-in did not do it.
    """
    made = list(data_extensions())
    with requests.Session() as session:
        session.trust_env = False
        for one in made:
            answer = session.put(f"{rest_url}/-/dataextensions", json=one, timeout=_SECONDS)
            answer.raise_for_status()
    return len(made)


def _field(column: Column, primary: tuple[str, ...]) -> dict[str, Any]:
    kind = _TYPES.get(column.format.kind, "Text")
    is_key = column.title in primary
    length = column.format.length or (254 if kind == "EmailAddress" else _LONGEST)
    return {
        "name": column.title,
        "type": kind,
        "length": length if kind in ("Text", "EmailAddress") else None,
        "isPrimaryKey": is_key,
        "isNullable": not is_key,
    }

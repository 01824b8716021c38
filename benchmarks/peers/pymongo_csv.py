"""PyMongo and csv.writer, as people write it.

    python benchmarks/peers/pymongo_csv.py FILE

`MONGODB_URI` names the database. The last line is JSON: rows, bytes, seconds, cpu_seconds, peak_mb.
"""

import csv
import json
import os
import re
import sys
import time
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pymongo import ASCENDING, MongoClient

HEADER = [
    *("entry_id", "status", "registered_at", "registered_at_utc", "updated_at_utc"),
    *("email", "first_name", "last_name", "phone", "phone_verified"),
    *("country", "city", "postal_code", "locale"),
    *("pref_1_market", "pref_1_quantity", "pref_2_market"),
    *("opt_in_artist_email", "q_fan_since", "q_favourite_song"),
]

Document = Mapping[str, Any]


def text(value: str | None) -> str:
    """Clean text that a spreadsheet does not run."""
    if not value:
        return ""
    clean = unicodedata.normalize("NFC", value).strip()
    return "'" + clean if clean.startswith(("=", "+", "-", "@", "\t", "\r")) else clean


def address(value: str | None) -> str:
    """An e-mail address with its domain in lower case."""
    local, at, domain = text(value).rpartition("@")
    return local + at + domain.lower()


def local_time(value: datetime | None, zone: ZoneInfo) -> str:
    """What a clock shows there."""
    return "" if value is None else value.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def utc_time(value: datetime | None) -> str:
    """RFC 3339."""
    return "" if value is None else value.strftime("%Y-%m-%dT%H:%M:%SZ")


def language(value: str | None, campaign: Document) -> str:
    """The fan's locale, or the usual one."""
    found = (value or "").replace("_", "-")
    return found if found in campaign["locales"] else campaign["defaultLocale"]


def answer(entry: Document, key: str) -> object:
    """The answer to a question."""
    for given in entry.get("answers") or []:
        if given["key"] == key:
            return given["value"]
    return ""


def yes_no(value: object) -> str:
    """A letter."""
    return "Y" if value else "N"


def granted(entry: Document, key: str) -> bool:
    """Whether a consent is given and not withdrawn."""
    return any(
        consent["key"] == key and consent["granted"] and not consent.get("withdrawnAt")
        for consent in entry.get("consents") or []
    )


def label(market: Document) -> str:
    """The name of a market."""
    return market["name"] + (" (cancelled)" if market["status"] == "cancelled" else "")


def row(entry: Document, campaign: Document, markets: Mapping[object, str], zone: ZoneInfo) -> Any:
    """One entry."""
    contact = entry["contact"]
    phone = contact.get("phone") or {}
    wishes = sorted(entry.get("preferences") or [], key=lambda wish: wish["rank"])
    first = wishes[0] if wishes else {}
    second = wishes[1] if len(wishes) > 1 else {}
    return [
        str(entry["_id"]),
        text(entry["status"]),
        local_time(entry["createdAt"], zone),
        utc_time(entry["createdAt"]),
        utc_time(entry["updatedAt"]),
        address(contact.get("email")),
        text(contact.get("firstName")),
        text(contact.get("lastName")),
        phone.get("e164") or "",
        yes_no(phone.get("verifiedAt")),
        (contact.get("countryCode") or "").upper(),
        text(contact.get("city")),
        text(contact.get("postalCode")),
        language(entry.get("locale"), campaign),
        text(markets.get(first.get("marketId"))),
        first.get("ticketQuantity", ""),
        text(markets.get(second.get("marketId"))),
        yes_no(granted(entry, "artist_email")),
        answer(entry, "fan_since"),
        text(str(answer(entry, "favourite-song"))),
    ]


def main(path: str) -> None:
    """Export, and say what it took."""
    began, cpu_began, rows = time.perf_counter(), time.process_time(), 0
    client: MongoClient[dict[str, Any]] = MongoClient(
        os.environ["MONGODB_URI"], tz_aware=True, tzinfo=UTC
    )
    database = client["fanreg"]
    campaign = database.campaigns.find_one({"key": "small-2026"}) or {}
    zone = ZoneInfo(campaign["timeZone"])
    found = database.markets.find({"campaignId": campaign["_id"]})
    markets = {market["_id"]: label(market) for market in found}
    entries: Iterable[Document] = database.entries.find({"campaignId": campaign["_id"]}).sort(
        [("createdAt", ASCENDING), ("_id", ASCENDING)]
    )
    with Path(path).open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(HEADER)
        for entry in entries:
            writer.writerow(row(entry, campaign, markets, zone))
            rows += 1
    client.close()
    used = {
        "rows": rows,
        "bytes": Path(path).stat().st_size,
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu_began,
        "peak_mb": peak_mb(),
    }
    print(json.dumps(used))


def peak_mb() -> float:
    """Peak resident memory of this program."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.findall(r"VmHWM:\s+([0-9]+) kB", status)[0]) / 1024


if __name__ == "__main__":
    main(sys.argv[1])

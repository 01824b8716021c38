"""Codes on disk: SQLite, searched in the order of market, wave and id."""

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS codes (
    campaign TEXT NOT NULL, market TEXT NOT NULL, wave INTEGER NOT NULL, id TEXT NOT NULL,
    config TEXT NOT NULL, state TEXT NOT NULL, assigned REAL, item TEXT NOT NULL,
    PRIMARY KEY (campaign, market, wave, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS ids ON codes (campaign, id);
CREATE INDEX IF NOT EXISTS by_id ON codes (id);
"""
_PUT = "INSERT OR REPLACE INTO codes VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_NO_WAVE = -1  # a code that is available belongs to no wave yet

Position = tuple[str, int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which codes of a campaign; an empty or absent filter lets all pass."""

    campaign: str
    states: tuple[str, ...] = ()
    markets: tuple[str, ...] = ()
    wave: int | None = None
    assigned_after: datetime | None = None

    def where(self) -> tuple[str, list[Any]]:
        """The condition in SQL, and its values."""
        parts, values = ["campaign = ?"], [self.campaign]
        bound: list[Any] = list(values)
        for column, allowed in (("state", self.states), ("market", self.markets)):
            if allowed:
                parts.append(f"{column} IN ({', '.join('?' * len(allowed))})")
                bound.extend(allowed)
        if self.wave is not None:
            parts.append("wave = ?")
            bound.append(self.wave)
        if self.assigned_after is not None:
            parts.append("assigned > ?")
            bound.append(self.assigned_after.timestamp())
        return " AND ".join(parts), bound


class Shelf:
    """The codes of all campaigns.

    Args:
        directory: Folder of the database; made when missing.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        # One connection for all threads: SQLite has one writer anyway, and pages are read at once.
        self._connection = sqlite3.connect(directory / "codes.db", check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        # A kill of the process loses nothing so; only a power cut may.
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_SCHEMA)
        self._lock = threading.Lock()

    def put(self, campaign: str, items: Iterable[Mapping[str, Any]]) -> int:
        """Store codes; one with the same id is replaced. Returns how many were given."""
        rows = [_row(campaign, item) for item in items]
        with self._lock, self._connection:
            self._connection.executemany(_PUT, rows)
        return len(rows)

    def clear(self, campaign: str) -> int:
        """Forget the codes of a campaign; returns how many there were."""
        with self._lock, self._connection:
            done = self._connection.execute("DELETE FROM codes WHERE campaign = ?", [campaign])
            return done.rowcount

    def page(self, filters: Filters, after: Position | None, limit: int) -> list[dict[str, Any]]:
        """The next codes of a search after a position."""
        condition, values = filters.where()
        if after is not None:
            condition, values = f"{condition} AND (market, wave, id) > (?, ?, ?)", [*values, *after]
        found = self._query(
            f"SELECT item FROM codes WHERE {condition} ORDER BY market, wave, id LIMIT ?",  # noqa: S608 - values are bound
            [*values, limit],
        )
        return [json.loads(item) for (item,) in found]

    def count(self, filters: Filters) -> int:
        """How many codes a search has."""
        condition, values = filters.where()
        found = self._query(f"SELECT count(*) FROM codes WHERE {condition}", values)  # noqa: S608 - values are bound
        return int(found[0][0])

    def by_ids(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """The codes with these ids that there are, in no order."""
        marks = ", ".join("?" * len(ids))
        found = self._query(f"SELECT item FROM codes WHERE id IN ({marks})", list(ids))  # noqa: S608 - values are bound
        return [json.loads(item) for (item,) in found]

    def pools(self, campaign: str) -> list[dict[str, Any]]:
        """The pools of a campaign: all codes, those that were given out, those that were not."""
        found = self._query(
            "SELECT config, state, count(*) FROM codes WHERE campaign = ? GROUP BY config, state",
            [campaign],
        )
        sizes: Counter[str] = Counter()
        free: Counter[str] = Counter()
        for config, state, number in found:
            sizes[config] += number
            free[config] += number if state == "available" else 0
        return [
            {
                "key": config,
                "codeType": "unique",
                "poolSize": size,
                "assigned": size - free[config],
                "available": free[config],
            }
            for config, size in sorted(sizes.items())
        ]

    def _query(self, sql: str, values: Sequence[Any]) -> list[Any]:
        with self._lock, closing(self._connection.execute(sql, values)) as cursor:
            return cursor.fetchall()


def position_of(item: Mapping[str, Any]) -> Position:
    """Where a code stands in the order of a search."""
    wave = item.get("wave")
    return str(item["marketKey"]), _NO_WAVE if wave is None else int(wave), str(item["codeId"])


def instant(text: str) -> datetime:
    """The instant that an ISO 8601 text names; without a zone it is UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _row(campaign: str, item: Mapping[str, Any]) -> tuple[Any, ...]:
    market, wave, code_id = position_of(item)
    assigned = item.get("assignedAt")
    return (
        campaign,
        market,
        wave,
        code_id,
        str(item["configKey"]),
        str(item["state"]),
        instant(str(assigned)).timestamp() if assigned else None,
        json.dumps(dict(item)),
    )

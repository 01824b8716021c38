"""The entries service in memory."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from resources.entries_service import (
    FIELDS,
    MARKET_KEY,
    OBJECT_ID,
    STATUS,
    BatchOfEntries,
    EntriesService,
    EntryCount,
)
from tests.fakes.asked import Asked

LONG_AGO = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEntry:
    """What the fake knows of an entry."""

    id: str
    campaign_id: str
    status: str = "verified"
    market_key: str | None = None
    created_at: datetime = LONG_AGO
    erased_at: datetime | None = None
    updated_at: datetime = LONG_AGO


class FakeEntriesService(EntriesService):
    """Entries of any number of campaigns.

    Attributes:
        asked: What it was asked.
        entries: Id to entry; change it to let a fan be erased meanwhile.
        messaged: (export, entry) of every message that was noted.
    """

    def __init__(self, entries: Iterable[KnownEntry] = ()) -> None:
        """Start with these entries."""
        super().__init__(base_url="http://127.0.0.1:1", token="fake")
        self.asked = Asked()
        self.entries = {entry.id: entry for entry in entries}
        self.messaged: set[tuple[str, str]] = set()

    def counts(
        self,
        campaign_id: str,
        as_of: datetime,
        group_by: Sequence[str] = (STATUS, MARKET_KEY),
    ) -> list[EntryCount]:
        """Count by group."""
        self.asked.note("counts", campaign_id, as_of, tuple(group_by))
        if not OBJECT_ID.fullmatch(campaign_id):
            raise ValueError("an id is 24 hex digits")
        counted: Counter[tuple[str | None, ...]] = Counter()
        for entry in self.entries.values():
            if entry.campaign_id == campaign_id and entry.created_at <= as_of:
                known = {STATUS: entry.status, MARKET_KEY: entry.market_key}
                counted[tuple(known[name] for name in group_by)] += 1
        return [
            EntryCount(group=dict(zip(group_by, values, strict=True)), count=number)
            for values, number in counted.items()
        ]

    def batch_get(self, entry_ids: Iterable[str], fields: Sequence[str] = FIELDS) -> BatchOfEntries:
        """Return the present state of entries."""
        wanted = list(dict.fromkeys(entry_ids))
        self.asked.note("batch_get", tuple(wanted), tuple(fields))
        return BatchOfEntries(
            items={one: _shown(self.entries[one], fields) for one in wanted if one in self.entries},
            missing=tuple(one for one in wanted if one not in self.entries),
        )

    def erased_since(self, campaign_id: str, since: datetime) -> frozenset[str]:
        """Return who was erased."""
        self.asked.note("erased_since", campaign_id, since)
        return frozenset(
            entry.id
            for entry in self.entries.values()
            if entry.campaign_id == campaign_id
            and entry.erased_at is not None
            and entry.erased_at >= since
        )

    def mark_messaged(
        self, campaign_id: str, kind: str, export_id: str, entry_ids: Iterable[str]
    ) -> int:
        """Note a message on the entries that are known."""
        wanted = list(dict.fromkeys(entry_ids))
        self.asked.note("mark_messaged", campaign_id, kind, export_id, tuple(wanted))
        known = [
            one
            for one in wanted
            if one in self.entries and self.entries[one].campaign_id == campaign_id
        ]
        self.messaged |= {(export_id, one) for one in known}
        return len(known)

    def close(self) -> None:
        """Be closed."""
        self.asked.note("close")


def _shown(entry: KnownEntry, fields: Sequence[str]) -> Mapping[str, Any]:
    updated = entry.updated_at.astimezone(UTC).isoformat(timespec="milliseconds")
    known = {
        "status": entry.status,
        "erased": entry.erased_at is not None,
        "withdrawnAt": None,
        "updatedAt": updated.replace("+00:00", "Z"),
    }
    return {name: known[name] for name in fields}

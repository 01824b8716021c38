"""The plant ledger: how many of each anomaly were planted, and which (DOMAIN.md 10.1)."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

FIRST_IDS: Final = 50
"""Ids kept per class: enough to look at, small enough to print."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """One class of anomaly: exact count and the lowest ids, sorted."""

    count: int
    ids: tuple[str, ...]


@dataclass(slots=True)
class Ledger:
    """Counts what is planted while a pack is generated.

    Keeps the lowest ids, not the ones that came first, so that the chunk size cannot matter.
    """

    _counts: dict[str, int] = field(default_factory=dict)
    _ids: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, document_id: object) -> None:
        """Record one document (or row) of a class."""
        self.extend(name, (document_id,))

    def extend(self, name: str, document_ids: Iterable[object]) -> None:
        """Record documents of a class."""
        listed = [str(each) for each in document_ids]
        if not listed:
            return
        known = self._ids.get(name, [])
        if len(known) < FIRST_IDS or min(listed) < known[-1]:
            self._ids[name] = sorted([*known, *listed])[:FIRST_IDS]
        self._counts[name] = self._counts.get(name, 0) + len(listed)

    def __getitem__(self, name: str) -> Plant:
        """The plant of a class; a class that was never planted counts 0."""
        return Plant(count=self._counts.get(name, 0), ids=tuple(self._ids.get(name, ())))

    def names(self) -> tuple[str, ...]:
        """The planted classes, sorted."""
        return tuple(sorted(self._counts))

    def counts(self) -> dict[str, int]:
        """Class to count, sorted by class."""
        return {name: self._counts[name] for name in self.names()}

    def to_json(self) -> str:
        """The text of `plants.json`: the same bytes for the same pack."""
        table = {n: {"count": self._counts[n], "ids": self._ids[n]} for n in self.names()}
        return json.dumps(table, indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Ledger":
        """The ledger written by `to_json`."""
        table = json.loads(text)
        return cls(
            {name: plant["count"] for name, plant in table.items()},
            {name: list(plant["ids"]) for name, plant in table.items()},
        )

"""Looks at exports that come at the same time, as one query."""

from collections.abc import Mapping, Sequence
from typing import Any

from api_bridge.waiting.together import Together
from resources.mongo.exports import ExportStore, Match

Document = Mapping[str, Any]

# What a server answers at once; for more it would be asked again.
MOST = 101
# A look waits 2.5 ms as a rule when there are many, and 1,500 a second are 200 queries.
APART_SECONDS = 0.005


class Looks:
    """Reads exports by their ids; all of it runs on one event loop.

    Args:
        store: Where the exports are.
    """

    def __init__(self, store: ExportStore) -> None:
        self._store = store
        self._together = Together(self._read, most=MOST, apart=APART_SECONDS)

    async def at(self, export_id: str) -> Document | None:
        """Return the export as it is now, or None; each is read after it was asked for.

        Raises:
            Unavailable: The database was not reached, or not while others waited before this one:
                nobody waits longer than one query may take.
        """
        return await self._together.of(export_id)

    def _read(self, ids: Sequence[str]) -> list[Document | None]:
        these = tuple(dict.fromkeys(ids))
        match = Match(statuses=None, equal={"_id": these})
        found = {one["_id"]: one for one in self._store.candidates(match, limit=len(these))}
        return [found.get(one) for one in ids]

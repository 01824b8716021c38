"""How many rows an export reads, as far as that is known without reading them.

What an index can count is counted, as the bridge's estimate does (API.md 1). Where nothing can be
counted, or not soon enough, the last export of the same kind and partition says what it read; where
there is none either, nobody knows.
"""

from datetime import datetime

from assets.loading import load
from assets.model.campaign import Facts
from assets.model.export_type import ExportType
from assets.model.failure import ExportFailed
from assets.model.lanes import LARGE_ROWS
from assets.model.lifecycle import PUBLISHED
from assets.model.request import ExportRequest
from assets.model.source import EntrySource
from resources.errors import Unavailable
from resources.mongo.entries import EntryStore
from resources.mongo.stores import MongoStores

# The other exports wait meanwhile; 50,000 keys of an index are counted in 20 ms.
COUNT_SECONDS = 0.25
MANY = LARGE_ROWS + 1


def population(
    export_type: ExportType,
    facts: Facts,
    entries: EntryStore,
    *,
    seconds: float,
    most: int | None = None,
) -> int | None:
    """How many rows there are to read, where the database can count them; None elsewhere.

    Args:
        export_type: The kind.
        facts: The ground of the export.
        entries: The entries.
        seconds: How long the count may take.
        most: Count no further than this.

    Raises:
        Unavailable: It took longer, or the database went away.
    """
    source = export_type.rows
    if not isinstance(source, EntrySource):
        return None
    return entries.count(source.population(facts), seconds=seconds, most=most)


def rows_to_read(
    export_type: ExportType, request: ExportRequest, now: datetime, stores: MongoStores
) -> int | None:
    """How many rows an export reads, `MANY` for more than a small one; None if nobody knows.

    Raises:
        DoorError: The database failed.
    """
    try:
        facts = load(export_type, request, now, stores)
    except ExportFailed:
        return None  # its run says so, and reads nothing
    unheard_of = None
    try:
        counted = population(export_type, facts, stores.entries, seconds=COUNT_SECONDS, most=MANY)
    except Unavailable:
        # What takes long to count takes long to read, or the database is busy.
        counted, unheard_of = None, MANY
    if counted is not None:
        return counted
    same = {"type": request.type, "partition": request.partition}
    published = {**same, "status": tuple(map(str, PUBLISHED))}
    for earlier in stores.exports.page(published, limit=1):
        if result := earlier.get("result"):
            return int(result["accounting"]["read"])
    return unheard_of

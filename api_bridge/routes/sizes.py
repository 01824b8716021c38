"""What an export would come to (API.md 1)."""

from contextlib import suppress
from typing import Any

from api_bridge.protocol.estimate import athena, estimate, pasts
from api_bridge.protocol.wire import Document, columns_withheld
from api_bridge.routes.context import Bridge
from assets.model.campaign import Facts
from assets.model.export_type import ExportType
from assets.model.lifecycle import PUBLISHED
from assets.sizing import population
from resources.errors import Unavailable

# Some earlier exports tell what one tells; the first that is alike counts.
MOST_EARLIER = 10
# A request is answered within 2 s (RELIABILITY.md 4.3); what takes longer to count is not counted.
COUNT_SECONDS = 1.0


def estimated(bridge: Bridge, export_type: ExportType, facts: Facts) -> dict[str, Any]:
    """The answer to somebody who asks what an export would come to."""
    request = facts.request
    own = pasts(_earlier(bridge, {"type": request.type, "partition": request.partition}), request)
    # Times and sizes of rows are no secret of a campaign; how many it has is.
    others = [] if own else pasts(_earlier(bridge, {"type": request.type}), request)
    numbers = estimate(
        own,
        others,
        population=rows_to_read(bridge, export_type, facts),
        folded=export_type.rows.fold is not None,
    )
    queries = any(key[0] == "athena" for key in export_type.upstream)
    return {
        "type": export_type.versioned,
        **numbers,
        "athena": athena(own) if queries else None,
        "columns_withheld": columns_withheld(request.to_document(), export_type),
    }


def rows_to_read(
    bridge: Bridge, export_type: ExportType, facts: Facts, *, most: int | None = None
) -> int | None:
    """How many rows there are to read, where the database can count them soon enough."""
    entries = bridge.stores.entries
    with suppress(Unavailable):
        return population(export_type, facts, entries, seconds=COUNT_SECONDS, most=most)
    return None


def _earlier(bridge: Bridge, same: dict[str, object]) -> list[Document]:
    """The newest exports that are published or were, files or no files."""
    published = {**same, "status": tuple(map(str, PUBLISHED))}
    found = bridge.stores.exports.page(published, limit=MOST_EARLIER)
    return [document for document in found if not document.get("undecodable")]

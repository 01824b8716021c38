"""What an export would come to, and whether that is more than one export may read (API.md 1, 4)."""

from contextlib import suppress
from typing import Any

from api_bridge.protocol.estimate import athena, estimate, pasts
from api_bridge.protocol.problems import Code, ProblemError
from api_bridge.protocol.wire import Document, columns_withheld
from api_bridge.routes.context import Bridge
from assets.grounds import NotRemembered
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
        population=_population(bridge, export_type, facts),
        folded=export_type.rows.fold is not None,
    )
    queries = any(key[0] == "athena" for key in export_type.upstream)
    return {
        "type": export_type.versioned,
        **numbers,
        "athena": athena(own) if queries else None,
        "columns_withheld": columns_withheld(request.to_document(), export_type),
    }


def within_bound(
    bridge: Bridge, export_type: ExportType, facts: Facts, *, at_once: bool = False
) -> None:
    """Let an export pass that reads no more rows than one may, or whose rows nobody can count.

    Raises:
        NotRemembered: They have to be counted; only where `at_once` says that they may not be.
        ProblemError: 422 with the estimate.
    """
    bound = bridge.rows_per_export
    if bound is None:
        return
    if at_once:
        raise NotRemembered
    rows = _population(bridge, export_type, facts, most=bound + 1)
    if rows is not None and rows > bound:
        raise ProblemError(
            Code.QUOTA_EXCEEDED,
            f"It would read more than {bound} rows, which is all that one export may read.",
            members={"max_rows": bound, "estimate": estimated(bridge, export_type, facts)},
        )


def _earlier(bridge: Bridge, same: dict[str, object]) -> list[Document]:
    """The newest exports that are published or were, files or no files."""
    published = {**same, "status": tuple(map(str, PUBLISHED))}
    found = bridge.stores.exports.page(published, limit=MOST_EARLIER)
    return [document for document in found if not document.get("undecodable")]


def _population(
    bridge: Bridge, export_type: ExportType, facts: Facts, *, most: int | None = None
) -> int | None:
    """How many rows there are to read, where the database can count them soon enough."""
    entries = bridge.stores.entries
    with suppress(Unavailable):
        return population(export_type, facts, entries, seconds=COUNT_SECONDS, most=most)
    return None

"""What an export would come to, before anybody asks for it (API.md 1)."""

from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api_bridge.access.caller import create_scope
from api_bridge.protocol.estimate import athena, estimate, pasts
from api_bridge.protocol.preference import preference
from api_bridge.protocol.submission import parse_submission
from api_bridge.protocol.wire import Document, columns_withheld
from api_bridge.routes.context import BodyParam, Bridge, BridgeParam, CallerParam
from api_bridge.routes.exports import asked_for, checked_ground
from assets.model.campaign import Facts
from assets.model.export_type import ExportType
from assets.model.lifecycle import PUBLISHED
from assets.sizing import population
from resources.errors import Unavailable

# Some earlier exports tell what one tells; the first that is alike counts.
MOST_EARLIER = 10
# A request is answered within 2 s (RELIABILITY.md 4.3); what takes longer to count is not counted.
COUNT_SECONDS = 1.0

router = APIRouter()


@router.post("/v1/exports/estimate", summary="Estimate an export")
def estimate_export(
    request: Request, bridge: BridgeParam, caller: CallerParam, raw: BodyParam
) -> Response:
    """Tell rows, bytes, seconds and cost of what the body asks for; nothing is recorded.

    The checks are those of the request itself, so what can be estimated can be asked for.
    """
    submission = parse_submission(
        raw, request.headers.getlist("content-type"), bridge.catalog, bridge.known
    )
    # It counts and looks into the history of a campaign, so it needs what the export needs.
    caller.require(create_scope(submission.export_type.name))
    preferred = preference(request.headers.getlist("prefer"))
    wanted = asked_for(bridge, caller, submission, lenient=preferred.lenient)
    facts = checked_ground(bridge, submission.export_type, wanted)
    return JSONResponse(_told(bridge, submission.export_type, facts), headers=preferred.applied())


def _told(bridge: Bridge, export_type: ExportType, facts: Facts) -> dict[str, Any]:
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


def _earlier(bridge: Bridge, same: dict[str, object]) -> list[Document]:
    """The newest exports that are published or were, files or no files."""
    published = {**same, "status": tuple(map(str, PUBLISHED))}
    found = bridge.stores.exports.page(published, limit=MOST_EARLIER)
    return [document for document in found if not document.get("undecodable")]


def _population(bridge: Bridge, export_type: ExportType, facts: Facts) -> int | None:
    """How many rows there are to read, where the database can count them soon enough."""
    with suppress(Unavailable):
        return population(export_type, facts, bridge.stores.entries, seconds=COUNT_SECONDS)
    return None

"""Gives newcomers of the queue their lane and turn.

What is kept here between two looks saves work and decides nothing: the lanes and turns stand in the
documents, and a claim is the database's.
"""

from collections import OrderedDict
from datetime import datetime

from assets.life import Document, ExportLife
from assets.model.export_type import Catalog
from assets.model.lanes import USUAL_PRIORITY, Flow, Lane, lane_of, turn_of
from assets.model.lifecycle import Status
from assets.model.request import ExportRequest
from assets.sizing import rows_to_read
from resources.clock import Clock
from resources.errors import Unavailable
from resources.mongo.exports import Match
from resources.mongo.stores import MongoStores

# Equal requests come in bursts; a campaign does not grow from small to large within a minute.
KNOWN_SECONDS = 60.0
MOST_KNOWN = 1_000


class Line:
    """The lanes of the queue, as one process knows them.

    Args:
        catalog: The kinds of export.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._sizes: OrderedDict[str, tuple[float, int | None]] = OrderedDict()

    def place(
        self, life: ExportLife, document: Document, stores: MongoStores, clock: Clock
    ) -> Document | None:
        """Give a newcomer of a known kind its lane and turn; None if somebody else was first.

        Raises:
            Unavailable: The database failed.
        """
        rows = self._rows(document, stores, clock)
        lane, flow = lane_of(rows), _flow(document.get("campaign"), document.get("priority"))
        turn = turn_of(document["queuedAt"], flow, _waiting(stores, document, lane), lane)
        return life.place(document, lane=lane, turn=turn, rows=rows)

    def _rows(self, document: Document, stores: MongoStores, clock: Clock) -> int | None:
        now, fingerprint = clock.monotonic(), document["fingerprint"]
        known = self._sizes.get(fingerprint)
        if known is not None and now - known[0] < KNOWN_SECONDS:
            return known[1]
        rows = self._sized(document, stores, clock)
        self._sizes[fingerprint] = now, rows
        self._sizes.move_to_end(fingerprint)  # what is reckoned again is not the oldest any more
        while len(self._sizes) > MOST_KNOWN:
            self._sizes.popitem(last=False)
        return rows

    def _sized(self, document: Document, stores: MongoStores, clock: Clock) -> int | None:
        try:
            request = ExportRequest.from_document(document["request"])
            return rows_to_read(self._catalog[request.type], request, clock.now(), stores)
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - what a stored document lacks is for its run to say
            return None


def _waiting(stores: MongoStores, document: Document, lane: Lane) -> dict[Flow, datetime]:
    """The last turn of each flow of an export's caller in a lane."""
    theirs = {
        "requestedBy.subject": document["requestedBy"]["subject"],
        "line.lane": str(lane),
    }
    queued = Match(statuses=(str(Status.QUEUED),), equal=theirs)
    found = stores.operations.latest(queued, "line.turn", by=("campaign", "priority"))
    return {_flow(*group): turn for group, turn in found.items()}


def _flow(campaign: object, priority: object) -> Flow:
    urgency = priority if isinstance(priority, int) else USUAL_PRIORITY
    return Flow(campaign=campaign if isinstance(campaign, str) else None, priority=urgency)

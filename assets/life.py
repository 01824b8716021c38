"""Every write to an export document: one method a move of the life-cycle table.

The document is the only truth about an export (DESIGN.md 3). Each method is one
compare-and-set that the database decides, on its own clock. A method that returns None (or
raises `LeaseLost` for the holder of a lease) changed nothing. The methods stand in `assets/moves`,
in a file for each who makes them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Required, TypedDict, Unpack

from bson import ObjectId

from assets.model.lanes import USUAL_PRIORITY
from assets.model.lifecycle import MAX_ATTEMPTS, Status
from assets.model.request import ExportRequest
from assets.moves.base import IllegalMove, LeaseLost
from assets.moves.changes import COUNTED, Document, audit_entry, nothing_done
from assets.moves.people import PeopleMoves
from assets.moves.sensors import SensorMoves
from assets.moves.workers import WorkerMoves
from resources.mongo.exports import Newborn

__all__ = ["COUNTED", "Document", "ExportLife", "IllegalMove", "LeaseLost", "Words", "new_id"]


class Words(TypedDict, total=False):
    """What an export is created with, beside what is asked for.

    Attributes:
        origin: Where it was asked.
        subject: Who asks.
        client: Which program asks for them.
        idempotency: Digests of the key and of what was sent with it.
        status: The first state.
        export_id: Its id if that is known already, by `new_id`.
        holds: The claims that it has taken, and their token (`assets/admission.py`).
        generation: The export whose files a joined one waits for.
        traceparent: The trace that it belongs to (W3C Trace Context).
    """

    origin: Required[str]
    subject: Required[str]
    client: str | None
    idempotency: Mapping[str, str] | None
    status: Status
    export_id: str | None
    holds: Mapping[str, object] | None
    generation: str | None
    traceparent: str | None


class ExportLife(SensorMoves, WorkerMoves, PeopleMoves):
    """The moves of an export.

    Args:
        store: The exports collection.
        timing: The clocks of leases and retries.
        as_of: The snapshot of every attempt, over made-up data that ends at an instant; None, as
            everywhere else, for the database's clock.
    """

    def create(self, request: ExportRequest, **words: Unpack[Words]) -> Document:
        """Insert a new export.

        Args:
            request: What is asked for.
            words: What else it is created with.

        Raises:
            AlreadyExists: An export with this idempotency digest exists.
        """
        document, push = _newborn(request, **words)
        return self._store.insert(document, push=push)

    def create_all(self, asked: Sequence[tuple[ExportRequest, Words]]) -> list[Document | None]:
        """Insert several in one command; None for one that exists already (`create`)."""
        born = [_newborn(request, **words) for request, words in asked]
        return [*self._store.insert_all(born)]

    def latest(self, equal: Mapping[str, object]) -> Document | None:
        """The newest export whose fields equal these, or None."""
        newest = self._store.page(equal, before=None, limit=1)
        return newest[0] if newest else None

    def published(
        self, request: ExportRequest, *, since: datetime, until: datetime
    ) -> Document | None:
        """The newest export of an identical request, if its files would do; else None.

        Only one that made them and still stands by them: of no other could be told who else has
        the same.

        Args:
            request: What is asked for.
            since: Their snapshot is not older.
            until: They are there for so long at least.
        """
        same = {
            "type": request.type,
            "partition": request.partition,
            "status": str(Status.SUCCEEDED),
            "fingerprint": request.fingerprint(),
            "generation": None,
            "left": None,
            "deletedAt": None,
        }
        made = self.latest(same) or {}
        taken, goes = made.get("snapshotAt"), made.get("expiresAt")
        if taken is None or goes is None or taken < since or goes < until:
            return None
        return made


def new_id() -> str:
    """The id of an export that is not stored yet."""
    return f"exp_{ObjectId()}"


def _newborn(request: ExportRequest, **words: Unpack[Words]) -> Newborn:
    """The document of a new export, and how its trail begins."""
    status = words.get("status", Status.QUEUED)
    document: dict[str, Any] = {
        "_id": words.get("export_id") or new_id(),
        "type": request.type,
        "typeVersion": request.version,
        "status": str(status),
        "phase": None,
        "origin": words["origin"],
        "partition": request.partition,
        "campaign": request.campaign,
        "request": request.to_document(),
        "fingerprint": request.fingerprint(),
        "priority": USUAL_PRIORITY,
        "line": None,
        "requestedBy": {"subject": words["subject"], "client": words.get("client")},
        "attempt": 1 if status is Status.DISPATCHED else 0,
        "maxAttempts": MAX_ATTEMPTS,
        "failures": 0,
        "rescues": 0,
        "notBefore": None,
        "lease": None,
        "cancel": None,
        "result": None,
        "error": None,
        "shipping": None,
        "deliveries": {},
        "progress": nothing_done(),
        "sharers": 0,
        "left": None,
        "holds": words.get("holds") or None,
        "outbox": None,
    }
    # Absent where there is none: the unique index is of those that have one.
    given = {name: words.get(name) for name in ("idempotency", "generation", "traceparent")}
    document |= {name: value for name, value in given.items() if value}
    # Who may see what was decided here; the trail must tell it without the request's help.
    decided = {"origin": words["origin"], "policy": request.policy.to_document()}
    return document, audit_entry("created", words["subject"], decided)

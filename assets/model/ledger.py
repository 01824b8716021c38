"""What is known of a delivery, batch by batch, so that a retry never sends a row twice.

A batch is written down before it is sent and again when its answer is in (RELIABILITY.md 4.2, K19
to K21): whatever kills the worker in between, the next one knows which batches are in doubt.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from assets.model.delivery import Destination


class BatchState(StrEnum):
    """How far a batch is.

    `sending` without a request id is in doubt: it may have arrived although its answer did not.
    """

    PLANNED = "planned"
    SENDING = "sending"
    ACCEPTED = "accepted"
    COMPLETE = "complete"
    UNKNOWN = "unknown"


class DeliveryState(StrEnum):
    """How a delivery stands: only `delivered` says that every row is accounted for."""

    OPEN = "open"
    UNKNOWN = "unknown"
    UNBALANCED = "unbalanced"
    REJECTED = "rejected"
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowReject:
    """A row that the receiver, or its declared form, does not take.

    Attributes:
        position: Place of the row among all rows of the export, from 0.
        reason: A bounded word, never the receiver's text: that quotes values.
    """

    position: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows that are sent at once.

    Attributes:
        number: 1, 2, 3 … in the order of the files.
        rows: How many rows of the files it stands for, those refused before sending included.
        sha256: Of what is sent; a resumed delivery must cut the same batches again.
        request_id: The receiver's name of it; None while no answer is known.
        accepted: Rows that the receiver has taken.
        rejected: Rows that it has not, or that were not sent because they do not fit.
        rejects: Which; not all where there are so many that the export fails anyway, because the
            ledger lives in the export document.
    """

    number: int
    rows: int
    sha256: str
    state: BatchState = BatchState.PLANNED
    request_id: str | None = None
    accepted: int = 0
    rejected: int = 0
    rejects: tuple[RowReject, ...] = ()

    def to_document(self) -> dict[str, Any]:
        """The stored form, as the export document keeps it."""
        return {
            "n": self.number,
            "rows": self.rows,
            "sha256": self.sha256,
            "state": str(self.state),
            "requestId": self.request_id,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "rejects": [[one.position, one.reason] for one in self.rejects],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Batch":
        """Read the stored form."""
        return cls(
            number=document["n"],
            rows=document["rows"],
            sha256=document["sha256"],
            state=BatchState(document["state"]),
            request_id=document["requestId"],
            accepted=document["accepted"],
            rejected=document["rejected"],
            rejects=tuple(
                RowReject(position=position, reason=reason)
                for position, reason in document["rejects"]
            ),
        )


def whole(number: int, rows: int, sha256: str) -> Batch:
    """A batch that arrived as one object, with all its rows."""
    return Batch(number=number, rows=rows, sha256=sha256, state=BatchState.COMPLETE, accepted=rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRow:
    """A line of the companion file: which row, and why it was not taken."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A delivery that has ended.

    Attributes:
        target: Where it went: the key of a data extension, a prefix.
        sent: Rows of the files.
        accepted: Rows that are with the receiver.
        rejected: Rows that are not; `sent = accepted + rejected`.
        rejects: The same rows, with their keys, for the companion file.
        confirmed: Rows that the receiver showed when asked again; None where it cannot be asked.
        detail: Ids that the receiver gave: a scoring run, a contact deletion.
    """

    destination: Destination
    target: str
    sent: int
    accepted: int
    rejected: int
    state: DeliveryState = DeliveryState.DELIVERED
    rejects: Iterable[RejectedRow] = field(default=(), compare=False)
    confirmed: int | None = None
    detail: Mapping[str, str] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        """What manifest and export document say of it; the rejected rows are a file."""
        return {
            "destination": str(self.destination),
            "target": self.target,
            "sent": self.sent,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "confirmed": self.confirmed,
            "state": str(self.state),
            "detail": dict(self.detail),
        }


def totals(batches: Iterable[Batch]) -> tuple[int, int, int]:
    """Rows, accepted and rejected of all batches."""
    every = tuple(batches)
    return (
        sum(batch.rows for batch in every),
        sum(batch.accepted for batch in every),
        sum(batch.rejected for batch in every),
    )

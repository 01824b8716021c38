"""What every destination promises, and what it is given.

A destination takes confirmed files and returns once every row is accounted for, or raises. The
promises (one suite runs them on all): to send again is a no-op; nothing is visible before it is
whole; what a crash interrupted goes on where the ledger says; `sent = accepted + rejected`; an
outcome that nobody knows is said, never called delivered.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from assets.model.campaign import Facts
from assets.model.delivery import Destination
from assets.model.failure import ExportFailed
from assets.model.ledger import Batch, Delivered
from assets.model.manifest import FileEntry, Manifest
from assets.model.output import OutputFormat
from assets.model.request import ExportRequest


class Watch(Protocol):
    """Told how far the export is; raises when it is no longer ours."""

    def advance(self, **progress: int) -> None:
        """Look whether the lease still holds; asked before every batch."""


class Ledger(Protocol):
    """The batches of one delivery, kept where a successor finds them.

    Every write is fenced: it raises when the export is no longer ours, and nothing is sent then.
    """

    def batches(self) -> Mapping[int, Batch]:
        """What is known, by number."""

    def write(self, batch: Batch) -> None:
        """Write one batch down before anything else happens."""

    def noted(self, name: str) -> str | None:
        """An id that the receiver gave earlier, or None."""

    def note(self, name: str, value: str) -> None:
        """Keep an id that the receiver gave."""


def snapshot_of(manifest: Manifest) -> datetime:
    """The instant of a manifest's files."""
    return datetime.fromisoformat(manifest.snapshot_at)


def _unknown(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """Confirmed files on their way to one destination.

    Attributes:
        manifest: Files, columns and snapshot; it names no delivery yet.
        facts: The campaign and the request.
        target: Where exactly, as it was fixed when the delivery began.
        rechecks_erasure: Whether entries erased since the snapshot must be looked for.
        holds: Whether an entry, by the hex text of its id, is in the files; where that is not
            known every entry counts as in.
    """

    manifest: Manifest
    facts: Facts
    target: str
    rechecks_erasure: bool = False
    holds: Callable[[str], bool] = _unknown

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """The main files, in order; whether companions go too is the destination's business."""
        return tuple(entry for entry in self.manifest.files if not entry.section)

    @property
    def snapshot(self) -> datetime:
        """The instant of the files: nothing that came later is in them."""
        return snapshot_of(self.manifest)

    @property
    def output(self) -> OutputFormat:
        """The form of the files."""
        return ExportRequest.from_document(self.manifest.request).output


class Delivering(Protocol):
    """One destination."""

    destination: Destination

    def deliver(self, shipment: Shipment, ledger: Ledger, watch: Watch) -> Delivered:
        """Bring the files to their target, or go on with it.

        Raises:
            ExportFailed: It cannot be delivered, or nobody knows whether it was
                (`DELIVERY_UNKNOWN`).
            DoorError: The outside failed; what is sent stands in the ledger.
        """


def unknown_outcome(message: str, *, retryable: bool = True) -> ExportFailed:
    """Nobody knows whether rows have arrived; another attempt asks again, it sends nothing."""
    return ExportFailed("DELIVERY_UNKNOWN", message, retryable=retryable)

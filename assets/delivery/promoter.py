"""Bring files to a promoter's prefix of the exports bucket (DOMAIN.md 4.1, 7.5).

The name says how many files there are, and each is whole when it appears, so the receiver knows
when all are there. What may be in them was decided before the first row; what can have changed
since is asked once more: the agreement, and who was erased.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from assets.delivery.contract import Ledger, Shipment, Watch
from assets.delivery.erasure import refuse_erased
from assets.delivery.objects import pieces_of, stored_once
from assets.model.campaign import Promoter
from assets.model.delivery import Destination
from assets.model.failure import ExportFailed
from assets.model.ledger import Delivered, whole
from assets.model.manifest import FileEntry
from assets.steps.documents import promoters_from
from resources.clock import Clock
from resources.entries_service import EntriesService
from resources.mongo.promoters import PromoterStore
from resources.object_store import ObjectStore


class Stores(Protocol):
    """The collection that says whether an agreement is in force."""

    @property
    def promoters(self) -> PromoterStore:
        """Promoters."""


class PromoterDelivery:
    """The destination `promoter`; the target is `promoters/<key>/`.

    Args:
        objects: The exports bucket.
        stores: The promoters as they are now.
        entries: Knows who was erased meanwhile.
        clock: Says whether an agreement has run out.
    """

    destination = Destination.PROMOTER

    def __init__(
        self, objects: ObjectStore, stores: Stores, entries: EntriesService, clock: Clock
    ) -> None:
        self._objects, self._stores, self._entries, self._clock = objects, stores, entries, clock

    def deliver(self, shipment: Shipment, ledger: Ledger, watch: Watch) -> Delivered:
        """Copy every file.

        Raises:
            ExportFailed: `NO_DATA_SHARING_AGREEMENT`, `ERASED_SINCE_SNAPSHOT`, `DELIVERY_CONFLICT`.
            DoorError: The outside failed.
        """
        self._check_agreement(shipment)
        refuse_erased(shipment, self._entries)
        # The companions too: who has withdrawn is as much the promoter's business (DOMAIN.md 7.5).
        for number, entry in enumerate(shipment.manifest.files, start=1):
            place = _Key(self._objects, name_of(shipment, entry), shipment.output.media_type)
            pieces = pieces_of([entry], self._objects)
            if not stored_once(pieces, entry.sha256, place, watch):
                message = f"another version of file {number} is there: ask for a new export"
                raise ExportFailed("DELIVERY_CONFLICT", message)
            if number not in ledger.batches():
                ledger.write(whole(number, entry.rows, entry.sha256))
        rows = shipment.manifest.rows
        return Delivered(
            destination=self.destination,
            target=shipment.target,
            sent=rows,
            accepted=rows,
            rejected=0,
            confirmed=rows,
        )

    def _check_agreement(self, shipment: Shipment) -> None:
        promoter = _promoter(shipment)
        found = self._stores.promoters.by_ids([promoter.id])  # type: ignore[list-item]
        now = next(iter(promoters_from(found)), None)
        if now is None or now.status != "active" or now.agreement is None:
            raise _no_agreement()
        if not now.agreement.in_force(self._clock.now()):
            raise _no_agreement()


def _no_agreement() -> ExportFailed:
    message = "the promoter's agreement is not in force any more"
    return ExportFailed("NO_DATA_SHARING_AGREEMENT", message)


def _promoter(shipment: Shipment) -> Promoter:
    for promoter in shipment.facts.promoters:
        if shipment.target in {promoter.prefix, f"promoters/{promoter.key}/"}:
            return promoter
    raise _no_agreement()


def name_of(shipment: Shipment, entry: FileEntry) -> str:
    """The key of a file at the promoter's (DOMAIN.md 4.1); the month is that of the snapshot."""
    manifest, request = shipment.manifest, shipment.facts.request
    of = sum(other.section == entry.section for other in manifest.files)
    parts = (
        request.partition,
        request.type,
        manifest.export_id,
        *([entry.section] if entry.section else []),
        f"{entry.number:03d}of{of:03d}",
    )
    folder = f"{shipment.target.rstrip('/')}/{shipment.snapshot:%Y/%m}"
    return f"{folder}/{'_'.join(parts)}.{shipment.output.extension}"


@dataclass(frozen=True, slots=True)
class _Key:
    """A key of the exports bucket."""

    objects: ObjectStore
    key: str
    media_type: str

    def store(self, pieces: Iterable[bytes]) -> None:
        """Upload the pieces; an exception on the way leaves no object behind."""
        with self.objects.upload(self.key, media_type=self.media_type) as upload:
            for piece in pieces:
                upload.write(piece)

    def read(self) -> Iterable[bytes]:
        """What is there."""
        return self.objects.read(self.key)

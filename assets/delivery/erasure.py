"""The second erasure check, right before a delivery (DOMAIN.md 9: extract, and before delivery)."""

from assets.delivery.contract import Shipment
from assets.model.failure import ExportFailed
from resources.entries_service import EntriesService


def refuse_erased(shipment: Shipment, entries: EntriesService) -> None:
    """Refuse files that hold somebody who was erased after their snapshot.

    Raises:
        ExportFailed: `ERASED_SINCE_SNAPSHOT`; the next attempt takes a fresh snapshot.
        DoorError: The entries service did not say; nothing may be sent.
    """
    if not shipment.rechecks_erasure:
        return
    erased = entries.erased_since(str(shipment.facts.campaign.id), shipment.snapshot)
    inside = sum(shipment.holds(one) for one in erased)
    if inside:
        message = f"{inside} entries of the files were erased since their snapshot"
        raise ExportFailed("ERASED_SINCE_SNAPSHOT", message, retryable=True)

"""Bring confirmed files to their destinations, and go on where an earlier attempt was stopped.

From the moment a delivery begins, the export document holds the manifest as it will be but for the
deliveries. The attempt that comes after a crash goes on with those files; it does not make others,
because a receiver must not get two versions of one export (docs/decisions/0009).
"""

import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from itertools import chain
from typing import Any, Final

from assets.delivery.contract import Delivering, Shipment, snapshot_of
from assets.delivery.destinations import destinations
from assets.delivery.rejects import RowsRejected
from assets.files import confirm, write_files
from assets.heartbeat import Cancelled
from assets.life import Document, ExportLife
from assets.model.campaign import Facts
from assets.model.column import ENUM, RAW, Column, Pii
from assets.model.delivery import REJECTS, Destination
from assets.model.export_type import ExportType
from assets.model.failure import ExportFailed
from assets.model.ledger import Batch, Delivered, DeliveryState, RejectedRow
from assets.model.lifecycle import Status
from assets.model.manifest import FileEntry, Manifest
from assets.model.policy import Transform
from assets.reading import Doors
from assets.steps.address import Address
from assets.steps.plan import Plan, PlannedColumn
from assets.targets import OVERTAKEN, retake_targets, take_targets
from assets.watch import Watch
from resources.clock import Clock
from resources.errors import Refused

# After these the files of the delivery are of no more use: the next attempt makes others.
STARTS_OVER: Final = frozenset(
    {
        "DELIVERY_CONFLICT",
        "DELIVERY_FILES_LOST",
        OVERTAKEN,
        "DELIVERY_REJECTED",
        "ERASED_SINCE_SNAPSHOT",
        "SCORING_RUN_TAKEN",
    }
)
# After these the rows that were not taken stay, as a file, for as long as files are kept.
LEAVES_REJECTS: Final = frozenset({"DELIVERY_REJECTED"})
# How a delivery stands after a failure of its own; after any other it is as open as before.
_STANDS: Final[Mapping[str, DeliveryState]] = {
    "DELIVERY_UNKNOWN": DeliveryState.UNKNOWN,
    "DELIVERY_UNBALANCED": DeliveryState.UNBALANCED,
    "DELIVERY_REJECTED": DeliveryState.REJECTED,
}

_ID_BYTES: Final = 12  # of an ObjectId

_REJECT_COLUMNS: Final = tuple(
    PlannedColumn(column=column, transform=Transform.NONE)
    for column in (
        Column(name="row_key", format=RAW, pii=Pii.PSEUDONYM, source="x.row_key", value=str),
        Column(name="reason", format=ENUM, pii=Pii.NONE, source="x.reason", value=str),
    )
)


class Shipping:
    """The delivery step of an attempt.

    Args:
        life: Writes the ledger, fenced by the lease.
        doors: The outside.
        clock: Waits for receivers.
    """

    def __init__(self, life: ExportLife, doors: Doors, clock: Clock) -> None:
        self._life, self._doors = life, doors
        self._destinations: Callable[[], Mapping[Destination, Delivering]] = lambda: destinations(
            doors, clock
        )

    def take_targets(self, document: Document, planned: Plan) -> None:
        """Have every target that exports share to ourselves, before the first row is read.

        Raises:
            ExportFailed: `DELIVERY_TARGET_TAKEN`: another export is being delivered there.
        """
        targets = ((delivery.destination, target) for delivery, target in planned.deliveries)
        take_targets(self._doors.mongo.claims, document, targets)

    def begin(
        self,
        document: Document,
        draft: Manifest,
        planned: Plan,
        place: Address,
        entries: frozenset[str],
    ) -> Document:
        """Fix what is delivered and where to; from now on an attempt that follows goes on with it.

        Args:
            document: The export as it was started.
            draft: The manifest but for its deliveries; its files are confirmed.
            planned: Names the deliveries.
            place: Of this attempt.
            entries: Ids of the entries in the files, where a delivery looks for erased ones.

        Raises:
            LeaseLost: The export is somebody else's; nothing may be sent.
        """
        if entries:
            ids = b"".join(sorted(bytes.fromhex(one) for one in entries))
            key = _ids_key(place.attempt)
            self._doors.objects.put(key, ids, media_type="application/octet-stream")
        return self._life.ship(
            document["_id"],
            document["lease"]["token"],
            draft=zlib.compress(draft.to_bytes()),
            attempt=document["attempt"],
            deliveries={
                str(delivery.destination): target for delivery, target in planned.deliveries
            },
            keep=planned.export_type.retention_days * 86_400.0,
        )

    def begun(self, document: Document) -> Manifest | None:
        """The draft of a delivery that an earlier attempt began, or None to make new files.

        Raises:
            ExportFailed: `DELIVERY_FILES_LOST`: its files are not what they were, and some of
                their rows are with a receiver already.
        """
        shipping = document.get("shipping")
        # Housekeeping removes the files afterwards; both instants are the database's.
        if not shipping or shipping["keepUntil"] <= document["startedAt"]:
            return None
        if shipping["draft"] is None:  # only what lies beside the files is kept
            return None
        draft = Manifest.from_document(json.loads(zlib.decompress(shipping["draft"])))
        if self._confirmed(draft):
            return draft
        if not any(noted.get("batches") for noted in document["deliveries"].values()):
            return None
        message = "the files of a delivery are gone, and a part of them was delivered"
        raise ExportFailed("DELIVERY_FILES_LOST", message)

    def _confirmed(self, draft: Manifest) -> bool:
        try:
            for entry in draft.files:
                confirm(entry, self._doors.objects)
        except (ExportFailed, Refused):
            return False
        return True

    def resume(self, document: Document, draft: Manifest) -> Document:
        """Take the delivery up.

        Raises:
            ExportFailed: `DELIVERY_OVERTAKEN`: another export was delivered there. It came while
                this one had ended, and was queued again afterwards.
            LeaseLost: The export is somebody else's; nothing may be sent.
        """
        noted = document["deliveries"].items()
        targets = ((Destination(name), delivery["target"]) for name, delivery in noted)
        retake_targets(self._doors.mongo.claims, document, targets)
        snapshot = snapshot_of(draft)
        return self._life.resume(document["_id"], document["lease"]["token"], snapshot=snapshot)

    def deliver(
        self,
        document: Document,
        draft: Manifest,
        facts: Facts,
        export_type: ExportType,
        *,
        place: Address,
        watch: Watch,
    ) -> Manifest:
        """Deliver to every destination; the manifest with all of them and with what was rejected.

        Raises:
            ExportFailed: One cannot be delivered, or nobody knows whether it was.
            DoorError: The outside failed.
            LeaseLost: The export is somebody else's by now.
            Cancelled: It was cancelled.
        """
        declared = {one.destination: one for one in export_type.deliveries}
        holds = self._holds(draft)
        ended: list[Delivered] = []
        ways = self._destinations()
        for name, noted in document["deliveries"].items():
            destination = Destination(name)
            shipment = Shipment(
                manifest=draft,
                facts=facts,
                target=noted["target"],
                rechecks_erasure=declared[destination].rechecks_erasure,
                holds=holds,
            )
            ledger = LifeLedger(self._life, document, name)
            try:
                ended.append(_delivered(ways[destination], shipment, ledger, watch))
            except RowsRejected as failed:
                aside = replace(place, attempt=_rejects_prefix(place.attempt))
                ledger.left(self._rejected(failed.rejects, export_type, facts, aside, watch))
                raise
        made = replace(draft, deliveries=tuple(one.to_document() for one in ended))
        if not any(one.rejected for one in ended):
            return made
        rejects = chain.from_iterable(one.rejects for one in ended)
        return replace(
            made,
            files=(*made.files, *self._rejected(rejects, export_type, facts, place, watch)),
            companions={
                **made.companions,
                REJECTS: tuple(column.entry() for column in _REJECT_COLUMNS),
            },
        )

    def _rejected(
        self,
        rejects: Iterable[RejectedRow],
        export_type: ExportType,
        facts: Facts,
        place: Address,
        watch: Watch,
    ) -> tuple[FileEntry, ...]:
        """A file that says which rows were not taken, and why (DOMAIN.md 8.2)."""
        records = (("", (one.key, one.reason)) for one in rejects)
        plan = Plan(export_type=export_type, facts=facts, columns=_REJECT_COLUMNS, withheld=())
        objects = self._doors.objects
        files: tuple[FileEntry, ...] = tuple(
            write_files(
                records, plan, place, objects, watch, columns=_REJECT_COLUMNS, section=REJECTS
            )
        )
        for entry in files:
            confirm(entry, objects)
        return files

    def _holds(self, draft: Manifest) -> Callable[[str], bool]:
        """Whether an entry is in the files; where that is not known, every entry counts as in."""
        key = _ids_key(draft.files[0].key.rsplit("/", 1)[0] + "/")
        if self._doors.objects.head(key) is None:
            return lambda _: True
        ids = b"".join(self._doors.objects.read(key))
        known = {ids[at : at + _ID_BYTES] for at in range(0, len(ids), _ID_BYTES)}
        return lambda entry_id: bytes.fromhex(entry_id) in known


def _ids_key(attempt: str) -> str:
    """Beside the attempt's prefix, so that it goes with those of earlier attempts at the commit."""
    return f"{ids_prefix(attempt)}entries"


def ids_prefix(attempt: str) -> str:
    """Where the ids of an attempt's entries lie."""
    return f"{attempt.removesuffix('/')}-ids/"


def _rejects_prefix(attempt: str) -> str:
    """Beside the attempt's prefix, which goes when the export has failed."""
    return f"{attempt.removesuffix('/')}-{REJECTS}/"


def keeps(document: Document, attempt: int) -> bool:
    """Whether the files of an attempt belong to a delivery that is not over."""
    shipping = document.get("shipping") or {}
    return bool(shipping.get("attempt") == attempt)


def _delivered(
    way: Delivering, shipment: Shipment, ledger: "LifeLedger", watch: Watch
) -> Delivered:
    """One delivery, and how it stands then."""
    try:
        delivered = way.deliver(shipment, ledger, watch)
    except ExportFailed as failed:
        if failed.code in _STANDS:
            ledger.stands(_STANDS[failed.code])
        raise
    ledger.ended(delivered)
    return delivered


class LifeLedger:
    """The ledger of one delivery, on the export document.

    Args:
        life: Writes it, fenced by the lease.
        document: The export as this attempt holds it.
        destination: Which delivery.
    """

    def __init__(self, life: ExportLife, document: Document, destination: str) -> None:
        self._life, self._destination = life, destination
        self._id, self._token = document["_id"], document["lease"]["token"]
        noted: Mapping[str, Any] = document["deliveries"][destination]
        found = map(Batch.from_document, (noted.get("batches") or {}).values())
        self._batches = {batch.number: batch for batch in found}
        self._notes: dict[str, str] = dict(noted.get("notes") or {})

    def batches(self) -> Mapping[int, Batch]:
        """What is known, by number."""
        return self._batches

    def write(self, batch: Batch) -> None:
        """Write one batch down."""
        self._change({f"batches.batch-{batch.number:05d}": batch.to_document()})
        self._batches[batch.number] = batch

    def noted(self, name: str) -> str | None:
        """An id that the receiver gave earlier."""
        return self._notes.get(name)

    def note(self, name: str, value: str) -> None:
        """Keep an id that the receiver gave."""
        self._change({f"notes.{name}": value})
        self._notes[name] = value

    def stands(self, state: DeliveryState) -> None:
        """Say how the delivery stands."""
        self._change({"state": str(state)})

    def left(self, files: Iterable[FileEntry]) -> None:
        """Name the files of rows that were not taken, where the export fails because of them."""
        self._change({REJECTS: [asdict(entry) for entry in files]})

    def ended(self, delivered: Delivered) -> None:
        """Say that it has ended, and with which sums."""
        told = delivered.to_document()
        del told["destination"]
        self._change(told)

    def _change(self, changes: Mapping[str, object]) -> None:
        after = self._life.note_delivery(self._id, self._token, self._destination, changes)
        if after["status"] == Status.CANCELLING:
            raise Cancelled

"""Hand the input of a scoring run over: data, then manifest, then the run (DOMAIN.md 7.12).

The run is named after the snapshot, so that every attempt of one export means the same run, and
another export another one. A provider that looks early finds data without a manifest, which is
nothing; a run in the database always has its data.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from assets.delivery.contract import Ledger, Shipment, Watch
from assets.delivery.objects import digest, pieces_of, stored_once
from assets.model.delivery import Destination
from assets.model.failure import ExportFailed
from assets.model.ledger import Delivered, whole
from assets.model.manifest import FileEntry
from resources.clock import Clock
from resources.errors import AlreadyExists
from resources.mongo.scoring import ScoringStore
from resources.object_store import ObjectStore
from resources.scoring_files import (
    InputFile,
    Provider,
    ScoringFiles,
    ScoringRun,
    digest_of,
    input_prefix,
    part_name,
)

_EXTENSIONS: Final = {Provider.INTERNAL: "parquet", Provider.VF: "jsonl.gz"}
_DESTINATIONS: Final = {
    Provider.INTERNAL: Destination.SCORING,
    Provider.VF: Destination.VF_SCORING,
}


class Stores(Protocol):
    """The collection of scoring runs."""

    @property
    def scoring(self) -> ScoringStore:
        """Scoring runs."""


class ScoringDelivery:
    """The destinations `scoring` and `vf_scoring`; the target names the provider's bucket.

    Args:
        provider: Which.
        files: The providers' buckets.
        objects: The exports bucket.
        stores: Where the run is written down.
        clock: Stamps the run.
    """

    def __init__(
        self,
        provider: Provider,
        files: ScoringFiles,
        objects: ObjectStore,
        stores: Stores,
        clock: Clock,
    ) -> None:
        self.destination = _DESTINATIONS[provider]
        self._provider, self._files, self._objects = provider, files, objects
        self._stores, self._clock = stores, clock

    def deliver(self, shipment: Shipment, ledger: Ledger, watch: Watch) -> Delivered:
        """Copy the files, commit them, and write down the run.

        Raises:
            ExportFailed: `SCORING_FORMAT`; `SCORING_RUN_TAKEN`: another export of the same second
                has the run, and a fresh snapshot gives another.
            DoorError: The outside failed.
        """
        if shipment.output.extension != _EXTENSIONS[self._provider]:
            message = f"this provider takes {_EXTENSIONS[self._provider]} files"
            raise ExportFailed("SCORING_FORMAT", message)
        run = self._run(shipment)
        parts = self._parts(shipment, run)
        for part in parts:
            if not stored_once(part.pieces(self._objects), part.input.sha256, part, watch):
                raise _taken()
            if part.number not in ledger.batches():
                ledger.write(whole(part.number, part.input.rows, part.input.sha256))
        watch.advance()
        inputs = [part.input for part in parts]
        self._write_down(shipment, run, inputs, self._committed(run, inputs))
        rows = shipment.manifest.rows
        return Delivered(
            destination=self.destination,
            target=shipment.target,
            sent=rows,
            accepted=rows,
            rejected=0,
            confirmed=rows,
            detail={"run": run.run_id},
        )

    def _run(self, shipment: Shipment) -> ScoringRun:
        campaign, snapshot = shipment.facts.campaign, shipment.snapshot
        return ScoringRun(
            provider=self._provider,
            campaign_id=str(campaign.id),
            campaign_key=campaign.key,
            run_id=f"{campaign.key}-{snapshot:%Y%m%dT%H%M%SZ}",
            day=snapshot.date(),
        )

    def _parts(self, shipment: Shipment, run: ScoringRun) -> list["_Part"]:
        """One part a file; the second provider takes one, so its gzip members follow each other."""
        files = shipment.files
        groups = [files] if self._provider is Provider.VF else [(entry,) for entry in files]
        return [
            _Part(self._files, run, number, self._input(run, number, group), group)
            for number, group in enumerate(groups)
        ]

    def _input(self, run: ScoringRun, number: int, group: Sequence[FileEntry]) -> InputFile:
        one = len(group) == 1
        return InputFile(
            name=part_name(run, number),
            rows=sum(entry.rows for entry in group),
            bytes=sum(entry.bytes for entry in group),
            sha256=group[0].sha256 if one else digest(pieces_of(group, self._objects)),
        )

    def _committed(self, run: ScoringRun, inputs: Sequence[InputFile]) -> str:
        """The manifest, after every file that it names; one that is there is of these files."""
        try:
            return self._files.commit_input(run, inputs)
        except AlreadyExists:
            return f"{input_prefix(run)}manifest.json"

    def _write_down(
        self, shipment: Shipment, run: ScoringRun, inputs: Sequence[InputFile], manifest_key: str
    ) -> None:
        """The run, last: a run in the database always has its data (DOMAIN.md 2.6)."""
        now = self._clock.now()
        stated: dict[str, Any] = {
            "prefix": input_prefix(run),
            "manifestKey": manifest_key,
            "rows": sum(one.rows for one in inputs),
            "sha256": digest_of(inputs),
        }
        document = {
            "campaignId": shipment.facts.campaign.id,
            "runId": run.run_id,
            "provider": str(self._provider),
            "modelVersion": shipment.facts.request.options.get("model_version"),
            "status": "exported",
            "input": stated,
            "createdAt": now,
            "updatedAt": now,
        }
        try:
            self._stores.scoring.insert_run(document)
        except AlreadyExists:
            known = self._stores.scoring.run(run.run_id) or {}
            if (known.get("input") or {}).get("sha256") != stated["sha256"]:
                raise _taken() from None


def _taken() -> ExportFailed:
    message = "another export of the same second has this scoring run"
    return ExportFailed("SCORING_RUN_TAKEN", message, retryable=True)


@dataclass(frozen=True, slots=True)
class _Part:
    """One object of the input and the files that it is made of."""

    files: ScoringFiles
    run: ScoringRun
    number: int
    input: InputFile
    entries: Sequence[FileEntry]

    def pieces(self, objects: ObjectStore) -> Iterable[bytes]:
        """Its bytes, from the exports bucket."""
        return pieces_of(self.entries, objects)

    def store(self, pieces: Iterable[bytes]) -> None:
        """Upload it to the provider."""
        with self.files.upload(self.run, self.number) as upload:
            for piece in pieces:
                upload.write(piece)

    def read(self) -> Iterable[bytes]:
        """What is there."""
        return self.files.store(self.run.provider).read(input_prefix(self.run) + self.input.name)

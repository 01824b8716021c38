"""A manifest as a worker writes it, of an export that no worker made."""

from assets.model.manifest import Accounting, ColumnEntry, Manifest
from assets.model.output import OutputFormat
from assets.model.policy import PiiMode, Policy
from assets.model.request import ExportRequest

COLUMNS = (
    ColumnEntry(name="guest_id", type="id", source="t.id", pii="N", transform="none"),
    ColumnEntry(name="tier", type="enum", source="t.tier", pii="N", transform="none"),
)
REQUEST = ExportRequest(
    type="guests",
    version=2,
    partition="aurora-lights",
    campaign="aurora-lights",
    options={},
    columns=(),
    output=OutputFormat(),
    policy=Policy(mode=PiiMode.NONE, grants=()),
)


def whole_manifest(export_id: str) -> bytes:
    """The stored form."""
    return Manifest(
        export_id=export_id,
        attempt=1,
        run_id="run-1",
        request=REQUEST.to_document(),
        fingerprint=f"sha256:{'0' * 64}",
        code_version="1.2.3",
        git_sha="abc1234",
        snapshot_at="2026-03-14T09:59:30.000Z",
        zone="Etc/UTC",
        columns=COLUMNS,
        withheld=("email",),
        accounting=Accounting(expected=3, read=3, kept=3, made=3, written=3),
        files=(),
        queries=({"id": "q-1", "bytesScanned": 10_485_760},),
        previous="1" * 64,
    ).to_bytes()

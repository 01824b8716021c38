"""What became of the rows of an export that are in no file, and what the files were made of."""

from collections.abc import Iterator, Mapping
from typing import Any

from api_bridge.protocol.wire import Document, error_resource, file_url, shown_status
from assets.model.delivery import REJECTS
from assets.model.export_type import ExportType
from assets.model.manifest import Manifest


def errors_resource(document: Document, export_type: ExportType | None) -> dict[str, Any]:
    """The rows that no file holds, by reason: a bounded word that names a column, never a value.

    Which rows they are is told only where a receiver rejected them, in a companion file that is
    fetched like any other.
    """
    result = document.get("result") or {}
    accounting = result.get("accounting") or {}
    rejected = [
        {"stage": stage, "reason": reason, "rows": rows}
        for stage, member in (("read", "rejected"), ("made", "unfit"))
        for reason, rows in (accounting.get(member) or {}).items()
    ]
    return {
        "export_id": document["_id"],
        "status": shown_status(document),
        "error": error_resource(document.get("error")),
        "rows_read": accounting.get("read"),
        "rows_rejected": sum(one["rows"] for one in rejected),
        "rejected": rejected,
        "filtered": dict(accounting.get("filtered") or {}),
        "notes": dict(accounting.get("notes") or {}),
        "deliveries": list(_deliveries(document, result, export_type)),
    }


def lineage_resource(
    document: Document, manifest: Manifest, export_type: ExportType | None
) -> dict[str, Any]:
    """From which sources, at which instant, by which code and run the files were made.

    `sources` are the keys of external assets in Dagster, so that they can be looked up there.
    """
    upstream = export_type.upstream if export_type else ()
    return {
        "export_id": document["_id"],
        "asset": {"key": ["exports", document["type"]], "partition": document["partition"]},
        "run_id": manifest.run_id,
        "attempt": manifest.attempt,
        "code_version": manifest.code_version,
        "git_sha": manifest.git_sha,
        "snapshot_time": manifest.snapshot_at,
        "sources": [list(key) for key in upstream],
        "queries": [
            {"id": query["id"], "bytes_scanned": query["bytesScanned"]}
            for query in manifest.queries
        ],
        "columns": [
            {"name": one.name, "source": one.source, "pii": one.pii, "transform": one.transform}
            for one in manifest.columns
        ],
        "columns_withheld": list(manifest.withheld),
        "fingerprint": manifest.fingerprint,
        "manifest_sha256": document["result"]["manifestSha256"],
        "previous_manifest_sha256": manifest.previous,
    }


def _deliveries(
    document: Document, result: Mapping[str, Any], export_type: ExportType | None
) -> Iterator[dict[str, Any]]:
    """What receivers did not take; `files` hold the keys of those rows."""
    files = [
        file_url(document, file, export_type)
        for file in result.get("files") or ()
        if file["section"] == REJECTS
    ]
    for delivery in result.get("deliveries") or ():
        told = {name: delivery[name] for name in ("destination", "target", "sent", "rejected")}
        yield {**told, "files": files if delivery["rejected"] else []}

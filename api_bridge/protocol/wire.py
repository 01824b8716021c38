"""The one mapper from what is stored to what goes over HTTP (API.md 2).

Members are listed one by one, so that a new field of the document is never public by omission.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

from api_bridge.protocol.eta import Left, left
from assets.model.column import Column
from assets.model.export_type import Catalog, ExportType, Scope
from assets.model.instant import rfc3339
from assets.model.lanes import LARGE_ROWS
from assets.model.lifecycle import HELD, LIVE, PUBLISHED, TERMINAL, TRANSITIONS, Move, Status
from assets.model.output import Compression, Dialect, Kind
from assets.model.parameters import schema, scope_parameter
from assets.model.policy import PiiMode, Policy, withheld
from assets.model.source import consistency

Document = Mapping[str, Any]

# DISPATCHED is between the sensor and Dagster; callers see it as queued (DESIGN.md 3). A joined
# export shows what its generation shows.
SHOWN = tuple(status for status in Status if status not in (Status.DISPATCHED, Status.JOINED))

# API.md leaves the pace of polling to the ETA, "never < 1"; RELIABILITY.md S14 wants 2 s or more.
LEAST_POLL_SECONDS = 2
MOST_POLL_SECONDS = 30
# A worker says every 10 s that its work has moved; six times in a row it has not.
STALLED_SECONDS = 60.0
# Decisions on columns that are remembered: a kind has a dozen for those who take what it gives, and
# whoever names columns in many ways is decided on again. 1 kB each.
MOST_DECISIONS = 1_024


ANY = "*"  # every state there can be, in `If-None-Match`


@dataclass(frozen=True, slots=True, kw_only=True)
class Etag:
    """The validator of one state of a resource, and whether a caller holds it already."""

    value: str

    @property
    def header(self) -> str:
        """The field value of `ETag` (RFC 9110 8.8.3)."""
        return f'"{self.value}"'

    def held_by(self, if_none_match: str | None) -> bool:
        """Whether `If-None-Match` names this state (weak comparison, RFC 9110 13.1.2)."""
        if if_none_match is None:
            return False
        tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
        return ANY in tags or self.header in tags


def is_done(document: Document) -> bool:
    """Whether the export has ended, one way or another."""
    return document["status"] in TERMINAL


def stored_as(shown: Status) -> list[dict[str, object]]:
    """The ways in which an export may be stored that is shown as this state: what must equal."""
    also = (Status.DISPATCHED,) if shown is Status.QUEUED else ()
    ways: list[dict[str, object]] = [{"status": tuple(map(str, (shown, *also, Status.JOINED)))}]
    if shown is Status.CANCELLED:  # one that was taken back while its files are made for others
        ways.append({"left.open": True})
    return ways


def shown_status(document: Document) -> str:
    """The state as callers see it."""
    status = str(document["status"])
    return status if status in SHOWN else str(Status.QUEUED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an export is shown with, beside its document.

    Attributes:
        catalog: The kinds of export there are.
        now: What ages and estimates count from.
        dagster_url: Where people see Dagster's pages; None: nowhere.
    """

    catalog: Catalog
    now: datetime
    dagster_url: str | None = None


def export_resource(document: Document, around: Surroundings) -> dict[str, Any]:
    """The resource of API.md 2."""
    export_type, now = around.catalog.get(document["type"]), around.now
    dispatched = document["status"] == Status.DISPATCHED
    return {
        "id": document["_id"],
        "type": f"{document['type']}.{document['typeVersion']}",
        "params": _params(document["request"], export_type),
        "status": shown_status(document),
        "phase": "dispatched" if dispatched else document.get("phase"),
        "done": is_done(document),
        "origin": document["origin"],
        "attempt": document["attempt"],
        "created_at": timestamp(document.get("createdAt")),
        "started_at": timestamp(document.get("startedAt")),
        "finished_at": timestamp(document.get("finishedAt")),
        "expires_at": timestamp(document.get("expiresAt")),
        "fingerprint": document["fingerprint"],
        "shared_with": document.get("sharedWith", document.get("sharers") or 0),
        "coalesced": document.get("generation") is not None,
        "queue_position": document.get("position"),
        "progress": _progress(document, now),
        "snapshot_time": timestamp(document.get("snapshotAt")),
        "consistency": consistency(export_type.rows) if export_type else None,
        "result": _result(document, export_type),
        "error": error_resource(document.get("error")),
        "columns_withheld": columns_withheld(document["request"], export_type),
        "requested_by": document["requestedBy"]["subject"],
        "links": _links(document, around.dagster_url),
    }


def export_type_resource(export_type: ExportType, max_rows: int | None) -> dict[str, Any]:
    """One kind of export: what may be asked for, and what the file will hold.

    Args:
        export_type: The kind.
        max_rows: The most that one export may read; None: any number.
    """
    return {
        "id": export_type.versioned,
        "name": export_type.name,
        "version": export_type.version,
        "summary": export_type.summary,
        "scope": str(export_type.scope),
        "params_schema": schema(export_type),
        "columns": [_column(column) for column in export_type.static_columns],
        "sort": list(export_type.sort),
        "consistency": consistency(export_type.rows),
        "formats": [str(kind) for kind in Kind],
        "dialects": [str(dialect) for dialect in Dialect],
        "compressions": [str(compression) for compression in Compression],
        "max_rows": max_rows,
        "retention_days": export_type.retention_days,
        "links": {"self": f"/v1/export-types/{export_type.versioned}"},
    }


def timestamp(instant: datetime | None) -> str | None:
    """RFC 3339 in UTC with `Z`, to the millisecond that MongoDB stores."""
    if not isinstance(instant, datetime):
        return None
    return rfc3339(instant)


def retry_after(document: Document, now: datetime) -> int | None:
    """Seconds until asking again makes sense; None when the export has ended."""
    if is_done(document):
        return None
    wait = round(_left(document, now).p50 or LEAST_POLL_SECONDS)
    return max(LEAST_POLL_SECONDS, min(MOST_POLL_SECONDS, wait))


def status_headers(document: Document, now: datetime) -> dict[str, str]:
    """The headers of every answer that shows an export (API.md 3)."""
    headers = {
        "ETag": Etag(value=str(document["revision"])).header,
        "Cache-Control": "private, no-cache",
        "X-Progress": _short(document),
    }
    wait, expires = retry_after(document, now), document.get("expiresAt")
    if wait is not None:
        headers["Retry-After"] = str(wait)
    if isinstance(expires, datetime):
        headers["Sunset"] = format_datetime(expires.astimezone(UTC), usegmt=True)  # RFC 8594
    return headers


def _params(request: Document, export_type: ExportType | None) -> dict[str, Any]:
    """The canonical request in the words of the API, every default filled in."""
    scope = export_type.scope if export_type else Scope.CAMPAIGN
    form = request["format"]
    return {
        scope_parameter(scope): request["partition"],
        **request["options"],
        "columns": request["columns"] or None,
        "format": form["kind"],
        "dialect": form["dialect"],
        "compression": form["compression"],
        "rows_per_file": form["rowsPerFile"],
        "max_file_bytes": form["bytesPerFile"],
        "text_guard": form["textGuard"],
        "phone_style": form["phoneStyle"],
        "deliver": request["deliver"],
        "pii": request["policy"]["mode"],
        "reason": request.get("reason"),
        "max_rejects": request.get("maxRejects"),
        "allow_partial": request.get("allowPartial", False),
    }


def columns_withheld(request: Document, export_type: ExportType | None) -> list[str]:
    """The columns that were chosen and that the policy leaves out."""
    if export_type is None:
        return []
    policy = request["policy"]
    chosen, held = tuple(request["columns"]), tuple(policy["grants"])
    return list(_withheld(export_type, chosen, policy["mode"], held))


@lru_cache(maxsize=MOST_DECISIONS)
def _withheld(
    export_type: ExportType, chosen: Sequence[str], mode: str, held: Sequence[str]
) -> Sequence[str]:
    """One decision; to make it anew at each look was two thirds of what a view took."""
    policy = Policy(mode=PiiMode(mode), grants=tuple(held))
    left_out = withheld(export_type.static_columns, policy)
    return tuple(name for name in left_out if not chosen or name in chosen)


def _progress(document: Document, now: datetime) -> dict[str, Any]:
    progress = document.get("progress") or {}
    ends = _left(document, now)
    return {
        "rows_done": _most(document, "rowsWritten"),
        "rows_read": _most(document, "rowsRead"),
        "rows_total": progress.get("rowsTotal"),
        "bytes": _most(document, "bytes"),
        "ratio": _ratio(document),
        "eta_p50": _instant(ends.p50, now),
        "eta_p90": _instant(ends.p90, now),
        "last_advance_at": timestamp(progress.get("advancedAt")),
        "stalled": _is_stalled(document, now),
    }


def _most(document: Document, name: str) -> int | None:
    """The most that any attempt has counted; of files that are there what is in them."""
    progress = document.get("progress") or {}
    counted = progress.get(name)
    highest = (progress.get("highest") or {}).get(name)
    if document["status"] in PUBLISHED or highest is None:
        return counted
    return max(highest, counted or 0)


def _ratio(document: Document) -> float | None:
    """Rows read of rows to read: those written never reach the total when some are filtered."""
    if document["status"] == Status.SUCCEEDED:
        return 1.0
    total = (document.get("progress") or {}).get("rowsTotal")
    return _part(_most(document, "rowsRead"), total)


def _part(read: int | None, total: int | None) -> float | None:
    return round(min(1.0, read / total), 3) if total and read is not None else None


def _left(document: Document, now: datetime) -> Left:
    """How long it still takes, by earlier exports of its kind and by its own pace.

    Nothing is said of one that waits: how long it will is not known.
    """
    started, progress = document.get("startedAt"), document.get("progress") or {}
    if document["status"] not in HELD or not isinstance(started, datetime):
        return Left()
    total = progress.get("rowsTotal")
    reads = document["status"] == Status.RUNNING  # a delivery has a pace of its own
    return left(
        document.get("earlier") or (),
        rows=_thought(document) if total is None else total,
        elapsed=max(0.0, (now - started).total_seconds()),
        ratio=_part(progress.get("rowsRead"), total) if reads else None,
    )


def _thought(document: Document) -> int | None:
    """The rows that were counted before it began; above the bound of its lane nobody counted."""
    rows = (document.get("line") or {}).get("rows")
    return rows if rows is None or rows <= LARGE_ROWS else None


def _instant(seconds: float | None, now: datetime) -> str | None:
    return None if seconds is None else timestamp(now + timedelta(seconds=seconds))


def _is_stalled(document: Document, now: datetime) -> bool:
    """Whether its work has not moved for long, however long it takes and whoever is alive."""
    moves = ((document.get("progress") or {}).get("advancedAt"), document.get("startedAt"))
    moved = [instant for instant in moves if isinstance(instant, datetime)]
    if document["status"] not in HELD or not moved:
        return False
    return (now - max(moved)).total_seconds() > STALLED_SECONDS


def _short(document: Document) -> str:
    ratio = _ratio(document)
    return shown_status(document) if ratio is None else f"{shown_status(document)} {ratio:.0%}"


def _result(document: Document, export_type: ExportType | None) -> dict[str, Any] | None:
    result = document.get("result")
    if not result:
        return None
    base = f"/v1/exports/{document['_id']}"
    available = document["status"] == Status.SUCCEEDED
    return {
        "rows": result["rows"],
        "bytes": result["bytes"],
        "completeness": "partial" if result.get("partial") else "complete",
        "empty_reason": result.get("emptyReason"),
        "manifest_url": f"{base}/manifest" if available else None,
        "manifest_sha256": result["manifestSha256"],
        "files": [
            {
                "url": file_url(document, file, export_type),
                "section": file["section"],
                "group": file["group"],
                "rows": file["rows"],
                "bytes": file["bytes"],
                "sha256": file["sha256"],
                "media_type": file["mediaType"],
            }
            for file in (result["files"] if available else [])
        ],
        "deliveries": [
            {
                name: delivery[name]
                for name in ("destination", "target", "sent", "accepted", "rejected", "state")
            }
            for delivery in result["deliveries"]
        ],
    }


def file_url(document: Document, file: Document, export_type: ExportType | None) -> str | None:
    """The stable address of a file; None where nobody downloads files of this kind."""
    if export_type is not None and not export_type.downloadable:
        return None
    return f"/v1/exports/{document['_id']}/files/{file['number']}"


def error_resource(error: Document | None) -> dict[str, Any] | None:
    """Why an export failed: a code and a sentence of ours."""
    if not error:
        return None
    return {
        "code": error["code"],
        "detail": error["message"],
        "retryable": error["retryable"],
        "attempt": error.get("attempt"),
        "run_id": error.get("runId"),
        "at": timestamp(error.get("at")),
    }


def _links(document: Document, dagster_url: str | None) -> dict[str, str]:
    """Only what would work now."""
    base = f"/v1/exports/{document['_id']}"
    links, status = {"self": base}, Status(document["status"])
    run_id = (document.get("dagster") or {}).get("runId")
    if dagster_url is not None and run_id:
        links["dagster_run"] = f"{dagster_url}/runs/{run_id}"
        links["dagster_asset"] = f"{dagster_url}/assets/exports/{document['type']}?view=lineage"
    if status in LIVE:
        links["events"] = f"{base}/events"
    if status in LIVE and status is not Status.CANCELLING:
        links["cancel"] = f"{base}/cancel"
    if status in TRANSITIONS[Move.RETRY].sources:
        links["retry"] = f"{base}/retry"
    if status in TERMINAL:
        links["delete"] = base
        links["errors"] = f"{base}/errors"
    if status is Status.SUCCEEDED:
        links["manifest"] = f"{base}/manifest"
        links["lineage"] = f"{base}/lineage"
    return links


def _column(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "format": str(column.format.kind),
        "pii": str(column.pii),
        "pii_class": column.pii.name.lower(),
        "description": column.description,
    }

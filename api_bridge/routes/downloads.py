"""Reaching the result: files through links signed at the click, and the manifest."""

import hashlib
import re
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api_bridge.access.caller import DOWNLOAD, READ, Caller, insufficient_scope
from api_bridge.protocol.problems import Code, ProblemError
from api_bridge.protocol.wire import Etag, shown_status, status_headers
from api_bridge.routes.context import Bridge, BridgeParam, CallerParam
from api_bridge.routes.lookup import Document, find_export
from assets.model.lifecycle import Status
from assets.model.parameters import Problem
from assets.model.policy import PiiMode, Policy, Transform, grants, transform
from resources.mongo.downloads import Download

# 400 columns and 1,000 files come to some 300 kB; the manifest is the only object that passes
# through the bridge.
MAX_MANIFEST_BYTES = 4 * 1024 * 1024

_NUMBER = re.compile(r"[1-9][0-9]{0,5}")
_PRINTABLE = re.compile(r"[^ -~]")

router = APIRouter()


@router.get("/v1/exports/{export_id}/files/{number}", status_code=303, summary="Fetch a file")
def get_file(
    export_id: str, number: str, request: Request, bridge: BridgeParam, caller: CallerParam
) -> Response:
    """Redirect to a link that is signed now and works for minutes; each call is recorded.

    With `Accept: application/json`, and nothing else, the link stands in the body instead.
    """
    caller.require(DOWNLOAD)
    document = find_export(bridge, caller, export_id)
    now = bridge.clock.now()
    check_available(document, now)
    _check_scopes(bridge, document, caller)
    _check_downloadable(bridge, document)
    file = _file(document, number)
    seconds = _link_seconds(bridge, document, now)
    link = bridge.objects.sign(file["key"], seconds=seconds, filename=file["filename"])
    # Written down before it is given: a link that nobody knows of must not exist.
    bridge.stores.downloads.add(document["_id"], _download(request, caller, file["number"]))
    headers = {"Cache-Control": "no-store", "Vary": "Accept"}
    if _is_told(request):
        return JSONResponse({"url": link, "expires_in": seconds}, headers=headers)
    return Response(status_code=303, headers={"Location": link, **headers})


@router.get("/v1/exports/{export_id}/manifest", summary="Read the manifest")
def get_manifest(
    export_id: str, request: Request, bridge: BridgeParam, caller: CallerParam
) -> Response:
    """Show the manifest as it is stored; its ETag is its SHA-256.

    `Export-Signature` is a detached JWS over the body, by a key of
    /.well-known/export-signing-keys.
    """
    caller.require(READ)
    document = find_export(bridge, caller, export_id)
    now = bridge.clock.now()
    check_available(document, now)
    result = document["result"]
    etag = Etag(value=result["manifestSha256"])
    headers = {**status_headers(document, now), "ETag": etag.header}
    if "Sunset" in headers:
        # Clients of FHIR Bulk Data look here; on the status it would be taken for freshness.
        headers["Expires"] = headers["Sunset"]
    if etag.held_by(request.headers.get("if-none-match")):
        return Response(status_code=304, headers=headers)
    body = read_manifest(bridge, document)
    headers |= bridge.signer.headers(body)
    return Response(body, headers=headers, media_type="application/json")


def _is_told(request: Request) -> bool:
    """Whether the link is asked for in the body: pages cannot read where a redirect leads."""
    return request.headers.get("accept") == "application/json"


def check_available(document: Document, now: datetime) -> None:
    """Go on only if there are files.

    Raises:
        ProblemError: 409 if there are none yet, 410 if there are none any more.
    """
    status, expires = document["status"], document.get("expiresAt")
    late = isinstance(expires, datetime) and now >= expires
    if status == Status.EXPIRED or (status == Status.SUCCEEDED and late):
        raise ProblemError(
            Code.GONE,
            "The files were deleted when their time was over; POST …/retry makes them again.",
            members={"export_status": str(Status.EXPIRED)},
        )
    if status != Status.SUCCEEDED:
        raise ProblemError(
            Code.NOT_READY,
            "There are files once the status is succeeded.",
            members={"export_status": shown_status(document)},
        )


def _check_scopes(bridge: Bridge, document: Document, caller: Caller) -> None:
    """Refuse what the caller could not ask for today, so that revoking works on old files.

    Raises:
        ProblemError: 403 with the scopes and the columns that they open.
    """
    policy = Policy.from_document(document["request"]["policy"])
    held = Policy(mode=policy.mode, grants=grants(caller.scopes))
    hidden = _hidden_columns(bridge, document, policy, held)
    # Columns of a campaign's own questions are not in the catalogue: with `full` every scope that
    # opened the file is asked for.
    whole = policy.mode is PiiMode.FULL or document["type"] not in bridge.catalog
    missing = set(policy.grants) - set(held.grants) if whole or hidden else set()
    if hidden or missing:
        raise insufficient_scope(sorted(missing), hidden)


def _hidden_columns(bridge: Bridge, document: Document, policy: Policy, held: Policy) -> list[str]:
    """Columns in the file that the caller's scopes would have left out."""
    export_type = bridge.catalog.get(document["type"])
    columns = export_type.static_columns if export_type else ()
    chosen = set(document["request"]["columns"])
    return [
        column.name
        for column in columns
        if (not chosen or column.name in chosen)
        and transform(column, policy) is not Transform.WITHHELD
        and transform(column, held) is Transform.WITHHELD
    ]


def _check_downloadable(bridge: Bridge, document: Document) -> None:
    export_type = bridge.catalog.get(document["type"])
    if export_type is not None and not export_type.downloadable:
        said = "The manifest says where they went; nobody downloads them."
        raise ProblemError(Code.NOT_DOWNLOADABLE, said)


def _file(document: Document, number: str) -> dict[str, Any]:
    wanted = int(number) if _NUMBER.fullmatch(number) else 0
    files = document["result"]["files"]
    for file in files:
        if file["number"] == wanted:
            found: dict[str, Any] = file
            return found
    # They are numbered from 1 without a gap.
    remedy = f"must be one of files 1 to {len(files)}" if files else "names nothing: no files"
    raise ProblemError(
        Code.UNKNOWN_FILE,
        f"The number {remedy}.",
        errors=[Problem(pointer="/path/number", detail=remedy)],
    )


def _link_seconds(bridge: Bridge, document: Document, now: datetime) -> int:
    """No link outlives its file."""
    expires = document.get("expiresAt")
    if not isinstance(expires, datetime):
        return bridge.link_seconds
    return max(1, min(bridge.link_seconds, int((expires - now).total_seconds())))


def _download(request: Request, caller: Caller, number: int) -> Download:
    """Who fetches a file from where (API.md 7); it is told nowhere else."""
    return Download(
        file=number,
        actor=caller.subject,
        client=caller.client,
        ip=request.client.host if request.client else None,
        user_agent=_PRINTABLE.sub("?", request.headers.get("user-agent", ""))[:200],
    )


def read_manifest(bridge: Bridge, document: Document) -> bytes:
    """The manifest as it is stored.

    Raises:
        DamagedManifest: It is not what the document names.
    """
    body, result = bytearray(), document["result"]
    for piece in bridge.objects.read(result["manifestKey"]):
        body += piece
        if len(body) > MAX_MANIFEST_BYTES:
            raise DamagedManifest
    if hashlib.sha256(body).hexdigest() != result["manifestSha256"]:
        raise DamagedManifest
    return bytes(body)


class DamagedManifest(Exception):
    """The stored manifest is not the one that the document names; it is not shown."""

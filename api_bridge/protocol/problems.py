"""Every error of the bridge: one registry, one form (RFC 9457 problem details).

An error says what is wrong in our words. It never repeats what was sent, and never tells what went
wrong inside. Raise `ProblemError`; the application renders it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from starlette.responses import JSONResponse

from assets.model.parameters import Problem

MEDIA_TYPE = "application/problem+json"


class Code(StrEnum):
    """What went wrong; the last part of the problem's type URI, stable for programs."""

    INVALID_PARAMETERS = "invalid-parameters"
    MALFORMED_BODY = "malformed-body"
    UNREADABLE_REQUEST = "unreadable-request"
    INVALID_HOST = "invalid-host"
    INVALID_IDEMPOTENCY_KEY = "invalid-idempotency-key"
    UNAUTHENTICATED = "unauthenticated"
    INSUFFICIENT_SCOPE = "insufficient-scope"
    NOT_FOUND = "not-found"
    UNKNOWN_TYPE = "unknown-type"
    UNKNOWN_FILE = "unknown-file"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    REQUEST_TIMEOUT = "request-timeout"
    NOT_READY = "not-ready"
    NOT_TERMINAL = "not-terminal"
    ILLEGAL_TRANSITION = "illegal-transition"
    IDEMPOTENCY_IN_PROGRESS = "idempotency-in-progress"
    GONE = "gone"
    BODY_TOO_LARGE = "body-too-large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type"
    IDEMPOTENCY_KEY_REUSED = "idempotency-key-reused"
    NOT_EXPORTABLE = "not-exportable"
    NOT_DOWNLOADABLE = "not-downloadable"
    ENDPOINT_DISABLED = "endpoint-disabled"
    QUOTA_EXCEEDED = "quota-exceeded"
    TOO_MANY_EXPORTS = "too-many-exports"
    TOO_MANY_ENDPOINTS = "too-many-endpoints"
    POLLING_TOO_FAST = "polling-too-fast"
    INTERNAL_ERROR = "internal-error"
    QUEUE_UNAVAILABLE = "queue-unavailable"
    QUEUE_STALLED = "queue-stalled"
    STORAGE_UNAVAILABLE = "storage-unavailable"
    KEYS_UNAVAILABLE = "keys-unavailable"
    OVERLOADED = "overloaded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is the same for every occurrence of a problem.

    Attributes:
        status: The HTTP status.
        title: What it is, for people.
        remedy: What whoever gets it can do; shown on its page, `/problems/<code>`.
        retry_after: Seconds after which the same request may succeed; None means never.
    """

    status: int
    title: str
    remedy: str
    retry_after: int | None = None


REGISTRY: Mapping[Code, Kind] = {
    Code.INVALID_PARAMETERS: Kind(
        status=400,
        title="The parameters are not valid",
        remedy="Change what `errors` names: each pointer says where, its detail says what helps. "
        "`GET /v1/export-types/{type}` has the JSON Schema.",
    ),
    Code.MALFORMED_BODY: Kind(
        status=400,
        title="The body is not acceptable JSON",
        remedy="Send one JSON object in UTF-8, without duplicate names, NaN or deep nesting.",
    ),
    Code.UNREADABLE_REQUEST: Kind(
        status=400,
        title="The request is not HTTP/1.1",
        remedy="Send well-formed HTTP/1.1; a proxy between us may have broken it.",
    ),
    Code.INVALID_HOST: Kind(
        status=400,
        title="The Host header is not one of ours",
        remedy="Use the address that you were given; operators list names in "
        "`BRIDGE_ALLOWED_HOSTS`.",
    ),
    Code.INVALID_IDEMPOTENCY_KEY: Kind(
        status=400,
        title="The Idempotency-Key is malformed",
        remedy="Send one key of 1 to 255 printable characters, a UUID for example.",
    ),
    Code.UNAUTHENTICATED: Kind(
        status=401,
        title="A valid access token is needed",
        remedy="Send `Authorization: Bearer` with a token that has not expired; get a new one.",
    ),
    Code.INSUFFICIENT_SCOPE: Kind(
        status=403,
        title="The token's scopes do not allow this",
        remedy="`required_scopes` names what is missing, `denied_columns` what it is missing for. "
        "Ask for the scopes, leave the columns out, or send `Prefer: handling=lenient`.",
    ),
    Code.NOT_FOUND: Kind(
        status=404,
        title="There is nothing here that the token may see",
        remedy="Check the id and the campaigns of the token. What is somebody else's looks the "
        "same as what does not exist.",
    ),
    Code.UNKNOWN_TYPE: Kind(
        status=404,
        title="There is no such kind of export",
        remedy="`GET /v1/export-types` lists the kinds.",
    ),
    Code.UNKNOWN_FILE: Kind(
        status=404,
        title="The export has no such file",
        remedy="Files count from 1; `result.files` of the export has an address for each.",
    ),
    Code.METHOD_NOT_ALLOWED: Kind(
        status=405,
        title="The resource does not know this method",
        remedy="The Allow header names the methods that it knows.",
    ),
    Code.REQUEST_TIMEOUT: Kind(
        status=408,
        title="The body took too long",
        retry_after=1,
        remedy="Send the whole body at once; bodies are small.",
    ),
    Code.NOT_READY: Kind(
        status=409,
        title="The export has no files in its present state",
        remedy="`export_status` says how it is. Wait until it has succeeded; one that has failed "
        "says why in its `error`.",
    ),
    Code.NOT_TERMINAL: Kind(
        status=409,
        title="The export has not ended",
        remedy="Cancel it and wait, or let it end, before you delete it.",
    ),
    Code.ILLEGAL_TRANSITION: Kind(
        status=409,
        title="Not possible in the export's present state",
        remedy="Look at the export: its `links` name what is possible now.",
    ),
    Code.IDEMPOTENCY_IN_PROGRESS: Kind(
        status=409,
        title="The first request with this key is still being recorded",
        retry_after=1,
        remedy="Send the same request with the same key once more in a second.",
    ),
    Code.GONE: Kind(
        status=410,
        title="The export or its files are gone",
        remedy="Its time is over or it was deleted. One that expired can be tried again; else "
        "ask for a new export.",
    ),
    Code.BODY_TOO_LARGE: Kind(
        status=413,
        title="The body is too large",
        remedy="Send at most 64 kB; long lists belong into the campaign, not into a request.",
    ),
    Code.UNSUPPORTED_MEDIA_TYPE: Kind(
        status=415,
        title="The body must be application/json",
        remedy="Send `Content-Type: application/json` and no content coding.",
    ),
    Code.IDEMPOTENCY_KEY_REUSED: Kind(
        status=422,
        title="The Idempotency-Key was used with another payload",
        remedy="Take a new key for another request; the same key means the same request.",
    ),
    Code.NOT_EXPORTABLE: Kind(
        status=422,
        title="The campaign cannot have this export",
        remedy="`business_code` says why; change that in the campaign, or ask for another kind.",
    ),
    Code.NOT_DOWNLOADABLE: Kind(
        status=403,
        title="The files are for their delivery only",
        remedy="Nobody downloads files of this kind; `result.deliveries` says where they went.",
    ),
    Code.QUOTA_EXCEEDED: Kind(
        status=422,
        title="The export would be larger than one may be",
        remedy="`max_rows` is all that one export may read, `estimate` what this one would come "
        "to. An operator sets it, as `BRIDGE_ROWS_PER_EXPORT`.",
    ),
    Code.TOO_MANY_EXPORTS: Kind(
        status=429,
        title="As many exports are live as may be",
        retry_after=30,
        remedy="`limit` says whose places are taken. Wait until one ends, or cancel one; "
        "`GET /v1/limits` has the numbers.",
    ),
    Code.ENDPOINT_DISABLED: Kind(
        status=409,
        title="The webhook endpoint is disabled",
        remedy="`disabled_reason` of the endpoint says why. Mend the receiver, then "
        "`POST /v1/webhook-endpoints/{id}/enable`.",
    ),
    Code.TOO_MANY_ENDPOINTS: Kind(
        status=429,
        title="The caller has as many webhook endpoints as may be",
        retry_after=60,
        remedy="Delete one that is no longer needed; `GET /v1/webhook-endpoints` lists them.",
    ),
    Code.POLLING_TOO_FAST: Kind(
        status=429,
        title="The export is asked for too often",
        retry_after=2,
        remedy="Ask after `Retry-After` seconds, as each answer says; `Prefer: wait=30` with "
        "`If-None-Match` or the events tell of a change at once.",
    ),
    Code.INTERNAL_ERROR: Kind(
        status=500,
        title="The bridge failed",
        remedy="Report the `instance`: our log has what happened under it.",
    ),
    Code.QUEUE_UNAVAILABLE: Kind(
        status=503,
        title="The queue does not answer",
        retry_after=5,
        remedy="Nothing was recorded, or not for sure: send the same request with the same "
        "Idempotency-Key after `Retry-After` seconds.",
    ),
    Code.QUEUE_STALLED: Kind(
        status=503,
        title="The queue is not being worked off",
        retry_after=30,
        remedy="Requests are kept and will be worked off. Operators: see the runbook, Dagster "
        "may be down.",
    ),
    Code.STORAGE_UNAVAILABLE: Kind(
        status=503,
        title="The file storage does not answer",
        retry_after=5,
        remedy="Ask again after `Retry-After` seconds.",
    ),
    Code.KEYS_UNAVAILABLE: Kind(
        status=503,
        title="The keys that tokens are checked with do not answer",
        retry_after=5,
        remedy="Your token may be good: ask again after `Retry-After` seconds.",
    ),
    Code.OVERLOADED: Kind(
        status=503,
        title="Too many requests at once",
        retry_after=1,
        remedy="Ask again after `Retry-After` seconds, and less often.",
    ),
}


class ProblemError(Exception):
    """Ends a request with a problem document.

    Attributes:
        code: Which problem.
        detail: What is wrong in this case and what helps; never what the caller sent.
        errors: The places, where there are any: a JSON pointer into the body, or
            `/header/<name>`, `/query/<name>` or `/path/<name>`.
        headers: More response headers.
        members: Extension members of the document.
    """

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        errors: Sequence[Problem] = (),
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.members = dict(members or {})


def problem_response(error: ProblemError, request_id: str | None, instance: str) -> JSONResponse:
    """Render a problem as `application/problem+json`.

    Args:
        error: The problem.
        request_id: What the caller calls the request, or what we call it.
        instance: The URI of this occurrence and of no other.
    """
    kind = REGISTRY[error.code]
    body: dict[str, Any] = {
        "type": f"/problems/{error.code}",
        "title": kind.title,
        "status": kind.status,
        "detail": error.detail,
        "code": str(error.code),
        "retryable": kind.retry_after is not None,
        "errors": [{"pointer": e.pointer, "detail": e.detail} for e in error.errors],
        "instance": instance,
        "request_id": request_id,
        **error.members,
    }
    headers = {"Cache-Control": "no-store", **error.headers}
    if kind.retry_after is not None:
        headers.setdefault("Retry-After", str(kind.retry_after))
    return JSONResponse(body, status_code=kind.status, headers=headers, media_type=MEDIA_TYPE)


def not_found(pointer: str | None = None) -> ProblemError:
    """The 404 of what may be somebody's: unknown and foreign look the same (RELIABILITY.md S5)."""
    remedy = "does not exist or is not yours; check the id and the token's campaigns"
    errors = () if pointer is None else (Problem(pointer=pointer, detail=remedy),)
    return ProblemError(
        Code.NOT_FOUND, "It does not exist, or the token may not see it.", errors=errors
    )


def invalid(problems: Sequence[Problem]) -> ProblemError:
    """A 400 that names each place and its remedy."""
    return ProblemError(
        Code.INVALID_PARAMETERS, "Change what `errors` names and send it again.", errors=problems
    )

"""AWS Signature Version 4 for S3, checked from the side of the server.

Both forms: in the `Authorization` header, and in the query of a presigned link ("Authenticating
Requests (AWS Signature Version 4)" in the S3 API reference). moto checks neither, and a download
link that nobody checks would make every test about links worthless.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from export_platform.local.s3.refusals import RefusalError, bad_request, forbidden

_ALGORITHM = "AWS4-HMAC-SHA256"
_UNSIGNED = "UNSIGNED-PAYLOAD"
_LONGEST = 604_800  # seven days, the longest life of a presigned link
_SKEW = timedelta(minutes=15)  # how far the signer's clock may be off
_AUTHORIZATION = re.compile(
    rf"{_ALGORITHM}\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]+)\s*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The one key pair this server knows, and the session token of one that is temporary."""

    key_id: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """What a request says about its own signature."""

    key_id: str
    scope: str  # <day>/<region>/s3/aws4_request
    signed_headers: str
    signature: str
    instant: datetime
    payload: str
    token: str


def verify(environ: dict[str, Any], credentials: Credentials, now: datetime) -> None:
    """Accepts a request that is signed with our key, in time, and unchanged.

    Args:
        environ: The WSGI request; `REQUEST_URI` must hold the target as it was sent.
        credentials: The key pair.
        now: The server's time.

    Raises:
        RefusalError: The request is anonymous, or its signature is not good.
    """
    query = _query(environ)
    if "X-Amz-Signature" in query:
        claim = _claim_of_link(environ, query, now)
    elif "HTTP_AUTHORIZATION" in environ:
        claim = _claim_of_header(environ, now)
    elif "Signature" in query:
        raise bad_request(
            "InvalidRequest",
            "The authorization mechanism you have provided is not supported. "
            f"Please use {_ALGORITHM}.",
        )
    else:
        raise forbidden("AccessDenied", "Access Denied")
    _compare(claim, _canonical_request(environ, claim), credentials)


def _compare(claim: _Claim, canonical_request: bytes, credentials: Credentials) -> None:
    if claim.key_id != credentials.key_id:
        raise forbidden(
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
            {"AWSAccessKeyId": claim.key_id},
        )
    if claim.token != credentials.token:
        raise bad_request("InvalidToken", "The provided token is malformed or otherwise invalid.")
    text = "\n".join(
        (
            _ALGORITHM,
            f"{claim.instant:%Y%m%dT%H%M%SZ}",
            claim.scope,
            hashlib.sha256(canonical_request).hexdigest(),
        )
    )
    key = f"AWS4{credentials.secret}".encode()
    for part in claim.scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    expected = hmac.digest(key, text.encode(), "sha256").hex()
    if not hmac.compare_digest(expected, claim.signature):
        raise forbidden(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.",
        )


def _claim_of_link(environ: dict[str, Any], query: dict[str, str], now: datetime) -> _Claim:
    try:
        algorithm, seconds = query["X-Amz-Algorithm"], int(query["X-Amz-Expires"])
        instant = _instant(query["X-Amz-Date"])
        key_id, scope = _credential(query["X-Amz-Credential"], instant)
        signed_headers = query["X-Amz-SignedHeaders"]
    except (KeyError, ValueError):
        raise _malformed_link() from None
    if algorithm != _ALGORITHM or not 1 <= seconds <= _LONGEST:
        raise _malformed_link()
    _refuse_expired(instant, seconds, now)
    return _Claim(
        key_id=key_id,
        scope=scope,
        signed_headers=signed_headers,
        signature=query["X-Amz-Signature"],
        instant=instant,
        payload=environ.get("HTTP_X_AMZ_CONTENT_SHA256", _UNSIGNED),
        token=query.get("X-Amz-Security-Token", ""),
    )


def _malformed_link() -> RefusalError:
    return bad_request(
        "AuthorizationQueryParametersError", "Error parsing the X-Amz-* query parameters"
    )


def _refuse_expired(instant: datetime, seconds: int, now: datetime) -> None:
    end = instant + timedelta(seconds=seconds)
    if now > end:
        raise forbidden(
            "AccessDenied",
            "Request has expired",
            {
                "X-Amz-Expires": str(seconds),
                "Expires": f"{end:%Y-%m-%dT%H:%M:%SZ}",
                "ServerTime": f"{now:%Y-%m-%dT%H:%M:%SZ}",
            },
        )
    if instant - now > _SKEW:
        raise forbidden("AccessDenied", "Request is not valid yet")


def _claim_of_header(environ: dict[str, Any], now: datetime) -> _Claim:
    found = _AUTHORIZATION.fullmatch(environ["HTTP_AUTHORIZATION"].strip())
    if found is None:
        raise bad_request("AuthorizationHeaderMalformed", "The authorization header is malformed")
    try:
        instant = _instant(environ["HTTP_X_AMZ_DATE"])
        key_id, scope = _credential(found[1], instant)
        payload = environ["HTTP_X_AMZ_CONTENT_SHA256"]
    except KeyError:
        raise bad_request(
            "MissingSecurityHeader", "Your request was missing a required header"
        ) from None
    except ValueError:
        raise bad_request(
            "AuthorizationHeaderMalformed", "The authorization header is malformed"
        ) from None
    if abs(now - instant) > _SKEW:
        raise forbidden(
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        )
    return _Claim(
        key_id=key_id,
        scope=scope,
        signed_headers=found[2],
        signature=found[3],
        instant=instant,
        payload=payload,
        token=environ.get("HTTP_X_AMZ_SECURITY_TOKEN", ""),
    )


def _instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def _credential(text: str, instant: datetime) -> tuple[str, str]:
    key_id, day, region, service, end = text.rsplit("/", 4)
    if (day, service, end) != (f"{instant:%Y%m%d}", "s3", "aws4_request"):
        raise ValueError
    return key_id, f"{day}/{region}/{service}/{end}"


def _canonical_request(environ: dict[str, Any], claim: _Claim) -> bytes:
    names = claim.signed_headers.split(";")
    if not {"host", *_headers_of_amazon(environ)} <= {*names}:
        raise forbidden(
            "AccessDenied", "There were headers present in the request which were not signed"
        )
    path, _, query = environ["REQUEST_URI"].partition("?")
    pairs = sorted(
        (_encoded(name), _encoded(value))
        for name, _, value in (pair.partition("=") for pair in query.split("&") if pair)
        if name != "X-Amz-Signature"
    )
    lines = (
        environ["REQUEST_METHOD"],
        quote(unquote_to_bytes(path), safe="/-_.~"),
        "&".join(f"{name}={value}" for name, value in pairs),
        *(f"{name}:{_header(environ, name)}" for name in names),
        "",
        claim.signed_headers,
        claim.payload,
    )
    # WSGI decodes header bytes as Latin-1 (PEP 3333); this gives the bytes back as they came.
    return "\n".join(lines).encode("latin-1")


def _headers_of_amazon(environ: dict[str, Any]) -> list[str]:
    """All of them change what is asked for, so all must be signed."""
    prefix = "HTTP_X_AMZ_"
    return [
        f"x-amz-{key.removeprefix(prefix).replace('_', '-').lower()}"
        for key in environ
        if key.startswith(prefix)
    ]


def _encoded(text: str) -> str:
    return quote(unquote_to_bytes(text.replace("+", "%20")), safe="-_.~")


def _header(environ: dict[str, Any], name: str) -> str:
    key = name.upper().replace("-", "_")
    bare = {"CONTENT_TYPE", "CONTENT_LENGTH"}
    return " ".join(environ.get(key if key in bare else f"HTTP_{key}", "").split())


def _query(environ: dict[str, Any]) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in environ.get("QUERY_STRING", "").split("&"))
    return {name: unquote_to_bytes(value).decode("utf-8", "replace") for name, _, value in pairs}

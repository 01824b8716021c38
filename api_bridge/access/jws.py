"""The signed form of a token: RFC 7515 compact serialisation, RS256 and nothing else.

Stricter than the libraries, which accept padded or non-canonical base64, duplicate header members
and ignored key material in the header (RELIABILITY.md M13). PyJWT does the arithmetic only.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm

from api_bridge.protocol.strict_json import MalformedJson, parse_json

MAX_TOKEN_BYTES = 8_192
ALGORITHM = "RS256"

# `crit` demands extensions that we do not have (RFC 7515 4.1.11); the others bring their own key
# or change what is signed (RFC 8725 3.10, RFC 7797).
REFUSED_HEADERS = frozenset({"crit", "jku", "jwk", "x5u", "x5c", "b64", "zip", "enc"})

_RS256 = RSAAlgorithm(RSAAlgorithm.SHA256)


class BadToken(Exception):
    """The token is refused; the text is the remedy, never a part of the token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A token whose signature is good; nothing is known of its claims yet.

    Attributes:
        header: Its header.
        payload: What is signed.
        key: What it is signed with.
    """

    header: dict[str, Any]
    payload: bytes
    key: RSAPublicKey


def verify_signature(token: str, find_key: Callable[[str], RSAPublicKey | None]) -> Signed:
    """Check form and signature.

    Args:
        token: The compact serialisation.
        find_key: The trusted key of a `kid`, or None; the header is asked for nothing else.

    Raises:
        BadToken: Anything but a well-formed RS256 token of a trusted key.
    """
    if len(token) > MAX_TOKEN_BYTES:
        raise BadToken(f"must not be longer than {MAX_TOKEN_BYTES} characters")
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, payload, signature (RFC 7515 7.1)
        raise BadToken("must be a signed token of three parts")
    header_bytes, payload, signature = (_decode(part) for part in parts)
    header = read_object(header_bytes)
    key = find_key(_trusted_kid(header))
    if key is None:
        raise BadToken("is signed with a key that is not published; get a new one")
    signed = token.rpartition(".")[0].encode()
    if not _RS256.verify(signed, key, signature):
        raise BadToken("has a signature that does not fit; get a new one")
    return Signed(header=header, payload=payload, key=key)


def read_object(raw: bytes) -> dict[str, Any]:
    """Parse the header or the claims.

    Raises:
        BadToken: It is not one JSON object that the strict parser accepts.
    """
    try:
        value = parse_json(raw)
    except MalformedJson:
        raise BadToken("must hold well-formed JSON, each member once") from None
    if not isinstance(value, dict):
        raise BadToken("must hold JSON objects")
    return value


def _trusted_kid(header: dict[str, Any]) -> str:
    if header.get("alg") != ALGORITHM:
        raise BadToken(f"must be signed with {ALGORITHM}")
    if REFUSED_HEADERS & header.keys():
        raise BadToken("must not carry key material or critical extensions in its header")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise BadToken("must name its key (kid)")
    return kid


def _decode(part: str) -> bytes:
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadToken("must be base64url without padding") from None
    # Two spellings of one value would be two tokens of one signature.
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:
        raise BadToken("must be canonical base64url without padding")
    return raw

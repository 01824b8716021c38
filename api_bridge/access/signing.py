"""The signature of the manifests that the bridge gives, and the keys that it is checked with.

A detached JWS (RFC 7515 appendix F) with Ed25519 (RFC 8037): the body travels as it is, the header
holds what any JOSE library needs beside it. Whoever keeps both can prove years later, without us,
that this manifest came from here; the manifest proves the files.
"""

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from api_bridge.protocol.strict_json import MalformedJson, parse_json
from assets.model.request import canonical_json

HEADER = "Export-Signature"
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Signs with one key and publishes it beside those before and after it.

    Attributes:
        kid: Name of the key that signs; None signs nothing.
        private: The key.
        published: Every key, by its name, that a signature may have been made with.
    """

    kid: str | None = None
    private: Ed25519PrivateKey | None = field(default=None, repr=False)
    published: dict[str, Ed25519PublicKey] = field(default_factory=dict)

    def headers(self, body: bytes) -> dict[str, str]:
        """The header with the signature of a body; none where there is no key."""
        if self.private is None:
            return {}
        protected = _encode(canonical_json({"alg": "EdDSA", "kid": self.kid}))
        signature = self.private.sign(f"{protected}.{_encode(body)}".encode())
        return {HEADER: f"{protected}..{_encode(signature)}"}

    def jwks(self) -> dict[str, Any]:
        """The public keys as a JSON Web Key Set (RFC 7517, RFC 8037 2)."""
        return {
            "keys": [
                {
                    "kty": "OKP",
                    "crv": "Ed25519",
                    "alg": "EdDSA",
                    "use": "sig",
                    "kid": kid,
                    "x": _encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)),
                }
                for kid, key in self.published.items()
            ]
        }


def read_signer(where: str | None) -> Signer:
    """Read the keys of a JWKS: the first that holds its private part signs.

    Args:
        where: The path of the file, or the JWKS itself, since secret stores hand out values
            rather than files; None for no keys.

    To rotate, put the new key behind the old one, wait until everybody has read it, then bring it
    to the front and leave the private part (`d`) of the old one out.

    Raises:
        ValueError: It cannot be read, or holds anything but Ed25519 keys; the text shows nothing
            of it.
    """
    if where is None:
        return Signer()
    try:
        raw = where.encode() if where.lstrip().startswith("{") else Path(where).read_bytes()
        keys = [_key(entry) for entry in parse_json(raw)["keys"]]
    except (OSError, MalformedJson, KeyError, TypeError, ValueError):
        raise ValueError(
            "BRIDGE_SIGNING_KEYS must be a JWKS of Ed25519 keys, or its path"
        ) from None
    signing = [(kid, private) for kid, private, _ in keys if private is not None]
    published = {kid: public for kid, _, public in keys}
    if not signing or len(published) != len(keys):
        raise ValueError("BRIDGE_SIGNING_KEYS must hold a private key, and each kid once")
    kid, private = signing[0]
    return Signer(kid=kid, private=private, published=published)


def _key(entry: dict[str, Any]) -> tuple[str, Ed25519PrivateKey | None, Ed25519PublicKey]:
    kid = entry["kid"]
    if (entry["kty"], entry["crv"]) != ("OKP", "Ed25519") or not isinstance(kid, str) or not kid:
        raise ValueError
    public = Ed25519PublicKey.from_public_bytes(_decode(entry["x"]))
    if "d" not in entry:
        return kid, None, public
    private = Ed25519PrivateKey.from_private_bytes(_decode(entry["d"]))
    if private.public_key() != public:
        raise ValueError
    return kid, private, public


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if len(raw) != _KEY_BYTES:
        raise ValueError
    return raw

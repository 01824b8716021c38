"""An issuer of tokens, good ones and deliberately bad ones, that shares no code with the bridge."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from resources.clock import Clock

ISSUER = "https://issuer.test/"
AUDIENCE = "export-bridge"
EVERYTHING = (
    "exports:read exports:create:* exports:download exports:cancel "
    "pii:masked pii:full scores:read answers:sensitive"
)


def encode(raw: bytes) -> str:
    """Base64url without padding (RFC 7515 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def as_json(value: object) -> bytes:
    """Compact JSON; text stays as it is written."""
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


@dataclass(slots=True, kw_only=True)
class Issuer:
    """Holds one key and signs whatever it is told to.

    Attributes:
        clock: The time that tokens are made at.
        kid: The name of the key.
        key: The key.
    """

    clock: Clock
    kid: str = "k1"
    key: rsa.RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )

    def jwks(self, **changes: Any) -> bytes:
        """The public key as a set of one; a member set to None is left out."""
        return json.dumps({"keys": [self.jwk(**changes)]}).encode()

    def jwk(self, **changes: Any) -> dict[str, Any]:
        """The public key."""
        numbers = self.key.public_key().public_numbers()
        members: dict[str, Any] = {
            "kty": "RSA",
            "kid": self.kid,
            "use": "sig",
            "alg": "RS256",
            "n": encode(numbers.n.to_bytes(256, "big")),
            "e": encode(numbers.e.to_bytes(3, "big")),
        }
        return {n: v for n, v in (members | changes).items() if v is not None}

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Good claims, changed; a claim set to None is left out."""
        now = int(self.clock.now().timestamp())
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "svc:promoter-tools",
            "client_id": "tools",
            "iat": now,
            "exp": now + 600,
            "scope": EVERYTHING,
            "campaigns": ["aurora-lights", "northern-sky"],
        }
        return {n: v for n, v in (claims | changes).items() if v is not None}

    def token(self, **changes: Any) -> str:
        """A good token with these claims changed."""
        return self.sign({"typ": "at+jwt"}, self.claims(**changes))

    def sign(self, header: object, payload: object) -> str:
        """Sign what is given; a dictionary header gets `alg` and `kid` unless it has them."""
        if isinstance(header, dict):
            header = {"alg": "RS256", "kid": self.kid} | header
            header = {n: v for n, v in header.items() if v is not None}
        signed = f"{encode(as_json(header))}.{encode(as_json(payload))}"
        signature = self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{encode(signature)}"

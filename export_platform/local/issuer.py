"""The issuer of development tokens: a key pair made on first use, and its public half as a JWKS.

Only the embedded bridge trusts it. A deployment has an issuer of its own and never sees this file.
"""

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from assets.model.policy import PII_SCOPES
from resources.clock import Clock

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

ISSUER = "https://issuer.invalid/development"  # RFC 2606: a name that can never be somebody's
AUDIENCE = "export-bridge"
MAX_MINUTES = 60  # the bridge refuses tokens that live longer (RFC 8725 advises short lives)
BASE_SCOPES = (
    "exports:read",
    "exports:create:*",
    "exports:download",
    "exports:cancel",
    "pii:masked",
)

# What the bridge knows; after `exports:create:` also the name of one kind of export.
SCOPES = (
    "exports:read",
    "exports:create:*",
    "exports:download",
    "exports:cancel",
    "exports:admin",
    *PII_SCOPES,
)

_KEY_BITS = 2_048  # NIST SP 800-131A; the least that the bridge accepts


class DevelopmentIssuer:
    """Signs tokens for one embedded bridge.

    Args:
        directory: Holds the private key (mode 0600) and the JWKS; created on first use.
        clock: The time that tokens are made at.
    """

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._directory = directory.absolute()
        self._clock = clock

    @property
    def key_file(self) -> Path:
        """The private key, PKCS #8 in PEM."""
        return self._directory / "signing-key.pem"

    @property
    def jwks_file(self) -> Path:
        """The public key, as the bridge reads it (RFC 7517)."""
        return self._directory / "jwks.json"

    @property
    def manifest_keys_file(self) -> Path:
        """The key that the bridge signs manifests with, as a JWKS with its private part."""
        return self._directory / "manifest-keys.json"

    def variables(self) -> dict[str, str]:
        """What makes a bridge trust this issuer; makes the keys when there are none."""
        self._prepared()
        if not self.manifest_keys_file.exists():
            self._place(self.manifest_keys_file, _manifest_keys())
        return {
            "BRIDGE_ISSUER": ISSUER,
            "BRIDGE_AUDIENCE": AUDIENCE,
            "BRIDGE_JWKS": str(self.jwks_file),
            "BRIDGE_SIGNING_KEYS": str(self.manifest_keys_file),
        }

    def token(
        self,
        *,
        scopes: Sequence[str] = BASE_SCOPES,
        campaigns: Sequence[str] = ("*",),
        subject: str = "developer",
        minutes: int = MAX_MINUTES,
    ) -> str:
        """An RS256 access token (RFC 9068).

        Args:
            scopes: What it allows.
            campaigns: Keys of the campaigns it is for; `*` is all.
            subject: Whom the audit trail will name.
            minutes: How long it lives, 1 to 60.

        Raises:
            ValueError: `minutes` is out of range.
        """
        if not 1 <= minutes <= MAX_MINUTES:
            raise ValueError(f"a token lives 1 to {MAX_MINUTES} minutes")
        import jwt  # noqa: PLC0415 - 0.1 s with its cryptography

        key = self._prepared()
        now = int(self._clock.now().timestamp())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "client_id": "export-platform",
            "iat": now,
            "exp": now + 60 * minutes,
            "jti": secrets.token_hex(16),
            "scope": " ".join(dict.fromkeys(scopes)),
            "campaigns": list(dict.fromkeys(campaigns)),
        }
        headers = {"typ": "at+jwt", "kid": _jwk(key)["kid"]}
        return jwt.encode(claims, key, algorithm="RS256", headers=headers)

    def _prepared(self) -> "RSAPrivateKey":
        """The private key, with the JWKS beside it; made when it is not there."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self.key_file.exists():
            self._make_key()
        key = _loaded(self.key_file.read_bytes())
        published = json.dumps({"keys": [_jwk(key)]}, indent=1).encode()
        if not self.jwks_file.exists() or self.jwks_file.read_bytes() != published:
            self._replace(self.jwks_file, published)
        return key

    def _make_key(self) -> None:
        from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
            Encoding,
            NoEncryption,
            PrivateFormat,
        )

        key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._place(self.key_file, pem)

    def _place(self, path: Path, content: bytes) -> None:
        """Write a file unless another process was first: a link never replaces."""
        fresh = self._written(path, content)
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            return
        finally:
            fresh.unlink()

    def _replace(self, path: Path, content: bytes) -> None:
        self._written(path, content).replace(path)

    def _written(self, path: Path, content: bytes) -> Path:
        """A complete file of our own beside the wanted one, readable by its owner only."""
        fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        return fresh


# To check a key takes 27 ms, and a load asks for five hundred tokens.
@lru_cache(maxsize=1)
def _loaded(pem: bytes) -> "RSAPrivateKey":
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - 0.1 s
        load_pem_private_key,
    )

    key: RSAPrivateKey = load_pem_private_key(pem, password=None)  # type: ignore[assignment]
    return key


def _jwk(key: "RSAPrivateKey") -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    required = {"e": _base64url(numbers.e), "kty": "RSA", "n": _base64url(numbers.n)}
    # The thumbprint of the key as its name (RFC 7638): a new key is never taken for the old one.
    thumbprint = hashlib.sha256(json.dumps(required, separators=(",", ":")).encode()).digest()
    return {**required, "kid": _encoded(thumbprint), "use": "sig", "alg": "RS256"}


def _manifest_keys() -> bytes:
    """A JWKS with one new Ed25519 key (RFC 8037)."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )

    key = Ed25519PrivateKey.generate()
    public = _encoded(key.public_key().public_bytes_raw())
    required = {"crv": "Ed25519", "kty": "OKP", "x": public}
    thumbprint = hashlib.sha256(json.dumps(required, separators=(",", ":")).encode()).digest()
    private = {"kid": _encoded(thumbprint), "d": _encoded(key.private_bytes_raw())}
    return json.dumps({"keys": [{**required, **private}]}, indent=1).encode()


def _base64url(number: int) -> str:
    return _encoded(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

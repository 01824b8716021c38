"""The signature of a manifest: kept beside it at the download, checked without any server."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt

from export_platform.commands.terminal import CommandError

# Beside the manifest: the detached JWS (RFC 7515 appendix F), and the keys of the day (RFC 7517).
SIGNATURE_NAME = "_manifest.json.jws"
KEYS_NAME = "_signing-keys.json"


def keep(folder: Path, signature: str, keys: Mapping[str, Any]) -> None:
    """Write a signature, and the public keys that it can be checked with, beside the manifest."""
    (folder / SIGNATURE_NAME).write_text(signature + "\n", encoding="ascii")
    (folder / KEYS_NAME).write_text(json.dumps(keys, indent=2) + "\n", encoding="utf-8")


def kept(folder: Path) -> str | None:
    """The signature beside a manifest; None where there is none."""
    path = folder / SIGNATURE_NAME
    return path.read_text("utf-8").strip() if path.is_file() else None


def signer(manifest: bytes, signature: str, keys: Path) -> str:
    """The `kid` of the key that a manifest was signed with.

    Args:
        manifest: As it is stored.
        signature: The detached JWS, Ed25519 (RFC 8037).
        keys: A JWKS.

    Raises:
        CommandError: No key of these has signed this manifest, or there are no keys.
    """
    try:
        known = {key.key_id: key for key in jwt.PyJWKSet.from_json(keys.read_text("utf-8")).keys}
    except (OSError, ValueError, jwt.PyJWTError):
        raise CommandError(
            "no signing keys there; --keys takes the file of /.well-known/export-signing-keys"
        ) from None
    protected, _, value = signature.partition("..")
    payload = base64.urlsafe_b64encode(manifest).rstrip(b"=").decode()
    token = f"{protected}.{payload}.{value}"
    try:
        kid = str(jwt.get_unverified_header(token).get("kid"))
        jwt.PyJWS().decode(token, known[kid], algorithms=["EdDSA"])
    except (KeyError, ValueError, jwt.PyJWTError):
        raise CommandError("none of these keys has signed this manifest as it is now") from None
    return kid

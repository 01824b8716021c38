"""How a webhook is signed: Standard Webhooks 1.0.0, the symmetric scheme `v1`; pure."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

PREFIX = "whsec_"
# The standard asks for 24 to 64 bytes.
SECRET_BYTES = 32
# How long the secret before still signs beside the new one: a day to put the new one in place.
ROTATION = timedelta(hours=24)


def new_secret() -> str:
    """A secret that nobody has yet."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


def live_secrets(endpoint: Mapping[str, Any], now: datetime) -> list[str]:
    """What an endpoint's webhooks are signed with now: the newest, and the one before for a day."""
    kept = (one for one in endpoint["secrets"] if one["until"] is None or now < one["until"])
    return [one["value"] for one in kept]


def signed_headers(
    message_id: str, body: bytes, signers: Sequence[str], now: datetime
) -> dict[str, str]:
    """The three headers of the standard; a signature for each secret, with a space between."""
    seconds = str(int(now.timestamp()))
    signed = b".".join((message_id.encode(), seconds.encode(), body))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(_signature(secret, signed) for secret in signers),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode("ascii")

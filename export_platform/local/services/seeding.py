"""How a seed fills the stand-ins."""

import json
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import requests

_BATCH = 20_000
_SECONDS = 60


def put_codes(
    base_url: str,
    campaign_id: str,
    items: Iterable[Mapping[str, Any]],
    *,
    token: str | None = None,
) -> int:
    """Replace the codes of a campaign in the codes service of the stack.

    Args:
        base_url: Address of the stand-in; no real codes service has these routes.
        campaign_id: 24 hex digits.
        items: Codes as `codes:search` shows them, with their values.
        token: Sent along when given.

    Returns:
        How many were stored.

    Raises:
        requests.RequestException: The stand-in did not do it.
    """
    address, named = f"{base_url}/-/codes", {"campaign": campaign_id}
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    stored = 0
    remaining = iter(items)
    with requests.Session() as session:
        session.trust_env = False
        session.headers.update(headers)
        session.delete(address, params=named, timeout=_SECONDS).raise_for_status()
        while batch := list(islice(remaining, _BATCH)):
            body = b"".join(json.dumps(dict(item)).encode() + b"\n" for item in batch)
            answer = session.put(address, params=named, data=body, timeout=_SECONDS)
            answer.raise_for_status()
            stored += answer.json()["stored"]
    return stored

"""The stand-in of Marketing Cloud as tests drive it."""

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import requests

from resources.clock import Clock
from resources.marketing_cloud import BatchStatus, Field, MarketingCloud, RequestState

SECONDS = 10


def declare(
    stack: Mapping[str, str],
    fields: Iterable[Field],
    *,
    sendable: bool = False,
    key: str | None = None,
) -> str:
    """Make a data extension; its external key."""
    named = key or uuid.uuid4().hex
    declared = {
        "key": named,
        "isSendable": sendable,
        "fields": [
            {
                "name": one.name,
                "type": one.type,
                "length": one.length,
                "isPrimaryKey": one.primary_key,
                "isNullable": not one.required,
            }
            for one in fields
        ],
    }
    _control(stack, "PUT", "dataextensions", declared)
    return named


def door_to(stack: Mapping[str, str], clock: Clock, *, secret: str | None = None) -> MarketingCloud:
    """The door to the process, on a clock of the test's."""
    return MarketingCloud(
        auth_url=stack["SFMC_AUTH_URL"],
        rest_url=stack["SFMC_REST_URL"],
        client_id=stack["SFMC_CLIENT_ID"],
        client_secret=secret or stack["SFMC_CLIENT_SECRET"],
        account_id=stack["SFMC_ACCOUNT_ID"],
        clock=clock,
        jitter=lambda: 0.0,
    )


def script(stack: Mapping[str, str], faults: Sequence[str | None]) -> None:
    """What goes wrong with the next batches."""
    _control(stack, "PUT", "script", list(faults))


def faults(stack: Mapping[str, str], steps: Sequence[Mapping[str, Any]]) -> None:
    """What goes wrong with the next calls."""
    _control(stack, "PUT", "faults", list(steps))


def expire(stack: Mapping[str, str]) -> None:
    """End every token."""
    _control(stack, "POST", "expire", {})


def told(stack: Mapping[str, str], what: str, **query: str) -> Any:
    """What the stand-in tells of itself: `rows`, `received`, `deletions`, `requests`."""
    address = f"{stack['SFMC_REST_URL']}/-/{what}"
    answer = requests.get(address, params=query, timeout=SECONDS)
    answer.raise_for_status()
    return answer.json()


def until_complete(door: MarketingCloud, request_id: str) -> BatchStatus:
    """Ask until a request is not pending any more, for some seconds."""
    until = time.monotonic() + SECONDS
    while True:
        status = door.status(request_id)
        if status.state is not RequestState.PENDING or time.monotonic() > until:
            return status
        time.sleep(0.05)


def _control(stack: Mapping[str, str], method: str, path: str, body: object) -> None:
    address = f"{stack['SFMC_REST_URL']}/-/{path}"
    requests.request(method, address, json=body, timeout=SECONDS).raise_for_status()

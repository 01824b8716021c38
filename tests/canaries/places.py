"""Where a canary is put: each place has one of its own, so that a hit names the place.

What an export reads is planted by `tests/privacy`, in every personal field of every source; here is
what comes from elsewhere: from callers, from the environment, from the answers of services.
"""

import hashlib
from collections.abc import Iterator
from typing import Final

from tests.privacy.canaries import NEVER, Canary, planted

CLAIMS: Final = ("iss", "aud", "sub", "jti", "client_id", "scope", "campaigns", "email", "name")
TOKEN_HEADERS: Final = ("kid", "jku", "typ", "alg", "crit")
HEADERS: Final = (
    "Accept", "Authorization", "Baggage", "Content-Type", "Cookie", "Forwarded", "Idempotency-Key",
    "If-None-Match", "Last-Event-ID", "Origin", "Prefer", "Referer", "Traceparent", "Tracestate",
    "User-Agent", "X-Forwarded-For", "X-Request-Id",
)  # fmt: skip
REQUEST: Final = (
    "host", "path", "query name", "query value", "page token", "body that is no JSON", "member",
    "parameter name", "parameter value", "reason", "column", "campaign", "type",
)  # fmt: skip
SECRETS: Final = (
    "database password", "codes token", "entries token", "SFMC secret", "S3 secret key",
    "key of the pseudonyms", "secret in an address", "manifest key", "collector token",
)  # fmt: skip
ANSWERS: Final = (
    "codes answer", "codes header", "codes redirect", "entries answer", "SFMC answer",
    "SFMC token", "S3 answer", "S3 header", "Athena answer", "Athena reason",
)  # fmt: skip
ERRORS: Final = ("driver's error", "our own bug", "cause of an error", "note of an error")
DOCUMENTS: Final = ("campaign zone", "campaign name", "market", "question", "entry")
# What needs no process but ours: the round in the suite plants these.
INDOORS: Final = (
    *(f"claim {name}" for name in CLAIMS),
    *(f"token header {name}" for name in TOKEN_HEADERS),
    *(f"header {name}" for name in HEADERS),
    *REQUEST,
    *ERRORS,
)
PLACES: Final = (*INDOORS, *SECRETS, *ANSWERS, *DOCUMENTS)


def canary(place: str) -> str:
    """The canary of a place: letters and digits, so that it goes through everything as it is.

    Raises:
        ValueError: There is no such place; nobody would look for it.
    """
    if place not in PLACES:
        raise ValueError(f"nobody looks for the canary of {place!r}")
    return "zc4n" + hashlib.sha256(place.encode()).hexdigest()[:12]


def row(place: str) -> str:
    """The canary as a driver or a service quotes it: with a person's address beside it."""
    return (
        f"E11000 duplicate key: {{ email: '{canary(place)}@fan.example', code: {canary(place)} }}"
    )


def own() -> Iterator[Canary]:
    """The canaries of all these places."""
    for place in PLACES:
        yield Canary(value=canary(place), cls=NEVER, path=place, kind="text")


def every(*more: Canary) -> tuple[Canary, ...]:
    """Those, those of the planted pack, and more that are known only now.

    Ids are pseudonyms and stand in the references of documents to each other; in masked files they
    are judged by `tests/privacy`.
    """
    people = (one for one in planted().canaries if one.kind != "as it is")
    return (*own(), *people, *more)

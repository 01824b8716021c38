"""ObjectIds and account ids derived from (kind, pack, campaign, index), so that nothing is drawn.

An ObjectId here is 24 hex digits: kind (4), pack (4), campaign inside the pack (4), index (12).
The hand-written pack is number 0 and its index starts with a letter that names the kind, which
gives the ids printed in DOMAIN.md 2 (`66510000000000000000e001` is its first entry).
"""

import hashlib
import uuid
from enum import StrEnum

from bson import ObjectId


class Kind(StrEnum):
    """First four hex digits of an id, one per kind of document (DOMAIN.md 2)."""

    CAMPAIGN = "6650"
    ENTRY = "6651"
    USER = "6652"
    MARKET = "6653"
    PROMOTER = "6654"
    SCORING = "6655"
    EXPORT = "6656"
    DUPLICATE_GROUP = "6657"


def object_id(kind: Kind, pack: int, index: int, *, campaign: int = 0) -> ObjectId:
    """The id of document `index` of a kind in a campaign of a pack.

    Raises:
        ValueError: a part does not fit its digits.
    """
    if not (0 <= pack < 1 << 16 and 0 <= campaign < 1 << 16 and 0 <= index < 1 << 48):
        raise ValueError("an id part does not fit its digits")
    return ObjectId(f"{kind}{pack:04x}{campaign:04x}{index:012x}")


def pack_range(kind: Kind, pack: int) -> tuple[ObjectId, ObjectId]:
    """Lower bound (inclusive) and upper bound (exclusive) of the ids of a kind in a pack."""
    return ObjectId(f"{kind}{pack:04x}{0:016x}"), ObjectId(f"{kind}{pack + 1:04x}{0:016x}")


def account_id(user_id: ObjectId) -> str:
    """The ticketing account of a user: a version 4 shaped UUID made from the user's id."""
    digest = hashlib.blake2b(user_id.binary, digest_size=16, person=b"account").digest()
    return str(uuid.UUID(bytes=digest, version=4))


def email_digest(normalized: str) -> str:
    """SHA-256, lower hex, of a normalised address (DOMAIN.md 6.1, `h256`)."""
    return hashlib.sha256(normalized.encode("utf-8", "replace")).hexdigest()

"""The fans behind the entries of a chunk, and the accounts that some of them were merged into."""

from typing import Any, Final

import bson

from export_platform.local.seed.basis.dataset import Document
from export_platform.local.seed.basis.identifiers import Kind, account_id
from export_platform.local.seed.basis.instants import at
from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.sized import anomalies, blocks, marketing
from export_platform.local.seed.sized import plan as plans
from export_platform.local.seed.sized.chunk import Chunk, id_list, instants
from export_platform.local.seed.sized.people import People
from export_platform.local.seed.sized.recipe import OPENS

HOP: Final = 1 << 40
"""Added to a fan's index for each account the fan was merged into."""

_BORN: Final = at("2019-01-14T08:00:00Z")
_UPDATED: Final = at("2026-03-01T08:00:00Z")
_LAST_ORDER: Final = at("2025-09-30T18:11:00Z")
_OPENS: Final = int(OPENS.timestamp()) * 1000
ERASURE: Final[dict[str, Any]] = {
    "requestedAt": at("2026-03-14T10:00:00Z"),
    "completedAt": at("2026-03-15T10:00:00Z"),
    "scope": "all",
}

# Missing 0.2 %, merged 0.3 %, erased before the entry 0.05 %, each flag 0.02 %.
_TROUBLES: Final = (
    *(("", 0.99385), ("missing", 0.002), ("merged", 0.0024), ("merged_twice", 0.0006)),
    *(("erased", 0.0005), ("employee", 0.0002), ("press", 0.0002), ("vip_test", 0.0002)),
    ("blocked", 0.00005),
)
_NASTY_TROUBLES: Final = (0.85, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02)
_FLAGS: Final = frozenset({"employee", "press", "vip_test", "blocked"})
_HOPS: Final = {"merged": 1, "merged_twice": 2, "merged_six_times": 6, "merged_in_a_circle": 2}


def troubles(chunk: Chunk) -> list[str]:
    """What is special about each fan, by name; "" for nothing."""
    usual = [weight for _, weight in _TROUBLES]
    picks = chunk.picks("user", _NASTY_TROUBLES if chunk.recipe.anomalies else usual)
    found = [_TROUBLES[pick][0] for pick in picks]
    for place, turn in enumerate(chunk.plan.anomaly.tolist()):
        if turn >= 0:
            found[place] = anomalies.CLASSES[turn].user or ""
    for place, version in enumerate(chunk.plan.version.tolist()):
        if version == 1:
            found[place] = "guest"
        elif chunk.plan.fate[place] == plans.ERASED:
            found[place] = "erased"
    return found


def accounts(chunk: Chunk) -> list[str]:
    """The account of each fan today: that into which the fan was merged, if that can be followed.

    Fans without a document and guests have one that only the host and the providers know.
    """
    found = []
    for trouble, number in zip(troubles(chunk), chunk.numbers, strict=True):
        hops = _HOPS.get(trouble, 0) if trouble in {"merged", "merged_twice"} else 0
        found.append(account_id(id_list(Kind.USER, chunk.recipe, [number + HOP * hops])[0]))
    return found


def users(chunk: Chunk, persons: People, ledger: Ledger) -> list[bytes]:
    """The fans of a chunk; guests of v1 and missing documents are not there."""
    differs = chunk.flags("user.differs", 0.04)
    standings = marketing.standings(chunk).tolist()
    orders = chunk.below("user.orders", 12)
    born = instants(_OPENS - blocks.accounts_age(chunk))
    turns = chunk.plan.anomaly.tolist()
    written: list[bytes] = []
    for place, trouble in enumerate(troubles(chunk)):
        if trouble and trouble != "guest" and turns[place] < 0:
            ledger.add(f"user_{trouble}", chunk.entry_ids[place])
        if trouble in {"guest", "missing"}:
            continue
        document = _fan(chunk, persons, place, orders[place])
        document["createdAt"] = born[place]
        document["marketing"] = marketing.STANDINGS[standings[place]][0]
        if standings[place]:
            ledger.add(marketing.NAMES[standings[place]], chunk.user_ids[place])
        if differs[place]:
            document["email"] = document["emailNormalized"] = (
                f"alt{chunk.numbers[place]}@example.org"
            )
        written.append(bson.encode(_troubled(chunk, document, trouble, place)))
        written.extend(_merged_into(chunk, persons, trouble, place))
    return written


def _fan(chunk: Chunk, persons: People, place: int, orders: int) -> Any:
    identity = chunk.user_ids[place]
    email, home, phone = persons.email[place], persons.place[place], persons.phone[place]
    return {
        "_id": identity,
        "schemaVersion": 3,
        "accountId": account_id(identity),
        "kind": "fan",
        "email": email,
        "emailNormalized": email.lower(),
        "firstName": persons.first[place],
        "lastName": persons.last[place],
        "phone": {"e164": phone, "verifiedAt": _BORN, "lineType": "mobile"} if phone else None,
        "countryCode": home.country,
        "postalCode": persons.postal_code[place],
        "locale": "en-US",
        "history": {
            "ordersLifetime": orders,
            "ordersArtist": orders // 4,
            "lastOrderAt": _LAST_ORDER if orders else None,
            "resaleListings": 0,
        },
        "flags": [],
        "createdAt": _BORN,
        "updatedAt": _UPDATED,
    }


def _troubled(chunk: Chunk, document: Any, trouble: str, place: int) -> Document:
    if trouble in _FLAGS:
        document["flags"] = [trouble]
    elif trouble == "erased":
        gone = ("email", "emailNormalized", "firstName", "lastName", "phone", "postalCode")
        document |= dict.fromkeys(gone)
        document["erasure"] = ERASURE
    elif trouble in _HOPS:
        document["mergedInto"] = id_list(Kind.USER, chunk.recipe, [chunk.numbers[place] + HOP])[0]
    return dict(document)


def _merged_into(chunk: Chunk, persons: People, trouble: str, place: int) -> list[bytes]:
    """The further accounts of a merged fan; in a circle the last leads back to the fan."""
    hops = _HOPS.get(trouble, 0)
    if not hops:
        return []
    number = chunk.numbers[place]
    chain = id_list(Kind.USER, chunk.recipe, [number + HOP * hop for hop in range(hops + 1)])
    accounts = []
    for hop in range(1, hops + 1):
        document = _fan(chunk, persons, place, 0) | {"_id": chain[hop]}
        document["accountId"] = account_id(chain[hop])
        document["marketing"] = marketing.STANDINGS[marketing.FINE][0]
        if hop < hops:
            document["mergedInto"] = chain[hop + 1]
        elif trouble == "merged_in_a_circle":
            document["mergedInto"] = chain[0]
        accounts.append(bson.encode(document))
    return accounts

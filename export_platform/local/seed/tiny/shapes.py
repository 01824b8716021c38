"""Short hands for writing a document by hand: ids, contact, preferences, the three versions.

Only what repeats is filled in here; what an entry is *for* stands where it is written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bson import Int64, ObjectId

from export_platform.local.seed.basis.dataset import Document
from export_platform.local.seed.basis.identifiers import (
    Kind,
    account_id,
    email_digest,
    object_id,
)
from export_platform.local.seed.basis.instants import at, milliseconds

PACK: Final = 0


def campaign_id(number: int) -> ObjectId:
    """`6650…c00n`, as printed in DOMAIN.md 2.1."""
    return object_id(Kind.CAMPAIGN, PACK, 0xC000 + number)


def market_id(number: int) -> ObjectId:
    """`6653…a00n`, as printed in DOMAIN.md 2.2."""
    return object_id(Kind.MARKET, PACK, 0xA000 + number)


def promoter_id(number: int) -> ObjectId:
    """`6654…b00n`, as printed in DOMAIN.md 2.3."""
    return object_id(Kind.PROMOTER, PACK, 0xB000 + number)


def user_id(number: int) -> ObjectId:
    """`6652…f001` for number 1, as printed in DOMAIN.md 2.4."""
    return object_id(Kind.USER, PACK, 0xF000 + number)


def entry_id(number: int) -> ObjectId:
    """`6651…e001` for number 1, as printed in DOMAIN.md 2.5."""
    return object_id(Kind.ENTRY, PACK, 0xE000 + number)


def scoring_id(number: int) -> ObjectId:
    """`6655…d001` for number 1, as printed in DOMAIN.md 2.6."""
    return object_id(Kind.SCORING, PACK, 0xD000 + number)


AURORA: Final = campaign_id(1)
BOREAL: Final = campaign_id(2)
COMET: Final = campaign_id(3)
NEW_YORK: Final = market_id(1)
VANCOUVER: Final = market_id(2)
LOS_ANGELES: Final = market_id(3)
LEEDS: Final = market_id(4)
OSLO: Final = market_id(5)
NORTHLAKE: Final = promoter_id(1)
OLD_MILL: Final = promoter_id(2)
FJORD: Final = promoter_id(3)
QUARRY: Final = promoter_id(4)

FIRST_NIGHT: Final = "1A005F0A0001"
SECOND_NIGHT: Final = "1A005F0A0002"
VANCOUVER_NIGHT: Final = "1A005F0A0003"

FOURTH_WAVE: Final = "2026-03-20T11:00:00Z"
"""When the codes of wave 4 were assigned: too late for the lake, whose rows of it come tomorrow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A hand-written document and the classes of the ledger it belongs to."""

    document: Document
    plants: tuple[str, ...]


def planted(document: Document, *plants: str) -> Planted:
    """A document with its classes."""
    return Planted(document=document, plants=plants)


def phone(
    e164: str | None,
    *,
    raw: str | None = None,
    line: str = "mobile",
    verified: str | None = "2026-03-03T14:59:50Z",
) -> Document:
    """A phone sub-document; `verified=None` is a number nobody confirmed."""
    return {
        "e164": e164,
        "raw": raw if raw is not None else e164,
        "countryCode": "US",
        "lineType": line,
        "verifiedAt": at(verified) if verified else None,
    }


def contact(
    email: str,
    first: str | None,
    last: str | None,
    *,
    place: tuple[str | None, str | None, str | None, str] = ("Albany", "NY", "12207", "US"),
    telephone: Document | None = None,
) -> Document:
    """Contact as registered; `place` is city, region, postal code, country."""
    normalized = email.strip().lower()
    city, region, postal_code, country = place
    return {
        "email": email,
        "emailNormalized": normalized,
        "emailSha256": email_digest(normalized),
        "firstName": first,
        "lastName": last,
        "city": city,
        "region": region,
        "postalCode": postal_code,
        "countryCode": country,
        "phone": telephone,
    }


def prefer(market: ObjectId, rank: int | None, quantity: int | None = 2, *events: str) -> Document:
    """One preference; `rank=None` leaves the field out, as old forms did."""
    preference: Document = {"marketId": market, "eventIds": list(events)}
    if rank is not None:
        preference["rank"] = rank
    if quantity is not None:
        preference["ticketQuantity"] = quantity
    return preference


def consent(
    key: str,
    *,
    promoter: ObjectId | None = None,
    withdrawn: str | None = None,
    version: str | None = "2026-02-01",
    at_text: str = "2026-03-03T15:00:09Z",
    evidence: str | None = "ev_8842",
    **fields: object,
) -> Document:
    """One consent with its evidence; `version=None` is a consent without a known text."""
    given: Document = {
        "key": key,
        "granted": True,
        "at": at(at_text),
        "textVersion": version,
        "locale": "en-US",
        "source": "form",
        "evidenceId": evidence,
    }
    if promoter is not None:
        given["promoterId"] = promoter
    if withdrawn is not None:
        given["withdrawnAt"] = at(withdrawn)
    return given | fields


def boosted(points: int, **activities: tuple[int, str]) -> Document:
    """Points as the boost service stored them; by activity how often and when last."""
    done = [
        {"key": key, "count": count, "lastAt": at(last)}
        for key, (count, last) in activities.items()
    ]
    return {"points": points, "activities": done}


def device(ip: str, *, fingerprint: str | None = None, agent: str = "Mozilla/5.0") -> Document:
    """What a fan registered with; every address is of a range kept for documentation."""
    return {"ip": ip, "ipCountry": "US", "userAgent": agent, "fingerprint": fingerprint}


def referral(code: str, by: ObjectId | None, signups: int) -> Document:
    """A fan's own referral code, and who brought the fan."""
    return {"code": code, "referredBy": by, "signups": signups}


def risk(score: float, band: str, *reasons: str) -> Document:
    """The score copied from the accepted run."""
    return {
        "score": score,
        "band": band,
        "modelVersion": "vf-2026.02",
        "scoredAt": at("2026-03-11T05:40:00Z"),
        "reasons": list(reasons),
    }


def on_list(market: ObjectId, position: int, promoted: str | None = None) -> Document:
    """A place on a market's waiting list."""
    place: Document = {"marketId": market, "position": position}
    if promoted is not None:
        place["promotedAt"] = at(promoted)
    return place


def drawn(
    outcome: str,
    rank: int,
    market: ObjectId | None = None,
    wave: int | None = None,
    event: str | None = None,
) -> Document:
    """The result of the draw."""
    result: Document = {
        "outcome": outcome,
        "drawRank": rank,
        "batchId": "b1",
        "decidedAt": at("2026-03-11T13:02:41Z"),
    }
    if market is not None:
        result |= {"marketId": market, "wave": wave, "eventId": event}
    return result


def message(kind: str, state: str, channel: str = "email") -> Document:
    """The last message of a kind."""
    return {"kind": kind, "at": at("2026-03-12T22:00:00Z"), "channel": channel, "state": state}


def code(
    number: int,
    market: ObjectId,
    *,
    seq: int = 1,
    state: str = "sent",
    at_text: str = "2026-03-12T18:00:00Z",
) -> Document:
    """A code on an entry: everything but its value, which MongoDB never holds."""
    return {
        "codeId": code_id(number),
        "codeConfigKey": "presale",
        "marketId": market,
        "seq": seq,
        "state": state,
        "assignedAt": at(at_text),
        "sentAt": at("2026-03-12T22:00:00Z") if state == "sent" else None,
        "channel": "sms",
    }


def waiting_code(number: int, market: ObjectId) -> Document:
    """A code of the fourth wave, assigned an hour before the pack's now and not sent yet."""
    return code(number, market, state="assigned", at_text=FOURTH_WAVE)


def code_id(number: int) -> str:
    """The id of a code of the hand-written pack."""
    return f"c0de0000-0000-4000-8000-{number:012x}"


def v3(
    number: int,
    status: str,
    contact_block: Document,
    *,
    at_text: str = "2026-03-03T15:00:09.120Z",
    campaign: ObjectId = AURORA,
    **fields: object,
) -> Document:
    """An entry of today's shape; `fields` are written over the usual ones by their stored name."""
    created = at(at_text)
    document: Document = {
        "_id": entry_id(number),
        "schemaVersion": 3,
        "campaignId": campaign,
        "userId": user_id(number),
        "isCurrent": True,
        "status": status,
        "statusLog": [
            {"status": "registered", "at": created, "by": "fan"},
            {"status": status, "at": at("2026-03-11T13:02:41Z"), "by": "allocator"},
        ],
        "contact": contact_block,
        "locale": "en-US",
        "timeZone": "America/New_York",
        "preferences": [prefer(NEW_YORK, 1, 2, FIRST_NIGHT)],
        "answers": [],
        "consents": [],
        "codes": [],
        "messages": [],
        "createdAt": created,
        "updatedAt": at("2026-03-11T13:02:41Z"),
        "deletedAt": None,
    }
    return document | fields


def v2(
    number: int, status: str, created: str, contact_block: Mapping[str, object], **fields: object
) -> Document:
    """An entry of 2019 to 2022: ISO text instants, user id as text, unranked markets."""
    document: Document = {
        "_id": entry_id(number),
        "schemaVersion": 2,
        "campaignId": AURORA,
        "userId": str(user_id(number)),
        "isCurrent": True,
        "status": status,
        "contact": dict(contact_block),
        "locale": "en-US",
        "markets": [NEW_YORK],
        "optIns": {},
        "createdAt": created,
        "updatedAt": created,
    }
    return document | fields


def v1(number: int, status: str, created: str, /, **fields: object) -> Document:
    """An entry of 2017 and 2018: flat contact, free-text market, milliseconds, no user."""
    document: Document = {
        "_id": entry_id(number),
        "schemaVersion": 1,
        "campaignId": AURORA,
        "isCurrent": True,
        "status": status,
        "created": Int64(milliseconds(created)),
    }
    return document | fields


def account(user: int) -> str:
    """The account of a user; that of user 1 is printed in DOMAIN.md 2.4."""
    return "0b7d2c1e-5a41-4c0e-9d0e-2f7a1f6f9a10" if user == 1 else account_id(user_id(user))


def person(number: int, **fields: object) -> Document:
    """A user whose document holds nothing special; `fields` are written over the usual ones."""
    identity = user_id(number)
    email = f"fan{number:03d}@example.com"
    document: Document = {
        "_id": identity,
        "schemaVersion": 3,
        "accountId": account_id(identity),
        "kind": "fan",
        "email": email,
        "emailNormalized": email,
        "firstName": "Fan",
        "lastName": f"Number {number}",
        "phone": None,
        "countryCode": "US",
        "postalCode": "12207",
        "locale": "en-US",
        "marketing": {"emailGlobalOptOut": False, "smsStop": False},
        "history": {
            "ordersLifetime": 0,
            "ordersArtist": 0,
            "lastOrderAt": None,
            "resaleListings": 0,
        },
        "flags": [],
        "createdAt": at("2019-01-14T08:00:00Z"),
        "updatedAt": at("2026-03-01T08:00:00Z"),
    }
    return document | fields

"""The campaign itself, its markets, its promoters and its scoring, from the recipe alone."""

from collections.abc import Iterator
from typing import Final

import bson
import numpy as np

from export_platform.local.seed.basis.dataset import Document
from export_platform.local.seed.basis.identifiers import Kind, object_id
from export_platform.local.seed.basis.instants import at
from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.sized import blocks
from export_platform.local.seed.sized.draws import Draws, indexes
from export_platform.local.seed.sized.plan import TODAY, Plan
from export_platform.local.seed.sized.recipe import CLOSES, OPENS, PRESALE, PRESALE_ENDS, Recipe
from export_platform.local.seed.sized.words import CITIES

_CREATED: Final = at("2026-02-20T10:00:00Z")
_UPDATED: Final = at("2026-03-16T14:00:00Z")
_OVERRIDES: Final = 0.0005  # of all entries

# Two questions slug to one header; one is retired; one is never exported.
_QUESTIONS: Final = (
    *(("fan_since", "number", "Q"), ("club_no", "membership", "S")),
    *(("favourite-song", "single", "N"), ("favourite_song", "text", "S"), ("days", "multi", "N")),
    *(("first_time", "boolean", "N"), ("last_concert", "date", "N"), ("old_poll", "single", "N")),
    ("staff_note", "text", "S"),
)


def campaign_id(recipe: Recipe) -> bson.ObjectId:
    """The campaign's id."""
    return object_id(Kind.CAMPAIGN, recipe.number, 0, campaign=recipe.campaign)


def run_id(recipe: Recipe) -> str:
    """The accepted scoring run."""
    return f"{recipe.key}-20260311T053000Z"


def campaign(recipe: Recipe) -> Document:
    """The campaign document."""
    return {
        "_id": campaign_id(recipe),
        "schemaVersion": 3,
        "key": recipe.key,
        "name": f"{recipe.pack.capitalize()} Tour, 2026",
        "artist": {"id": f"A-{recipe.number:04d}", "name": "Aurora Lights"},
        "kind": "fan_registration",
        "status": "on_sale",
        "timeZone": "America/New_York",
        "defaultLocale": "en-US",
        "locales": ["en-US", "es-US", "fr-CA", "en-CA"],
        "eligibility": {"countries": []},
        "promoterIds": blocks.promoter_ids(recipe),
        "schedule": {
            "registrationOpensAt": OPENS,
            "registrationClosesAt": CLOSES,
            "selectionAt": at("2026-03-11T12:00:00Z"),
            "notifyAt": blocks.NOTIFIED,
            "presaleStartsAt": PRESALE,
            "presaleEndsAt": PRESALE_ENDS,
            "generalOnsaleAt": at("2026-03-16T14:00:00Z"),
        },
        "preferences": {
            "maxMarkets": 3,
            "ranked": True,
            "perEvent": True,
            "askQuantity": True,
            "maxQuantity": 4,
        },
        "questions": [_question(*each, order) for order, each in enumerate(_QUESTIONS, start=1)],
        "consents": [_consent("artist_email", "artist"), _consent("sms", "sms")]
        + [
            _consent("promoter_email", "promoter") | {"promoterId": each}
            for each in blocks.promoter_ids(recipe)
        ],
        "boosts": [{"key": "share", "label": {"en-US": "Share"}, "weight": 5, "dailyCap": 5}],
        "codeConfig": [{"key": "presale", "codeType": "unique", "length": 10, "host": "host-us"}],
        "scoring": {"enabled": True, "vfModel": "vf-2026.02", "latestRunId": run_id(recipe)},
        "privacy": {"controller": "operator-us", "retentionDays": 400, "kAnonymity": 10},
        "counters": {"entries": recipe.entries},
        "createdBy": "staff:jd",
        "createdAt": _CREATED,
        "updatedAt": _UPDATED,
        "deletedAt": None,
    }


def _question(key: str, type_: str, pii: str, order: int) -> Document:
    asked: Document = {
        "key": key,
        "version": 1,
        "type": type_,
        "label": {"en-US": key},
        "options": [],
        "required": False,
        "order": order,
        "exportable": key != "staff_note",
        "promoterVisible": key == "fan_since",
        "pii": pii,
    }
    return asked | ({"retiredAt": OPENS} if key == "old_poll" else {})


def _consent(key: str, party: str) -> Document:
    text = {"version": "2026-02-01", "text": {"en-US": "Yes."}, "validFrom": _CREATED}
    return {"key": key, "party": party, "textVersions": [text], "default": False}


def markets(recipe: Recipe) -> Iterator[Document]:
    """The markets; the last is cancelled, the one before was added late."""
    for number, identity in enumerate(blocks.market_ids(recipe)):
        city, again = CITIES[number % len(CITIES)], number // len(CITIES)
        name = f"{city.city}, {city.region}" if city.region else city.city
        suffix = f" {again + 1}" if again else ""
        left = recipe.markets - number
        yield {
            "_id": identity,
            "schemaVersion": 3,
            "campaignId": campaign_id(recipe),
            "key": market_key(number),
            "name": name + suffix,
            "city": city.city,
            "region": city.region,
            "countryCode": city.country,
            "dmaId": city.dma,
            "timeZone": city.zone,
            "order": number + 1,
            "status": {1: "cancelled", 2: "added_late"}.get(left, "active"),
            "events": [
                _event(recipe, number, event_id, night)
                for night, event_id in enumerate(blocks.event_ids(recipe, number))
            ],
            "allocation": {"codesPlanned": 22_000, "codesIssued": 0, "ticketsHeld": 9_000},
            "createdAt": _CREATED,
            "updatedAt": _UPDATED,
            "deletedAt": None,
        }


def market_key(number: int) -> str:
    """The slug of a market, unique in its campaign."""
    city, again = CITIES[number % len(CITIES)], number // len(CITIES)
    slug = f"{city.city} {city.region or city.country}".lower().replace(" ", "-")
    slug = slug.replace("\u00e9", "e")
    return f"{slug}-{again + 1}" if again else slug


def _event(recipe: Recipe, market: int, event_id: str, night: int) -> Document:
    day = 1 + (market * 3 + night) % 28
    return {
        "eventId": event_id,
        "name": f"{recipe.pack.capitalize()} Tour",
        "venue": {"id": f"V-{market}", "name": "Harbor Arena", "capacity": 18_200},
        "startsAt": at(f"2026-07-{day:02d}T23:30:00Z"),
        "localDate": f"2026-07-{day:02d}",
        "localTime": "19:30",
        "status": "scheduled",
        "presaleStartsAt": PRESALE,
        "presaleEndsAt": PRESALE_ENDS,
        "fanAllocation": 9_000,
    }


def promoters(recipe: Recipe) -> Iterator[Document]:
    """The promoters; the agreement of the last has expired, unless it is the only one."""
    for number, identity in enumerate(blocks.promoter_ids(recipe)):
        expired = 0 < number == recipe.promoters - 1
        key = f"{recipe.key}-promoter-{number + 1}"
        yield {
            "_id": identity,
            "schemaVersion": 3,
            "key": key,
            "name": f"Promoter {number + 1}, Inc.",
            "legalName": f"Promoter {number + 1} LLC",
            "countryCode": "US",
            "regions": [],
            "privacyPolicyUrl": f"https://promoter{number + 1}.example/privacy",
            "dataSharing": {
                "agreementId": f"DSA-{recipe.number}{number:02d}",
                "signedAt": at("2024-11-02T00:00:00Z"),
                "expiresAt": at("2025-12-31T00:00:00Z" if expired else "2027-11-02T00:00:00Z"),
                "allowedFields": ["email", "first_name", "last_name", "country", "postal_code"],
                "hashOnly": False,
                "retentionDays": 365,
            },
            "delivery": {"kind": "s3", "prefix": f"promoters/{key}/", "notifyEmails": []},
            "status": "active",
            "createdAt": _CREATED,
            "updatedAt": _UPDATED,
        }


def scoring(recipe: Recipe, plan: Plan, ledger: Ledger) -> Iterator[Document]:
    """One accepted run, and an override for one entry in 2,000."""
    yield {
        "_id": object_id(Kind.SCORING, recipe.number, 0, campaign=recipe.campaign),
        "schemaVersion": 3,
        "kind": "run",
        "campaignId": campaign_id(recipe),
        "runId": run_id(recipe),
        "provider": "vf",
        "modelVersion": "vf-2026.02",
        "status": "imported",
        "thresholds": dict(blocks.THRESHOLDS),
        "acceptedAt": at("2026-03-11T06:05:00Z"),
        "acceptedBy": "staff:jd",
        "createdAt": at("2026-03-11T05:30:00Z"),
        "updatedAt": at("2026-03-11T06:05:00Z"),
    }
    decided = Draws(recipe.seed).chance("override", indexes(0, recipe.entries), _OVERRIDES)
    for number in np.flatnonzero(decided & (plan.version == TODAY) & (plan.anomaly < 0)).tolist():
        entry = object_id(Kind.ENTRY, recipe.number, number, campaign=recipe.campaign)
        ledger.add("override", entry)
        yield {
            "_id": object_id(Kind.SCORING, recipe.number, number + 1, campaign=recipe.campaign),
            "schemaVersion": 3,
            "kind": "override",
            "campaignId": campaign_id(recipe),
            "entryId": entry,
            "fromBand": "D",
            "toBand": "B",
            "reason": "support ticket",
            "by": "staff:jd",
            "at": at("2026-03-11T09:00:00Z"),
            "createdAt": at("2026-03-11T09:00:00Z"),
        }

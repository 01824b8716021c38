"""The campaign itself, its markets and its promoters, from the recipe alone."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from export_platform.local.seed.basis.dataset import Document
from export_platform.local.seed.basis.instants import at
from export_platform.local.seed.sized import blocks, boost, scores
from export_platform.local.seed.sized.codes import ALPHABET, LENGTH, SHARED, UNIQUE
from export_platform.local.seed.sized.names import campaign_id, market_key
from export_platform.local.seed.sized.recipe import CLOSES, OPENS, PRESALE, PRESALE_ENDS, Recipe
from export_platform.local.seed.sized.words import CITIES

_ADDED_LATE: Final = 2  # the market before the last
_SUSPENDED: Final = 2
_OLD_TEXT: Final = at("2025-01-15T00:00:00Z")
_CREATED: Final = at("2026-02-20T10:00:00Z")
_UPDATED: Final = at("2026-03-16T14:00:00Z")
_FIELDS: Final = (
    *("email", "first_name", "last_name", "country", "postal_code", "locale", "markets"),
)
_VENUES: Final = ("Harbor Arena", "Stade de l'\u00c9toile", "The Dome, North", 'Hall "B"')

# Two questions slug to one header; one is retired; one is never exported.
_QUESTIONS: Final = (
    *(("fan_since", "number", "Q"), ("club_no", "membership", "S")),
    *(("favourite-song", "single", "N"), ("favourite_song", "text", "S"), ("days", "multi", "N")),
    *(("first_time", "boolean", "N"), ("last_concert", "date", "N"), ("old_poll", "single", "N")),
    ("staff_note", "text", "S"),
)
# The song "withdrawn" was an option once: its answers keep their value and have no label.
_OPTIONS: Final[Mapping[str, tuple[tuple[str, str, str], ...]]] = {
    "favourite-song": (("polaris", "Polaris", "Estrella polar"), ("=zenith", "=Zenith", "Cenit")),
    "days": (("fri", "Friday", "Viernes"), ("sat", "Saturday", "S\u00e1bado")),
    "old_poll": (("yes", "Yes", "S\u00ed"), ("no", "No", "No")),
}
_DATA_EXTENSIONS: Final[Mapping[str, str]] = {
    "reminder-email": "ReminderAudience",
    "waitlist": "WaitlistAudience",
    "code-sms": "CodeSmsAudience",
    "non-purchasers": "SecondChance",
    "suppression": "Suppression",
}


def campaign(recipe: Recipe) -> Document:
    """The campaign document."""
    return {
        "_id": campaign_id(recipe),
        "schemaVersion": 3,
        "key": recipe.key,
        "name": _staff_text(recipe, f"{recipe.pack.capitalize()} Tour, 2026"),
        "artist": {
            "id": f"A-{recipe.number:04d}",
            "name": _staff_text(recipe, "Aurora Lights"),
        },
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
        "questions": [
            _question(recipe, *each, order) for order, each in enumerate(_QUESTIONS, start=1)
        ],
        "consents": [_consent("artist_email", "artist"), _consent("sms", "sms")]
        + [
            _consent("promoter_email", f"Promoter {number}, Inc.") | {"promoterId": each}
            for number, each in enumerate(blocks.promoter_ids(recipe), start=1)
        ],
        "boosts": boost.campaign_boosts(),
        "codeConfig": [_codes(UNIQUE, "unique"), _codes(SHARED, "shared")],
        "scoring": {
            "enabled": True,
            "model": scores.INTERNAL_MODEL,
            "vfModel": scores.VF_MODEL,
            "acceptBands": ["A", "B", "C"],
            "latestRunId": scores.run_id(recipe) if recipe.entries else None,
        },
        "sfmc": {
            "businessUnitMid": 7_000_000 + recipe.number,
            "dataExtensions": dict(_DATA_EXTENSIONS),
            "deliveryMode": "async",
        },
        "privacy": {"controller": "operator-us", "retentionDays": 400, "kAnonymity": 10},
        "counters": {"entries": recipe.entries},
        "createdBy": "staff:jd",
        "createdAt": _CREATED,
        "updatedAt": _UPDATED,
        "deletedAt": None,
    }


def _staff_text(recipe: Recipe, text: str) -> str:
    """What staff typed; in a nasty pack it is a formula."""
    return f"={text}" if recipe.anomalies else text


def _question(recipe: Recipe, key: str, type_: str, pii: str, order: int) -> Document:
    asked: Document = {
        "key": key,
        "version": 1,
        "type": type_,
        "label": {"en-US": _staff_text(recipe, key.replace("_", " ").capitalize())},
        "options": [
            {"value": value, "label": {"en-US": english, "es-US": spanish}}
            for value, english, spanish in _OPTIONS.get(key, ())
        ],
        "required": False,
        "order": order,
        "exportable": key != "staff_note",
        "promoterVisible": key == "fan_since",
        "pii": pii,
    }
    return asked | ({"retiredAt": OPENS} if key == "old_poll" else {})


def _consent(key: str, party: str) -> Document:
    """Two texts: only the newer names who may write, and only it is on the consents given."""
    named = party if key == "promoter_email" else f"the {party}"
    texts = {
        "en-US": f"Yes, {named} may write to me.\nI can change my mind at any time.",
        "es-US": f"S\u00ed, {named} puede escribirme.",
        "fr-CA": f"Oui, {named} peut m'\u00e9crire.",
    }
    old = {"version": "2025-01-15", "text": {"en-US": "Yes."}, "validFrom": _OLD_TEXT}
    new = {"version": blocks.TEXT, "text": texts, "validFrom": _CREATED}
    kind = "promoter" if key == "promoter_email" else party
    return {"key": key, "party": kind, "textVersions": [old, new], "default": False}


def _codes(key: str, code_type: str) -> Document:
    return {
        "key": key,
        "codeType": code_type,
        "alphabet": ALPHABET,
        "length": LENGTH,
        "prefix": "",
        "poolSize": 1_000_000 if code_type == "unique" else 1,
        "validFrom": PRESALE,
        "validUntil": PRESALE_ENDS,
        "host": "host-us",
    }


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


def _event(recipe: Recipe, market: int, event_id: str, night: int) -> Document:
    """A night at half past seven in the evening of the market's own zone.

    The second night of one market in nine was rescheduled, that of another postponed; those of the
    cancelled market are cancelled, and one that was added late has nothing for fans yet.
    """
    day = date(2026, 7, 1 + (market * 3 + night) % 28)
    zone = ZoneInfo(CITIES[market % len(CITIES)].zone)
    left = recipe.markets - market
    moved = {4: "rescheduled", 2: "postponed"}.get(market % 9, "scheduled") if night else ""
    return {
        "eventId": event_id,
        "name": f"{recipe.pack.capitalize()} Tour",
        "venue": {
            "id": f"V-{market}",
            "name": _staff_text(recipe, _VENUES[market % len(_VENUES)]),
            "capacity": 9_000 + 1_150 * (market % 9),
        },
        "startsAt": datetime.combine(day, time(19, 30), tzinfo=zone).astimezone(UTC),
        "localDate": day.isoformat(),
        "localTime": "19:30",
        "status": "cancelled" if left == 1 else moved or "scheduled",
        "presaleStartsAt": PRESALE,
        "presaleEndsAt": PRESALE_ENDS,
        "fanAllocation": 0 if left == _ADDED_LATE else 4_500 + 500 * (market % 9),
    }


def promoters(recipe: Recipe) -> Iterator[Document]:
    """The promoters; the agreement of the last has expired, unless it is the only one.

    Of three and more the second takes hashes only; of four in a nasty pack the third is suspended.
    """
    for number, identity in enumerate(blocks.promoter_ids(recipe)):
        last = 0 < number == recipe.promoters - 1
        suspended = recipe.anomalies and number == _SUSPENDED and not last
        hashes = number == 1 and not last
        key = f"{recipe.key}-promoter-{number + 1}"
        yield {
            "_id": identity,
            "schemaVersion": 3,
            "key": key,
            "name": _staff_text(recipe, f"Promoter {number + 1}, Inc."),
            "legalName": f"Promoter {number + 1} LLC",
            "description": "Regional promoter",
            "countryCode": "US",
            "regions": [],
            "privacyPolicyUrl": f"https://promoter{number + 1}.example/privacy",
            "dataSharing": {
                "agreementId": f"DSA-{recipe.number}{number:02d}",
                "signedAt": at("2024-11-02T00:00:00Z"),
                "expiresAt": at("2025-12-31T00:00:00Z" if last else "2027-11-02T00:00:00Z"),
                "allowedFields": list(_FIELDS),
                "hashOnly": hashes,
                "retentionDays": 365,
            },
            "delivery": {
                "kind": "s3",
                "prefix": f"promoters/{key}/",
                "pgpKeyFingerprint": None,
                "notifyEmails": [],
            },
            "status": "suspended" if suspended else "active",
            "createdAt": _CREATED,
            "updatedAt": _UPDATED,
        }

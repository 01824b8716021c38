"""Three campaigns, five markets, four promoters, the decisions over the scores: written out."""

from collections.abc import Sequence
from typing import Final

from export_platform.local.seed.basis.dataset import Document
from export_platform.local.seed.basis.instants import at
from export_platform.local.seed.tiny import scores
from export_platform.local.seed.tiny.shapes import (
    AURORA,
    BOREAL,
    COMET,
    FIRST_NIGHT,
    FJORD,
    LEEDS,
    LOS_ANGELES,
    NEW_YORK,
    NORTHLAKE,
    OLD_MILL,
    OSLO,
    QUARRY,
    SECOND_NIGHT,
    VANCOUVER,
    VANCOUVER_NIGHT,
    entry_id,
    scoring_id,
)


def question(key: str, type_: str, order: int, pii: str = "N", **fields: object) -> Document:
    """A question of the form."""
    asked: Document = {
        "key": key,
        "version": 1,
        "type": type_,
        "label": {"en-US": key.replace("_", " ").capitalize(), "fr-CA": f"{key} ?"},
        "options": [],
        "required": False,
        "order": order,
        "exportable": True,
        "promoterVisible": False,
        "pii": pii,
    }
    return asked | fields


def option(value: str, label: str, french: str) -> Document:
    """One answer that may be picked, in the two languages of the form."""
    return {"value": value, "label": {"en-US": label, "fr-CA": french}}


def wording(version: str, **text: str) -> Document:
    """One text of a consent, by locale (`en_US` stands for `en-US`), valid from its own date."""
    return {
        "version": version,
        "text": {locale.replace("_", "-"): words for locale, words in text.items()},
        "validFrom": at(f"{version}T00:00:00Z"),
    }


def asks_for(key: str, party: str, *texts: Document, **fields: object) -> Document:
    """A consent the form asks for; unless said otherwise with the one text of 2026-02-01."""
    usual = wording("2026-02-01", en_US=f"Yes, {party} may write to me.")
    return {
        "key": key,
        "party": party,
        "textVersions": list(texts) or [usual],
        "default": False,
    } | fields


_NORTHLAKE_TEXTS: Final = (
    wording(
        "2026-02-01",
        en_US="Yes, Northlake Presents may send me e-mail about its shows.",
        fr_CA="Oui, Northlake Presents peut m\u2019écrire au sujet de ses spectacles.",
    ),
    wording(
        "2026-03-05",
        en_US="Yes, Northlake Presents may send me e-mail about its shows, monthly.",
        fr_CA="Oui, Northlake Presents peut m\u2019écrire chaque mois.",
    ),
)
"""Two wordings, the second in use two days after the registration opened."""


def _leeds_text(promoter: str) -> Document:
    return wording("2025-09-01", en_GB=f"Yes, {promoter} may send me e-mail.")


QUESTIONS: Final = [
    question("fan_since", "number", 1, "Q", promoterVisible=True),
    question("club_no", "membership", 2, "S", version=2),
    # Slugs to the same header as the next one: the second becomes q_favourite_song_2.
    question("favourite-song", "text", 3, "S"),
    question(
        "favourite_song",
        "single",
        4,
        # "borealis" was an option once: an answer keeps the value and has no label.
        options=[option("polaris", "Polaris", "Polaire"), option("=zenith", "Zenith", "Zénith")],
    ),
    question(
        "days",
        "multi",
        5,
        options=[
            option("fri", "Friday", "vendredi"),
            option("sat", "Saturday", "samedi"),
            option("a|b", "Any", "peu importe"),
        ],
    ),
    question("first_time", "boolean", 6),
    question("last_concert", "date", 7),
    # No longer asked; its column appears only with includeRetired.
    question("old_poll", "single", 8, retiredAt=at("2026-03-05T00:00:00Z")),
    # Never a column, whatever the options.
    question("staff_note", "text", 9, "S", exportable=False),
]

AURORA_LIGHTS: Final[Document] = {
    "_id": AURORA,
    "schemaVersion": 3,
    "key": "aurora-lights-2026",
    "name": "Aurora Lights \u2013 World Tour 2026",
    "artist": {"id": "A-4471", "name": "Aurora Lights"},
    "kind": "fan_registration",
    "status": "on_sale",
    "timeZone": "America/New_York",
    "defaultLocale": "en-US",
    "locales": ["en-US", "es-US", "fr-CA"],
    "eligibility": {"countries": ["US", "CA"]},
    "promoterIds": [NORTHLAKE, OLD_MILL],
    "schedule": {
        "registrationOpensAt": at("2026-03-03T15:00:00Z"),
        "registrationClosesAt": at("2026-03-10T03:59:00Z"),
        "selectionAt": at("2026-03-11T12:00:00Z"),
        "notifyAt": at("2026-03-12T22:00:00Z"),
        "presaleStartsAt": at("2026-03-13T14:00:00Z"),
        "presaleEndsAt": at("2026-03-14T03:00:00Z"),
        "generalOnsaleAt": at("2026-03-16T14:00:00Z"),
    },
    "preferences": {
        "maxMarkets": 3,
        "ranked": True,
        "perEvent": True,
        "askQuantity": True,
        "maxQuantity": 4,
    },
    "questions": QUESTIONS,
    "consents": [
        asks_for("artist_email", "artist"),
        asks_for("sms", "sms"),
        asks_for("promoter_email", "promoter", *_NORTHLAKE_TEXTS, promoterId=NORTHLAKE),
        asks_for(
            "promoter_email",
            "promoter",
            wording("2026-02-01", en_US="Yes, Old Mill Live may send me e-mail."),
            promoterId=OLD_MILL,
        ),
    ],
    "boosts": [
        {"key": "share", "label": {"en-US": "Share"}, "weight": 20, "dailyCap": 2},
        {"key": "watch", "label": {"en-US": "Watch"}, "weight": 10, "dailyCap": 1},
    ],
    "codeConfig": [
        {
            "key": "presale",
            "codeType": "unique",
            "alphabet": "ABCDEFGHJKLMNPQRSTUVWXYZ23456789",
            "length": 10,
            "prefix": "AL",
            "poolSize": 50,
            "validFrom": at("2026-03-13T14:00:00Z"),
            "validUntil": at("2026-03-14T03:00:00Z"),
            "host": "host-us",
        },
        {
            "key": "fanclub",
            "codeType": "shared",
            "marketId": NEW_YORK,
            "alphabet": "ABCDEFGHJKLMNPQRSTUVWXYZ",
            "length": 10,
            "prefix": "AURORA",
            "poolSize": 1,
            "validFrom": at("2026-03-13T14:00:00Z"),
            "validUntil": at("2026-03-14T03:00:00Z"),
            "host": "host-us",
        },
    ],
    "scoring": {
        "enabled": True,
        "model": "internal-2026.02",
        "vfModel": "vf-2026.02",
        "acceptBands": ["A", "B", "C"],
        "latestRunId": scores.VF_RUN,
    },
    "sfmc": {
        "businessUnitMid": 7001234,
        "dataExtensions": {
            "reminder-email": "ReminderAudience",
            "waitlist": "WaitlistAudience",
            "code-sms": "CodeSmsAudience",
            "non-purchasers": "SecondChance",
            "suppression": "Suppression",
        },
        "deliveryMode": "async",
    },
    "privacy": {"controller": "operator-us", "retentionDays": 400, "kAnonymity": 10},
    "counters": {"entries": 60},
    "createdBy": "staff:jd",
    "createdAt": at("2026-02-20T10:00:00Z"),
    "updatedAt": at("2026-03-16T14:00:00Z"),
    "deletedAt": None,
}

BOREAL_NIGHTS: Final[Document] = {
    # A small one in another zone: three promoters, of whom one takes hashes only and one is
    # suspended; no questions, no data extensions.
    "_id": BOREAL,
    "schemaVersion": 3,
    "key": "boreal-nights-2025",
    "name": "Boreal Nights 2025",
    "artist": {"id": "A-0102", "name": "Boréal"},
    "kind": "presale_only",
    "status": "completed",
    "timeZone": "Europe/London",
    "defaultLocale": "en-GB",
    "locales": ["en-GB"],
    "eligibility": {"countries": []},
    "promoterIds": [NORTHLAKE, FJORD, QUARRY],
    "schedule": {
        "registrationOpensAt": at("2025-10-20T09:00:00Z"),
        "registrationClosesAt": at("2025-10-27T09:00:00Z"),
        "presaleStartsAt": at("2025-10-30T10:00:00Z"),
        "presaleEndsAt": at("2025-10-30T22:00:00Z"),
    },
    "preferences": {
        "maxMarkets": 1,
        "ranked": False,
        "perEvent": False,
        "askQuantity": True,
        "maxQuantity": 4,
    },
    "questions": [],
    "consents": [
        asks_for(
            "promoter_email", "promoter", _leeds_text("Northlake Presents"), promoterId=NORTHLAKE
        ),
        asks_for("promoter_email", "promoter", _leeds_text("Fjord Live"), promoterId=FJORD),
        asks_for("promoter_email", "promoter", _leeds_text("Quarry Concerts"), promoterId=QUARRY),
    ],
    "boosts": [],
    "codeConfig": [],
    "scoring": {"enabled": False},
    "privacy": {"controller": "operator-uk", "retentionDays": 400, "kAnonymity": 10},
    "createdBy": "staff:jd",
    "createdAt": at("2025-10-01T10:00:00Z"),
    "updatedAt": at("2025-10-30T22:00:00Z"),
    "deletedAt": None,
}

COMET_CLUB: Final[Document] = {
    # Zero entries and zero promoters: its exports are header-only files, and succeed.
    "_id": COMET,
    "schemaVersion": 3,
    "key": "comet-club-2026",
    "name": "Comet Club 2026",
    "artist": {"id": "A-0777", "name": "Comet Club"},
    "kind": "ticket_request",
    "status": "open",
    "timeZone": "Europe/Oslo",
    "defaultLocale": "nb-NO",
    "locales": ["nb-NO", "en-GB"],
    "eligibility": {"countries": ["NO"]},
    "promoterIds": [],
    "schedule": {"registrationOpensAt": at("2026-03-20T09:00:00Z")},
    "preferences": {
        "maxMarkets": 2,
        "ranked": True,
        "perEvent": False,
        "askQuantity": False,
        "maxQuantity": 2,
    },
    "questions": [],
    "consents": [],
    "boosts": [],
    "codeConfig": [],
    "scoring": {"enabled": False},
    "privacy": {"controller": "operator-no", "retentionDays": 400, "kAnonymity": 10},
    "createdBy": "staff:jd",
    "createdAt": at("2026-03-18T10:00:00Z"),
    "updatedAt": at("2026-03-20T09:00:00Z"),
    "deletedAt": None,
}

CAMPAIGNS: Final = (AURORA_LIGHTS, BOREAL_NIGHTS, COMET_CLUB)


def event(
    event_id: str, starts: str, local_date: str, local_time: str, **fields: object
) -> Document:
    """One night in a market."""
    night: Document = {
        "eventId": event_id,
        "name": "Aurora Lights",
        "venue": {"id": "V-19", "name": "Harbor Arena", "capacity": 18200},
        "startsAt": at(starts),
        "localDate": local_date,
        "localTime": local_time,
        "status": "scheduled",
        "presaleStartsAt": at("2026-03-13T14:00:00Z"),
        "presaleEndsAt": at("2026-03-14T03:00:00Z"),
        "fanAllocation": 9000,
    }
    return night | fields


def market(identity: object, campaign: object, key: str, name: str, **fields: object) -> Document:
    """A market; `fields` hold the place, the order and whatever is special."""
    document: Document = {
        "_id": identity,
        "schemaVersion": 3,
        "campaignId": campaign,
        "key": key,
        "name": name,
        "region": None,
        "dmaId": None,
        "status": "active",
        "events": [],
        "allocation": {"codesPlanned": 20, "codesIssued": 6, "ticketsHeld": 40},
        "createdAt": at("2026-02-20T10:00:00Z"),
        "updatedAt": at("2026-03-12T09:00:00Z"),
        "deletedAt": None,
    }
    return document | fields


MARKETS: Final = (
    # A comma in the name: every file that shows it must quote it.
    market(
        NEW_YORK,
        AURORA,
        "new-york-ny",
        "New York, NY",
        city="New York",
        region="NY",
        countryCode="US",
        dmaId=345,
        timeZone="America/New_York",
        order=1,
        events=[
            event(FIRST_NIGHT, "2026-07-11T00:00:00Z", "2026-07-10", "20:00"),
            # No presale of its own: the campaign's counts.
            event(
                SECOND_NIGHT,
                "2026-07-12T00:00:00Z",
                "2026-07-11",
                "20:00",
                presaleStartsAt=None,
                presaleEndsAt=None,
            ),
        ],
    ),
    # Outside the US: no dmaId, and a zone that is not the campaign's.
    market(
        VANCOUVER,
        AURORA,
        "vancouver-bc",
        "Vancouver",
        city="Vancouver",
        region="BC",
        countryCode="CA",
        timeZone="America/Vancouver",
        order=2,
        status="added_late",
        # Its presale starts at ten in the morning of Vancouver, three hours after New York's.
        events=[
            event(
                VANCOUVER_NIGHT,
                "2026-08-02T03:00:00Z",
                "2026-08-01",
                "20:00",
                venue={"id": "V-27", "name": "Pacific Dome", "capacity": 12000},
                presaleStartsAt=at("2026-03-13T17:00:00Z"),
                presaleEndsAt=at("2026-03-14T06:00:00Z"),
                fanAllocation=6000,
            )
        ],
    ),
    # Cancelled after fans chose it: it stays, and shows as "Los Angeles (cancelled)".
    market(
        LOS_ANGELES,
        AURORA,
        "los-angeles-ca",
        "Los Angeles",
        city="Los Angeles",
        region="CA",
        countryCode="US",
        dmaId=324,
        timeZone="America/Los_Angeles",
        order=3,
        status="cancelled",
        events=[
            event(
                "1A005F0A0004",
                "2026-08-09T03:00:00Z",
                "2026-08-08",
                "20:00",
                status="cancelled",
                venue={"id": "V-31", "name": "Canyon Bowl", "capacity": 16000},
                fanAllocation=0,
            )
        ],
    ),
    market(
        LEEDS,
        BOREAL,
        "leeds",
        "Leeds",
        city="Leeds",
        countryCode="GB",
        timeZone="Europe/London",
        order=1,
        status="sold_out",
    ),
    market(
        OSLO,
        COMET,
        "oslo",
        "Oslo",
        city="Oslo",
        countryCode="NO",
        timeZone="Europe/Oslo",
        order=1,
    ),
)


def _promoter(
    identity: object, key: str, name: str, agreement: str, *, hash_only: bool, status: str
) -> Document:
    """A promoter of Boreal Nights with an agreement in force."""
    return {
        "_id": identity,
        "schemaVersion": 3,
        "key": key,
        "name": name,
        "legalName": f"{name} Ltd",
        "description": "Promotes the north",
        "countryCode": "GB",
        "regions": [],
        "privacyPolicyUrl": f"https://{key}.example/privacy",
        "dataSharing": {
            "agreementId": agreement,
            "signedAt": at("2025-08-01T00:00:00Z"),
            "expiresAt": None,
            "allowedFields": ["email", "country"],
            "hashOnly": hash_only,
            "retentionDays": 30,
        },
        "delivery": {
            "kind": "s3",
            "prefix": f"promoters/{key}/",
            "pgpKeyFingerprint": None,
            "notifyEmails": [f"data@{key}.test"],
        },
        "status": status,
        "createdAt": at("2025-08-01T00:00:00Z"),
        "updatedAt": at("2025-08-01T00:00:00Z"),
    }


PROMOTERS: Final = (
    {
        "_id": NORTHLAKE,
        "schemaVersion": 3,
        "key": "northlake",
        "name": "Northlake Presents",
        "legalName": "Northlake Presents LLC",
        "description": "Regional promoter",
        "countryCode": "US",
        "regions": ["NY", "NJ", "CT"],
        "privacyPolicyUrl": "https://northlake.example/privacy",
        "dataSharing": {
            "agreementId": "DSA-118",
            "signedAt": at("2025-11-02T00:00:00Z"),
            "expiresAt": at("2027-11-02T00:00:00Z"),
            "allowedFields": [
                "email",
                "first_name",
                "last_name",
                "country",
                "postal_code",
                "locale",
                "markets",
                "phone",
            ],
            "hashOnly": False,
            "retentionDays": 365,
        },
        "delivery": {
            "kind": "s3",
            "prefix": "promoters/northlake/",
            "pgpKeyFingerprint": None,
            "notifyEmails": ["data@northlake.test"],
        },
        "status": "active",
        "createdAt": at("2025-11-02T00:00:00Z"),
        "updatedAt": at("2025-11-02T00:00:00Z"),
    },
    {
        # The agreement ran out before the pack's "now": its exports are refused, not empty.
        "_id": OLD_MILL,
        "schemaVersion": 3,
        "key": "old-mill",
        "name": "Old Mill Live",
        "legalName": "Old Mill Live Inc.",
        "description": "Used to promote the west coast",
        "countryCode": "CA",
        "regions": ["BC"],
        "privacyPolicyUrl": "https://oldmill.example/privacy",
        "dataSharing": {
            "agreementId": "DSA-042",
            "signedAt": at("2023-01-10T00:00:00Z"),
            "expiresAt": at("2025-12-31T23:59:59Z"),
            "allowedFields": ["email"],
            "hashOnly": True,
            "retentionDays": 90,
        },
        "delivery": {
            "kind": "s3",
            "prefix": "promoters/old-mill/",
            "pgpKeyFingerprint": None,
            "notifyEmails": ["data@oldmill.test"],
        },
        "status": "active",
        "createdAt": at("2023-01-10T00:00:00Z"),
        "updatedAt": at("2023-01-10T00:00:00Z"),
    },
    # In force, but addresses leave as hashes only.
    _promoter(FJORD, "fjord-live", "Fjord Live", "DSA-201", hash_only=True, status="active"),
    # In force, but suspended: refused all the same.
    _promoter(QUARRY, "quarry", "Quarry Concerts", "DSA-202", hash_only=False, status="suspended"),
)

SCORING: Final[Sequence[Document]] = (
    *scores.RUNS,
    {
        # Entry 2 was scored D; a person decided B. The decision beats the score on the entry.
        "_id": scoring_id(2),
        "schemaVersion": 3,
        "kind": "override",
        "campaignId": AURORA,
        "entryId": entry_id(2),
        "fromBand": "D",
        "toBand": "B",
        "reason": "support ticket 5531",
        "by": "staff:jd",
        "at": at("2026-03-11T09:00:00Z"),
        "createdAt": at("2026-03-11T09:00:00Z"),
        "expiresAt": None,
    },
    {
        # An override that ran out: entry 4 keeps the band it was given by the run.
        "_id": scoring_id(3),
        "schemaVersion": 3,
        "kind": "override",
        "campaignId": AURORA,
        "entryId": entry_id(4),
        "fromBand": "C",
        "toBand": "A",
        "reason": "press day only",
        "by": "staff:jd",
        "at": at("2026-03-11T09:30:00Z"),
        "createdAt": at("2026-03-11T09:30:00Z"),
        "expiresAt": at("2026-03-12T00:00:00Z"),
    },
)

"""Entries 39 to 46: preferences, places, telephones, instants, answers, and what is not there."""

from typing import Final

from export_platform.local.seed.basis.instants import at
from export_platform.local.seed.tiny.shapes import (
    FIRST_NIGHT,
    LOS_ANGELES,
    NEW_YORK,
    NORTHLAKE,
    SECOND_NIGHT,
    VANCOUVER,
    VANCOUVER_NIGHT,
    consent,
    contact,
    drawn,
    on_list,
    phone,
    planted,
    prefer,
    risk,
    v3,
)


def answer(key: str, value: object, version: int = 1) -> dict[str, object]:
    """One answer."""
    return {"key": key, "version": version, "value": value}


ENTRIES: Final = (
    # 39. No ranks and no quantities: the order of the list is the order of the wishes. A consent
    # without evidence.
    planted(
        v3(
            39,
            "waitlisted",
            contact("norank@example.com", "No", "Rank"),
            preferences=[prefer(VANCOUVER, None, None), prefer(NEW_YORK, None, None)],
            consents=[consent("promoter_email", promoter=NORTHLAKE, evidence=None)],
            selection=drawn("waitlisted", 812373),
            waitlist=on_list(NEW_YORK, 26),
        ),
        "ranks_missing",
        "consent_without_evidence",
    ),
    # 40. The same rank twice, then 3: order is (rank, place in the list), numbered 1, 2, 3 again.
    # Consented more than 24 months before the pack's now.
    planted(
        v3(
            40,
            "waitlisted",
            contact("tworanks@example.com", "Two", "Ranks", place=("Boston", "MA", "02134", "US")),
            preferences=[
                prefer(LOS_ANGELES, 3, 2),
                prefer(NEW_YORK, 1, 2, SECOND_NIGHT, FIRST_NIGHT),
                prefer(VANCOUVER, 1, 4, VANCOUVER_NIGHT),
            ],
            consents=[
                consent(
                    "promoter_email",
                    promoter=NORTHLAKE,
                    at_text="2024-01-10T12:00:00Z",
                    evidence="ev_0040",
                    source="import",
                )
            ],
            selection=drawn("waitlisted", 812374),
            waitlist=on_list(NEW_YORK, 27),
        ),
        "ranks_repeated",
        "leading_zero_postal",
        "consent_expired",
    ),
    # 41. Four wishes where three are allowed; French with an underscore; telephone not confirmed.
    # Consented, withdrew and consented again, in French: the last word counts.
    planted(
        v3(
            41,
            "waitlisted",
            contact(
                "quatre@example.com",
                "Quatre",
                "Vœux",
                place=("Ottawa", "ON", "K1A 0B6", "CA"),
                telephone=phone("+16135550142", verified=None),
            ),
            locale="fr_CA",
            preferences=[
                prefer(VANCOUVER, 1, 2),
                prefer(NEW_YORK, 2, 2, FIRST_NIGHT),
                prefer(LOS_ANGELES, 3, 2),
                prefer(NEW_YORK, 4, 1, SECOND_NIGHT),
            ],
            consents=[
                consent(
                    "promoter_email",
                    promoter=NORTHLAKE,
                    version="2026-03-05",
                    at_text="2026-03-09T08:00:00Z",
                    evidence="ev_0041",
                    locale="fr-CA",
                    source="preference_centre",
                )
            ],
            selection=drawn("waitlisted", 812375),
            waitlist=on_list(VANCOUVER, 4),
        ),
        "too_many_preferences",
        "underscore_locale",
        "canadian_postal",
        "phone_unverified",
        "consented_again",
    ),
    # 42. First wish cancelled, and on its list; a landline.
    planted(
        v3(
            42,
            "waitlisted",
            contact(
                "landline@example.com",
                "Land",
                "Line",
                telephone=phone("+13235550160", line="landline"),
            ),
            preferences=[prefer(LOS_ANGELES, 1, 2), prefer(NEW_YORK, 2, 2)],
            selection=drawn("waitlisted", 812376),
            waitlist=on_list(LOS_ANGELES, 2),
        ),
        "cancelled_market",
        "phone_landline",
    ),
    # 43. 01:30 in New York, before the clocks go back …
    planted(
        v3(
            43,
            "waitlisted",
            contact("fold1@example.com", "Fold", "First"),
            at_text="2025-11-02T05:30:00Z",
            selection=drawn("waitlisted", 812377),
            waitlist=on_list(NEW_YORK, 28),
        ),
        "dst_fold",
    ),
    # 44. … and 01:30 again an hour later: only the UTC column tells them apart. A consent that
    # names no promoter.
    planted(
        v3(
            44,
            "waitlisted",
            contact("fold2@example.com", "Fold", "Second"),
            at_text="2025-11-02T06:30:00Z",
            consents=[consent("promoter_email", evidence="ev_0044")],
            selection=drawn("waitlisted", 812378),
            waitlist=on_list(NEW_YORK, 29),
        ),
        "dst_fold",
    ),
    # 45. Registered on 29 February; every kind of answer; consent without a known text.
    planted(
        v3(
            45,
            "waitlisted",
            contact("leap@example.com", "Leap", "Day"),
            at_text="2024-02-29T23:30:00Z",
            answers=[
                answer("fan_since", 1999.5),
                answer("club_no", "00123", version=2),
                answer("favourite-song", '=My "song", the long one\nsecond line'),
                answer("favourite_song", "=zenith"),
                answer("days", ["sat", "fri", "a|b"]),
                answer("first_time", False),
                answer("last_concert", at("2024-02-29T12:00:00Z")),
                answer("old_poll", "yes"),
                answer("staff_note", "knows the drummer"),
            ],
            consents=[consent("promoter_email", promoter=NORTHLAKE, version=None)],
            risk=risk(0.5, "C"),
            selection=drawn("waitlisted", 812379),
            waitlist=on_list(NEW_YORK, 30),
        ),
        "leap_day",
        "all_answers",
        "retired_answer",
        "unevidenced_consent",
    ),
    # 46. Nulls beside absent fields, keys nobody knows, an answer to no question, a foreign locale.
    planted(
        v3(
            46,
            "waitlisted",
            {
                "email": "nulls@example.com",
                "emailNormalized": "nulls@example.com",
                "firstName": None,
                "lastName": "",
                "countryCode": "us",
                "phone": {"e164": None, "raw": "unknown"},
                "twitter": "@nobody",
            },
            locale="de-DE",
            timeZone=None,
            preferences=None,
            answers=[answer("shoe_size", 43), answer("fan_since", None)],
            consents=None,
            boost=None,
            referral=None,
            risk=None,
            selection=None,
            waitlist=on_list(NEW_YORK, 31),
            importedFrom={"system": "old-form", "line": 17},
        ),
        "nulls",
        "unknown_keys",
        "unknown_answer",
        "foreign_locale",
        "preferences_null",
    ),
)

"""Entries 47 to 60, as the first (v1) and second (v2) service wrote them; and Boreal Nights."""

from typing import Final

from bson import ObjectId

from export_platform.local.seed.basis.dataset import Document
from export_platform.local.seed.basis.instants import at
from export_platform.local.seed.tiny.shapes import (
    BOREAL,
    FJORD,
    LEEDS,
    LOS_ANGELES,
    NEW_YORK,
    NORTHLAKE,
    QUARRY,
    VANCOUVER,
    VANCOUVER_NIGHT,
    code,
    consent,
    contact,
    drawn,
    on_list,
    phone,
    planted,
    prefer,
    user_id,
    v1,
    v2,
    v3,
    waiting_code,
)


def old_contact(
    email: str, first: str, last: str, raw_phone: str | None = None
) -> dict[str, object]:
    """The v2 contact: no country, the telephone as it was typed."""
    block: dict[str, object] = {
        "email": email,
        "emailNormalized": email.lower(),
        "firstName": first,
        "lastName": last,
        "city": "Queens",
        "region": "NY",
        "postalCode": "11101",
    }
    if raw_phone is not None:
        block["phone"] = {"raw": raw_phone}
    return block


def _leeds_consent(
    promoter: ObjectId, evidence: str, at_text: str = "2025-10-26T00:30:00Z"
) -> Document:
    """Consent to a promoter of Boreal Nights, in the words of that year."""
    return consent(
        "promoter_email",
        promoter=promoter,
        version="2025-09-01",
        at_text=at_text,
        evidence=evidence,
        locale="en-GB",
    )


ENTRIES: Final = (
    # 47. v1 standby: market by name in other capitals, no position, no draw rank.
    planted(
        v1(
            47,
            "standby",
            "2017-11-05T05:30:00Z",
            name="Mary Ann Jones",
            email="mary@example.com",
            phone="(212) 555-0147",
            market="NEW YORK, ny",
            optin="Y",
        ),
        "v1",
        "legacy_waitlist",
    ),
    # 48. v1 standby with a draw rank: before entry 47, behind every position.
    planted(
        v1(
            48,
            "standby",
            "2018-03-01T12:00:00Z",
            name="Prince",
            email="single@example.com",
            phone="212.555.0148",
            market="New York, NY",
            optin="true",
            selection={"drawRank": 77},
        ),
        "v1",
        "legacy_waitlist",
        "legacy_draw_rank",
        "single_name",
    ),
    # 49. v1 standby for a market nobody knows: empty column, counted.
    planted(
        v1(
            49,
            "standby",
            "2018-03-01T12:00:01Z",
            name="Ann Other",
            email="atlantis@example.com",
            phone="none",
            market="Atlantis",
            optin=1,
        ),
        "v1",
        "legacy_waitlist",
        "unmatched_market",
        "unparseable_phone",
    ),
    # 50. v1 confirmed, before 1970: the clock of the form was wrong. No schemaVersion at all. Its
    # code (7) is one that the codes service does not know.
    planted(
        {
            key: value
            for key, value in v1(
                50,
                "confirmed",
                "1969-12-31T23:59:58.500Z",
                name="Old Clock",
                email="old.clock@example.com",
                phone="+1 416 555 0150 ext. 7",
                market="vancouver",
                optin=True,
                codes=[code(7, VANCOUVER)],
            ).items()
            if key != "schemaVersion"
        },
        "v1",
        "before_1970",
        "schema_version_absent",
        "code_not_in_service",
    ),
    # 51. v1 denied; wished for a market that was cancelled; said no.
    planted(
        v1(
            51,
            "denied",
            "2018-03-02T00:00:00Z",
            name="  Denied   Person ",
            email="denied@example.com",
            market="los angeles",
            optin="N",
        ),
        "v1",
    ),
    # 52. v1 with a status of which nobody knows the meaning, an address that is none, no name.
    planted(
        v1(
            52,
            "pending",
            "2018-03-02T00:00:01Z",
            email="not-an-address",
            phone="",
            market="New York, NY",
        ),
        "v1",
        "unknown_status",
        "invalid_email",
    ),
    # 53. v1 erased: no contact left; the market is kept for the counts.
    planted(
        v1(
            53,
            "standby",
            "2018-03-02T00:00:02Z",
            email=None,
            name=None,
            phone=None,
            market="New York, NY",
            erasure={
                "requestedAt": at("2026-01-02T00:00:00Z"),
                "completedAt": at("2026-01-03T00:00:00Z"),
                "scope": "all",
            },
        ),
        "v1",
        "erased",
    ),
    # 54. v2 waitlist with a draw rank, two unranked markets (the first counts), score 87 of 100.
    planted(
        v2(
            54,
            "waitlist",
            "2020-02-29T10:00:00.000Z",
            old_contact("v2.leap@example.com", "Vera", "Two", "(917) 555-0154"),
            markets=[NEW_YORK, VANCOUVER],
            optIns={"promoter": True},
            risk={"score": 87, "band": "A"},
            selection={"drawRank": 12},
        ),
        "v2",
        "legacy_waitlist",
        "legacy_draw_rank",
        "leap_day",
        "unevidenced_consent",
    ),
    # 55. v2 waitlist without a draw rank, in the cancelled market; instant with an offset.
    planted(
        v2(
            55,
            "waitlist",
            "2021-06-01T08:00:00+02:00",
            old_contact("v2.offset@example.com", "Otto", "Set"),
            markets=[LOS_ANGELES],
            risk={"score": 0},
        ),
        "v2",
        "legacy_waitlist",
        "cancelled_market",
        "score_bound",
    ),
    # 56. v2 winner with the highest score; a code waits, but the telephone was never confirmed.
    planted(
        v2(
            56,
            "winner",
            "2021-06-01T08:00:00Z",
            old_contact("v2.winner@example.com", "Win", "Ner", "+16465550156"),
            risk={"score": 100, "band": "A"},
            codes=[waiting_code(15, NEW_YORK)],
        ),
        "v2",
        "score_bound",
        "phone_unverified",
    ),
    # 57. v2 with the names of v1: confirmed, with a code waiting and no telephone …
    planted(
        v2(
            57,
            "confirmed",
            "2019-01-01T00:00:00Z",
            old_contact("v2.confirmed@example.com", "Con", "Firmed"),
            codes=[waiting_code(16, NEW_YORK)],
        ),
        "v2",
    ),
    # 58. … and denied.
    planted(
        v2(
            58,
            "denied",
            "2019-01-01T00:00:01Z",
            old_contact("v2.denied@example.com", "Den", "Ied"),
            optIns={"promoter": False},
        ),
        "v2",
    ),
    # 59. v2 standby whose list of markets is empty: on no list.
    planted(
        v2(
            59,
            "standby",
            "2022-12-31T23:59:59.999Z",
            old_contact("v2.nowhere@example.com", "No", "Where"),
            markets=[],
            selection={"drawRank": 3},
        ),
        "v2",
        "legacy_waitlist",
        "legacy_draw_rank",
        "unmatched_market",
    ),
    # 60. v2 of a fan who withdrew after being selected for a market that was no wish; user id in
    # capitals.
    planted(
        v2(
            60,
            "withdrawn",
            "2022-07-01T00:00:00Z",
            old_contact("v2.withdrawn@example.com", "With", "Drawn"),
            userId=str(user_id(60)).upper(),
            withdrawnAt="2022-07-02T00:00:00Z",
            selection=drawn("selected", 104, VANCOUVER, 2, VANCOUVER_NIGHT),
        ),
        "v2",
        "withdrawn",
        "selected_outside_preferences",
    ),
)

# In no class of the ledger: its counts are those of Aurora Lights.
BOREAL_ENTRIES: Final = (
    # 257. A fan who is also in Aurora Lights: one account, two campaigns.
    planted(
        v3(
            0x101,
            "waitlisted",
            contact(
                "Zoe.Muller+tour@example.com",
                "Zoë",
                "Müller-García",
                place=("Leeds", None, "LS1 1UR", "GB"),
            ),
            at_text="2025-10-26T00:30:00Z",
            campaign=BOREAL,
            userId=user_id(1),
            locale="en-GB",
            timeZone="Europe/London",
            preferences=[prefer(LEEDS, None, 2)],
            consents=[
                _leeds_consent(NORTHLAKE, "ev_0257"),
                _leeds_consent(FJORD, "ev_0257f"),
            ],
            updatedAt=at("2025-10-28T09:00:00Z"),
            waitlist=on_list(LEEDS, 1),
        ),
    ),
    # 258. The hour after: London's own fold. The address of entry 259, which consented later.
    planted(
        v3(
            0x102,
            "waitlisted",
            contact(
                "leeds@example.com",
                "Lee",
                "Ds",
                place=("Leeds", None, "LS2 9JT", "GB"),
                telephone=phone("+447700900456"),
            ),
            at_text="2025-10-26T01:30:00Z",
            campaign=BOREAL,
            locale="en-GB",
            timeZone="Europe/London",
            preferences=[prefer(LEEDS, None, 4)],
            consents=[_leeds_consent(NORTHLAKE, "ev_0258"), _leeds_consent(QUARRY, "ev_0258q")],
            updatedAt=at("2025-10-28T09:00:00Z"),
            waitlist=on_list(LEEDS, 5),
        ),
    ),
    # 259. Selected.
    planted(
        v3(
            0x103,
            "selected",
            contact("Leeds@example.com", "Lea", "Dees", place=("York", None, "YO1 7HH", "GB")),
            at_text="2025-10-21T09:00:00Z",
            campaign=BOREAL,
            locale="en-GB",
            timeZone="Europe/London",
            preferences=[prefer(LEEDS, None, 2)],
            consents=[_leeds_consent(NORTHLAKE, "ev_0259", "2025-10-27T08:00:00Z")],
            updatedAt=at("2025-10-28T09:00:00Z"),
            selection=drawn("selected", 1, LEEDS, 1),
        ),
    ),
    # 260. A guest of the first years whose milliseconds were stored as a whole double. The address
    # is that of entries 1 and 257 in other letters: the same person, before there was an account.
    planted(
        v1(
            0x104,
            "standby",
            "2018-05-05T05:05:05Z",
            campaignId=BOREAL,
            created=1_525_496_705_000.0,
            name="Leeds Guest",
            email="ZOE.MULLER+tour@example.com",
            market="leeds",
            optin="Y",
        ),
    ),
)

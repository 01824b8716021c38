"""The fans behind the entries, and one of the staff. Guests of v1 (entries 47 to 53) have none."""

from typing import Final

from export_platform.local.seed.basis.dataset import Document
from export_platform.local.seed.basis.instants import at
from export_platform.local.seed.tiny.shapes import person, user_id

_ERASURE: Final = {
    "requestedAt": at("2026-03-14T10:00:00Z"),
    "completedAt": at("2026-03-15T10:00:00Z"),
    "scope": "all",
}


def erased(number: int) -> Document:
    """A user of whom only the tombstone is left."""
    gone = dict.fromkeys(("email", "emailNormalized", "firstName", "lastName", "postalCode"))
    return person(number, phone=None, erasure=_ERASURE, **gone)


_LETTERS_STOPPED: Final[Document] = {"emailGlobalOptOut": False, "smsStop": False}


def _bought(lifetime: int, artist: int, last: str, resold: int) -> Document:
    return {
        "ordersLifetime": lifetime,
        "ordersArtist": artist,
        "lastOrderAt": at(last),
        "resaleListings": resold,
    }


_SPECIAL: Final = (
    # 1. The document of DOMAIN.md 2.4, with the account printed there.
    person(
        1,
        accountId="0b7d2c1e-5a41-4c0e-9d0e-2f7a1f6f9a10",
        email="Zoe.Muller+tour@example.com",
        emailNormalized="zoe.muller+tour@example.com",
        firstName="Zoë",
        lastName="Müller-García",
        phone={
            "e164": "+14155550132",
            "verifiedAt": at("2024-05-01T12:00:00Z"),
            "lineType": "mobile",
        },
        postalCode="01201",
        history={
            "ordersLifetime": 11,
            "ordersArtist": 2,
            "lastOrderAt": at("2025-09-30T18:11:00Z"),
            "resaleListings": 0,
        },
    ),
    # 2 and 3. Suppressed: opted out of everything; address bounced for good.
    person(2, marketing={"emailGlobalOptOut": True, "smsStop": True}),
    person(
        3,
        marketing={
            "emailGlobalOptOut": False,
            "smsStop": False,
            "hardBouncedAt": at("2026-03-06T00:00:00Z"),
        },
    ),
    # 4 and 9. Live entries whose account bounced for good and complained.
    person(4, marketing=_LETTERS_STOPPED | {"hardBouncedAt": at("2026-03-12T22:00:03Z")}),
    person(9, marketing=_LETTERS_STOPPED | {"complainedAt": at("2026-03-13T07:00:00Z")}),
    # 16. Sent STOP; bought before. 17 as well.
    person(
        16,
        marketing={"emailGlobalOptOut": False, "smsStop": True},
        history=_bought(3, 3, "2025-06-01T12:00:00Z", 0),
    ),
    person(17, history=_bought(5, 1, "2025-12-24T12:00:00Z", 2)),
    # 5 and 22. Erased: with the entry (5), before the entry (22).
    erased(5),
    erased(22),
    # 20 → 61 → 62. Merged twice; the last one counts.
    person(20, mergedInto=user_id(61)),
    person(61, mergedInto=user_id(62)),
    person(62, firstName="Mer", lastName="Ged"),
    # 23 to 26. Flags: the first three are left out by default, a blocked fan is not.
    person(23, flags=["employee"]),
    person(24, flags=["press"]),
    person(25, flags=["vip_test"]),
    person(26, flags=["blocked"]),
    # 513. Staff: never an entry's user.
    person(
        0x201,
        kind="staff",
        email="jd@staff.example.com",
        emailNormalized="jd@staff.example.com",
        staff={"roles": ["exports:read", "exports:write", "pii:full"], "teams": ["campaigns"]},
    ),
)

# 8 is not there (entry 8 belongs to user 9); 21 is the missing document.
_PLAIN: Final = (6, 7, *range(10, 16), 18, 19, *range(27, 47), *range(54, 61), 0x102, 0x103)

USERS: Final = (*_SPECIAL, *(person(number) for number in _PLAIN))

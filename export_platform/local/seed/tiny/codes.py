"""What the codes service knows of Aurora Lights: 15 codes with their values.

By state: 6 assigned (6, 13, 15, 16, 17, 18), 2 sent (1 and the shared 8), 2 redeemed (3, 5), one
revoked (2), one expired (4), 3 available (10, 11, 12). Highest sequence only: all but code 2.
Mismatches with the entries: code 6 is not on entry 14, code 7 of entry 50 is not here; code 9 is
nowhere (a guess at the host).

Expected of `code-sms` for the assigned ones: codes 6 and 13 are texted (entries 14 and 6, one
telephone); 15 (number never confirmed), 16 (no number), 17 (landline) and 18 (STOP) are not. A
resend has nobody: of the codes that were sent, 1 belongs to the fan who said STOP and 8 to nobody.
"""

from dataclasses import dataclass
from typing import Final

from export_platform.local.seed.basis.dataset import Document
from export_platform.local.seed.tiny.shapes import (
    FIRST_NIGHT,
    FOURTH_WAVE,
    VANCOUVER_NIGHT,
    code_id,
    entry_id,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """An item of the service and what it is planted for."""

    item: Document
    plants: tuple[str, ...]


def _code(
    number: int, value: str, state: str, *plants: str, night: str = FIRST_NIGHT, **fields: object
) -> Code:
    item: Document = {
        "codeId": code_id(number),
        "value": value,
        "configKey": "presale",
        "entryId": None,
        "marketKey": "vancouver-bc" if night == VANCOUVER_NIGHT else "new-york-ny",
        "hostEventIds": [night],
        "wave": None,
        "seq": None,
        "state": state,
        "assignedAt": None,
        "validFrom": "2026-03-13T14:00:00Z",
        "validUntil": "2026-03-14T03:00:00Z",
    }
    return Code(item=item | fields, plants=plants)


def _given(
    number: int,
    value: str,
    state: str,
    entry: int,
    *plants: str,
    wave: int = 1,
    at_text: str = "2026-03-12T18:00:00Z",
    night: str = FIRST_NIGHT,
    **fields: object,
) -> Code:
    """A code that an entry was given."""
    given = {"entryId": str(entry_id(entry)), "wave": wave, "seq": 1, "assignedAt": at_text}
    return _code(number, value, state, *plants, night=night, **(given | fields))


def _fourth(number: int, value: str, entry: int, *plants: str, night: str = FIRST_NIGHT) -> Code:
    """A code of the fourth wave: assigned an hour ago, for tomorrow."""
    return _given(
        number,
        value,
        "assigned",
        entry,
        *plants,
        wave=4,
        at_text=FOURTH_WAVE,
        night=night,
        validFrom="2026-03-21T14:00:00Z",
        validUntil="2026-03-22T03:00:00Z",
    )


CODES: Final = (
    # 1. Looks like a number with an exponent.
    _given(1, "1E10", "sent", 16, "code_like_number"),
    # 2 and 3. Revoked, and issued again with the next sequence.
    _given(2, "ALREV8KED2", "revoked", 17, "reissued"),
    _given(3, "AL7K2M9QXA", "redeemed", 17, at_text="2026-03-13T09:00:01Z", seq=2),
    # 4. Never used, and over.
    _given(4, "AL2KXN7QPD", "expired", 18, wave=2, night=VANCOUVER_NIGHT),
    # 5. Used twice.
    _given(
        5,
        "ALW3T4RMHV",
        "redeemed",
        19,
        wave=3,
        at_text="2026-03-15T09:31:00Z",
        night=VANCOUVER_NIGHT,
    ),
    # 6. Zeros in front, and more digits than a spreadsheet keeps; not on entry 14.
    _given(6, "0012345678901234567", "assigned", 14, "code_like_number", "code_not_on_entry"),
    # 8. One code for a whole club: it has no entry.
    _code(
        8,
        "AURORAFANS",
        "sent",
        "shared_code",
        configKey="fanclub",
        wave=1,
        seq=1,
        assignedAt="2026-03-12T18:00:00Z",
        hostEventIds=["1A005F0A0002", FIRST_NIGHT],
    ),
    # 10 to 12. Still in the pool.
    _code(10, "ALP0PL10AA", "available"),
    _code(11, "ALP0PL11BB", "available"),
    _code(12, "ALP0PL12CC", "available", night=VANCOUVER_NIGHT),
    # 13. Begins like a formula.
    _fourth(13, "-AB12", 6, "code_like_formula"),
    # 15. A date, to some spreadsheets.
    _fourth(15, "MAR1", 56, "code_like_date"),
    # 16. A truth value.
    _fourth(16, "TRUE", 57, "code_like_boolean"),
    # 17 and 18. Second markets of fans who had a code before.
    _fourth(17, "ALQ7ZB5CYE", 19, "second_market_code"),
    _fourth(18, "ALH6JD8FGU", 16, "second_market_code", night=VANCOUVER_NIGHT),
)

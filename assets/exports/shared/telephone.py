"""What a telephone number says by itself: whether it can exist, and in which country.

Google's libphonenumber decides, by `is_possible_number` and not by `is_valid_number`: numbers set
aside for fiction and tests are possible but never assigned (DOMAIN.md 10.3).
"""

from functools import lru_cache

import phonenumbers

# A number is looked at by several rules and columns of its row, and by those of no other.
_NUMBERS = 1_024


@lru_cache(maxsize=_NUMBERS)
def _parsed(e164: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return None


def is_possible(number: object) -> bool:
    """Whether a value is E.164 text of a length that its country can have.

    Numbers in another spelling are not: what was registered is stored as E.164 or not at all.
    """
    if not isinstance(number, str):
        return False
    parsed = _parsed(number)
    return (
        parsed is not None
        and phonenumbers.is_possible_number(parsed)
        and phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == number
    )


def country_of(e164: str) -> str | None:
    """The country of a number, ISO 3166-1 alpha-2; None where its code belongs to none.

    Codes that countries share name the one that the number is of, or the first of them where it is
    of none (`+1` is the United States).
    """
    parsed = _parsed(e164)
    if parsed is None or parsed.country_code is None:
        return None
    exact = phonenumbers.region_code_for_number(parsed)
    region = exact or phonenumbers.region_code_for_country_code(parsed.country_code)
    return region if region.isalpha() and region != "ZZ" else None

"""Postal codes by country: what one looks like, and the part that names a wider area.

The tables are what the national operators publish: Universal Postal Union, "Postal addressing
systems". A country that is not here is taken by a wide rule, because a wrong `UNKNOWN` is worse
for routing than a code nobody checked; its area is the first three characters.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class PostalCode:
    """A postal code in its usual spelling, and its area.

    Attributes:
        code: `01201`, `V6B 1K2`, `SW1A 1AA`; without what lies behind a US ZIP code.
        area: Of the US, and where nothing else is known, the first three characters; the forward
            sortation area of Canada, the outward code of Britain, the routing key of Ireland.
    """

    code: str
    area: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """The groups of the pattern, joined by a blank, are the code."""

    pattern: re.Pattern[str]
    first: int | None = 3  # characters of the area; None: the first group


def _form(pattern: str, *, first: int | None = 3) -> _Form:
    return _Form(pattern=re.compile(pattern), first=first)


_FIVE: Final = _form("([0-9]{5})")
_FOUR: Final = _form("([0-9]{4})")
# Canada Post uses neither D, F, I, O, Q nor U, and neither W nor Z at the beginning.
_FORWARD: Final = "[ABCEGHJ-NPRSTVXY][0-9][ABCEGHJ-NPRSTV-Z]"
_BY_COUNTRY: Final[Mapping[str, _Form]] = {
    "US": _form("([0-9]{5})(?:-?[0-9]{4})?"),
    "CA": _form(f"({_FORWARD})[ -]?([0-9][ABCEGHJ-NPRSTV-Z][0-9])", first=None),
    "GB": _form("([A-Z]{1,2}[0-9][A-Z0-9]?) ?([0-9][A-Z]{2})", first=None),
    "IE": _form("([A-Z][0-9][0-9W]) ?([A-Z0-9]{4})", first=None),
    "NL": _form("([0-9]{4}) ?([A-Z]{2})"),
    "SE": _form("([0-9]{3}) ?([0-9]{2})"),
    "JP": _form("([0-9]{3}-[0-9]{4})"),
    "BR": _form("([0-9]{5}-[0-9]{3})"),
    "PL": _form("([0-9]{2}-[0-9]{3})"),
    "PT": _form("([0-9]{4}-[0-9]{3})"),
    **dict.fromkeys(("DE", "ES", "FI", "FR", "IT", "KR", "MX"), _FIVE),
    **dict.fromkeys(("AT", "AU", "BE", "CH", "DK", "NO", "NZ"), _FOUR),
}
_ELSEWHERE: Final = _form("((?=.*[0-9])[A-Z0-9][A-Z0-9 -]{1,8}[A-Z0-9])")


def postal_code(text: str, country: str) -> PostalCode | None:
    """Read a postal code; None for what no fan of that country can have.

    Args:
        text: As the fan wrote it.
        country: ISO 3166-1 alpha-2, upper case.
    """
    form = _BY_COUNTRY.get(country, _ELSEWHERE)
    found = form.pattern.fullmatch(" ".join(text.upper().split()))
    if found is None:
        return None
    groups = found.groups()
    area = groups[0] if form.first is None else groups[0].replace(" ", "")[: form.first]
    return PostalCode(code=" ".join(groups), area=area)

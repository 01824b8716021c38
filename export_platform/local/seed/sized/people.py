"""Who a fan is: name, address, telephone, place; the same for the entry and the account."""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from export_platform.local.seed.sized.chunk import Chunk
from export_platform.local.seed.sized.plan import Flags
from export_platform.local.seed.sized.words import CULTURES, PLACES, PROVIDERS, Culture, Place

# Plain; ALL CAPS 3 %, blanks at the end 1 %, decomposed 0.5 %, emoji 0.05 %, one name, 80 letters.
NAME_STYLES: Final = (0.9519, 0.03, 0.01, 0.005, 0.0005, 0.002, 0.0006)
NASTY_STYLES: Final = (0.83, 0.03, 0.03, 0.03, 0.03, 0.03, 0.02)
_STYLES: Final[tuple[Callable[[str], str], ...]] = (
    str,
    str.upper,
    lambda name: name + "  ",
    lambda name: unicodedata.normalize("NFD", name),
    lambda name: name + " \U0001f3b8",
    str,
    lambda name: (name + "-Featherstonehaugh")[:1] + "x" * 79,
)
DECOMPOSED: Final = 3
SINGLE: Final = 5

# Plain; plus-tag 4 %, upper case 2 %, quoted local part 0.01 %, IDN 0.05 %.
EMAIL_STYLES: Final = (0.9394, 0.04, 0.02, 0.0001, 0.0005)
_EMAILS: Final[tuple[Callable[[str, str], str], ...]] = (
    lambda local, domain: f"{local}@{domain}",
    lambda local, domain: f"{local}+tour@{domain}",
    lambda local, domain: f"{local}@{domain}".upper(),
    lambda local, domain: f'"{local}"@{domain}',
    lambda local, _: f"{local}@b\u00fccher.test",
)
_PROVIDER_WEIGHTS: Final = (0.48, 0.24, 0.16, 0.12)


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Columns of persons."""

    first: Sequence[str]
    last: Sequence[str | None]
    name_style: Sequence[int]
    email: Sequence[str]
    place: Sequence[Place]
    postal_code: Sequence[str | None]
    phone: Sequence[str | None]


def people(chunk: Chunk) -> People:
    """The persons behind the entries of a chunk."""
    styles = chunk.picks("name.style", NASTY_STYLES if chunk.recipe.anomalies else NAME_STYLES)
    first, last = _names(chunk, styles)
    places = [PLACES[number] for number in chunk.plan.place.tolist()]
    return People(
        first=first,
        last=last,
        name_style=styles,
        email=addresses(chunk),
        place=places,
        postal_code=_postal_codes(chunk, places),
        phone=_phones(chunk),
    )


def _names(chunk: Chunk, styles: Sequence[int]) -> tuple[list[str], list[str | None]]:
    cultures = [
        CULTURES[number] for number in chunk.picks("culture", [each.weight for each in CULTURES])
    ]
    first = _styled(cultures, chunk.below("name.first", 1 << 30), styles, lambda each: each.first)
    last = _styled(cultures, chunk.below("name.last", 1 << 30), styles, lambda each: each.last)
    for place, bot in enumerate(chunk.plan.bot.tolist()):
        if bot:  # bots count up
            first[place], last[place] = "User", f"{chunk.start + place:06d}"
    return first, [None if style == SINGLE else n for n, style in zip(last, styles, strict=True)]


def _styled(
    cultures: Sequence[Culture],
    numbers: Sequence[int],
    styles: Sequence[int],
    names: Callable[[Culture], tuple[str, ...]],
) -> list[str]:
    chosen = []
    for culture, number, style in zip(cultures, numbers, styles, strict=True):
        listed = names(culture)
        name = listed[number % len(listed)]
        chosen.append(_STYLES[style](name) if style else name)
    return chosen


def addresses(chunk: Chunk) -> list[str]:
    """The e-mail address of each; bots count up."""
    domains = [PROVIDERS[number] for number in chunk.picks("email.domain", _PROVIDER_WEIGHTS)]
    styles = chunk.picks("email.style", EMAIL_STYLES)
    bots = chunk.plan.bot.tolist()
    return [
        f"user{number:06d}@{domain}" if bot else _EMAILS[style](f"fan.{number:06d}", domain)
        for number, domain, style, bot in zip(chunk.numbers, domains, styles, bots, strict=True)
    ]


def _postal_codes(chunk: Chunk, places: Sequence[Place]) -> list[str | None]:
    """Missing 2 %; of another country 0.3 %."""
    numbers = chunk.below("postal.number", 1_000_000)
    missing = chunk.flags("postal.missing", 0.02)
    wrong = chunk.flags("postal.wrong", 0.003)
    codes: list[str | None] = []
    for place, number, gone, other in zip(places, numbers, missing, wrong, strict=True):
        at = PLACES[number % len(PLACES)] if other else place
        digits = f"{number % 10**at.digits:0{at.digits}d}"
        codes.append(None if gone else f"{at.prefix}{digits}{at.suffix}")
    return codes


def _phones(chunk: Chunk) -> list[str | None]:
    """Only numbers kept for fiction; missing 3 %, and where no country keeps any.

    A duplicate has the number of what it repeats: the signal by which it was found.
    """
    same = chunk.plan.original.astype(np.uint64)
    places = chunk.whole.place[chunk.plan.original].tolist()
    missing = chunk.draws.chance("phone.missing", same, 0.03).tolist()
    numbers = chunk.draws.below("phone.number", same, 1_000_000).tolist()
    return [
        None if gone else fictional_number(PLACES[place], number)
        for place, number, gone in zip(places, numbers, missing, strict=True)
    ]


def telephones(chunk: Chunk) -> Flags:
    """Whether each has a telephone."""
    same = chunk.plan.original.astype(np.uint64)
    kept = np.array([fictional_number(each, 0) is not None for each in PLACES])
    found: Flags = kept[chunk.whole.place[chunk.plan.original]]
    return found & ~chunk.draws.chance("phone.missing", same, 0.03)


def fictional_number(place: Place, number: int) -> str | None:
    """A number of the place that belongs to nobody (DOMAIN.md 10.3); None where there is none."""
    if place.area_codes:
        area = place.area_codes[number // 100 % len(place.area_codes)]
        return f"+1{area}55501{number % 100:02d}"
    if place.country == "GB":
        return f"+447700900{number % 1000:03d}"
    if place.country == "FR":
        return f"+3363998{number % 10_000:04d}"
    return f"+52155555501{number % 100:02d}" if place.country == "MX" else None

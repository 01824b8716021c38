"""Dates, times and greetings in the language of a fan, for messages.

Words and orders are those of the Unicode CLDR, by Babel. A narrow no-break space, which CLDR puts
before AM, is written as a plain one: mail programs show it as a box.
"""

from datetime import date, datetime
from functools import lru_cache
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time

from assets.exports.shared.entry_values import string
from assets.model.source import EntryRow

# What stands after "Hello" where the fan gave no first name; templates hold the rest.
_GREETINGS: Final = {
    "da": "fan",
    "de": "Fan",
    "en": "there",
    "es": "fan",
    "fr": "fan",
    "it": "fan",
    "nb": "fan",
    "nl": "fan",
    "pt": "fã",
}
_ENGLISH: Final = Locale("en")
# Dates of a campaign times its languages: a few hundred, and every row asks for two.
_TEXTS: Final = 4_096


def locale_of(row: EntryRow) -> str:
    """The fan's language among the campaign's; its default for one that it does not have."""
    campaign = row.facts.campaign
    return _known(campaign.locales).get(_spelled(string(row, "locale")), campaign.default_locale)


@lru_cache(maxsize=64)
def _known(locales: tuple[str, ...]) -> dict[str, str]:
    return {_spelled(locale): locale for locale in locales}


def _spelled(locale: str) -> str:
    return locale.replace("_", "-").casefold()


def greeting(locale: str) -> str:
    """A word for a fan whose name is not known; the English one in languages without."""
    return _GREETINGS.get(locale.partition("-")[0].casefold(), _GREETINGS["en"])


@lru_cache(maxsize=_TEXTS)
def long_date(day: date, locale: str) -> str:
    """`July 10, 2026`, `10 de julio de 2026`."""
    return _plain(format_date(day, "long", _language(locale)))


def long_time(local: datetime, locale: str) -> str:
    """`March 13, 2026, 10:00 AM`: a time that is already in the zone of its reader."""
    # Without its zone: two zones' times of one instant are equal, and would share a text.
    return _long_time(local.replace(tzinfo=None), locale)


@lru_cache(maxsize=_TEXTS)
def _long_time(wall: datetime, locale: str) -> str:
    language = _language(locale)
    clock = format_time(wall, "short", locale=language)
    return _plain(f"{format_date(wall, 'long', language)}, {clock}")


@lru_cache(maxsize=_TEXTS)
def _language(locale: str) -> Locale:
    try:
        return Locale.parse(locale, sep="-")
    except (UnknownLocaleError, ValueError):
        return _ENGLISH


def _plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("\u00a0", " ")

"""How one value becomes the text of one cell: the formatters of DOMAIN.md 6.1 to 6.5.

`formatter` builds a function once a column; the function runs once a cell. None is empty, a value
that the format takes is text, anything else raises `Unfit`: nothing is ever silently empty.
Four leniencies are DOMAIN.md's own and stay visible through `Rendering.warn`: a number that is not
finite is empty, an unknown locale is the campaign's default, an unknown enumeration value stays as
it is, and half a surrogate pair becomes U+FFFD.

How cells become bytes is `assets/steps/encode.py`; who may see a value is `assets/model/policy.py`.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from functools import lru_cache
from hashlib import sha256
from typing import Final
from unicodedata import normalize
from uuid import UUID
from zoneinfo import ZoneInfo

from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.objectid import ObjectId

from assets.model.column import Format, FormatKind, Unfit

Formatter = Callable[[object], str]


def _unheard(_code: str) -> None:
    """Let a warning pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What the cells of one file have in common.

    Attributes:
        zone: The zone of `dtl`, `off` and `date`: the campaign's.
        default_locale: Stands in for a locale that the campaign does not have.
        locales: The campaign's locales, in any spelling.
        neutralise: True for files that people open (DOMAIN.md 6.4 rule 1).
        warn: Told the code of each leniency: `not_finite`, `unknown_locale`, `unknown_value`,
            `lone_surrogate`. Never told a value.
    """

    zone: ZoneInfo
    default_locale: str
    locales: frozenset[str]
    neutralise: bool
    warn: Callable[[str], None] = _unheard


def formatter(form: Format, rendering: Rendering) -> Formatter:
    """The function that turns a value of one column into the text of its cell.

    Args:
        form: The column's format.
        rendering: What all cells of the file have in common.

    Returns:
        A function that gives the text, "" for None, and raises `Unfit` (`wrong_type`,
        `date_out_of_range`, `not_integral`, `not_e164`, `not_country`, `not_id`, `not_finite`,
        `too_deep`, `too_long`) for a value that the format does not take.
    """
    return _BUILDERS[form.kind](form, rendering)


def transformed(form: Format, rendering: Rendering, change: Callable[[str], str]) -> Formatter:
    """A formatter whose text passes through a mask or a hash before it is neutralised.

    The order matters: a hash of a neutralised address is the hash of no address, and a mask must
    not take the guarding apostrophe for a first letter.
    """
    plain = formatter(form, replace(rendering, neutralise=False))
    guard = neutralise if rendering.neutralise else str

    def changed(value: object) -> str:
        return guard(change(plain(value)))

    return changed


# ----------------------------------------------------------------------------- formula injection

# What a spreadsheet may skip before it looks for a formula: blanks and controls (\s holds NBSP and
# the line separators) and what Unicode calls Default_Ignorable or a format character.
_INVISIBLE: Final = (
    r"\s\x00-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2"
    r"\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# OWASP's triggers, NUL (ASVS 1.2.10) and the full-width signs (DOMAIN.md 6.4 rule 2).
_TRIGGERS: Final = r"=+\-@\t\r\n\x00\uff1d\uff0b\uff0d\uff20"
_FORMULA: Final = re.compile(rf"'*[{_INVISIBLE}]*[{_TRIGGERS}]")


def neutralise(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet could run (DOMAIN.md 6.4 rule 2).

    Prefixed is text whose first visible character, after any apostrophes, is one of `= + - @`,
    their full-width forms, or that has a TAB, CR, LF or NUL among the invisible ones before it.
    Apostrophes count so that `restore` is exact: text that already looks guarded is guarded again.
    """
    if not text or text[0].isalnum():
        return text
    return "'" + text if _FORMULA.match(text) else text


def restore(text: str) -> str:
    """The exact inverse of `neutralise`: `restore(neutralise(x)) == x` for every text."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text, 1) else text


# ------------------------------------------------------------------------------------------ text

EXCEL_CELL: Final = 32_767
"""The characters that a cell of Excel holds (DOMAIN.md 6.4)."""

# C0, DEL and C1 controls but TAB, LF and CR; the byte order mark; the direction controls of 6.5.
_DELETED: Final = dict.fromkeys(
    (
        *range(0x09),
        *range(0x0B, 0x0D),
        *range(0x0E, 0x20),
        *range(0x7F, 0xA0),
        0xFEFF,
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
    )
)
# U+2028 and U+2029 end a line wherever Unicode's rules are followed, so they go the way of LF.
_LINE_END: Final = re.compile("[\t\n\r\u2028\u2029]+")
_LINE_FEED: Final = re.compile("\r\n|[\n\u2028\u2029]")
_NOT_LINE_FEED: Final = re.compile("[\t\r]+")
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def _text_of(value: object) -> str:
    if type(value) is str:
        return value
    if isinstance(value, str) and not isinstance(value, Code):  # a StrEnum is text, script is not
        return str(value)
    raise Unfit("wrong_type")


def _whole(text: str, rendering: Rendering) -> str:
    """Text that UTF-8 can hold (DOMAIN.md 6.4)."""
    if _LONE_SURROGATE.search(text):
        rendering.warn("lone_surrogate")
        return _LONE_SURROGATE.sub("\ufffd", text)
    return text


def _composed(text: str) -> str:
    return text if text.isascii() else normalize("NFC", text)


def _line(value: object, rendering: Rendering) -> str:
    """One clean line: `txt` of DOMAIN.md 6.1 but for the cut and the guard."""
    text = _text_of(value)
    if not text.isprintable():  # printable means: no control, no surrogate, no invisible character
        text = _LINE_END.sub(" ", _whole(text, rendering)).translate(_DELETED)
    return _composed(text).strip()


def _lines(value: object, rendering: Rendering) -> str:
    """Clean text that keeps its line feeds: `mtxt` of DOMAIN.md 6.1."""
    text = _text_of(value)
    if not text.isprintable():
        text = _LINE_FEED.sub("\n", _whole(text, rendering))
        text = _NOT_LINE_FEED.sub(" ", text).translate(_DELETED)
    return _composed(text).strip()


def _text(form: Format, rendering: Rendering) -> Formatter:
    length, guard = form.length, neutralise if rendering.neutralise else str

    def write(value: object) -> str:
        return "" if value is None else guard(_line(value, rendering)[:length])

    return write


def _multiline(form: Format, rendering: Rendering) -> Formatter:
    length = min(form.length or EXCEL_CELL, EXCEL_CELL)
    guard = neutralise if rendering.neutralise else str

    def write(value: object) -> str:
        # Cut again, because the apostrophe is a character of the cell too.
        return "" if value is None else guard(_lines(value, rendering)[:length])[:EXCEL_CELL]

    return write


def _cell(text: str, rendering: Rendering) -> str:
    """Guarded text that must not be cut: too much of it for a person's file is `too_long`."""
    if not rendering.neutralise:
        return text
    guarded = neutralise(text)
    if len(guarded) > EXCEL_CELL:
        raise Unfit("too_long")
    return guarded


def _email(_: Format, rendering: Rendering) -> Formatter:
    def write(value: object) -> str:
        if value is None:
            return ""
        local, at, domain = _line(value, rendering).rpartition("@")
        # Without an @ all of it is `domain`: no address, so its case is nobody's to change.
        return _cell(local + at + domain.lower() if at else domain, rendering)

    return write


_TOKEN: Final = re.compile("[A-Za-z][A-Za-z0-9_]*")


def _enumeration(_: Format, rendering: Rendering) -> Formatter:
    @lru_cache(maxsize=1024)  # an enumeration has a few dozen values
    def known(text: str) -> bool:
        return _TOKEN.fullmatch(text) is not None

    def write(value: object) -> str:
        if value is None:
            return ""
        text = _text_of(value)
        if known(text):
            return text
        if line := _line(text, rendering):
            rendering.warn("unknown_value")
        return _cell(line, rendering)

    return write


def _list(form: Format, rendering: Rendering) -> Formatter:
    kinds = (list, tuple) if form.ordered else (list, tuple, set, frozenset)

    def write(value: object) -> str:
        if value is None:
            return ""
        if not isinstance(value, kinds):
            raise Unfit("wrong_type")
        items: Iterable[str] = [
            "" if item is None else _line(item, rendering)[: form.length].replace("|", "/")
            for item in value
        ]
        return _cell("|".join(items if form.ordered else sorted(items)), rendering)

    return write


# ----------------------------------------------------------------------------------- identifiers

# A letter or digit first, so that an id never needs neutralising (DOMAIN.md 6.1).
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:~-]{0,199}")
_UUID: Final = re.compile("[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_E164: Final = re.compile(r"\+[0-9]{8,15}")
_COUNTRY: Final = re.compile("[A-Za-z]{2}")
_LOCALE: Final = re.compile("[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


def is_e164(text: str) -> bool:
    """Whether this is a possible telephone number: a plus and 8 to 15 digits (DOMAIN.md 6.4)."""
    return _E164.fullmatch(text) is not None


def _uuid(value: Binary) -> str:
    try:
        return str(value.as_uuid())
    except ValueError:  # not of UUID's subtype, or not of its length
        raise Unfit("wrong_type") from None


def _id(_: Format, __: Rendering) -> Formatter:
    def write(value: object) -> str:
        if value is None:
            return ""
        if isinstance(value, ObjectId | UUID):
            return str(value)
        if isinstance(value, Binary):
            return _uuid(value)
        text = _text_of(value).strip()
        if text and not _ID.fullmatch(text):
            raise Unfit("not_id")
        return text.lower() if _UUID.fullmatch(text) else text

    return write


def _e164(_: Format, __: Rendering) -> Formatter:
    """The one place where a leading plus is not a formula (DOMAIN.md 6.4 rule 4)."""

    def write(value: object) -> str:
        if value is None:
            return ""
        text = _text_of(value).strip()
        if text and not is_e164(text):
            raise Unfit("not_e164")
        return text

    return write


def _country(_: Format, __: Rendering) -> Formatter:
    def write(value: object) -> str:
        if value is None:
            return ""
        text = _text_of(value).strip()
        if text and not _COUNTRY.fullmatch(text):
            raise Unfit("not_country")
        return text.upper()

    return write


def canonical_locale(text: str) -> str | None:
    """BCP 47 in its usual capitals (`en_us` is `en-US`), or None for what is no language tag."""
    tag = text.strip().replace("_", "-")
    if not _LOCALE.fullmatch(tag):
        return None
    language, *rest = tag.split("-")
    by_length = {2: str.upper, 4: str.title}  # region and script, RFC 5646 2.1.1
    return "-".join((language.lower(), *(by_length.get(len(s), str.lower)(s) for s in rest)))


def _locale(_: Format, rendering: Rendering) -> Formatter:
    known = {canonical_locale(tag) for tag in (*rendering.locales, rendering.default_locale)}
    default = canonical_locale(rendering.default_locale) or ""

    @lru_cache(maxsize=1024)  # a campaign sees a few dozen spellings
    def campaigns(text: str) -> str | None:
        tag = canonical_locale(text)
        return tag if tag in known else None

    def write(value: object) -> str:
        if value is None or not (text := _text_of(value).strip()):
            return ""
        if (tag := campaigns(text)) is None:
            rendering.warn("unknown_locale")
            return default
        return tag

    return write


# -------------------------------------------------------------------------------------- instants

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _instant(value: object, zone: ZoneInfo | None = None) -> datetime:
    """A BSON date in a zone (None: UTC); a date without a zone is UTC (DOMAIN.md 2.0)."""
    try:
        if isinstance(value, datetime):
            aware = value if value.tzinfo else value.replace(tzinfo=UTC)
            return aware.astimezone(zone or UTC)
        if isinstance(value, DatetimeMS):
            return (_EPOCH + timedelta(milliseconds=int(value))).astimezone(zone or UTC)
    except (OverflowError, ValueError):  # before year 1 or after 9999, here or in the zone
        raise Unfit("date_out_of_range") from None
    raise Unfit("wrong_type")


def _local_time(_: Format, rendering: Rendering) -> Formatter:
    zone = rendering.zone

    def write(value: object) -> str:
        # 19 characters end at the second: cut, never rounded. str() measured 10 % before
        # strftime, and zoneinfo's own conversion (0.3 us) before a cache of offsets.
        return "" if value is None else str(_instant(value, zone))[:19]

    return write


def _offset(_: Format, rendering: Rendering) -> Formatter:
    zone = rendering.zone

    def write(value: object) -> str:
        if value is None:
            return ""
        offset = _instant(value, zone).utcoffset() or timedelta()
        hours, minutes = divmod(abs(offset) // timedelta(minutes=1), 60)
        return f"{'-' if offset < timedelta() else '+'}{hours:02}:{minutes:02}"

    return write


def _utc_time(_: Format, __: Rendering) -> Formatter:
    def write(value: object) -> str:
        if value is None:
            return ""
        text = str(_instant(value))
        return f"{text[:10]}T{text[11:19]}Z"

    return write


def _date(_: Format, rendering: Rendering) -> Formatter:
    zone = rendering.zone

    def write(value: object) -> str:
        if value is None:
            return ""
        if type(value) is date:  # already somebody's calendar day (Athena's DATE): no zone applies
            return value.isoformat()
        return str(_instant(value, zone))[:10]

    return write


# --------------------------------------------------------------------------------------- numbers

# Decimal128 reaches 1E+6144 and 1E-6176: enough digits for all of both ends.
_EXACT: Final = Context(prec=12_400, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])


def _number(value: object) -> Decimal:
    """The number as it is written, never through a float; True is not a number."""
    if isinstance(value, bool):
        raise Unfit("wrong_type")
    if isinstance(value, float):
        return Decimal(repr(value))  # 2.675 is what was stored, not 2.67499999999999982236431605997
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, Decimal128):
        return value.to_decimal()
    raise Unfit("wrong_type")


def _fixed(number: Decimal, digits: int) -> str:
    try:
        rounded = number.quantize(Decimal((0, (1,), -digits)), context=_EXACT)
    except InvalidOperation:
        raise Unfit("too_long") from None
    return f"{rounded or rounded.copy_abs():f}"  # there is no minus nought


def _integer(_: Format, rendering: Rendering) -> Formatter:
    def write(value: object) -> str:
        if value is None:
            return ""
        if type(value) is int:
            return str(value)
        number = _number(value)
        if not number.is_finite():
            rendering.warn("not_finite")
            return ""
        if number != number.to_integral_value(context=_EXACT):
            raise Unfit("not_integral")
        return _fixed(number, 0)

    return write


def _decimal(form: Format, rendering: Rendering, *, shift: int = 0) -> Formatter:
    digits = form.digits

    def write(value: object) -> str:
        if value is None:
            return ""
        number = _number(value)
        if not number.is_finite():
            rendering.warn("not_finite")
            return ""
        return _fixed(number.scaleb(shift, context=_EXACT) if shift else number, digits)

    return write


def _plain_number(_: Format, rendering: Rendering) -> Formatter:
    """A number with as many digits as it has: a fan's answer, which no column may round."""

    def write(value: object) -> str:
        if value is None:
            return ""
        number = _number(value)
        if not number.is_finite():
            rendering.warn("not_finite")
            return ""
        shortest = number.normalize(_EXACT)
        return f"{shortest or shortest.copy_abs():f}"

    return write


def _percent(form: Format, rendering: Rendering) -> Formatter:
    return _decimal(form, rendering, shift=2)


def _yes_no(_: Format, __: Rendering) -> Formatter:
    def write(value: object) -> str:
        if value is None:
            return ""
        if not isinstance(value, bool):
            raise Unfit("wrong_type")
        return "Y" if value else "N"

    return write


# ------------------------------------------------------------------------------------------ json

_JSON_INSTANT: Final = Format(kind=FormatKind.UTC_TIME)


def _json(_: Format, rendering: Rendering) -> Formatter:
    instant = _utc_time(_JSON_INSTANT, rendering)

    def plain(value: object) -> str:
        """What JSON has no type for: ids and exact decimals as text, instants as `dtz`."""
        if isinstance(value, ObjectId | UUID | Decimal | Decimal128):
            return str(value)
        return instant(value)

    def write(value: object) -> str:
        if value is None:
            return ""
        try:
            text = json.dumps(
                value,
                default=plain,
                ensure_ascii=False,
                allow_nan=False,
                sort_keys=True,
                separators=(",", ":"),
            )
        except ValueError:
            raise Unfit("not_finite") from None
        except TypeError:  # keys of several types
            raise Unfit("wrong_type") from None
        except RecursionError:
            raise Unfit("too_deep") from None
        return _cell(_composed(_whole(text, rendering)), rendering)

    return write


_BUILDERS: Final[Mapping[FormatKind, Callable[[Format, Rendering], Formatter]]] = {
    FormatKind.ID: _id,
    FormatKind.TEXT: _text,
    FormatKind.MULTILINE: _multiline,
    FormatKind.ENUM: _enumeration,
    FormatKind.EMAIL: _email,
    FormatKind.E164: _e164,
    FormatKind.LOCAL_TIME: _local_time,
    FormatKind.OFFSET: _offset,
    FormatKind.UTC_TIME: _utc_time,
    FormatKind.DATE: _date,
    FormatKind.YES_NO: _yes_no,
    FormatKind.INTEGER: _integer,
    FormatKind.DECIMAL: _decimal,
    FormatKind.NUMBER: _plain_number,
    FormatKind.PERCENT: _percent,
    FormatKind.LIST: _list,
    FormatKind.LOCALE: _locale,
    FormatKind.COUNTRY: _country,
    FormatKind.JSON: _json,
}


# ------------------------------------------------------------------------------- masks and hashes


def mask_email(text: str) -> str:
    """`Zoe@example.com` is `z***@example.com`; without an @ only the first letter stays."""
    local, at, domain = text.rpartition("@")
    return f"{local[:1].lower()}***@{domain}" if at else mask_name(text)


def mask_phone(text: str) -> str:
    """`+14155550132` is `+1******0132`: the first digit and the last four."""
    return f"{text[:2]}{'*' * (len(text) - 6)}{text[-4:]}" if is_e164(text) else mask_name(text)


def mask_name(text: str) -> str:
    """`Zoë` is `Z***`, of whatever length."""
    return f"{text[0]}***" if text else ""


def h256_email(text: str) -> str:
    """Lower-hex SHA-256 of the trimmed, lower-cased address, as ad platforms want it."""
    return _digest(text.strip().lower())


def h256_phone(text: str) -> str:
    """Lower-hex SHA-256 of the E.164 number with its plus."""
    return _digest(text.strip())


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest() if text else ""


def postal_prefix(text: str) -> str:
    """The first three characters of a postal code (DOMAIN.md 7.0)."""
    return text[:3]

"""How one value becomes the text of one cell: the formatters of DOMAIN.md 6.1 to 6.5.

`formatter` builds a function once a column; the function runs once a cell. None is empty, a value
that the format takes is text, anything else raises `Unfit`: nothing is ever silently empty.
Four leniencies are DOMAIN.md's own and stay visible through `Rendering.warn`: a number that is not
finite is empty, an unknown locale is the campaign's default, an unknown enumeration value stays as
it is, and half a surrogate pair becomes U+FFFD.

Numbers, instants, masks and what guards a cell stand in modules of their own beside this one. How
cells become bytes is `assets/steps/encode/`; who may see a value is `assets/model/policy.py`.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from typing import Final, Self
from unicodedata import normalize
from uuid import UUID
from zoneinfo import ZoneInfo

from bson.binary import Binary
from bson.code import Code
from bson.decimal128 import Decimal128
from bson.objectid import ObjectId

from assets.model.column import Format, FormatKind, Unfit
from assets.model.output import Dialect, Kind, OutputFormat, PhoneStyle, TextGuard
from assets.model.policy import Transform
from assets.steps import instants, numbers
from assets.steps.guards import EXCEL_CELL, GUARD_ROOM, NO_GUARD, Guard, guard, neutralise, units
from assets.steps.telephone import is_e164
from assets.steps.values import Formatter, Warn


def _unheard(_code: str) -> None:
    """Let a warning pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What the cells of one file have in common.

    Attributes:
        zone: The zone of `dtl`, `off` and `date`: the campaign's.
        default_locale: Stands in for a locale that the campaign does not have.
        locales: The campaign's locales, in any spelling.
        neutralise: True for CSV that people open (DOMAIN.md 6.4 rule 1).
        workbook: True for XLSX, whose cells hold no more than those of a neutralised file.
        utf16: Whether the lengths of text columns count UTF-16 units (Marketing Cloud, 6.5).
        text_guard: What stands before text with digits in a neutralised file.
        phone_style: Whether telephone numbers show their plus.
        warn: Told the code of each leniency: `not_finite`, `unknown_locale`, `unknown_value`,
            `lone_surrogate`. Never told a value.
    """

    zone: ZoneInfo
    default_locale: str
    locales: frozenset[str]
    neutralise: bool
    workbook: bool = False
    utf16: bool = False
    text_guard: TextGuard = TextGuard.NONE
    phone_style: PhoneStyle = PhoneStyle.PLUS
    warn: Warn = _unheard

    @classmethod
    def of(
        cls,
        output: OutputFormat,
        *,
        zone: ZoneInfo,
        default_locale: str,
        locales: Iterable[str],
        warn: Warn = _unheard,
    ) -> Self:
        """How the cells of a file of this form are rendered."""
        return cls(
            zone=zone,
            default_locale=default_locale,
            locales=frozenset(locales),
            neutralise=output.neutralises,
            workbook=output.kind is Kind.XLSX,
            utf16=output.kind is Kind.CSV and output.dialect is Dialect.SFMC,
            text_guard=output.text_guard,
            phone_style=output.phone_style,
            warn=warn,
        )

    @property
    def bounded(self) -> bool:
        """Whether a cell must fit into one of Excel's."""
        return self.neutralise or self.workbook


def formatter(form: Format, rendering: Rendering) -> Formatter:
    """The function that turns a value of one column into the text of its cell.

    Args:
        form: The column's format.
        rendering: What all cells of the file have in common.

    Returns:
        A function that gives the text, "" for None, and raises `Unfit` (`wrong_type`,
        `date_out_of_range`, `not_integral`, `out_of_range`, `not_e164`, `not_country`, `not_id`,
        `not_finite`, `not_hashable`, `not_one_line`, `formula`, `lone_surrogate`, `too_deep`,
        `too_long`) for a value that the format does not take.
    """
    plain = _BUILDERS[form.kind](form, rendering)
    finish = _finish(form.kind, Transform.NONE, rendering)
    if finish is None:
        return plain
    return lambda value: finish(plain(value))


def transformed(
    form: Format,
    rendering: Rendering,
    change: Callable[[str], str],
    transform: Transform = Transform.MASK_NAME,
) -> Formatter:
    """A formatter whose text passes through a mask or a hash before it is guarded.

    The order matters: a hash of a neutralised address is the hash of no address, and a mask must
    not take the guarding apostrophe for a first letter.

    Args:
        form: The column's format.
        rendering: What all cells of the file have in common.
        change: The mask or hash.
        transform: Which one; all of them are guarded alike.
    """
    exact = replace(rendering, phone_style=PhoneStyle.PLUS)
    plain = _BUILDERS[form.kind](form, exact)
    finish = _finish(form.kind, transform, rendering) or str

    def changed(value: object) -> str:
        return finish(change(plain(value)))

    return changed


def _finish(
    kind: FormatKind, transform: Transform, rendering: Rendering
) -> Callable[[str], str] | None:
    """What a text goes through on its way into a file for people; None for nothing."""
    put = guard(kind, transform, neutralises=rendering.neutralise, text_guard=rendering.text_guard)
    check = rendering.bounded and kind in _UNBOUNDED
    if put == NO_GUARD and not check:
        return None
    steps = _plain_guard(put)

    def finish(text: str) -> str:
        guarded = steps(text)
        # A character is one unit or two, so that only long text needs to be counted.
        if check and len(guarded) > EXCEL_CELL // 2 and units(guarded) > EXCEL_CELL:
            raise Unfit("too_long")
        return guarded

    return finish if check else steps


def _plain_guard(put: Guard) -> Callable[[str], str]:
    """The shortest way to guard: one call a cell where nothing else was asked for."""
    if put == NO_GUARD:
        return str
    return neutralise if put.formulas and not put.mark else put.put


# ------------------------------------------------------------------------------------------ text

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


def _cutter(length: int | None, rendering: Rendering) -> Callable[[str], str]:
    """Keeps the first characters, or UTF-16 units where the receiver counts those."""
    if length is None:
        return str
    if rendering.utf16:
        return lambda text: _cut_units(text, length)
    return lambda text: text[:length]


def _cut_units(text: str, length: int) -> str:
    if text.isascii():
        return text[:length]
    # Half a pair at the end is dropped: a character is there or not.
    return text.encode("utf-16-le")[: 2 * length].decode("utf-16-le", "ignore")


def _text(form: Format, rendering: Rendering) -> Formatter:
    cut = _cutter(form.length, rendering)

    def write(value: object) -> str:
        return "" if value is None else cut(_line(value, rendering))

    return write


# What a cell of Excel shows, and what is left of it beside the guards: the same in every dialect,
# so that a file for people can be turned into the one for machines.
_LINE_FEEDS: Final = 253
_LONGEST: Final = EXCEL_CELL - GUARD_ROOM


def _multiline(form: Format, rendering: Rendering) -> Formatter:
    cut = _cutter(form.length, rendering)

    def write(value: object) -> str:
        if value is None:
            return ""
        lines = _lines(value, rendering)
        if lines.count("\n") > _LINE_FEEDS:
            *first, rest = lines.split("\n", _LINE_FEEDS)
            lines = "\n".join((*first, rest.replace("\n", " ")))
        return _cut_units(cut(lines), _LONGEST)

    return write


def _email(_: Format, rendering: Rendering) -> Formatter:
    def write(value: object) -> str:
        if value is None:
            return ""
        local, at, domain = _line(value, rendering).rpartition("@")
        # Without an @ all of it is `domain`: no address, so its case is nobody's to change.
        return local + at + domain.lower() if at else domain

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
        return line

    return write


def _list(form: Format, rendering: Rendering) -> Formatter:
    kinds = (list, tuple) if form.ordered else (list, tuple, set, frozenset)
    cut = _cutter(form.length, rendering)

    def write(value: object) -> str:
        if value is None:
            return ""
        if not isinstance(value, kinds):
            raise Unfit("wrong_type")
        items: Iterable[str] = [
            "" if item is None else cut(_line(item, rendering)).replace("|", "/") for item in value
        ]
        return "|".join(items if form.ordered else sorted(items))

    return write


# ----------------------------------------------------------------------------------- identifiers

# A letter or digit first, so that an id never needs neutralising (DOMAIN.md 6.1).
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:~-]{0,199}")
_UUID: Final = re.compile("[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_COUNTRY: Final = re.compile("[A-Za-z]{2}")
_LOCALE: Final = re.compile("[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


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


def _e164(_: Format, rendering: Rendering) -> Formatter:
    """A telephone number; never neutralised (DOMAIN.md 6.4 rule 4)."""
    start = 1 if rendering.phone_style is PhoneStyle.DIGITS else 0

    def write(value: object) -> str:
        if value is None:
            return ""
        text = _text_of(value).strip()
        if text and not is_e164(text):
            raise Unfit("not_e164")
        return text[start:]

    return write


def _msisdn(form: Format, rendering: Rendering) -> Formatter:
    """The digits alone, as Marketing Cloud's mobile import wants them."""
    return _e164(form, replace(rendering, phone_style=PhoneStyle.DIGITS))


_DIGEST: Final = re.compile("[0-9a-f]{64}")


def _hash(_: Format, rendering: Rendering) -> Formatter:
    """The digest that ad platforms compare: an address lower-cased, a number with its plus."""

    def write(value: object) -> str:
        if value is None or not (text := _line(value, rendering).lower()):
            return ""
        if _DIGEST.fullmatch(text):
            return text
        if "@" not in text and not is_e164(text):
            raise Unfit("not_hashable")
        return sha256(text.encode()).hexdigest()

    return write


# What breaks a line, a text file or UTF-8.
_BREAKING: Final = re.compile("[\r\n\x00]")


def _raw(_: Format, rendering: Rendering) -> Formatter:
    """Text to the letter: a code that was changed opens no door (DOMAIN.md 7.2).

    It cannot be neutralised either, so one that a spreadsheet would run is refused.
    """

    def write(value: object) -> str:
        if value is None:
            return ""
        text = _text_of(value)
        if _BREAKING.search(text):
            raise Unfit("not_one_line")
        if _LONE_SURROGATE.search(text):
            raise Unfit("lone_surrogate")
        if rendering.neutralise and neutralise(text) != text:
            raise Unfit("formula")
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


# ---------------------------------------------------------------------------------------- truths


def _truth(yes: str, no: str) -> Formatter:
    def write(value: object) -> str:
        if value is None:
            return ""
        if not isinstance(value, bool):
            raise Unfit("wrong_type")
        return yes if value else no

    return write


# ------------------------------------------------------------------------------------------ json


def _json(_: Format, rendering: Rendering) -> Formatter:
    instant = instants.utc_time()

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
        return _composed(_whole(text, rendering))

    return write


# The kinds whose text has no bound of its own; a text column may be declared without one.
_UNBOUNDED: Final = frozenset(
    {
        FormatKind.TEXT,
        FormatKind.ENUM,
        FormatKind.EMAIL,
        FormatKind.NUMBER,
        FormatKind.LIST,
        FormatKind.JSON,
        FormatKind.RAW,
    }
)

_BUILDERS: Final[Mapping[FormatKind, Callable[[Format, Rendering], Formatter]]] = {
    FormatKind.ID: _id,
    FormatKind.TEXT: _text,
    FormatKind.MULTILINE: _multiline,
    FormatKind.ENUM: _enumeration,
    FormatKind.EMAIL: _email,
    FormatKind.E164: _e164,
    FormatKind.MSISDN: _msisdn,
    FormatKind.HASH: _hash,
    FormatKind.RAW: _raw,
    FormatKind.LOCAL_TIME: lambda _, rendering: instants.local_time(rendering.zone),
    FormatKind.OFFSET: lambda _, rendering: instants.offset(rendering.zone),
    FormatKind.UTC_TIME: lambda _, __: instants.utc_time(),
    FormatKind.DATE: lambda _, rendering: instants.day(rendering.zone),
    FormatKind.YES_NO: lambda _, __: _truth("Y", "N"),
    FormatKind.TRUE_FALSE: lambda _, __: _truth("true", "false"),
    FormatKind.INTEGER: lambda _, rendering: numbers.integer(rendering.warn),
    FormatKind.DECIMAL: lambda form, rendering: numbers.fixed(form.digits, rendering.warn),
    FormatKind.PERCENT: lambda form, rendering: numbers.fixed(form.digits, rendering.warn, shift=2),
    FormatKind.NUMBER: lambda _, rendering: numbers.shortest(rendering.warn),
    FormatKind.LIST: _list,
    FormatKind.LOCALE: _locale,
    FormatKind.COUNTRY: _country,
    FormatKind.JSON: _json,
}

"""What one output column is: its name, format, PII class and where its value comes from.

Add here what every export needs to say about a column; how a format turns a value into
text is `assets/steps/formats.py`, and the columns themselves stand in their export's module.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Pii(StrEnum):
    """How personal a value is (DOMAIN.md 7.0); a file's class is the highest of its columns."""

    NONE = "N"
    QUASI_IDENTIFIER = "Q"
    PSEUDONYM = "I"
    DIRECT = "D"
    RESTRICTED = "R"
    SECRET = "S"  # noqa: S105 - the name of a class, not a password


class FormatKind(StrEnum):
    """The formatter ids of DOMAIN.md 6.1, and two more.

    `num` is a number as stored, for survey answers; `raw` is text exactly as it is, for access
    codes (DOMAIN.md 7.2: no neutralising, always text).
    """

    ID = "id"
    TEXT = "txt"
    MULTILINE = "mtxt"
    ENUM = "enum"
    EMAIL = "email"
    E164 = "e164"
    LOCAL_TIME = "dtl"
    OFFSET = "off"
    UTC_TIME = "dtz"
    DATE = "date"
    YES_NO = "yn"
    INTEGER = "int"
    DECIMAL = "dec"
    NUMBER = "num"
    PERCENT = "pct"
    LIST = "list"
    LOCALE = "loc"
    COUNTRY = "cc2"
    JSON = "json"
    TRUE_FALSE = "tf"
    MSISDN = "msisdn"
    HASH = "h256"
    RAW = "raw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A formatter and its parameters.

    Attributes:
        kind: Which formatter of DOMAIN.md 6.1.
        length: Longest text in characters (`txt(80)`), or None for no cut.
        digits: Digits after the decimal point (`dec(2)`, `pct(1)`).
        ordered: For `list`: True keeps the source's order, False sorts because the source is a set.
    """

    kind: FormatKind
    length: int | None = None
    digits: int = 0
    ordered: bool = True


ID = Format(kind=FormatKind.ID)
ENUM = Format(kind=FormatKind.ENUM)
EMAIL = Format(kind=FormatKind.EMAIL)
E164 = Format(kind=FormatKind.E164)
LOCAL_TIME = Format(kind=FormatKind.LOCAL_TIME)
UTC_TIME = Format(kind=FormatKind.UTC_TIME)
DATE = Format(kind=FormatKind.DATE)
YES_NO = Format(kind=FormatKind.YES_NO)
INTEGER = Format(kind=FormatKind.INTEGER)
NUMBER = Format(kind=FormatKind.NUMBER)
LIST = Format(kind=FormatKind.LIST)
LOCALE = Format(kind=FormatKind.LOCALE)
COUNTRY = Format(kind=FormatKind.COUNTRY)
JSON = Format(kind=FormatKind.JSON)
OFFSET = Format(kind=FormatKind.OFFSET)
TRUE_FALSE = Format(kind=FormatKind.TRUE_FALSE)
MSISDN = Format(kind=FormatKind.MSISDN)
HASH = Format(kind=FormatKind.HASH)
RAW = Format(kind=FormatKind.RAW)


def text(length: int) -> Format:
    """`txt(length)`: one line of untrusted text, at most `length` characters."""
    return Format(kind=FormatKind.TEXT, length=length)


def decimal(digits: int) -> Format:
    """`dec(digits)`: a number with exactly `digits` digits after the point, half to even."""
    return Format(kind=FormatKind.DECIMAL, digits=digits)


def percent(digits: int) -> Format:
    """`pct(digits)`: a ratio times a hundred, without a sign."""
    return Format(kind=FormatKind.PERCENT, digits=digits)


# The scope that shows a secret unless its column names another (DOMAIN.md 7.0, class S).
ANSWERS = "answers:sensitive"
CODES = "codes:reveal"

# A getter receives the row of its source: `EntryRow` for MongoDB entries, a mapping from
# result column to value for Athena. Any, because the two never meet in one export.
Getter = Callable[[Any], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of an export, declared once.

    Attributes:
        name: The header (snake_case).
        format: How a value becomes text.
        pii: Who may see it; there is no default, so that no column is public by omission.
        source: Where the value comes from, for lineage and the manifest (`e.contact.email`).
        value: Reads the value from a row; None means absent. It may raise `Unfit`.
        description: One sentence for the data dictionary, empty where the name says it all.
        header: How the files call it, where the receiver insists on a name of its own
            (`First Name`); empty for `name`.
        secret_scope: The scope that a column of class S needs beside `pii:full`.
        keyed: Whether a pseudonymous id is a keyed hash in every mode, so that its rows cannot be
            joined with those of another export.
        pii_at_most: Whether `pii` is the highest class that the column can have; which one it has
            in a file depends on the campaign's questions.
    """

    name: str
    format: Format
    pii: Pii
    source: str
    value: Getter
    description: str = ""
    header: str = ""
    secret_scope: str = ANSWERS
    keyed: bool = False
    pii_at_most: bool = False

    @property
    def title(self) -> str:
        """The name in the header of the files."""
        return self.header or self.name


class Unfit(Exception):
    """A value that its column cannot hold: the row becomes a counted reject.

    Args:
        reason: A bounded lower_snake reason (`wrong_type`, `date_out_of_range`), never the value.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

"""What keeps a spreadsheet from running or changing the text of a cell, and takes it off again.

DOMAIN.md 6.4. `Guard.put` and `Guard.take` are exact inverses for every text, so a file for people
holds the very values that a file for machines holds.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from assets.model.column import FormatKind
from assets.model.output import TextGuard
from assets.model.policy import Transform

EXCEL_CELL: Final = 32_767
"""The characters that a cell of Excel holds, in UTF-16 units (DOMAIN.md 6.4)."""
GUARD_ROOM: Final = 2
"""The characters that guards may put before a text."""

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


def units(text: str) -> int:
    """The length of a text in UTF-16 units, in which Excel and Marketing Cloud count."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


# Untrusted text: whatever a fan or a colleague could have written (DOMAIN.md 6.4 rule 3).
_UNTRUSTED: Final = frozenset(
    {
        FormatKind.TEXT,
        FormatKind.MULTILINE,
        FormatKind.ENUM,
        FormatKind.EMAIL,
        FormatKind.LIST,
        FormatKind.JSON,
    }
)
# Text that can look like a number or a date: an address cannot, and a number should.
_NUMBER_LIKE: Final = frozenset(
    {
        FormatKind.ID,
        FormatKind.TEXT,
        FormatKind.MULTILINE,
        FormatKind.ENUM,
        FormatKind.E164,
        FormatKind.MSISDN,
        FormatKind.HASH,
        FormatKind.RAW,
        FormatKind.LIST,
        FormatKind.JSON,
    }
)
_MARKS: Final = {TextGuard.NONE: "", TextGuard.APOSTROPHE: "'", TextGuard.TAB: "\t"}
_DIGIT: Final = re.compile("[0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What stands before the texts of one column.

    Attributes:
        formulas: Whether text that a spreadsheet could run is neutralised.
        mark: Stands before every text with a digit; empty for none.
    """

    formulas: bool = False
    mark: str = ""

    def put(self, text: str) -> str:
        """The text as the file shows it."""
        guarded = neutralise(text) if self.formulas else text
        return self.mark + guarded if self.mark and _DIGIT.search(guarded) else guarded

    def take(self, text: str) -> str:
        """The text as it was: `take(put(x)) == x` for every text."""
        marked = self.mark and text.startswith(self.mark) and _DIGIT.search(text)
        guarded = text[len(self.mark) :] if marked else text
        return restore(guarded) if self.formulas else guarded


NO_GUARD: Final = Guard()


def guard(
    kind: FormatKind, transform: Transform, *, neutralises: bool, text_guard: TextGuard
) -> Guard:
    """What guards a column in a file: decided by what its values are, never by one of them.

    A masked value is text whatever it was: `+1******0132` is no telephone number any more.

    Args:
        kind: The format of the column.
        transform: What the policy does to its values.
        neutralises: Whether the file is one that people open.
        text_guard: What the caller asked for.
    """
    if not neutralises:
        return NO_GUARD
    changed = transform is not Transform.NONE
    return Guard(
        formulas=changed or kind in _UNTRUSTED,
        mark=_MARKS[text_guard] if changed or kind in _NUMBER_LIKE else "",
    )


def taken(cells: Iterable[str | None], guards: Iterable[Guard]) -> list[str | None]:
    """The exact values of a row."""
    return [
        cell if cell is None else put.take(cell) for cell, put in zip(cells, guards, strict=True)
    ]

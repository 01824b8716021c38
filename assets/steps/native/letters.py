"""Which characters a text keeps as they are, whatever stands beside them."""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain
from typing import Final
from unicodedata import combining, decomposition, is_normalized

from assets.steps.guards import neutralise

LETTERS: Final = 0x20000
"""Code points that are looked at: those below."""
# Scripts in which people are named and places lie: Latin, Greek, Cyrillic, Hebrew, Arabic, those of
# India, Thai and kana; the quotes and dashes of titles; and the pictures that people put beside
# their names. Not every code point in these ranges is simple, and what is not is for Python.
_RANGES: Final = (
    range(0xA1, 0x300),
    range(0x370, 0x530),
    range(0x5D0, 0x5EB),
    range(0x620, 0x64B),
    range(0x900, 0xE80),
    range(0x1E00, 0x2000),
    range(0x2010, 0x2028),
    range(0x2600, 0x27C0),
    range(0x3041, 0x3097),
    range(0x30A1, 0x30FB),
    range(0x1F300, 0x1FB00),
)
# Ideographs and the whole syllables of Hangul: all of them are, and there are 32,164 (a test asks).
_WHOLE: Final = (range(0x4E00, 0xA000), range(0xAC00, 0xD7A4))
# Letters that are composed of one in the ranges and a mark stand below; a look at all takes 0.2 s.
_COMPOSED: Final = 0x3100


@cache
def simple_letters() -> bytes:
    """A bit per code point below `LETTERS`: what a clean text may hold, also at its start."""
    return _bits(is_simple, *_WHOLE)


@cache
def simple_marks() -> bytes:
    """The same of marks that a clean text may hold behind a letter, one behind each.

    Two behind each other have an order of their own (Unicode Standard Annex 15, section 9: what
    never composes and stands in canonical order is in NFC).
    """
    return _bits(is_mark)


@cache
def pairs() -> tuple[tuple[int, int, int], ...]:
    """Two code points and the simple letter that a normal form makes of them, sorted by the two."""
    simple = simple_letters()
    return tuple(sorted(p for p in _composed() if simple[p[2] >> 3] >> (p[2] & 7) & 1))


def is_simple(letter: str) -> bool:
    """Not deleted, not a blank, composed already, and nothing that a spreadsheet skips or runs."""
    return _is_kept(letter) and not letter.isspace() and not combining(letter)


def is_mark(letter: str) -> bool:
    """Of a class of its own among combining characters, else as a simple letter."""
    return _is_kept(letter) and combining(letter) > 0


def _is_kept(letter: str) -> bool:
    composed = is_normalized("NFC", letter) and letter not in _joining()
    return letter.isprintable() and composed and neutralise(f"{letter}=") == f"{letter}="


@cache
def _joining() -> frozenset[str]:
    """What a normal form may join to the letter before it: the seconds of pairs."""
    return frozenset(chr(second) for _, second, _ in _composed())


def _composed() -> Iterator[tuple[int, int, int]]:
    """Each two code points of which a canonical form is made, and the one that it is."""
    for code in range(_COMPOSED):
        parts = decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):  # noqa: PLR2004 - a pair
            first, second = (int(part, 16) for part in parts)
            yield first, second, code


def _bits(belongs: Callable[[str], bool], *whole: range) -> bytes:
    bits = bytearray(LETTERS // 8)
    found = (code for code in chain(*_RANGES) if belongs(chr(code)))
    for code in chain(found, *whole):
        bits[code >> 3] |= 1 << (code & 7)
    return bytes(bits)

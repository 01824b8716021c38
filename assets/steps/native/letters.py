"""Which characters a text keeps as they are, whatever stands beside them."""

from functools import cache
from itertools import chain
from typing import Final
from unicodedata import combining, is_normalized

from assets.steps.guards import neutralise

# Scripts whose letters no normal form joins: Latin, Greek, Cyrillic, Hebrew, Arabic and kana; and
# the quotes and dashes of names and titles. Not every code point in these ranges is simple.
_RANGES: Final = (
    range(0xA1, 0x300),
    range(0x370, 0x530),
    range(0x5D0, 0x5EB),
    range(0x620, 0x64B),
    range(0x2010, 0x2028),
    range(0x3041, 0x3097),
    range(0x30A1, 0x30FB),
)
# Ideographs and the whole syllables of Hangul: all of them are, and there are 32,164 (a test asks).
_WHOLE: Final = (range(0x4E00, 0xA000), range(0xAC00, 0xD7A4))


@cache
def simple_letters() -> bytes:
    """A bit per code point below 0x10000: what a clean text may hold, also at its start."""
    bits = bytearray(0x10000 // 8)
    simple = (code for code in chain(*_RANGES) if is_simple(chr(code)))
    for code in chain(simple, *_WHOLE):
        bits[code >> 3] |= 1 << (code & 7)
    return bytes(bits)


def is_simple(letter: str) -> bool:
    """Not deleted, not a blank, composed already, and nothing that a spreadsheet skips or runs."""
    kept = letter.isprintable() and not letter.isspace() and not combining(letter)
    return kept and is_normalized("NFC", letter) and neutralise(f"{letter}=") == f"{letter}="

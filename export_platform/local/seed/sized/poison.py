"""Bytes that a driver refuses to write: put in place of marks of the same length after encoding."""

from typing import Any, Final

import bson

# Marks are plain ASCII and occur nowhere else; each stands for as many bytes as it has letters.
BROKEN: Final = "POISON~UTF8~"
SURROGATE: Final = "POISON~SURRO"
OVERLONG: Final = "POISON~OVERL"
TWICE: Final = "con~act"

_REPLACEMENTS: Final = (
    (BROKEN.encode(), b"Zo\xff\xfe \xc3(\xe2\x82. !"),  # never valid, and two cut sequences
    (SURROGATE.encode(), b"\xed\xa0\x80 alone! \xed"),  # U+D800 in three bytes; then a cut one
    (OVERLONG.encode(), b"\xc0\xafetc\xc0\xafhosts"),  # a slash in two bytes
    (TWICE.encode(), b"contact"),  # a second key of the same name, of another type
)


def encode(document: Any) -> bytes:
    """The document as BSON, marks replaced: the lengths stay right, so only the text is broken."""
    raw = bson.encode(document)
    for mark, replacement in _REPLACEMENTS:
        if mark in raw:
            raw = raw.replace(mark, replacement)
    return raw

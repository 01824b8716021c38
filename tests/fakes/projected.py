"""What a projection leaves of a document: its elements as they are, all of one name."""

import struct
from collections.abc import Collection, Iterator
from typing import Final

_INT32: Final = struct.Struct("<i")
# The bytes of a value by its type (bsonspec.org): so many, or as many as it says and so many more.
_FIXED: Final = {
    **dict.fromkeys((0x06, 0x0A, 0x7F, 0xFF), 0),
    0x01: 8,
    0x07: 12,
    0x08: 1,
    0x09: 8,
    0x10: 4,
    0x11: 8,
    0x12: 8,
    0x13: 16,
}
_BEYOND: Final = {
    **dict.fromkeys((0x02, 0x0D, 0x0E), 4),
    **dict.fromkeys((0x03, 0x04, 0x0F), 0),
    0x05: 5,
    0x0C: 16,
}
_REGEX: Final = 0x0B


def projected(raw: bytes, names: Collection[str] | None) -> bytes:
    """A document with these fields only, in their order; all of them for None."""
    if names is None:
        return raw
    wanted = {name.encode() for name in names}
    body = b"".join(element for name, element in _elements(raw) if name in wanted)
    return _INT32.pack(len(body) + 5) + body + b"\0"


def _elements(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    at, end = 4, len(raw) - 1
    while at < end:
        name_end = raw.index(b"\0", at + 1)
        stop = name_end + 1 + _size(raw[at], raw, name_end + 1)
        yield raw[at + 1 : name_end], raw[at:stop]
        at = stop


def _size(kind: int, raw: bytes, at: int) -> int:
    if kind in _FIXED:
        return _FIXED[kind]
    if kind == _REGEX:
        return raw.index(b"\0", raw.index(b"\0", at) + 1) + 1 - at
    found: int = _INT32.unpack_from(raw, at)[0]
    return found + _BEYOND[kind]

"""A ZIP archive that is written from front to back, with no time in it.

`zipfile` writes such archives too, but takes its compression level from a private attribute.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Final

# The standard's first instant, 1980-01-01 00:00: equal content gives equal bytes.
_TIME: Final = 0
_DATE: Final = (1 << 5) | 1
_VERSION: Final = 20  # APPNOTE 4.4.3: deflate
_SIZES_FOLLOW: Final = 1 << 3  # APPNOTE 4.4.4: sizes and checksum stand behind the content
_DEFLATE: Final = 8
_LEVEL: Final = 1
MOST_BYTES: Final = (1 << 32) - 1
"""What a member or an archive without the 64-bit extension can hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    name: bytes
    offset: int
    checksum: int
    packed: int
    size: int


class Archive:
    """Gives the bytes of an archive, member after member."""

    def __init__(self) -> None:
        self._members: list[_Member] = []
        self._offset = 0
        self._name, self._start = b"", 0
        self._checksum = self._packed = self._size = 0
        self._deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)

    def whole(self, name: str, content: bytes) -> bytes:
        """A member that is known already."""
        return self.begin(name) + self.add(content) + self.end()

    def begin(self, name: str) -> bytes:
        """Begin a member."""
        self._name, self._start = name.encode("ascii"), self._offset
        self._checksum = self._packed = self._size = 0
        self._deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        fields = (_VERSION, _SIZES_FOLLOW, _DEFLATE, _TIME, _DATE, 0, 0, 0, len(self._name), 0)
        return self._moved(struct.pack("<4s5H3I2H", b"PK\x03\x04", *fields) + self._name)

    def add(self, content: bytes) -> bytes:
        """More of the member."""
        self._checksum = zlib.crc32(content, self._checksum)
        self._size += len(content)
        return self._taken(self._deflate.compress(content))

    def end(self) -> bytes:
        """End the member."""
        last = self._taken(self._deflate.flush())
        self._members.append(
            _Member(
                name=self._name,
                offset=self._start,
                checksum=self._checksum,
                packed=self._packed,
                size=self._size,
            )
        )
        sizes = (self._checksum, self._packed, self._size)
        return last + self._moved(struct.pack("<4s3I", b"PK\x07\x08", *sizes))

    def close(self) -> bytes:
        """The directory of all members."""
        start = self._offset
        entries = b"".join(map(_entry, self._members))
        count = len(self._members)
        fields = (0, 0, count, count, len(entries), start, 0)
        return self._moved(entries + struct.pack("<4s4H2IH", b"PK\x05\x06", *fields))

    def _taken(self, packed: bytes) -> bytes:
        self._packed += len(packed)
        return self._moved(packed)

    def _moved(self, data: bytes) -> bytes:
        self._offset += len(data)
        return data


def _entry(member: _Member) -> bytes:
    fields = (_VERSION, _VERSION, _SIZES_FOLLOW, _DEFLATE, _TIME, _DATE)
    sizes = (member.checksum, member.packed, member.size)
    rest = (len(member.name), 0, 0, 0, 0, 0, member.offset)
    return struct.pack("<4s6H3I5H2I", b"PK\x01\x02", *fields, *sizes, *rest) + member.name

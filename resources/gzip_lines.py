"""The lines of a gzip stream, in bounded memory; what was read is counted and hashed on the way."""

import zlib
from collections.abc import Iterator
from hashlib import sha256

from resources.errors import Refused

# A window of 32 KiB with the header of gzip (zlib manual, inflateInit2).
GZIP = 31
# Largest piece of inflated data held at once, whatever its ratio of compression.
INFLATED_BYTES = 256 * 1024
MAX_LINE_BYTES = 1024 * 1024


class GzipLines:
    """Iterates once over the lines of a file, as text without their ends.

    A line that is not UTF-8 holds lone surrogates in place of its broken bytes.

    Args:
        pieces: The stored bytes, in order.

    Attributes:
        bytes: Stored bytes read until now.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        """Remember the pieces; nothing is read."""
        self.bytes = 0
        self._pieces = pieces
        self._digest = sha256()

    @property
    def sha256(self) -> str:
        """Digest of the stored bytes read until now, in hex."""
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[str]:
        """Give the lines.

        Raises:
            Refused: ``SCORES_CORRUPT``: it is no gzip, is cut short, or a line is endless.
        """
        rest = b""
        for data in self._inflated():
            *lines, rest = (rest + data).split(b"\n")
            yield from (_text(line) for line in lines)
            if len(rest) > MAX_LINE_BYTES:
                raise _corrupt()
        if rest:
            yield _text(rest)

    def _inflated(self) -> Iterator[bytes]:
        inflate = zlib.decompressobj(GZIP)
        for piece in self._stored():
            data = piece
            while data:
                # A file may be made of several members, one after the other (RFC 1952 2.2).
                if inflate.eof:
                    inflate = zlib.decompressobj(GZIP)
                try:
                    yield inflate.decompress(data, INFLATED_BYTES)
                except zlib.error:
                    raise _corrupt() from None
                data = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
        if not inflate.eof:
            raise _corrupt()

    def _stored(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.bytes += len(piece)
            self._digest.update(piece)
            yield piece


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "surrogateescape")


def _corrupt() -> Refused:
    return Refused("SCORES_CORRUPT", "read a compressed file of scores")

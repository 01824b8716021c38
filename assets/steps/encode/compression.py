"""Compress a file piece by piece, and open it again in bounded steps."""

import os
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Protocol

from backports import zstd

from assets.model.output import Compression
from assets.steps.encode.malformed import Malformed

# Measured on our rows: level 1 keeps 32 % of the bytes at 144 MB/s, level 6 27 % at 47 MB/s.
# At 20 us to make a row, level 6 would cost a sixth of the run for a sixth of the size.
GZIP_LEVEL: Final = 1
_GZIP: Final = 16 + zlib.MAX_WBITS  # zlib's own gzip wrapper: mtime 0 and no file name
# Bytes that are compressed as one, each beside the others but after the window of those before it.
# They are cut at fixed places: neither pieces nor workers show in the file, and one block is what
# zlib makes of it alone. A joint costs 5 bytes.
GZIP_BLOCK: Final = 1 << 19
_WINDOW: Final = 1 << 15  # how far back deflate looks (RFC 1951 2)
_RAW: Final = -zlib.MAX_WBITS
# Deflate, no flags, mtime 0, fastest, Unix (RFC 1952 2.3.1): as zlib writes it at level 1.
_GZIP_HEADER: Final = bytes((0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 4, 3))
GZIP_WORKERS: Final = min(4, os.cpu_count() or 1)
# Level 1 keeps 28 % in half the time of gzip's; with a checksum, so that no harm goes unseen.
_ZSTD: Final[Mapping[int, int]] = {
    zstd.CompressionParameter.compression_level: 1,
    zstd.CompressionParameter.checksum_flag: 1,
}

# Stands between two frames of one file, so that two files that were glued together are not taken
# for one, nor the first half of one for the whole: a skippable frame without content, which every
# reader passes over (RFC 8878 3.1.2).
_FOLLOWS: Final = (0x184D2A5E).to_bytes(4, "little") + bytes(4)

# Bytes made of one step of decompression: a small file can hold a gigabyte of blanks.
_STEP: Final = 1 << 20


class Compressor:
    """Compresses one file piece by piece; equal bytes give equal bytes, however they are cut.

    Args:
        compression: `none` passes bytes through.
        workers: Threads that compress, where that can be shared; they do not show in the bytes.
            None: one a core, at most four.
        after: The `state` of another one at a cut, to go on behind it.
    """

    def __init__(
        self,
        compression: Compression,
        *,
        workers: int | None = None,
        after: Mapping[str, int] | None = None,
    ) -> None:
        self._stream: _Stream | None = None
        if compression is Compression.GZIP:
            self._stream = _Gzip(workers or GZIP_WORKERS, after)
        elif compression is Compression.ZSTD:
            self._stream = _Zstd()

    def compress(self, data: bytes) -> bytes:
        """The next bytes of the file; may be empty while the compressor gathers."""
        return self._stream.compress(data) if self._stream else data

    def cut(self) -> bytes:
        """All bytes up to here; what follows looks at none of them, and more must follow.

        A cut shows in the bytes, so it belongs at a place that the content alone decides.
        """
        return self._stream.cut() if self._stream else b""

    def state(self) -> Mapping[str, int]:
        """What another compressor needs to go on behind a cut."""
        return self._stream.state() if self._stream else {}

    def finish(self) -> bytes:
        """The last bytes of the file; nothing may be compressed afterwards."""
        return self._stream.flush() if self._stream else b""


class _Stream(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def cut(self) -> bytes: ...

    def state(self) -> Mapping[str, int]: ...

    def flush(self) -> bytes: ...


class _Zstd:
    """A frame from cut to cut: the checksum at its end cannot be gone on with elsewhere."""

    def __init__(self) -> None:
        self._frame = zstd.ZstdCompressor(options=_ZSTD)

    def compress(self, data: bytes, /) -> bytes:
        return self._frame.compress(data)

    def cut(self) -> bytes:
        last, self._frame = self._frame.flush(), zstd.ZstdCompressor(options=_ZSTD)
        return last + _FOLLOWS

    def state(self) -> Mapping[str, int]:
        return {}

    def flush(self) -> bytes:
        return self._frame.flush()


class _Gzip:
    """One gzip member, whose blocks are compressed beside each other.

    At most two blocks a worker are held, and what is not yet a block.
    """

    def __init__(self, workers: int, after: Mapping[str, int] | None = None) -> None:
        self._workers = workers
        self._pool: ThreadPoolExecutor | None = None
        self._pending: deque[Future[bytes]] = deque()
        self._rest = bytearray()
        self._window = b""
        self._crc, self._size = (after["crc"], after["size"]) if after else (0, 0)
        self._head = b"" if after else _GZIP_HEADER

    def compress(self, data: bytes, /) -> bytes:
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        self._rest += data
        done = [self._begun()]
        while len(self._rest) > GZIP_BLOCK:  # a whole one may be the last, which ends differently
            block = bytes(memoryview(self._rest)[:GZIP_BLOCK])
            del self._rest[:GZIP_BLOCK]
            if len(self._pending) >= 2 * self._workers:
                done.append(self._pending.popleft().result())
            self._pending.append(self._submitted(block))
            self._window = block[-_WINDOW:]
        return b"".join(done)

    def cut(self) -> bytes:
        done = [self._begun(), *(one.result() for one in self._pending)]
        if self._rest:
            done.append(_deflated(bytes(self._rest), self._window, zlib.Z_SYNC_FLUSH))
        self._pending.clear()
        self._rest.clear()
        self._window = b""
        return b"".join(done)

    def state(self) -> Mapping[str, int]:
        return {"crc": self._crc, "size": self._size}

    def flush(self) -> bytes:
        last = _deflated(bytes(self._rest), self._window, zlib.Z_FINISH)
        done = [self._begun(), *(one.result() for one in self._pending), last]
        if self._pool is not None:
            self._pool.shutdown()
        check = (self._crc, self._size & 0xFFFFFFFF)
        return b"".join((*done, *(number.to_bytes(4, "little") for number in check)))

    def _begun(self) -> bytes:
        head, self._head = self._head, b""
        return head

    def _submitted(self, block: bytes) -> "Future[bytes]":
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="gzip")
        return self._pool.submit(_deflated, block, self._window, zlib.Z_SYNC_FLUSH)


def _deflated(block: bytes, window: bytes, end: int) -> bytes:
    stream = (
        zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, _RAW, zdict=window)
        if window
        else zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, _RAW)
    )
    return stream.compress(block) + stream.flush(end)


def decompressed(chunks: Iterable[bytes], compression: Compression) -> Iterator[bytes]:
    """The bytes before compression, at most 1 MiB at a time.

    Raises:
        Malformed: `not_gzip` or `not_zstd` (also a wrong checksum), `truncated`, `trailing_bytes`.
    """
    match compression:
        case Compression.NONE:
            yield from chunks
        case Compression.GZIP:
            yield from _gunzipped(chunks)
        case Compression.ZSTD:
            yield from _unzstd(chunks)


def _gunzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    inflate = zlib.decompressobj(_GZIP)
    for chunk in chunks:
        yield from _inflated(inflate, chunk)
    if not inflate.eof:
        raise Malformed("truncated")


def _inflated(inflate: "zlib._Decompress", chunk: bytes) -> Iterator[bytes]:
    rest = chunk
    while rest:
        if inflate.eof:
            raise Malformed("trailing_bytes")
        try:
            yield inflate.decompress(rest, _STEP)
        except zlib.error:
            raise Malformed("not_gzip") from None
        rest = inflate.unconsumed_tail or inflate.unused_data


def _unzstd(chunks: Iterable[bytes]) -> Iterator[bytes]:
    inflate, between = zstd.ZstdDecompressor(), b""
    for chunk in chunks:
        rest = chunk
        while rest:
            if not inflate.eof:
                yield from _expanded(inflate, rest)
                rest = inflate.unused_data if inflate.eof else b""
                continue
            missing = len(_FOLLOWS) - len(between)
            between, rest = between + rest[:missing], rest[missing:]
            if not _FOLLOWS.startswith(between):
                raise Malformed("trailing_bytes")
            if between == _FOLLOWS:
                inflate, between = zstd.ZstdDecompressor(), b""
    if between or not inflate.eof:
        raise Malformed("truncated")


def _expanded(inflate: zstd.ZstdDecompressor, chunk: bytes) -> Iterator[bytes]:
    rest = chunk
    while not inflate.eof and (rest or not inflate.needs_input):
        try:
            yield inflate.decompress(rest, _STEP)
        except zstd.ZstdError:
            raise Malformed("not_zstd") from None
        rest = b""

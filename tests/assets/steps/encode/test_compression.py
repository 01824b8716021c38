"""gzip and zstd: read by other programs, equal however the bytes come, and no harm goes unseen."""

import gzip
import io
import zlib
from collections.abc import Callable, Mapping

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.model.output import Compression
from assets.steps.encode.compression import GZIP_BLOCK, GZIP_LEVEL, Compressor, decompressed
from assets.steps.encode.malformed import Malformed

PACKED = [Compression.GZIP, Compression.ZSTD]
DATA = b"entry_id,first_name\r\n" + b"".join(b"e%d,Zo\xc3\xab\r\n" % n for n in range(500))


def zstd_of_arrow(data: bytes) -> bytes:
    """Arrow brings a zstd of its own."""
    with pa.input_stream(io.BytesIO(data), compression="zstd") as stream:
        found: bytes = stream.read()
    return found


OTHERS: Mapping[Compression, Callable[[bytes], bytes]] = {
    Compression.GZIP: gzip.decompress,
    Compression.ZSTD: zstd_of_arrow,
}


def packed(data: bytes, compression: Compression, size: int = 1 << 20) -> bytes:
    """The stored form of bytes that come in pieces of a size."""
    compressor = Compressor(compression)
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join([*map(compressor.compress, pieces), compressor.finish()])


def unpacked(data: bytes, compression: Compression, size: int = 1 << 20) -> bytes:
    """What is read of stored bytes that come in pieces of a size."""
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(decompressed(pieces, compression))


@pytest.mark.parametrize("compression", Compression)
@given(st.binary(max_size=300), st.integers(1, 50), st.integers(1, 50))
def test_the_pieces_show_neither_in_the_bytes_nor_in_what_is_read(
    compression: Compression, data: bytes, cut: int, arrived: int
) -> None:
    """Equal rows give equal bytes (DOMAIN.md 6.7), and a network cuts where it likes."""
    whole = packed(data, compression)

    assert whole == packed(data, compression, cut)
    assert data == unpacked(whole, compression, arrived)


@pytest.mark.parametrize("size", [0, 1, GZIP_BLOCK - 1, GZIP_BLOCK])
def test_what_fits_one_block_is_the_gzip_of_zlib(size: int) -> None:
    """The header and the end are made by hand, so that blocks can be compressed beside others."""
    data = (DATA * (size // len(DATA) + 1))[:size]
    zlibs = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 31)

    assert packed(data, Compression.GZIP) == zlibs.compress(data) + zlibs.flush()


@pytest.mark.parametrize("size", [GZIP_BLOCK, GZIP_BLOCK + 1, 2 * GZIP_BLOCK, 5 * GZIP_BLOCK + 77])
def test_workers_show_in_no_byte_and_any_number_of_blocks_is_one_member(size: int) -> None:
    """A file that depends on the machine has no sha256; some readers stop after one member."""
    data = (b"".join(b"%d,%x\r\n" % (n, n * n) for n in range(size // 10)) * 2)[:size]
    found = set()
    for workers in (1, 2, 4):
        compressor = Compressor(Compression.GZIP, workers=workers)
        pieces = [data[at : at + 99_991] for at in range(0, size, 99_991)]
        found.add(b"".join([*map(compressor.compress, pieces), compressor.finish()]))
    inflate = zlib.decompressobj(31)

    (one,) = found
    assert inflate.decompress(one) == data
    assert (inflate.eof, inflate.unused_data) == (True, b"")


@pytest.mark.parametrize("compression", PACKED)
def test_another_program_reads_it(compression: Compression) -> None:
    """Nobody who gets a file has our reader."""
    stored = packed(DATA, compression)

    assert DATA == OTHERS[compression](stored)
    assert len(stored) < len(DATA) / 2


@pytest.mark.parametrize("compression", PACKED)
def test_a_truncated_file_is_refused_wherever_it_ends(compression: Compression) -> None:
    """The checksum stands at the end: a file without it has not arrived."""
    stored = packed(DATA[:200], compression)
    for end in range(len(stored)):
        with pytest.raises(Malformed):
            unpacked(stored[:end], compression)


@pytest.mark.parametrize("compression", PACKED)
def test_a_flipped_bit_never_gives_other_content(compression: Compression) -> None:
    """A disk may change one; what is read is what was written, or it is refused."""
    stored = packed(DATA[:200], compression)
    refused = 0
    for place in range(8 * len(stored)):
        harmed = bytearray(stored)
        harmed[place // 8] ^= 1 << (place % 8)
        try:
            assert DATA[:200] == unpacked(bytes(harmed), compression)
        except Malformed:
            refused += 1

    assert refused > 7 * len(stored)  # what passes are bits that say nothing, as gzip's time


@pytest.mark.parametrize("compression", PACKED)
@pytest.mark.parametrize("size", [7, 1 << 20])
def test_bytes_after_the_end_are_refused(compression: Compression, size: int) -> None:
    """Two files glued together are not one file."""
    stored = packed(DATA, compression)
    with pytest.raises(Malformed, match="trailing_bytes"):
        unpacked(stored + stored, compression, size)


@pytest.mark.parametrize("compression", PACKED)
def test_a_small_file_cannot_become_a_large_piece(compression: Compression) -> None:
    """A gigabyte of blanks must pass through in bounded steps."""
    sizes = [
        len(piece) for piece in decompressed([packed(bytes(32 << 20), compression)], compression)
    ]

    assert 32 << 20 == sum(sizes)
    assert max(sizes) <= 1 << 20

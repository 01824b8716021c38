"""Damage to finished exports, one way at a time, as a disk, a proxy or a person might do it."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from assets.model.manifest import FileEntry, Manifest
from assets.steps.manifest import verify

Bodies = Mapping[str, bytes]
Damaged = tuple[Manifest, Bodies]


def found(damaged: Damaged) -> bool:
    """Whether `verify` sees that something is wrong."""
    manifest, bodies = damaged

    def opened(entry: FileEntry) -> list[bytes]:
        if entry.key not in bodies:
            raise FileNotFoundError(entry.key)
        return [bodies[entry.key]]

    return verify(manifest, opened) != []


def damaged(manifest: Manifest, bodies: Bodies, draw: random.Random) -> Damaged:
    """The same export with one thing changed in a file or in a claim."""
    if draw.random() < 0.5:
        key = draw.choice(sorted(bodies))
        return manifest, draw.choice(_FILES)(dict(bodies), key, draw)
    return draw.choice(_CLAIMS)(manifest, draw), bodies


def _flipped(bodies: dict[str, bytes], key: str, draw: random.Random) -> Bodies:
    body = bytearray(bodies[key])
    body[draw.randrange(len(body))] ^= 1 << draw.randrange(8)
    return bodies | {key: bytes(body)}


def _cut(bodies: dict[str, bytes], key: str, draw: random.Random) -> Bodies:
    return bodies | {key: bodies[key][: draw.randrange(len(bodies[key]))]}


def _longer(bodies: dict[str, bytes], key: str, draw: random.Random) -> Bodies:
    return bodies | {key: bodies[key] + draw.randbytes(draw.randrange(1, 100))}


def _piece_gone(bodies: dict[str, bytes], key: str, draw: random.Random) -> Bodies:
    body = bodies[key]
    at = draw.randrange(len(body))
    return bodies | {key: body[:at] + body[at + draw.randrange(1, 100) :]}


def _piece_twice(bodies: dict[str, bytes], key: str, draw: random.Random) -> Bodies:
    body = bodies[key]
    at = draw.randrange(len(body))
    return bodies | {key: body[: at + 64] + body[at:]}


def _missing(bodies: dict[str, bytes], key: str, _: random.Random) -> Bodies:
    return {other: body for other, body in bodies.items() if other != key}


def _swapped(bodies: dict[str, bytes], key: str, draw: random.Random) -> Bodies:
    """Two files for each other; one alone is turned round."""
    others = sorted(other for other in bodies if other != key)
    if not others:
        return bodies | {key: bodies[key][::-1]}
    other = draw.choice(others)
    return bodies | {key: bodies[other], other: bodies[key]}


_FILES = (_flipped, _cut, _longer, _piece_gone, _piece_twice, _missing, _swapped)


def _entry(
    manifest: Manifest, draw: random.Random, change: Callable[[FileEntry], FileEntry]
) -> Manifest:
    files = list(manifest.files)
    at = draw.randrange(len(files))
    files[at] = change(files[at])
    return replace(manifest, files=tuple(files))


def _rows(manifest: Manifest, draw: random.Random) -> Manifest:
    return _entry(manifest, draw, lambda e: replace(e, rows=e.rows + draw.choice((-1, 1, 10))))


def _bytes(manifest: Manifest, draw: random.Random) -> Manifest:
    return _entry(manifest, draw, lambda e: replace(e, bytes=e.bytes + draw.choice((-1, 1))))


def _digest(manifest: Manifest, draw: random.Random) -> Manifest:
    return _entry(manifest, draw, lambda e: replace(e, sha256=_other_hex(e.sha256, draw)))


def _plain_digest(manifest: Manifest, draw: random.Random) -> Manifest:
    return _entry(
        manifest,
        draw,
        lambda e: replace(e, sha256_uncompressed=_other_hex(e.sha256_uncompressed, draw)),
    )


def _plain_bytes(manifest: Manifest, draw: random.Random) -> Manifest:
    return _entry(manifest, draw, lambda e: replace(e, bytes_uncompressed=e.bytes_uncompressed + 1))


def _number(manifest: Manifest, draw: random.Random) -> Manifest:
    return _entry(manifest, draw, lambda e: replace(e, number=e.number + 1))


def _file_gone(manifest: Manifest, draw: random.Random) -> Manifest:
    files = list(manifest.files)
    del files[draw.randrange(len(files))]
    return replace(manifest, files=tuple(files))


def _read(manifest: Manifest, draw: random.Random) -> Manifest:
    told = manifest.accounting
    return replace(manifest, accounting=replace(told, read=told.read + draw.choice((-1, 1))))


def _written(manifest: Manifest, draw: random.Random) -> Manifest:
    told = manifest.accounting
    return replace(manifest, accounting=replace(told, written=told.written + draw.choice((-1, 1))))


def _expected(manifest: Manifest, _: random.Random) -> Manifest:
    told = manifest.accounting
    return replace(manifest, accounting=replace(told, expected=told.expected + 1))


def _fingerprint(manifest: Manifest, draw: random.Random) -> Manifest:
    return replace(manifest, fingerprint=_other_hex(manifest.fingerprint, draw))


def _column_gone(manifest: Manifest, draw: random.Random) -> Manifest:
    columns = list(manifest.columns)
    del columns[draw.randrange(len(columns))]
    return replace(manifest, columns=tuple(columns))


def _columns_swapped(manifest: Manifest, draw: random.Random) -> Manifest:
    columns = list(manifest.columns)
    at = draw.randrange(len(columns) - 1)
    columns[at], columns[at + 1] = columns[at + 1], columns[at]
    return replace(manifest, columns=tuple(columns))


_CLAIMS = (
    _rows,
    _bytes,
    _digest,
    _plain_digest,
    _plain_bytes,
    _number,
    _file_gone,
    _read,
    _written,
    _expected,
    _fingerprint,
    _column_gone,
    _columns_swapped,
)


def _other_hex(digest: str, draw: random.Random) -> str:
    at = draw.randrange(len(digest))
    other = draw.choice([c for c in "0123456789abcdef" if c != digest[at]])
    return f"{digest[:at]}{other}{digest[at + 1 :]}"

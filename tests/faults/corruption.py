"""Damage to exports, one way at a time, as a disk, a network, a proxy or a person might do it.

Finished ones are damaged in a file or in a claim of their manifest, and ones in the making where
their files are stored or their entries are read.
"""

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from assets.model.failure import ExportFailed
from assets.model.lifecycle import Status
from assets.model.manifest import FileEntry, Manifest
from assets.steps.manifest import verify
from resources.errors import DoorError
from resources.mongo.batch import Batch
from resources.mongo.entries import Scan
from resources.s3_object import StoredObject
from tests.assets.workbench import Workbench, tiny_documents, workbench
from tests.fakes.entries import FakeEntryStore
from tests.fakes.object_store import FakeObjectStore, Kept

Bodies = Mapping[str, bytes]
Damaged = tuple[Manifest, Bodies]


def exports() -> list[Damaged]:
    """Finished exports: one file, many, JSON lines, uncompressed."""
    bench = workbench()
    made = [bench.run(name, **params).manifest for name, params in MAKING]
    return [(one, {file.key: bench.body(file.key) for file in one.files}) for one in made]


def missed_at_rest(seed: int, corruptions: int) -> list[int]:
    """Numbers of the corruptions of finished exports that `verify` does not find."""
    whole = exports()
    assert not any(found(one) for one in whole)
    draws = [random.Random(seed + number) for number in range(corruptions)]  # noqa: S311
    cases = ((n, damaged(*draw.choice(whole), draw)) for n, draw in enumerate(draws))
    return [number for number, case in cases if case not in whole and not found(case)]


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


class DamagingStore(FakeObjectStore):
    """A bucket that keeps one object of the next export otherwise than it was sent.

    Attributes:
        draw: Chooses which and how; None while nothing is damaged.
        struck: How many objects were damaged.
    """

    draw: random.Random | None = None
    struck = 0

    def store(self, key: str, kept: Kept) -> StoredObject:
        """Say that it is stored as it was sent."""
        stored = super().store(key, kept)
        if self.draw is not None and self.draw.random() < 0.5:
            body = self.draw.choice(_STORED)({key: kept.body}, key, self.draw)[key]
            if body != kept.body:
                self.draw, self.struck = None, self.struck + 1
                self.objects[key] = replace(kept, body=body)
        return stored


class DamagingEntries(FakeEntryStore):
    """Entries of which the next reading does not give one, or gives it twice.

    Attributes:
        draw: Chooses which; None while all are given.
        struck: How often it was done.
    """

    draw: random.Random | None = None
    struck = 0

    def scan(self, scan: Scan, **sizes: int) -> Iterator[Batch]:
        """Read."""
        for batch in super().scan(scan, **sizes):
            draw = self.draw
            if draw is None or not batch or draw.random() < 0.5:
                yield batch
                continue
            self.draw, self.struck = None, self.struck + 1
            given = list(batch)
            at = draw.randrange(len(given))
            given[at : at + 1] = [given[at]] * draw.choice((0, 2))
            yield Batch.of(given)


def wrong_before_publishing(seed: int, number: int) -> str | None:
    """Damage one export in the making; what nobody found of it, or None.

    It must fail before it is published, or be found by `verify`; another attempt must make it well.
    """
    draw = random.Random(f"{seed} {number}")  # noqa: S311 - to be replayed
    objects, entries = DamagingStore(part_bytes=4096), DamagingEntries(tiny_documents()["entries"])
    bench = workbench(objects=objects)
    bench.mongo.entries = entries
    name, params = MAKING[number % len(MAKING)]
    document = bench.dispatched(name, **params)
    while not objects.struck + entries.struck:
        objects.draw, entries.draw = draw.choice(((draw, None), (None, draw)))
        ended = _ended(bench, document)
        if not objects.struck + entries.struck:  # it was passed by: once more, another export
            document = bench.dispatched(name, **params)
    if ended is not None and proved(bench, ended):
        return f"{number} {name}: it was published"
    if ended is not None:
        return None
    bench.clock.advance(bench.life.timing.backoff_cap)
    again = bench.life.dispatch(document["_id"])
    ended = None if again is None else _ended(bench, again)
    return None if ended is not None and proved(bench, ended) else f"{number} {name}: not made anew"


def _ended(bench: Workbench, document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The result of an attempt; None where it has failed and nothing is published."""
    try:
        bench.attempt().run(document["_id"], document["attempt"], run_id="run")
    except ExportFailed:
        assert bench.found(document["_id"])["result"] is None
        return None
    found = bench.found(document["_id"])
    assert found["status"] == Status.SUCCEEDED
    result: Mapping[str, Any] = found["result"]
    return result


def proved(bench: Workbench, result: Mapping[str, Any]) -> bool:
    """Whether `verify` finds manifest and files to be what a document says."""
    try:
        body = bench.body(result["manifestKey"])
        manifest = Manifest.from_document(json.loads(body))
        whole = {one.key: bench.body(one.key) for one in manifest.files}
    except (DoorError, ValueError, TypeError, AttributeError, KeyError):
        return False
    if hashlib.sha256(body).hexdigest() != result["manifestSha256"]:
        return False
    return not found((manifest, whole))


# What is made while something is damaged: all of them read entries.
MAKING: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("waitlist", {"dialect": "rfc4180"}),
    ("waitlist", {"dialect": "excel", "split_by_market": True}),
    ("entries", {"format": "jsonl"}),
    ("survey-answers", {"dialect": "rfc4180", "compression": "none"}),
    ("entries", {"format": "parquet"}),
    ("waitlist", {"format": "xlsx"}),
)
_STORED = (_flipped, _cut, _longer, _piece_gone, _piece_twice)

"""The rows of an export without a database or a store: what the conversion alone costs.

    python -m benchmarks.profile_rows --entries 20000 --profile 30

The documents of a sized pack lie in memory as raw BSON and go through the real reader, sieve and
writer; the bytes of the files are hashed and dropped. It prints CPU seconds (the machine may be
busy), the rows, and the sha256 by which two versions of the code can be compared.
"""

import argparse
import cProfile
import hashlib
import pickle
import pstats
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bson
from bson import ObjectId
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError

from assets.exports.catalog import CATALOG
from assets.files import write_files
from assets.model.campaign import Facts
from assets.model.parameters import parse
from assets.model.source import EntrySource, Segment
from assets.reading import USER_FIELDS
from assets.steps.address import Address
from assets.steps.documents import bands_from, campaign_from, markets_from, promoters_from
from assets.steps.native.kernel import USER_FIELDS as KERNEL_FIELDS
from assets.steps.native.kernel import NotNative, compile_plan
from assets.steps.native.lines import Lines
from assets.steps.plan import Plan, plan
from assets.steps.read import EntryReader, accounts
from assets.steps.rows import Converter, Ledger, Sieve, rendering
from export_platform.local.seed.basis.ledger import Ledger as Planted
from export_platform.local.seed.catalog import pack_named

SCOPES = ("pii:full", "pii:masked", "scores:read", "answers:sensitive")
SNAPSHOT = datetime(2030, 1, 1, tzinfo=UTC)
BATCH = 500  # as `assets/reading.py` reads them
_OPTIONS: CodecOptions[Any] = CodecOptions(
    tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)

Raw = Mapping[str, Sequence[bytes]]
Users = Callable[[Collection[ObjectId]], Mapping[ObjectId, Mapping[str, Any]]]


def documents(entries: int, cache: Path | None) -> Raw:
    """The pack's documents by collection; made once where a cache is named."""
    if cache is not None and cache.exists():
        kept: Raw = pickle.loads(cache.read_bytes())  # noqa: S301 - our own file
        return kept
    made: dict[str, list[bytes]] = {}
    for batch in pack_named("small", entries=entries).documents(Planted()):
        made.setdefault(batch.collection, []).extend(map(bytes, batch.documents))
    if cache is not None:
        cache.write_bytes(pickle.dumps(made))
    return made


def ground(raw: Raw, name: str, params: Mapping[str, Any]) -> Facts:
    """What is known before the first row."""
    decoded = {k: [_decoded(one) for one in raw[k]] for k in raw if k not in ("entries", "users")}
    campaign = campaign_from(decoded["campaigns"][0])
    asked = {"campaign_id": campaign.key, "pii": "full", "reason": "benchmark", **params}
    return Facts(
        request=parse(CATALOG[name], asked, scopes=SCOPES),
        campaign=campaign,
        snapshot=SNAPSHOT,
        markets=markets_from(decoded["markets"]),
        promoters=promoters_from(decoded["promoters"]),
        bands=bands_from(
            (one for one in decoded["scoring"] if one.get("kind") == "override"), SNAPSHOT
        ),
    )


def _decoded(raw: bytes) -> dict[str, Any]:
    return bson.decode(raw, _OPTIONS)


def _users(raw: Raw, fields: Sequence[str]) -> Users:
    """Finds users as the door does: these fields, decoded anew for each batch."""
    by_id: dict[ObjectId, bytes] = {}
    for one in raw["users"]:
        try:
            user = _decoded(one)
        except BSONError:
            continue
        by_id[user["_id"]] = bson.encode({k: user[k] for k in ("_id", *fields) if k in user})
    return lambda ids: {one: _decoded(by_id[one]) for one in ids if one in by_id}


class Nowhere:
    """An object store that drops what it is given."""

    def upload(self, _key: str, **_: object) -> "Nowhere":
        """Itself."""
        return self

    def write(self, data: bytes) -> None:
        """Dropped: its digest is in the file's entry."""

    def __enter__(self) -> "Nowhere":
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was opened."""


class Unwatched:
    """Nobody is told."""

    def advance(self, **progress: int) -> None:
        """Nothing."""


def _quicker(
    reader: EntryReader, sieve: Sieve, made: Plan, users: Callable[[bool], Users]
) -> tuple[EntryReader, Sieve]:
    """The same with the kernel, as far as it goes."""
    style = rendering(made, sieve.ledger)
    try:
        kernel = compile_plan(
            made, verdict=sieve.verdict, rendering=style, converter=sieve.converter
        )
    except NotNative as reason:
        print(f"in Python: {reason}")
        return reader, sieve
    if kernel.partly:
        print(f"judged by the kernel, made in Python: {kernel.partly}")
    asked, makes = users(kernel.fields is None), not kernel.partly
    lines, later = Lines(kernel, lambda ids: accounts(ids, asked)), sieve.arrange is not None
    return (
        replace(reader, made=lines.made, sorted_later=makes and later),
        replace(sieve, packed=makes),
    )


def run(
    raw: Raw, name: str, params: Mapping[str, Any], *, python: bool = False
) -> tuple[Ledger, str]:
    """One export from raw documents to the digest of its files."""
    made = plan(CATALOG[name], ground(raw, name, params))
    source, ledger = CATALOG[name].rows, Ledger()
    if not isinstance(source, EntrySource):
        raise SystemExit(f"{name} does not read entries")
    pending = [raw["entries"]]

    def scan(_: Segment) -> Iterator[Sequence[bytes]]:
        for documents in pending[:1]:
            pending.clear()
            for start in range(0, len(documents), BATCH):
                yield list(documents[start : start + BATCH])

    users, few = _users(raw, USER_FIELDS), _users(raw, KERNEL_FIELDS)
    began = time.process_time()
    reader = EntryReader(source=source, facts=made.facts, scan=scan, users=users, ledger=ledger)
    style, verdict = rendering(made, ledger), source.verdict(made.facts)
    converter = Converter(made.columns, rendering=style, key=b"benchmark")
    sieve = Sieve(
        verdict=verdict,
        notes=source.notes,
        converter=converter,
        ledger=ledger,
        fold=None if source.fold is None else source.fold(made.facts),
        arrange=source.arrange,
    )
    if not python:
        reader, sieve = _quicker(reader, sieve, made, lambda whole: users if whole else few)
    address = Address(export="exports/", attempt="exports/a1/")
    digest = hashlib.sha256()
    for entry in write_files(
        sieve.records(reader.rows()), made, address, Nowhere(), Unwatched(), columns=made.columns
    ):
        digest.update(entry.sha256_uncompressed.encode())
    seconds = time.process_time() - began
    print(
        f"{name}: {ledger.read:,} read, {ledger.written:,} rows of {len(made.columns)} columns, "
        f"{seconds:.2f} CPU s, {ledger.read / seconds:,.0f} documents/s, {digest.hexdigest()[:16]}"
    )
    return ledger, digest.hexdigest()


def main(arguments: Sequence[str]) -> int:
    """Run it, perhaps under the profiler."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--export", default="entries")
    parser.add_argument("--entries", type=int, default=20_000)
    parser.add_argument("--dialect", default="excel")
    parser.add_argument("--compression", default="none")
    parser.add_argument("--cache", type=Path, help="keeps the documents between runs")
    parser.add_argument("--python", action="store_true", help="without the extension")
    parser.add_argument("--profile", type=int, default=0, help="shows so many functions")
    given = parser.parse_args(arguments)
    raw = documents(given.entries, given.cache)
    params = {"dialect": given.dialect, "compression": given.compression}
    if not given.profile:
        run(raw, given.export, params, python=given.python)
        return 0
    with cProfile.Profile() as profile:
        run(raw, given.export, params, python=given.python)
    pstats.Stats(profile).sort_stats("tottime").print_stats(given.profile)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

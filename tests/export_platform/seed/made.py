"""A sized pack, generated whole and kept, to be looked at from outside."""

import gzip
import hashlib
from collections import defaultdict
from functools import cache
from typing import Any

import bson
from bson import CodecOptions
from bson.codec_options import DatetimeConversion

from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.sized.pack import SizedPack

LENIENT: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True,
    unicode_decode_error_handler="replace",
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)


class Made:
    """Everything a pack yields, kept.

    Attributes:
        ledger: What was counted on the way.
        raw: The documents by collection.
        rows: The lake rows by table.
        by_day: The lake rows by table and partition, as tuples.
        codes: The items of the codes service, in order.
        objects: The bodies of the scoring files by bucket and key, unzipped.
    """

    def __init__(
        self, pack: SizedPack, *, chunk: int = 2_000, broken_text: bool = True, all_of: bool = True
    ) -> None:
        """Generate the pack; without `all_of` only its documents."""
        self.ledger = Ledger()
        self.raw: dict[str, list[bytes]] = defaultdict(list)
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.by_day: dict[tuple[str, str], list[tuple[object, ...]]] = defaultdict(list)
        self.codes: list[dict[str, Any]] = []
        self.objects: dict[tuple[str, str], bytes] = {}
        for batch in pack.documents(self.ledger, chunk=chunk, broken_text=broken_text):
            self.raw[batch.collection].extend(batch.documents)
        if all_of:
            self._rows(pack, chunk)
            for codes in pack.codes(self.ledger, chunk=chunk):
                self.codes.extend(codes.items)
            for each in pack.objects(self.ledger, chunk=chunk):
                body = gzip.decompress(each.body) if each.key.endswith(".gz") else each.body
                self.objects[each.bucket, each.key] = body
        self.documents = cache(self._documents)

    def _rows(self, pack: SizedPack, chunk: int) -> None:
        for piece in pack.slices(self.ledger, chunk=chunk):
            found = list(zip(*piece.columns.values(), strict=True))
            self.by_day[piece.table, piece.day.isoformat()].extend(found)
            self.rows[piece.table].extend(
                dict(zip(piece.columns, each, strict=True)) | {"dt": piece.day} for each in found
            )

    def _documents(self, collection: str) -> list[dict[str, Any]]:
        """Decoded without complaint; the same list each time."""
        return [bson.decode(each, LENIENT) for each in self.raw[collection]]

    def digests(self) -> dict[str, str]:
        """A short digest of each of the things a pack is made of."""
        parts = {
            "documents": [repr(sorted(self.raw.items()))],
            "rows": [f"{key}{rows}" for key, rows in sorted(self.by_day.items())],
            "codes": [repr(each) for each in self.codes],
            "objects": [
                f"{key}{body!r}"
                for (_, key), body in self.objects.items()
                if not key.endswith("manifest.json")  # digests of zipped bytes, which zlib decides
            ],
            "ledger": [self.ledger.to_json()],
        }
        return {
            name: hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
            for name, texts in parts.items()
        }

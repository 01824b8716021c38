"""A pack into MongoDB, the lake, the codes service and the buckets of the scoring providers.

Loading it again replaces that pack and nothing else.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

from export_platform.local.seed import lake
from export_platform.local.seed.basis.dataset import (
    Collection,
    Dataset,
    ScoreBucket,
)
from export_platform.local.seed.basis.identifiers import Kind, pack_range
from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.lake import LakeClient
from export_platform.local.seed.sized import poison
from resources.mongo.connection import MongoConnection
from resources.mongo.stores import MongoStores

if TYPE_CHECKING:
    from pymongo.database import Database

Progress = Callable[[int, int], None]

_KINDS: Final[Mapping[Collection, Kind]] = {
    "campaigns": Kind.CAMPAIGN,
    "markets": Kind.MARKET,
    "promoters": Kind.PROMOTER,
    "users": Kind.USER,
    "entries": Kind.ENTRY,
    "scoring": Kind.SCORING,
}

_INTERNAL: Final[ScoreBucket] = "scoring"
_VF: Final[ScoreBucket] = "vf-scoring"
_VF_ANSWERS: Final = ("response_", "done_")

CHUNK: Final = 4_000
"""Documents an insert: 8 MB of entries, well under the 48 MB of one wire message."""


def load(
    pack: Dataset,
    *,
    mongo_uri: str,
    database: str,
    s3: LakeClient,
    bucket: str = "lake",
    codes_url: str | None = None,
    codes_token: str | None = None,
    progress: Progress | None = None,
    plants_directory: Path | None = None,
) -> Ledger:
    """Write a pack; returns its ledger, also as `<plants_directory>/<pack>/plants.json`.

    `progress` is told (done, total) in documents and rows. The documents of an earlier load of the
    pack, of whatever size, are removed first: they are told by the pack's number in their `_id`.
    Without `codes_url` the codes are left out, and so are their plants.
    """
    ledger = Ledger()
    total = pack.documents_total + pack.rows_total

    def report(done: int) -> None:
        if progress is not None:
            progress(min(done, total), total)  # the total of a sized pack is an estimate

    report(0)
    written = _load_documents(pack, mongo_uri, database, ledger, report)
    _load_rows(pack, s3, bucket, ledger, lambda done: report(written + done))
    _load_objects(pack, s3, ledger)
    if codes_url is not None:
        _load_codes(pack, codes_url, codes_token, ledger)
    report(total)
    if plants_directory is not None:
        write_plants(ledger, plants_directory / pack.name)
    return ledger


def write_plants(ledger: Ledger, directory: Path) -> Path:
    """Write `plants.json` and return its path."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "plants.json"
    path.write_text(ledger.to_json(), encoding="utf-8")
    return path


def lake_client(endpoint_url: str, *, region: str = "us-east-1") -> LakeClient:
    """A client for the embedded S3 server; credentials come from the environment.

    Bounded: three attempts, 5 s to connect and 60 s to answer.
    """
    import boto3  # noqa: PLC0415 - 0.4 s, and only the loader needs it
    from botocore.config import Config  # noqa: PLC0415

    bounds = Config(connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 3})
    client: LakeClient = boto3.client(
        "s3", endpoint_url=endpoint_url, region_name=region, config=bounds
    )
    return client


def _load_documents(
    pack: Dataset, mongo_uri: str, database: str, ledger: Ledger, progress: Callable[[int], None]
) -> int:
    from bson.raw_bson import RawBSONDocument  # noqa: PLC0415
    from pymongo import MongoClient  # noqa: PLC0415 - 0.1 s

    stores = MongoStores(MongoConnection(uri=mongo_uri, database=database))
    try:
        stores.ensure_indexes()
    finally:
        stores.close()
    done = 0
    with MongoClient[Mapping[str, object]](mongo_uri, tz_aware=True) as client:
        _remove_documents(client[database], pack.number)
        broken_text = _takes_broken_text(client[database])
        for batch in pack.documents(ledger, chunk=CHUNK, broken_text=broken_text):
            raw = [RawBSONDocument(each) for each in batch.documents]
            if raw:
                client[database][batch.collection].insert_many(raw, ordered=False)
            done += len(raw)
            progress(done)
    return done


def _takes_broken_text(database: "Database[Mapping[str, object]]") -> bool:
    """Whether the server stores text that is not UTF-8, as MongoDB does: found out by trying."""
    from bson.raw_bson import RawBSONDocument  # noqa: PLC0415
    from pymongo.errors import OperationFailure  # noqa: PLC0415

    probe = database["seed_probe"]
    try:
        probe.insert_one(RawBSONDocument(poison.encode({"_id": 0, "text": poison.BROKEN})))
    except OperationFailure:
        return False
    finally:
        probe.drop()
    return True


def _remove_documents(database: "Database[Mapping[str, object]]", number: int) -> None:
    for collection, kind in _KINDS.items():
        first, last = pack_range(kind, number)
        database[collection].delete_many({"_id": {"$gte": first, "$lt": last}})


def _load_rows(
    pack: Dataset, s3: LakeClient, bucket: str, ledger: Ledger, progress: Callable[[int], None]
) -> None:
    for campaign_id in pack.campaigns.values():
        lake.remove_campaign(s3, bucket, campaign_id)
    lake.remove_pack(s3, bucket, pack.number)
    parts: Counter[str] = Counter()
    done = 0
    for piece in pack.slices(ledger):
        day = lake.object_key(piece, 0, pack=pack.number)
        key = lake.object_key(piece, parts[day], pack=pack.number)
        s3.put_object(Bucket=bucket, Key=key, Body=lake.parquet_bytes(piece))
        parts[day] += 1
        done += piece.rows
        progress(done)


def _load_objects(pack: Dataset, s3: LakeClient, ledger: Ledger) -> None:
    """The scores of the providers; what exports asked them for (`input/`, `request_`) stays."""
    for key, campaign_id in pack.campaigns.items():
        lake.remove(s3, _INTERNAL, f"output/v1/campaign_id={campaign_id}/", lambda _name: True)
        lake.remove(s3, _VF, f"verified-fan/{key}/", lambda name: name.startswith(_VF_ANSWERS))
    for each in pack.objects(ledger):
        s3.put_object(Bucket=each.bucket, Key=each.key, Body=each.body)


def _load_codes(pack: Dataset, url: str, token: str | None, ledger: Ledger) -> None:
    from export_platform.local.services.seeding import put_codes  # noqa: PLC0415 - only with a URL

    without = set(pack.campaigns.values())
    batches = pack.codes(ledger)  # those of a campaign one after the other
    for campaign_id, group in groupby(batches, key=lambda batch: batch.campaign_id):
        items = (item for batch in group for item in batch.items)
        put_codes(url, str(campaign_id), items, token=token)
        without.discard(campaign_id)
    for campaign_id in without:
        put_codes(url, str(campaign_id), (), token=token)

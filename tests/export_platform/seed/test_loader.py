"""A pack in real processes: loaded, loaded again, beside another, and read through the endpoint."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from export_platform.local.seed import lake
from export_platform.local.seed.basis.dataset import Dataset
from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.catalog import pack_named
from export_platform.local.seed.loader import lake_client, load
from export_platform.local.seed.tiny.shapes import AURORA
from resources.athena import AthenaDoor
from resources.mongo.connection import MongoConnection
from resources.wiring import environment

BUCKET = "lake"


class Loader:
    """Loads packs into one database of the stack and looks at what is there."""

    def __init__(self, stack: Mapping[str, str], connection: MongoConnection, place: Path) -> None:
        """Nothing is loaded yet."""
        self.uri = stack[environment.MONGODB_URI]
        self.connection = connection
        self.place = place
        self.told: list[tuple[int, int]] = []
        self.s3: Any = lake_client(stack[environment.AWS_ENDPOINT_URL_S3])

    def load(self, pack: Dataset) -> Ledger:
        """Load a pack."""
        return load(
            pack,
            mongo_uri=self.uri,
            database=self.connection.collection("any").database.name,
            s3=self.s3,
            bucket=BUCKET,
            progress=lambda done, total: self.told.append((done, total)),
            plants_directory=self.place,
        )

    def count(self, collection: str) -> int:
        """How many documents there are."""
        return self.connection.collection(collection).count_documents({})

    def keys(self, campaign: object) -> list[str]:
        """The lake objects of a campaign."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        found = [each["Key"] for page in pages for each in page.get("Contents", ())]
        return [key for key in found if f"campaign_id={campaign}/" in key]


@pytest.fixture
def loader(stack: Mapping[str, str], database: MongoConnection, tmp_path: Path) -> Loader:
    """A loader into an empty database."""
    return Loader(stack, database, tmp_path)


def test_loading_again_changes_nothing(loader: Loader) -> None:
    """`make demo` seeds every time: twice must not mean double."""
    loader.load(pack_named("tiny"))
    before = (loader.count("entries"), loader.count("users"), loader.keys(AURORA))
    loader.load(pack_named("tiny"))

    assert before[0] == 64
    assert (loader.count("entries"), loader.count("users"), loader.keys(AURORA)) == before


def test_a_pack_replaces_itself_and_leaves_others_alone(loader: Loader) -> None:
    """Packs live beside each other; what a test planted by hand stays too."""
    loader.load(pack_named("tiny"))
    loader.load(pack_named("small", entries=500))
    loader.connection.collection("entries").insert_one({"_id": "planted by hand"})
    loader.load(pack_named("small", entries=200))

    assert loader.count("entries") == 64 + 200 + 1


def test_the_nasty_pack_loads_whatever_the_server_takes(loader: Loader) -> None:
    """Every document that is stored is in the ledger, and every one that was refused."""
    ledger = loader.load(pack_named("nasty", entries=600))

    assert loader.count("entries") == 600 - ledger["refused_by_server"].count


def test_progress_starts_at_nothing_and_ends_at_all(loader: Loader) -> None:
    """The bar of the command line must reach its end, and never run past it."""
    loader.load(pack_named("small", entries=300))

    assert loader.told[0][0] == 0
    assert loader.told[-1][0] == loader.told[-1][1]
    assert all(done <= total for done, total in loader.told)
    assert [done for done, _ in loader.told] == sorted(done for done, _ in loader.told)


def test_the_ledger_is_written_beside_the_pack(loader: Loader) -> None:
    """Other suites read it from `.local/seed/<pack>/plants.json`."""
    ledger = loader.load(pack_named("tiny"))
    written = Ledger.from_json((loader.place / "tiny" / "plants.json").read_text("utf-8"))

    assert written.counts() == ledger.counts()


def test_lake_keys_follow_the_partition_projection(loader: Loader) -> None:
    """Athena computes these paths; an object elsewhere is invisible to it."""
    loader.load(pack_named("tiny"))

    assert len(loader.keys(AURORA)) == 10
    assert all(
        key.startswith("fan_events/") and key.endswith(".parquet") for key in loader.keys(AURORA)
    )
    assert any(f"/campaign_id={AURORA}/dt=2026-03-13/" in key for key in loader.keys(AURORA))


def test_parquet_bytes_are_the_same_each_time() -> None:
    """A lake that changes without a change of data would break every hash over it."""
    first, second = (
        [lake.parquet_bytes(each) for each in pack_named("tiny").slices(Ledger())] for _ in range(2)
    )

    assert first == second


def test_athena_reads_the_rows_that_were_written(loader: Loader, athena: AthenaDoor) -> None:
    """Types and partitions must be those of the declaration, or the first query fails."""
    loader.load(pack_named("tiny"))
    query = athena.select(
        "SELECT order_id, tickets, gross_amount, currency, ordered_at FROM ticket_orders "
        "WHERE campaign_id = ? AND status = 'paid' ORDER BY order_id, dt",
        [str(AURORA)],
        token="seed-" + "0" * 40,
    )
    rows = [row for batch in query.batches() for row in batch]

    assert [row[0] for row in rows] == ["or-001", "or-001", "or-002", "or-004", "or-005"]
    assert rows[2][1:4] == (4, Decimal("800.00"), "CAD")
    assert str(rows[0][4]).startswith("2026-03-13 14:01:40")

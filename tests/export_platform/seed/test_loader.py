"""A pack in real processes: loaded, loaded again, beside another, and read through the endpoint."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from export_platform.local.seed import lake
from export_platform.local.seed.basis.dataset import Dataset
from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.catalog import pack_named
from export_platform.local.seed.loader import lake_client, load
from export_platform.local.seed.tiny import scores
from export_platform.local.seed.tiny.codes import CODES
from export_platform.local.seed.tiny.pack import documents_of
from export_platform.local.seed.tiny.shapes import AURORA
from resources.athena import AthenaDoor
from resources.codes_service import CodeSearch
from resources.mongo.connection import MongoConnection
from resources.scoring_files import MalformedScore, Score, ScoringFiles
from resources.wiring import environment

BUCKET = "lake"
VF_FOLDER = "verified-fan/aurora-lights-2026/2026-03-11/"


class Loader:
    """Loads packs into one database of the stack and looks at what is there."""

    def __init__(self, stack: Mapping[str, str], connection: MongoConnection, place: Path) -> None:
        """Nothing is loaded yet."""
        self.stack = stack
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
            codes_url=self.stack[environment.CODES_SERVICE_URL],
            codes_token=self.stack[environment.CODES_SERVICE_TOKEN],
            progress=lambda done, total: self.told.append((done, total)),
            plants_directory=self.place,
        )

    def count(self, collection: str) -> int:
        """How many documents there are."""
        return self.connection.collection(collection).count_documents({})

    def keys(self, campaign: object) -> list[str]:
        """The lake objects of a campaign."""
        return [key for key in self.stored() if f"campaign_id={campaign}/" in key]

    def stored(self, bucket: str = BUCKET) -> list[str]:
        """The keys of a bucket."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [each["Key"] for page in pages for each in page.get("Contents", ())]


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

    slices = [each for each in pack_named("tiny").slices(Ledger()) if each.campaign_id == AURORA]

    assert len(loader.keys(AURORA)) == len(slices)
    assert {key.split("/")[0] for key in loader.keys(AURORA)} == {"fan_events", "fan_scoring"}
    assert all(key.endswith(".parquet") for key in loader.keys(AURORA))
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

    assert [row[0] for row in rows] == [
        *("or-001", "or-001", "or-002", "or-004", "or-005", "or-007")
    ]
    assert rows[2][1:4] == (4, Decimal("800.00"), "CAD")
    assert str(rows[0][4]).startswith("2026-03-13 14:01:40")


def test_rows_of_a_day_are_replaced_for_one_pack_only(loader: Loader) -> None:
    """Packs share the partitions of the tables by day: whose row it is stands in the name."""
    loader.load(pack_named("tiny"))
    day = "fan_events/erasure_ledger/dt=2026-03-15/"
    loader.s3.put_object(Bucket=BUCKET, Key=f"{day}pack-fffe-part-00000.parquet", Body=b"theirs")
    loader.s3.put_object(Bucket=BUCKET, Key=f"{day}pack-0000-part-00009.parquet", Body=b"old")

    loader.load(pack_named("tiny"))
    ours = (f"{day}pack-0000", f"{day}pack-fffe")  # other tests leave other packs here
    found = [key.removeprefix(day) for key in loader.stored() if key.startswith(ours)]
    loader.s3.delete_object(Bucket=BUCKET, Key=f"{day}pack-fffe-part-00000.parquet")

    assert found == ["pack-0000-part-00000.parquet", "pack-fffe-part-00000.parquet"]


def test_the_codes_of_a_pack_are_in_the_service_with_their_values(loader: Loader) -> None:
    """Twice loaded is not twice there; a value is text, whatever it looks like."""
    loader.load(pack_named("tiny"))
    loader.load(pack_named("tiny"))
    service = environment.codes_service(loader.stack)

    pages = list(service.search(CodeSearch(campaign_id=str(AURORA), reveal=True)))
    codes = {each["codeId"][-2:]: each for page in pages for each in page.items}

    assert len(codes) == sum(len(page.items) for page in pages) == len(CODES) == 15
    assert [each for each in codes.values() if "malformed" in each] == []
    assert [codes[each]["value"] for each in ("01", "06", "0d", "0f", "10")] == [
        *("1E10", "0012345678901234567", "-AB12", "MAR1", "TRUE")
    ]


def test_codes_are_left_out_where_there_is_no_service(loader: Loader) -> None:
    """A seed for a stack without partner services must not fail, nor claim plants it left out."""
    ledger = load(
        pack_named("tiny"),
        mongo_uri=loader.uri,
        database=loader.connection.collection("any").database.name,
        s3=loader.s3,
    )

    assert ledger["shared_code"].count == 0
    assert ledger["score_unknown_entry"].count == 1


def test_the_door_reads_the_scores_that_were_left(loader: Loader) -> None:
    """Manifest, digests, header and flags must be as the door checks them, for each provider."""
    loader.load(pack_named("tiny"))
    files = environment.scoring_files(loader.stack)

    found = {
        run["runId"]: [score for part in _scores(files, run) for score in part]
        for run in documents_of("scoring")
        if run["kind"] == "run"
    }
    files.close()

    assert {run: len(each) for run, each in found.items()} == {
        scores.INTERNAL_RUN: 14,
        scores.REJECTED_RUN: 2,
        scores.VF_RUN: 10,
    }
    assert not any(isinstance(each, MalformedScore) for every in found.values() for each in every)


def test_scores_of_an_earlier_load_go_and_what_exports_asked_stays(loader: Loader) -> None:
    """A part too many would be read as one more answer; a request is a delivery that was made."""
    answer = f"{VF_FOLDER}response_{scores.VF_RUN}_002.jsonl.gz"
    asked = f"{VF_FOLDER}request_{scores.VF_RUN}.jsonl.gz"
    loader.s3.put_object(Bucket="vf-scoring", Key=answer, Body=b"old")
    loader.s3.put_object(Bucket="vf-scoring", Key=asked, Body=b"asked")

    loader.load(pack_named("tiny"))
    found = loader.stored("vf-scoring")
    loader.s3.delete_object(Bucket="vf-scoring", Key=asked)

    assert asked in found
    assert answer not in found


def _scores(files: ScoringFiles, run: Mapping[str, Any]) -> Iterator[list[Score]]:
    return files.scores("aurora-lights-2026", AURORA, run)

"""Whole exports over fake doors: documents in, the cells of the files and the accounting out."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from bson import ObjectId

from assets.exports.catalog import CATALOG
from assets.model.campaign import Campaign, Market
from assets.model.manifest import Accounting
from assets.model.output import Compression, Dialect, OutputFormat
from assets.pipeline import produce
from assets.reading import Doors
from assets.steps.address import Address
from assets.steps.plan import plan
from tests.assets.examples import CAMPAIGN_ID, MARKETS, NEW_YORK, SNAPSHOT, facts, request
from tests.fakes.athena import FakeAthena
from tests.fakes.clock import ManualClock
from tests.fakes.codes_service import FakeCodesService
from tests.fakes.entries_service import FakeEntriesService
from tests.fakes.marketing_cloud import FakeMarketingCloud
from tests.fakes.mongo import FakeMongoStores
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.scoring_files import FakeScoringFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What a person sees who opens the files, and where the rows went."""

    rows: list[dict[str, str]]
    accounting: Accounting

    def column(self, name: str) -> list[str]:
        """The cells of one column."""
        return [row[name] for row in self.rows]

    def by(self, name: str) -> dict[str, dict[str, str]]:
        """The rows by the cell of one column, which must tell them apart."""
        found = {row[name]: row for row in self.rows}
        assert len(found) == len(self.rows)
        return found


class Unwatched:
    """Nobody waits for the progress."""

    def advance(self, **progress: int) -> None:
        """Let it pass."""


def sheet(
    name: str,
    entries: Sequence[Mapping[str, Any]],
    *,
    users: Sequence[Mapping[str, Any]] = (),
    scoring: Sequence[Mapping[str, Any]] = (),
    files: FakeScoringFiles | None = None,
    athena: FakeAthena | None = None,
    of: Campaign | None = None,
    its_markets: Sequence[Market] = MARKETS,
    **params: Any,
) -> Sheet:
    """Make an export of these documents as plain CSV, whatever form it insists on.

    Raises:
        ExportFailed: The export would fail.
    """
    kind = CATALOG[name]
    asked = request(name, **params)
    plain = OutputFormat(dialect=Dialect.RFC4180, compression=Compression.NONE)
    ground = facts(
        name, of=of, its_markets=its_markets, asked=replace(asked, output=plain), **params
    )
    objects = FakeObjectStore()
    doors = Doors(
        mongo=FakeMongoStores(ManualClock(SNAPSHOT), entries=entries, users=users, scoring=scoring),
        athena=athena or FakeAthena({}),
        objects=objects,
        codes=FakeCodesService(),
        entries_service=FakeEntriesService(),
        marketing_cloud=FakeMarketingCloud(),
        scoring=files or FakeScoringFiles(),
        secret=b"the test's key",
    )
    made = produce(
        plan(kind, ground),
        doors,
        address=Address(export="exports/", attempt="exports/a1/"),
        token="t",
        watch=Unwatched(),
    )
    rows: list[dict[str, str]] = []
    for file in made.files:
        text = b"".join(objects.read(file.key)).decode()
        rows += csv.DictReader(text.splitlines(keepends=True), strict=True)
    return Sheet(rows=rows, accounting=made.accounting)


def entry(number: int, *markets: object, **fields: Any) -> dict[str, Any]:
    """A live entry whose id ends in its number; it wants these markets in this order."""
    wanted = markets or (NEW_YORK,)
    return {
        "_id": ObjectId(f"{number:024x}"),
        "schemaVersion": 3,
        "campaignId": CAMPAIGN_ID,
        "isCurrent": True,
        "status": "registered",
        "preferences": [
            {"marketId": one, "rank": rank, "ticketQuantity": 2}
            for rank, one in enumerate(wanted, start=1)
        ],
        "createdAt": SNAPSHOT - timedelta(days=10, seconds=-number),
        "updatedAt": SNAPSHOT - timedelta(days=1),
        **fields,
    }


def places(*, region: bool = True) -> tuple[Market, ...]:
    """The markets of the examples with the places that they are in."""
    new_york, vancouver = MARKETS
    return (
        replace(new_york, city="New York", region="NY", country="US", dma=345),
        replace(vancouver, city="Vancouver", region="BC" if region else None, country="CA"),
    )

"""How many rows an export reads, before anybody reads them."""

from collections.abc import Mapping
from typing import Any

import pytest

from assets import sizing
from assets.exports.catalog import CATALOG
from assets.model.parameters import parse
from assets.sizing import MANY, rows_to_read
from resources.errors import Unavailable
from tests.assets.workbench import AFTER_THE_PACK, CAMPAIGN
from tests.fakes.clock import ManualClock
from tests.fakes.mongo import FakeMongoStores

KNOWN: Mapping[str, Any] = {"_id": 1, "key": CAMPAIGN, "status": "on_sale", "promoterIds": []}


def stores(*read: int, kind: str = "entries", partition: str = CAMPAIGN) -> FakeMongoStores:
    """A campaign without entries, and exports of it that read so many rows, the newest last."""
    made = FakeMongoStores(ManualClock(AFTER_THE_PACK), campaigns=[KNOWN])
    for number, rows in enumerate(read):
        result = {"accounting": {"read": rows}}
        same = {"type": kind, "partition": partition, "status": "expired", "result": result}
        made.exports.kept.keep({"_id": f"exp_{number}", "createdAt": AFTER_THE_PACK, **same})
    return made


def sized(there: FakeMongoStores, kind: str = "entries", campaign: str = CAMPAIGN) -> int | None:
    """What is thought of an export."""
    given = {"campaign_id": campaign, "pii": "none"}
    request = parse(CATALOG[kind], given, scopes=("pii:none",))
    return rows_to_read(CATALOG[kind], request, AFTER_THE_PACK, there)


def slow(there: FakeMongoStores, monkeypatch: pytest.MonkeyPatch) -> FakeMongoStores:
    """The same with a database that does not count in time."""

    def late(*_: Any, **__: Any) -> int:
        raise Unavailable("MONGO_TIMEOUT", "count entries")

    monkeypatch.setattr(there.entries, "count", late)
    return there


def test_entries_are_counted_and_no_further_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ran last year says nothing about a campaign that has grown since."""
    there, asked = stores(7), list[Any]()

    def five(_: object, **told: Any) -> int:
        asked.append(told)
        return 5

    monkeypatch.setattr(there.entries, "count", five)

    assert 5 == sized(there)
    assert [{"seconds": sizing.COUNT_SECONDS, "most": MANY}] == asked


def test_what_cannot_be_counted_is_as_large_as_the_last_of_its_kind_and_campaign() -> None:
    """An Athena query would cost more than the export's place is worth."""
    assert 9 == sized(stores(70_000, 9, kind="code-redemptions"), "code-redemptions")
    assert sized(stores(9, kind="code-redemptions", partition="x"), "code-redemptions") is None


def test_what_is_not_counted_in_time_is_as_large_as_the_last_and_else_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A busy database must not send every small export into the lane of large ones."""
    assert 44 == sized(slow(stores(44), monkeypatch))
    assert MANY == sized(slow(stores(), monkeypatch))


def test_nothing_is_known_of_a_campaign_that_is_gone() -> None:
    """Its run says so at once, so it must not wait among the large."""
    assert sized(stores(70_000), campaign="no-such-campaign") is None

"""The delivery over the real door to the process of the stack: the same promises over HTTP."""

from collections.abc import Iterator, Mapping, Sequence

import pytest

from assets.delivery.batches import Limits
from assets.delivery.sfmc import SfmcDelivery
from assets.model.failure import ExportFailed
from assets.model.ledger import Delivered
from resources.clock import SystemClock
from resources.marketing_cloud import Field, MarketingCloud
from tests.assets.delivery.docks import (
    COLUMNS,
    FIELDS,
    NOBODY_ASKED,
    UNKEYED,
    Crash,
    MemoryLedger,
    Pieces,
    Unwatched,
    rows,
    shipment,
)
from tests.contracts.cloud import declare, faults, script, told

ROWS = 600


class Hurried(SystemClock):
    """The real clock, with waits that a test can afford."""

    def sleep(self, seconds: float) -> None:
        """Wait a twentieth of a second at most."""
        super().sleep(min(seconds, 0.05))


class Quay:
    """The stand-in, a table in it, and files for it."""

    def __init__(self, stack: Mapping[str, str]) -> None:
        self.stack, self.clock, self.objects = stack, Hurried(), Pieces(part_bytes=1 << 20)
        self.cloud = MarketingCloud(
            auth_url=stack["SFMC_AUTH_URL"],
            rest_url=stack["SFMC_REST_URL"],
            client_id=stack["SFMC_CLIENT_ID"],
            client_secret=stack["SFMC_CLIENT_SECRET"],
            account_id=stack["SFMC_ACCOUNT_ID"],
            clock=self.clock,
        )
        self.cells = rows(ROWS)
        self.ledger = MemoryLedger()
        self.key = ""

    def deliver(self, fields: Sequence[Field] = FIELDS, *, tagged: bool = True) -> Delivered:
        """One attempt, in three batches; rows that are not tagged do not name their export."""
        self.key = self.key or declare(self.stack, fields)
        self.objects.objects.clear()
        columns = COLUMNS if tagged else COLUMNS[:-1]
        cells = [one[: len(columns)] for one in self.cells]
        goods = shipment(self.objects, cells, columns=columns, target=self.key)
        way = SfmcDelivery(
            self.cloud,
            self.objects,
            NOBODY_ASKED,
            self.clock,
            limits=Limits(rows=200),
            patience=20.0,
        )
        return way.deliver(goods, self.ledger, Unwatched())

    @property
    def stored(self) -> list[str]:
        """The subscribers that are there."""
        return [row["SubscriberKey"] for row in told(self.stack, "rows", key=self.key)]

    @property
    def most_received(self) -> int:
        """How often the row that came most often came."""
        return max(told(self.stack, "received", key=self.key).values())


@pytest.fixture
def quay(stack: Mapping[str, str]) -> Iterator[Quay]:
    """A fresh table; whatever was scripted is over afterwards."""
    quay = Quay(stack)
    yield quay
    script(stack, [])
    faults(stack, [])
    quay.cloud.close()


def test_throttled_of_both_kinds_and_answers_lost_every_row_is_there_once(quay: Quay) -> None:
    """The common troubles cost time, not rows."""
    script(quay.stack, ["throttled", None, "blocked", "blocked"])
    faults(quay.stack, [{"fault": "execute-drop", "method": "PUT", "path": "/rows", "skip": 1}])

    done = quay.deliver()

    assert (done.sent, done.accepted, done.confirmed) == (ROWS, ROWS, ROWS)
    assert sorted(quay.stored) == [row[0] for row in quay.cells]


def test_a_row_that_the_service_loses_is_noticed(quay: Quay) -> None:
    """Complete, without errors, and one row is not there: the count by ExportId says so."""
    script(quay.stack, [None, "lose"])

    with pytest.raises(ExportFailed, match=r"DELIVERY_UNBALANCED: 600 .* 599"):
        quay.deliver()


@pytest.mark.parametrize("stale", [False, True], ids=["a new row", "an old one in its place"])
def test_a_row_is_missed_where_rows_do_not_carry_the_id_of_their_export(
    quay: Quay, stale: bool
) -> None:
    """They are read back, and an old row with the same key does not pass for the new one."""
    if stale:
        quay.cells[200][2] = "Old"
        quay.deliver(tagged=False)
        quay.cells[200][2], quay.ledger = "New", MemoryLedger()
    script(quay.stack, [None, "lose"])

    with pytest.raises(ExportFailed, match=r"DELIVERY_UNBALANCED: 600 .* 599"):
        quay.deliver(tagged=False)


def test_a_batch_that_the_service_works_off_twice_is_noticed(quay: Quay) -> None:
    """In a table without a primary key the rows are there twice."""
    script(quay.stack, ["duplicate"])

    with pytest.raises(ExportFailed, match=r"DELIVERY_UNBALANCED: 600 .* 800"):
        quay.deliver(UNKEYED)

    assert quay.most_received == 1


@pytest.mark.parametrize("fault", ["reorder", "short"])
def test_a_bad_row_is_named_although_the_results_are_not_in_order(quay: Quay, fault: str) -> None:
    """Halving the batch finds it, whatever the results say."""
    quay.cells[123][1] = "not an address"
    script(quay.stack, [fault])

    done = quay.deliver()

    assert [(row.key, row.reason) for row in done.rejects] == [("sub-000123", "ValidationError")]
    assert (done.accepted, done.confirmed) == (599, 599)


def test_a_crash_between_the_202_and_its_note_leaves_each_row_once(quay: Quay) -> None:
    """K20: resumed with the same ledger; rows in the table are the distinct keys."""
    quay.ledger.crash_before = {2}
    with pytest.raises(Crash):
        quay.deliver()

    done = quay.deliver()

    assert (done.accepted, len(quay.stored), len(set(quay.stored))) == (ROWS, ROWS, ROWS)
    assert quay.ledger.again == []

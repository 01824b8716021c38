"""Rows for a data extension: what is refused, what is sent, and what is said of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from assets.delivery.batches import Limits
from assets.delivery.contract import Shipment
from assets.delivery.rejects import RowsRejected
from assets.delivery.sfmc import SfmcDelivery
from assets.model.failure import ExportFailed
from assets.model.ledger import BatchState, Delivered, RejectedRow
from assets.model.manifest import ColumnEntry
from assets.model.output import Dialect
from resources.marketing_cloud import Field, RowPage
from tests.assets.delivery.docks import (
    COLUMNS,
    EXPORT,
    FIELDS,
    NOBODY_ASKED,
    TARGET,
    UNKEYED,
    Crash,
    MemoryLedger,
    Pieces,
    Unwatched,
    rows,
    shipment,
)
from tests.fakes.clock import ManualClock
from tests.fakes.marketing_cloud import FakeMarketingCloud, Fault, Table


class Bench:
    """A table, files for it, and a worker."""

    def __init__(
        self,
        cells: Sequence[Sequence[str]],
        *,
        fields: Sequence[Field] = FIELDS,
        columns: Sequence[ColumnEntry] = COLUMNS,
        batch: int = 50,
        dialect: Dialect = Dialect.SFMC,
    ) -> None:
        self.clock, self.objects = ManualClock(), Pieces(part_bytes=1 << 20)
        self.cloud = FakeMarketingCloud(self.clock)
        self.table: Table = self.cloud.create(TARGET, fields)
        self.ledger = MemoryLedger()
        self.goods: Shipment = shipment(self.objects, cells, columns=columns, dialect=dialect)
        self.batch = batch

    def deliver(self) -> Delivered:
        """One attempt."""
        way = SfmcDelivery(
            self.cloud,
            self.objects,
            NOBODY_ASKED,
            self.clock,
            limits=Limits(rows=self.batch),
            patience=600.0,
        )
        return way.deliver(self.goods, self.ledger, Unwatched())

    def refused(self, code: str) -> ExportFailed:
        """An attempt that fails with this code."""
        with pytest.raises(ExportFailed) as failed:
            self.deliver()
        assert failed.value.code == code
        return failed.value

    @property
    def stored(self) -> dict[str, Mapping[str, Any]]:
        """What the table holds, by subscriber."""
        return {str(row["SubscriberKey"]): row for row in self.table.rows}

    @property
    def sent(self) -> int:
        """How many batches were sent."""
        return len([call for call in self.cloud.asked.calls if call.name in {"upsert", "insert"}])


def test_cells_become_values_of_their_declared_types() -> None:
    """A number as text would be refused, and an empty text is no value."""
    cells = [["sub-000001", "a@example.com", "", "3", "false", EXPORT]]

    bench = Bench(cells)
    bench.deliver()

    assert bench.stored["sub-000001"] == {
        "SubscriberKey": "sub-000001",
        "EmailAddress": "a@example.com",
        "FirstName": None,
        "Tickets": 3,
        "HasCode": False,
        "ExportId": EXPORT,
    }


def test_what_guards_a_spreadsheet_is_not_sent() -> None:
    """A waiting list may be a file for people and a delivery at once: the apostrophe stays here."""
    guarded = [["sub-000001", "a@example.com", "'=1+1", "3", "true", EXPORT]]

    bench = Bench(guarded, dialect=Dialect.EXCEL)
    bench.deliver()

    assert bench.stored["sub-000001"]["FirstName"] == "=1+1"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (FIELDS[:2], "lacks the fields"),
        ((*FIELDS, Field(name="City", type="Text", required=True)), "needs the fields City"),
        ((*FIELDS[:3], replace(FIELDS[3], type="Date"), *FIELDS[4:]), "other types .* Tickets"),
    ],
    ids=["a column too many", "a required field too few", "another type"],
)
def test_a_table_that_does_not_fit_is_refused_before_the_first_row(
    fields: Sequence[Field], said: str
) -> None:
    """Half an audience with wrong columns is worse than none."""
    bench = Bench(rows(3), fields=fields)

    with pytest.raises(ExportFailed, match=said) as failed:
        bench.deliver()

    assert (failed.value.code, bench.sent) == ("SFMC_DE_MISMATCH", 0)


def test_a_table_where_nothing_tells_two_rows_apart_is_refused_before_the_first_row() -> None:
    """Neither a key nor the export's id: a row that came twice could not even be counted."""
    bench = Bench([one[:-1] for one in rows(3)], fields=UNKEYED, columns=COLUMNS[:-1])

    bench.refused("SFMC_DE_MISMATCH")

    assert bench.sent == 0


@pytest.mark.parametrize("stale", [False, True], ids=["a new row", "an old one in its place"])
def test_a_row_that_is_lost_without_a_word_is_seen_when_rows_are_read_back(stale: bool) -> None:
    """Without the export's id nobody counts for us; an old row must not pass for the new one."""
    bench = Bench([one[:-1] for one in rows(100)], columns=COLUMNS[:-1])
    if stale:
        bench.table.put({"SubscriberKey": "sub-000050", "FirstName": "Old"}, replace=True)
    bench.cloud.script = [None, Fault.LOSE]

    failure = bench.refused("DELIVERY_UNBALANCED")

    assert "100 rows were accepted but 99 are there" in failure.message
    assert bench.sent == 2


def test_what_the_service_shows_in_another_spelling_is_the_same_row() -> None:
    """It may turn values into texts of its own; that is no loss."""
    bench = Bench([one[:-1] for one in rows(3)], columns=COLUMNS[:-1])
    bench.deliver()
    page = bench.cloud.page

    def respelt(key: str, number: int, **_: Any) -> RowPage:
        there = page(key, number)
        spelt = [
            {**row, "emailaddress": row["emailaddress"].upper(), "tickets": f"{row['tickets']}.0"}
            for row in there.rows
        ]
        return replace(there, rows=tuple(spelt))

    bench.cloud.page = respelt  # type: ignore[method-assign]
    bench.ledger = MemoryLedger()

    assert bench.deliver().confirmed == 3


def test_a_table_that_is_too_large_to_be_read_back_is_said_to_be_unconfirmed() -> None:
    """Nobody looked, so nobody says how many rows are there."""
    bench = Bench([one[:-1] for one in rows(3)], columns=COLUMNS[:-1])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("assets.delivery.sfmc.MOST_READ", 2)
        told = bench.deliver()

    assert (told.accepted, told.confirmed) == (3, None)


def test_rows_that_were_there_once_are_not_looked_for_again() -> None:
    """The contacts of erased fans go soon after; a resumed delivery must not miss them."""
    bench = Bench([one[:-1] for one in rows(3)], columns=COLUMNS[:-1])
    first = bench.deliver()
    bench.table.put_back({"SubscriberKey": "sub-000001"}, [])

    assert bench.deliver() == first


def test_a_table_that_is_not_there_is_refused() -> None:
    """The campaign maps a key that nobody has made."""
    bench = Bench(rows(3))
    del bench.cloud.tables[TARGET]

    bench.refused("SFMC_DE_NOT_FOUND")

    assert bench.sent == 0


def test_a_row_that_does_not_fit_is_a_reject_and_never_cut() -> None:
    """Too long in UTF-16, without an address, or twice the same key: counted, with the reason."""
    cells = rows(1000)
    cells[10][2] = "\N{MUSICAL SYMBOL G CLEF}" * 11  # 22 UTF-16 units in a field of 20
    cells[20][1] = ""
    cells[31][0] = cells[30][0]

    bench = Bench(cells)
    told = bench.deliver()

    assert (told.sent, told.accepted, told.rejected) == (1000, 997, 3)
    assert tuple(told.rejects) == (
        RejectedRow(key="sub-000010", reason="too_long"),
        RejectedRow(key="sub-000020", reason="missing_required"),
        RejectedRow(key="sub-000030", reason="duplicate_key"),
    )
    assert told.confirmed == len(bench.stored) == 997


@pytest.mark.parametrize("fault", [None, Fault.REORDER, Fault.SHORT])
def test_rows_that_the_service_refuses_are_named_even_if_its_results_are_not_in_order(
    fault: Fault | None,
) -> None:
    """Results carry no key: believed by place only after a check, else found by halving."""
    bad = {"sub-000007", "sub-000130"}
    bench = Bench(rows(500), batch=200)
    bench.cloud.bad = lambda row: "NotAllowed" if row["SubscriberKey"] in bad else None
    bench.cloud.script = [fault, fault, fault]

    told = bench.deliver()

    assert {row.key for row in told.rejects} == bad
    assert {row.reason for row in told.rejects} == {"NotAllowed"}
    assert (told.accepted, told.confirmed) == (498, 498)


def test_more_rejects_than_allowed_fail_the_export_after_the_delivery() -> None:
    """0.5 % is the bound; what was taken stays, and the export says that it failed."""
    bench = Bench(rows(300))
    bench.cloud.bad = lambda row: "No" if str(row["SubscriberKey"]) < "sub-000002" else None

    failure = bench.refused("DELIVERY_REJECTED")

    assert not failure.retryable
    assert len(bench.stored) == 298
    assert isinstance(failure, RowsRejected)
    assert list(failure.rejects) == [
        RejectedRow(key=f"sub-00000{n}", reason="No") for n in range(2)
    ]


@pytest.mark.parametrize("crash", [None, 8, 10, 12])
def test_every_reject_is_named_although_the_ledger_does_not_hold_them_all(
    crash: int | None,
) -> None:
    """The ledger lives in the export document; what it leaves out is asked for once more."""
    cells = rows(200)
    for number in range(0, 200, 8):
        cells[number][2] = "a name that is too long for its field"
    bench = Bench(cells)
    bench.cloud.bad = lambda row: "No" if int(str(row["SubscriberKey"])[-3:]) % 4 == 1 else None
    bench.ledger.crash_after = {crash} if crash else set()
    if crash:
        with pytest.raises(Crash):
            bench.deliver()

    failure = bench.refused("DELIVERY_REJECTED")

    wanted = {f"sub-{n:06d}": "too_long" for n in range(0, 200, 8)}
    wanted |= {f"sub-{n:06d}": "No" for n in range(200) if n % 4 == 1}
    assert isinstance(failure, RowsRejected)
    found = list(failure.rejects)
    assert {one.key: one.reason for one in found} == wanted
    assert len(found) == len(wanted)
    assert sum(len(batch.rejects) for batch in bench.ledger.known.values()) <= 1


def test_a_reject_is_named_by_its_number_where_its_key_says_who_it_is() -> None:
    """The file of rejects is read by more people than the data extension."""
    fields = (replace(FIELDS[0], primary_key=False), replace(FIELDS[1], primary_key=True))
    bench = Bench(rows(300), fields=(*fields, *FIELDS[2:]))
    bench.cloud.bad = lambda row: "No" if row["SubscriberKey"] == "sub-000041" else None

    told = bench.deliver()

    assert list(told.rejects) == [RejectedRow(key="42", reason="No")]


def test_bad_rows_that_cannot_be_found_in_200_calls_are_said() -> None:
    """A service that refuses every second row and does not say which must not be asked for ever."""
    bench = Bench(rows(1000), batch=1000)
    bench.cloud.bad = lambda row: "No" if str(row["SubscriberKey"])[-1] in "02468" else None
    bench.cloud.script = [Fault.SHORT] * 1000

    bench.refused("DELIVERY_UNKNOWN")

    assert bench.sent == 201


def test_a_crash_between_the_202_and_its_note_doubles_nothing() -> None:
    """K20: the batch is in doubt; the primary key makes the second time harmless."""
    for write in range(1, 9):
        bench = Bench(rows(200))
        bench.ledger.crash_before = {write}

        with pytest.raises(Crash):
            bench.deliver()
        told = bench.deliver()

        assert (told.accepted, len(bench.table.rows)) == (200, 200)
        assert bench.ledger.again == []
        assert bench.sent <= 5


def test_a_batch_in_doubt_is_not_sent_again_where_no_key_would_hide_it() -> None:
    """A table without a primary key: the outcome is unknown, and a person must look."""
    bench = Bench(rows(200), fields=UNKEYED)
    bench.ledger.crash_before = {2}
    with pytest.raises(Crash):
        bench.deliver()

    failure = bench.refused("DELIVERY_UNKNOWN")

    assert not failure.retryable
    assert (bench.sent, len(bench.table.rows)) == (1, 50)


def test_a_table_without_a_key_gets_no_second_version_of_an_export() -> None:
    """A person who retries after a failure makes new files; the rows of the old ones are there."""
    bench = Bench(rows(100), fields=UNKEYED)
    bench.deliver()
    bench.ledger = MemoryLedger()

    bench.refused("DELIVERY_UNKNOWN")

    assert len(bench.table.rows) == 100


def test_a_request_that_stays_pending_is_unknown_and_asked_again_not_sent_again() -> None:
    """Never called delivered while nobody knows; the next attempt polls the same request."""
    bench = Bench(rows(150))
    bench.cloud.script = [None, Fault.STUCK]

    failure = bench.refused("DELIVERY_UNKNOWN")
    states = [batch.state for batch in bench.ledger.known.values()]
    bench.cloud.settle()
    told = bench.deliver()

    assert failure.retryable
    assert states == [BatchState.COMPLETE, BatchState.UNKNOWN, BatchState.COMPLETE]
    assert (told.accepted, bench.sent) == (150, 3)


def test_batches_end_at_bytes_too() -> None:
    """A batch of long rows must stay below what the service takes (DOMAIN.md 8.2)."""
    bench = Bench(rows(100))
    way = SfmcDelivery(
        bench.cloud, bench.objects, NOBODY_ASKED, bench.clock, limits=Limits(rows=100, bytes=2000)
    )

    way.deliver(bench.goods, bench.ledger, Unwatched())

    sizes = [batch.rows for batch in bench.ledger.known.values()]
    assert sum(sizes) == 100
    assert max(sizes) < 20


def test_files_that_changed_since_a_batch_was_sent_are_not_mixed_with_it() -> None:
    """A ledger of other rows proves nothing about these."""
    bench = Bench(rows(100))
    bench.cloud.script = [None, Fault.THROTTLE]
    with pytest.raises(Exception, match="SFMC_THROTTLED"):
        bench.deliver()
    changed = rows(100)
    changed[0][2] = "Another"
    bench.objects = Pieces(part_bytes=1 << 20)
    bench.goods = shipment(bench.objects, changed)

    bench.refused("DELIVERY_CHANGED")


def test_contacts_of_erased_subjects_are_deleted_once() -> None:
    """Suppression of an erased fan is not enough: the contact goes (DOMAIN.md 7.16)."""
    columns = (COLUMNS[0], replace(COLUMNS[2], name="Reason", type="enum"))
    fields = (FIELDS[0], Field(name="Reason", type="Text", length=40))
    reasons = ["erased", "withdrawn", "erased"]
    cells = [[f"sub-{number}", reason] for number, reason in enumerate(reasons)]
    bench = Bench(cells, fields=fields, columns=columns)

    first, second = bench.deliver(), bench.deliver()

    assert list(bench.cloud.deletions.values()) == [("sub-0", "sub-2")]
    assert first.detail == second.detail == {"contactDelete1": next(iter(bench.cloud.deletions))}
    assert first.confirmed == 3

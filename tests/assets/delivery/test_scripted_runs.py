"""Scripted runs against Marketing Cloud: loss, duplicates, throttling, lost answers, reordering."""

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from assets.delivery.batches import Limits
from assets.delivery.sfmc import SfmcDelivery
from assets.model.failure import ExportFailed
from assets.model.ledger import Delivered
from resources.errors import Unavailable
from resources.marketing_cloud import RowPage
from tests.assets.delivery.docks import (
    COLUMNS,
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
from tests.fakes.marketing_cloud import FakeMarketingCloud, Fault

RUNS = 200  # of each kind: rows that carry the id of their export, and rows that do not
ATTEMPTS = 8
ROWS = 201  # one bad row is just within the bound of 0.5 %
BATCH = 40
UNTAGGED = COLUMNS[:-1]
OLD = "of an earlier export"


@dataclass(slots=True)
class Run:
    """What became of one export under one script.

    Attributes:
        ended: `delivered`, or the code of the failure.
        lost: Rows that should be there and are not.
        doubled: Rows that are there twice.
        sent_twice: Batches that were sent although their acceptance was written down.
        struck: The faults that struck.
    """

    ended: str
    tagged: bool
    keyed: bool
    bad: set[str]
    lost: set[str] = field(default_factory=set)
    doubled: set[str] = field(default_factory=set)
    sent_twice: list[int] = field(default_factory=list)
    most_received: int = 0
    struck: Counter[Fault] = field(default_factory=Counter)
    delivered: Delivered | None = None


class Boasting(FakeMarketingCloud):
    """A service that says that all it was ever sent is there."""

    def page(self, key: str, number: int, **_: Any) -> RowPage:
        """What was received of what the files hold."""
        names = [column.name.casefold() for column in UNTAGGED]
        told = [dict(zip(names, cells, strict=False)) for cells in rows(ROWS)]
        kept = tuple(one for one in told if one["subscriberkey"] in self.tables[key].received)
        return RowPage(count=len(kept), rows=kept if number == 1 else ())


def run(
    seed: int, *, tagged: bool, forgetful: bool = False, cloud: FakeMarketingCloud | None = None
) -> Run:
    """One export to its end, over as many attempts as it has, under a script drawn from a seed.

    Args:
        seed: Of the script.
        tagged: Whether rows carry the id of their export; those that do not need a primary key.
        forgetful: Whether the ledger is lost between attempts.
        cloud: The service.
    """
    random = Random(seed)  # noqa: S311 - a script, no secret
    clock, objects = ManualClock(), Pieces(part_bytes=1 << 20)
    cloud = cloud or FakeMarketingCloud(clock)
    keyed = random.random() < 0.7 or not tagged
    table = cloud.create(TARGET, FIELDS if keyed else UNKEYED)
    if keyed:  # what an earlier export left: a loss there leaves the old row
        for cells in rows(ROWS)[:: random.choice([1, 2, 7])]:
            table.put({"SubscriberKey": cells[0], "FirstName": OLD}, replace=True)
    trouble = random.choice([0.0, 0.1, 0.3])
    cloud.script = [
        random.choice(list(Fault)) if random.random() < trouble else None for _ in range(40)
    ]
    planned = list(cloud.script)
    bad = {f"sub-{random.randrange(ROWS):06d}"} if random.random() < 0.4 else set()
    cloud.bad = lambda row: "Refused" if row["SubscriberKey"] in bad else None
    crashes = {random.randrange(1, 20) for _ in range(random.choice([0, 0, 1, 3]))}
    ledger = MemoryLedger(
        crash_before={n for n in crashes if n % 2}, crash_after={n for n in crashes if not n % 2}
    )
    columns = COLUMNS if tagged else UNTAGGED
    goods = shipment(objects, [one[: len(columns)] for one in rows(ROWS)], columns=columns)
    way = SfmcDelivery(
        cloud, objects, NOBODY_ASKED, clock, limits=Limits(rows=BATCH), patience=600.0
    )
    ended, delivered = "", None
    for _ in range(ATTEMPTS):
        try:
            delivered = way.deliver(goods, ledger, Unwatched())
            ended = "delivered"
            break
        except ExportFailed as failed:
            ended = failed.code
            if not failed.retryable:
                break
        except (Unavailable, Crash) as error:
            ended = getattr(error, "code", "crashed")
        if forgetful:
            ledger.forget()
    fresh = [row for row in table.rows if row["FirstName"] != OLD]
    stored = Counter(str(row["SubscriberKey"]) for row in fresh)
    wanted = {row[0] for row in rows(ROWS)} - bad
    return Run(
        ended=ended,
        tagged=tagged,
        keyed=keyed,
        bad=bad,
        lost=wanted - set(stored),
        doubled={key for key, number in stored.items() if number > 1},
        sent_twice=ledger.again,
        most_received=max(table.received.values(), default=0),
        struck=Counter(f for f in planned[: len(planned) - len(cloud.script)] if f is not None),
        delivered=delivered,
    )


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    """Every run; they take a second or two together."""
    return [run(seed, tagged=tagged) for tagged in (True, False) for seed in range(RUNS)]


def wrong(one: Run) -> list[str]:
    """What a run did that no run may do; empty for a right one."""
    said = one.delivered
    found = []
    if said is not None and (one.lost or one.doubled):
        found.append("called delivered although rows are lost or there twice")
    if said is not None and (said.accepted, said.rejected) != (ROWS - len(one.bad), len(one.bad)):
        found.append("the sums are not those of the rows")
    if said is not None and {row.key for row in said.rejects} - one.bad and one.keyed:
        found.append("a row is called rejected that was taken")
    if one.doubled and not one.struck[Fault.DUPLICATE]:
        found.append("a row was doubled that the service did not double")
    if one.sent_twice:
        found.append("a batch was sent again although it was known as accepted")
    if not one.keyed and one.most_received > 1:
        found.append("a row was sent twice to a table without a primary key")
    return found


def test_no_run_loses_or_doubles_a_row_without_saying_so(runs: list[Run]) -> None:
    """400 exports under faults: what is called delivered is there, each row once, or it is said."""
    assert {seed: wrong(one) for seed, one in enumerate(runs) if wrong(one)} == {}


def test_the_scripts_strike(runs: list[Run]) -> None:
    """Runs without faults, or that never end well, would prove nothing."""
    struck = sum((one.struck for one in runs), Counter[Fault]())
    ends = Counter(one.ended for one in runs)

    assert min(struck[fault] for fault in Fault) >= 30
    assert ends["delivered"] > 2 * RUNS / 3
    assert ends["DELIVERY_UNKNOWN"] >= 10
    assert ends["DELIVERY_UNBALANCED"] >= 20


@pytest.mark.parametrize("tagged", [True, False])
def test_every_loss_and_every_double_ends_as_a_failure(runs: list[Run], tagged: bool) -> None:
    """The other side of the promise: there are such runs, and none of them is called delivered."""
    hurt = [one for one in runs if one.tagged is tagged and (one.lost or one.doubled)]

    assert len(hurt) >= 10
    assert {one.ended for one in hurt} & {"delivered"} == set()


@pytest.mark.parametrize("tagged", [True, False])
def test_without_the_ledger_batches_are_sent_again(tagged: bool) -> None:
    """Negative control: take the ledger away between attempts, and the first test must fail."""
    forgetful = [run(seed, tagged=tagged, forgetful=True) for seed in range(RUNS // 4)]

    assert sum(bool(wrong(one)) for one in forgetful) >= 10


@pytest.mark.parametrize("tagged", [True, False])
def test_without_an_honest_look_losses_are_called_delivered(tagged: bool) -> None:
    """Negative control: nothing but what the service shows in the end can tell of a loss."""
    blind = [run(seed, tagged=tagged, cloud=Boasting()) for seed in range(RUNS // 4)]

    assert any(wrong(one) for one in blind)

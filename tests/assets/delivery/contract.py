"""What every destination promises, whatever it is (assets/delivery/contract.py)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from assets.delivery.contract import Delivering, Shipment
from assets.model.failure import ExportFailed
from resources.errors import DoorError
from tests.assets.delivery.docks import Crash, MemoryLedger, Unwatched
from tests.fakes.object_store import FakeObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Dock:
    """One destination over fakes.

    Attributes:
        way: What delivers.
        shipment: Files for it, stored and confirmed.
        arrived: What the receiver has: a name for each thing to a digest or a row.
        objects: Where the files lie.
        rows: Rows of the files.
        break_once: Lets the receiver fail at its next call.
    """

    way: Delivering
    shipment: Shipment
    arrived: Callable[[], Mapping[str, object]]
    objects: FakeObjectStore
    rows: int
    break_once: Callable[[], None]


class DestinationContract:
    """The suite; a subclass gives the fixture ``dock``."""

    parts: ClassVar[int] = 3  # writes of a ledger that a delivery makes at least

    def test_everything_arrives_and_the_counts_add_up(self, dock: Dock) -> None:
        """Sent is accepted plus rejected; what is not there is not accepted."""
        told = dock.way.deliver(dock.shipment, MemoryLedger(), Unwatched())

        assert told.destination is dock.way.destination
        assert told.target == dock.shipment.target
        assert (told.sent, told.accepted, told.rejected) == (dock.rows, dock.rows, 0)
        assert len(dock.arrived()) > 0

    def test_to_send_again_is_a_no_op(self, dock: Dock) -> None:
        """A retry after the last step finds everything done, with the same words."""
        ledger = MemoryLedger()
        first = dock.way.deliver(dock.shipment, ledger, Unwatched())
        there = dict(dock.arrived())

        second = dock.way.deliver(dock.shipment, ledger, Unwatched())

        assert second == first
        assert dock.arrived() == there
        assert ledger.again == []

    def test_a_crash_at_any_write_of_the_ledger_is_resumed(self, dock: Dock) -> None:
        """The successor ends where the predecessor would have: each thing once."""
        whole = MemoryLedger()
        crashing = MemoryLedger(crash_before=set(range(1, 40, 2)), crash_after=set(range(2, 40, 2)))
        crashes = 0
        while True:
            try:
                told = dock.way.deliver(dock.shipment, crashing, Unwatched())
                break
            except Crash:
                crashes += 1
        there = dict(dock.arrived())
        dock.way.deliver(dock.shipment, whole, Unwatched())

        assert crashes >= self.parts
        assert (told.sent, told.accepted) == (dock.rows, dock.rows)
        assert dock.arrived() == there
        assert crashing.again == []

    def test_files_that_are_not_as_confirmed_are_not_visible(self, dock: Dock) -> None:
        """A damaged file must not become a receiver's whole one."""
        key = dock.shipment.files[-1].key
        kept = dock.objects.objects[key]
        dock.objects.objects[key] = replace(kept, body=kept.body[:-40])

        with pytest.raises((ExportFailed, ValueError)):
            dock.way.deliver(dock.shipment, MemoryLedger(), Unwatched())

        assert len(dock.arrived()) < dock.rows

    def test_a_failure_of_the_receiver_is_raised_and_healed_by_the_next_attempt(
        self, dock: Dock
    ) -> None:
        """An outcome is never made up: it is delivered, or it raises."""
        ledger = MemoryLedger()
        dock.break_once()

        with pytest.raises(DoorError):
            dock.way.deliver(dock.shipment, ledger, Unwatched())
        told = dock.way.deliver(dock.shipment, ledger, Unwatched())

        assert (told.sent, told.accepted) == (dock.rows, dock.rows)

    def test_the_lease_is_looked_at_before_anything_is_sent(self, dock: Dock) -> None:
        """A worker that has lost its export must not go on sending."""

        class Lost(Unwatched):
            def advance(self, **progress: int) -> None:
                raise Crash

        with pytest.raises(Crash):
            dock.way.deliver(dock.shipment, MemoryLedger(), Lost())

        assert dict(dock.arrived()) == {}

"""A disk that is full and memory that is used up end an attempt, and not its export."""

from pathlib import Path

from assets.model.lifecycle import TERMINAL, Status
from tests.faults.scarce import (
    scarce_round,
    work_on_a_small_disk,
    work_with_little_memory,
)
from tests.faults.slot import SMALL, Load, Slot

# An export that sorts, and so needs the disk.
SORTED = Load(name="scores", params={"dialect": "rfc4180"})
# A tmpfs of one page (where nobody may mount, files of a byte), and more than any file here.
FULL, WIDE = 1, 1 << 26
# Beside what the process has: less than the stack of one thread takes, and enough for all.
LITTLE, ENOUGH = 1 << 22, 1 << 28


def test_a_full_disk_ends_an_attempt_and_the_next_one_makes_the_file(
    places: list[Slot], tmp_path: Path
) -> None:
    """On a tmpfs of one page; the code says what was short, so that nobody looks for a bug."""
    first, tally = scarce_round(places[0], SORTED, work_on_a_small_disk, (tmp_path, FULL))

    assert (first["status"], first["error"]["code"]) == (Status.QUEUED, "DISK_FULL")
    assert tally.notes == []


def test_a_full_disk_loses_the_export_that_is_not_tried_again(
    places: list[Slot], tmp_path: Path
) -> None:
    """The control: what is seen above is the next attempt, and is missed without one."""
    without = ("another try",)

    _, tally = scarce_round(places[0], SORTED, work_on_a_small_disk, (tmp_path, FULL), without)

    assert tally.counts["lost"] == 1
    assert "DISK_FULL" in tally.notes[0]


def test_memory_that_is_used_up_ends_an_attempt_and_the_next_one_makes_the_file(
    places: list[Slot],
) -> None:
    """The worker fails or dies, as the allocation decides; its lease or its code does the rest.

    A container's limit ends it by SIGKILL instead: `python -m tests.faults.resume` does so.
    """
    first, tally = scarce_round(places[0], SMALL[0], work_with_little_memory, LITTLE)

    assert (first["status"] in TERMINAL, first["result"]) == (False, None)
    assert tally.notes == []


def test_the_same_attempts_succeed_where_there_is_room(places: list[Slot], tmp_path: Path) -> None:
    """The control: it was the limit that ended them."""
    on_disk, _ = scarce_round(places[0], SORTED, work_on_a_small_disk, (tmp_path, WIDE))
    in_memory, _ = scarce_round(places[0], SMALL[0], work_with_little_memory, ENOUGH)

    assert [on_disk["status"], in_memory["status"]] == [Status.SUCCEEDED] * 2

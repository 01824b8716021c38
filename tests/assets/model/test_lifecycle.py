"""The life of an export: every move from every state, and the clocks between them."""

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.model.lifecycle import (
    HELD,
    LIVE,
    MAX_ATTEMPTS,
    MAX_RESCUES,
    TERMINAL,
    TRANSITIONS,
    WAITING,
    Move,
    Status,
    Timing,
    backoff,
    run_key,
)

# DESIGN.md 3 as a table: one row a state, one column a move; "." is not allowed, "=" stays.
MOVES = (
    "dispatch start beat deliver ledger succeed fail requeue cancel_waiting cancel cancelled "
    "expire retry delete extend join part leave share withdraw purge tell place"
)
TABLE = """
queued     dispatched .       . .          . .         failed .      cancelled .          .         .       .      . . = = = .         .         . = =
joined     .          .       . .          . .         failed .      cancelled .          .         .       .      . . . . . succeeded .         . = .
dispatched .          running . .          . .         failed queued cancelled .          .         .       .      . = = = = .         .         . = .
running    .          .       = delivering . succeeded failed queued .         cancelling .         .       .      . . = = = .         .         . = .
delivering .          .       = delivering = succeeded failed queued .         cancelling .         .       .      . . = = = .         .         . = .
succeeded  .          .       . .          . .         .      .      .         .          .         expired .      = . . . . .         cancelled . = .
failed     .          .       . .          . .         .      .      .         .          .         .       queued = . . . . .         cancelled = = .
cancelling .          .       = .          = .         failed .      .         .          cancelled .       .      . . . = . .         .         . = .
cancelled  .          .       . .          . .         .      .      .         .          .         .       queued = . . . . .         .         = = .
expired    .          .       . .          . .         .      .      .         .          .         .       queued = . . . . .         cancelled . = .
"""  # noqa: E501 - a table is read by its columns
EXPECTED = {
    (Status(cells[0]), Move(name)): cell
    for cells in (line.split() for line in TABLE.strip().splitlines())
    for name, cell in zip(MOVES.split(), cells[1:], strict=True)
}
USUAL = Timing()


@pytest.mark.parametrize(("status", "move"), list(product(Status, Move)))
def test_every_move_from_every_state_is_as_the_table_says(status: Status, move: Move) -> None:
    """A move too many lets a dead worker publish; one too few leaves an export stuck."""
    transition = TRANSITIONS[move]

    ends = "." if status not in transition.sources else str(transition.target or "=")

    assert EXPECTED[status, move] == ends


def test_every_live_state_can_fail_and_no_ended_one_can() -> None:
    """An export that cannot fail hangs; an ended one that can loses its result."""
    assert set(LIVE) == set(TRANSITIONS[Move.FAIL].sources)
    assert set(Status) == {*LIVE, *TERMINAL}
    assert not {*LIVE} & {*TERMINAL}


def test_every_state_can_be_reached_and_left() -> None:
    """A state without a way in is dead text, one without a way out is a trap."""
    targets = {transition.target for transition in TRANSITIONS.values()}
    sources = {source for transition in TRANSITIONS.values() for source in transition.sources}

    # One that joins is stored as such; no move leads there.
    assert set(Status) == targets - {None} | {Status.JOINED}
    assert set(Status) == sources


def test_only_a_held_export_can_succeed() -> None:
    """Success needs a worker with a lease; nobody holds an export that waits."""
    assert set(HELD) == set(TRANSITIONS[Move.SUCCEED].sources)
    assert not set(WAITING) & set(HELD)


@pytest.mark.parametrize(
    ("heartbeat", "self_fence", "run_lease"),
    [
        (10, 10, 60),  # the first beat that fails would already stop the worker
        (10, 51, 60),  # the worker could write in the last second of another's lease
        (10, 60, 60),
        (10, 70, 60),
        (60, 40, 60),
        (30, 31, 60),
        (0, 0, 0),
        (-10, -5, 60),
        (10, math.nan, 60),
        (10, 40, math.nan),
    ],
)
def test_clocks_that_let_two_workers_overlap_are_refused(
    heartbeat: float, self_fence: float, run_lease: float
) -> None:
    """The fence must fall before the lease can be taken, or two workers write at once."""
    with pytest.raises(ValueError, match="self_fence"):
        Timing(heartbeat=heartbeat, self_fence=self_fence, run_lease=run_lease)


@pytest.mark.parametrize("factor", [0.01, 1.0, 10.0])
def test_scaled_clocks_keep_their_proportions(factor: float) -> None:
    """Tests run on faster clocks; they prove something only if the order stays."""
    scaled = USUAL.scaled(factor)

    assert [getattr(USUAL, name) * factor for name in Timing.__slots__] == [
        getattr(scaled, name) for name in Timing.__slots__
    ]


@given(failures=st.integers(1, 200), jitter=st.floats(0, 1, exclude_max=True))
def test_a_retry_waits_anywhere_below_a_ceiling_that_doubles_up_to_a_cap(
    failures: int, jitter: float
) -> None:
    """Full jitter spreads a thousand exports that failed together (DESIGN.md 3, rule 7)."""
    ceiling = min(300.0, 5.0 * 2.0 ** (failures - 1))

    wait = backoff(failures, USUAL, jitter)

    assert 0.0 <= wait < ceiling
    assert wait == pytest.approx(jitter * ceiling)


def test_the_ceilings_of_the_first_retries_are_those_of_the_design() -> None:
    """Base 5 s, doubled, at most 5 minutes."""
    ceilings = [backoff(failures, USUAL, 1.0) for failures in range(1, 9)]

    assert [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0] == ceilings
    assert (4, 3) == (MAX_ATTEMPTS, MAX_RESCUES)


def test_a_run_key_is_new_for_every_attempt() -> None:
    """Dagster remembers a run key for ever: the same one again would start nothing."""
    keys = [run_key("exp_1", attempt) for attempt in (1, 2, 11)]

    assert ["exp_1:1", "exp_1:2", "exp_1:11"] == keys

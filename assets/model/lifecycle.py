"""The life of an export: its states, and every move that is allowed (DESIGN.md 3).

The table is the only place that knows which move may follow which state. Writes go through
`assets/life.py`, which builds its compare-and-set from the moves here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """The state of an export document."""

    QUEUED = "queued"
    JOINED = "joined"
    DISPATCHED = "dispatched"
    RUNNING = "running"
    DELIVERING = "delivering"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Move(StrEnum):
    """What can happen to an export."""

    DISPATCH = "dispatch"
    START = "start"
    BEAT = "beat"
    DELIVER = "deliver"
    LEDGER = "ledger"
    SUCCEED = "succeed"
    FAIL = "fail"
    REQUEUE = "requeue"
    CANCEL_WAITING = "cancel_waiting"
    CANCEL = "cancel"
    CANCELLED = "cancelled"
    EXPIRE = "expire"
    RETRY = "retry"
    DELETE = "delete"
    EXTEND = "extend"
    JOIN = "join"
    PART = "part"
    LEAVE = "leave"
    SHARE = "share"
    WITHDRAW = "withdraw"
    PURGE = "purge"
    TELL = "tell"
    PLACE = "place"


class Event(StrEnum):
    """What those are told of an export who have asked to be told (API.md 5)."""

    SUCCEEDED = "export.succeeded"
    FAILED = "export.failed"
    CANCELLED = "export.cancelled"
    EXPIRED = "export.expired"
    REJECTED = "delivery.rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A move: the states it may start from and the state it ends in (None: it stays)."""

    sources: tuple[Status, ...]
    target: Status | None


WAITING = (Status.QUEUED, Status.DISPATCHED)
HELD = (Status.RUNNING, Status.DELIVERING)
# One that is made for requests; JOINED is a request that waits for another one's files.
GENERATING = (*WAITING, *HELD)
LIVE = (Status.JOINED, *GENERATING, Status.CANCELLING)
# Files of these were published once, whatever became of them since.
PUBLISHED = (Status.SUCCEEDED, Status.EXPIRED)
TERMINAL = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.EXPIRED)

TRANSITIONS: Mapping[Move, Transition] = {
    # A newcomer gets its lane and its turn (assets/model/lanes.py).
    Move.PLACE: Transition(sources=(Status.QUEUED,), target=None),
    Move.DISPATCH: Transition(sources=(Status.QUEUED,), target=Status.DISPATCHED),
    Move.START: Transition(sources=(Status.DISPATCHED,), target=Status.RUNNING),
    # A cancelled worker keeps its lease while it cleans up, so it still beats.
    Move.BEAT: Transition(sources=(*HELD, Status.CANCELLING), target=None),
    # From DELIVERING too: what was delivered elsewhere is published in the bucket at the end.
    Move.DELIVER: Transition(sources=HELD, target=Status.DELIVERING),
    # What a receiver has answered is written down even when the export is being cancelled.
    Move.LEDGER: Transition(sources=(Status.DELIVERING, Status.CANCELLING), target=None),
    Move.SUCCEED: Transition(sources=HELD, target=Status.SUCCEEDED),
    Move.FAIL: Transition(sources=LIVE, target=Status.FAILED),
    Move.REQUEUE: Transition(sources=(Status.DISPATCHED, *HELD), target=Status.QUEUED),
    # No worker holds a waiting export, so it ends at once; a held one is asked to stop.
    Move.CANCEL_WAITING: Transition(sources=(*WAITING, Status.JOINED), target=Status.CANCELLED),
    Move.CANCEL: Transition(sources=HELD, target=Status.CANCELLING),
    Move.CANCELLED: Transition(sources=(Status.CANCELLING,), target=Status.CANCELLED),
    Move.EXPIRE: Transition(sources=(Status.SUCCEEDED,), target=Status.EXPIRED),
    Move.RETRY: Transition(
        sources=(Status.FAILED, Status.CANCELLED, Status.EXPIRED), target=Status.QUEUED
    ),
    # A mark: the files go when housekeeping comes by, as those of an expired one do.
    Move.DELETE: Transition(sources=TERMINAL, target=None),
    Move.EXTEND: Transition(sources=(Status.DISPATCHED,), target=None),
    # Identical requests share one generation (rule 8). One that is being cancelled is never joined.
    Move.JOIN: Transition(sources=GENERATING, target=None),
    Move.PART: Transition(sources=(*GENERATING, Status.CANCELLING), target=None),
    # Who asked first goes, and the generation goes on for the others.
    Move.LEAVE: Transition(sources=GENERATING, target=None),
    Move.SHARE: Transition(sources=(Status.JOINED,), target=Status.SUCCEEDED),
    Move.WITHDRAW: Transition(
        sources=(Status.SUCCEEDED, Status.FAILED, Status.EXPIRED), target=Status.CANCELLED
    ),
    Move.PURGE: Transition(sources=(Status.FAILED, Status.CANCELLED), target=None),
    # What happened has been handed on to those who are told.
    Move.TELL: Transition(sources=(*LIVE, *TERMINAL), target=None),
}

# The moves that are news to whoever asked for the export. WITHDRAW is none: who left sees the
# export cancelled from then on, whatever becomes of the generation.
NEWS: Mapping[Move, Event] = {
    Move.SUCCEED: Event.SUCCEEDED,
    Move.SHARE: Event.SUCCEEDED,
    Move.FAIL: Event.FAILED,
    Move.CANCEL_WAITING: Event.CANCELLED,
    Move.CANCELLED: Event.CANCELLED,
    Move.LEAVE: Event.CANCELLED,
    Move.EXPIRE: Event.EXPIRED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The clocks of a life, in seconds (RELIABILITY.md 4.1 gives the reasons).

    Attributes:
        dispatch_lease: From claim to worker start; long, since a run may wait for a slot.
        run_lease: How long a worker that falls silent keeps its export.
        heartbeat: How often a worker renews.
        self_fence: A worker that has not renewed for this long stops itself; it must be less
            than `run_lease` minus one `heartbeat`, or two workers could overlap.
        redispatch: A dispatched export whose run has not started is requested again, with
            the same run key, after this long.
        target_wait: An export whose target another one has looks again after this long.
        start_timeout: An export without any lease is taken for dead after this long.
        backoff_base: First retry waits up to this long (full jitter), then twice as long.
        backoff_cap: No retry waits longer.
    """

    dispatch_lease: float = 600.0
    run_lease: float = 60.0
    heartbeat: float = 10.0
    self_fence: float = 40.0
    redispatch: float = 30.0
    target_wait: float = 15.0
    start_timeout: float = 120.0
    backoff_base: float = 5.0
    backoff_cap: float = 300.0

    def __post_init__(self) -> None:
        """Refuse clocks that would let two workers overlap."""
        if not 0 < self.heartbeat < self.self_fence <= self.run_lease - self.heartbeat:
            raise ValueError(
                "Timing needs 0 < heartbeat < self_fence <= run_lease - heartbeat; "
                f"got {self.heartbeat}, {self.self_fence}, {self.run_lease}"
            )

    def scaled(self, factor: float) -> "Timing":
        """The same clocks, faster or slower; tests use it."""
        return Timing(**{name: getattr(self, name) * factor for name in self.__slots__})


MAX_ATTEMPTS = 4
MAX_RESCUES = 3  # RELIABILITY.md 1, rule 10: three crashes are a poison pill


# Seconds between the snapshot and the start of an attempt. Writers stamp `createdAt` with their
# own clock before the document reaches the database; a row that arrives late must not slip in
# behind the reader (RELIABILITY.md 5, snapshot).
SAFETY_LAG = 30.0


def backoff(failures: int, timing: Timing, jitter: float) -> float:
    """Seconds until the next attempt: full jitter over an exponential ceiling.

    Args:
        failures: How many attempts have failed so far, at least 1.
        timing: The clocks.
        jitter: A random number in [0, 1).
    """
    ceiling = min(timing.backoff_cap, timing.backoff_base * 2.0 ** (failures - 1))
    return ceiling * jitter


def run_key(export_id: str, attempt: int) -> str:
    """Dagster's run key: it is remembered for ever, so a retry needs its own (DESIGN.md 3)."""
    return f"{export_id}:{attempt}"

"""Which worker gets which run; the workers' processes are played by the test."""

import os
import socket
from dataclasses import dataclass, field

import pytest

from export_platform.local import kernel
from export_platform.run_workers.pool import Lane, Pool, Size, State
from export_platform.run_workers.worker import Worker, fork


@dataclass(slots=True)
class Stage:
    """The other ends of the workers' channels, in the order in which they were forked."""

    ends: list[socket.socket] = field(default_factory=list)

    def fork(self) -> Worker:
        """A worker without a process, whose channel ends here."""
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        self.ends.append(theirs)
        # A process that has ended: what is sent to it reaches nobody.
        return Worker(process=kernel.Identity(pid=os.getpid(), started=0), channel=ours)

    def given(self, number: int) -> str:
        """What a worker was told to run, in order; empty for nothing."""
        return " ".join(run for run, _ in self.told(number))

    def told(self, number: int) -> list[tuple[str, str]]:
        """What a worker was told: runs, and how far to stand back for them."""
        try:
            lines = self.ends[number].recv(1_000).decode().splitlines()
        except BlockingIOError:
            return []
        return [(run, niceness) for run, niceness in map(str.split, lines)]


@pytest.fixture
def stage() -> Stage:
    """No worker yet."""
    return Stage()


def pool_of(stage: Stage, **size: int) -> Pool:
    """A filled pool."""
    pool = Pool(stage.fork, Size(**{"spare": 1, "most": 2, **size}))
    pool.fill()
    return pool


def ended(pool: Pool, stage: Stage, number: int, memory: int = 1) -> None:
    """A worker says that its run is over."""
    worker = pool.workers[number]
    stage.ends[number].sendall(f"{memory}\n".encode())
    pool.heard(worker)
    pool.fill()


def test_a_run_goes_to_the_spare_worker_and_another_takes_its_place(stage: Stage) -> None:
    """The next caller must not wait for a fork either."""
    pool = pool_of(stage)

    pool.launch("a")
    pool.fill()

    assert ("a", 2) == (stage.given(0), len(pool.workers))
    assert State.RUNNING is pool.state("a")


def test_runs_above_the_most_wait_in_the_order_they_came(stage: Stage) -> None:
    """More processes than the machine can feed make all of them late."""
    pool = pool_of(stage)
    for run in "abcd":
        pool.launch(run)
    pool.fill()
    assert [State.RUNNING, State.RUNNING, State.WAITING, State.WAITING] == [
        pool.state(run) for run in "abcd"
    ]

    ended(pool, stage, 0)

    assert State.ENDED is pool.state("a")
    assert State.RUNNING is pool.state("c")
    assert "a c" == stage.given(0)


def test_a_run_that_is_launched_twice_is_executed_once(stage: Stage) -> None:
    """A launch whose answer was lost is made again."""
    pool = pool_of(stage)
    for _ in range(2):
        pool.launch("a")
        pool.fill()
    ended(pool, stage, 0)
    pool.launch("a")
    pool.fill()

    assert "a" == stage.given(0)


def test_a_worker_that_died_is_replaced_and_its_run_is_said_to_have_died(stage: Stage) -> None:
    """Dagster asks, and marks the run failed."""
    pool = pool_of(stage)
    pool.launch("a")
    pool.fill()

    stage.ends[0].close()
    pool.heard(pool.workers[0])
    pool.fill()

    assert State.DIED is pool.state("a")
    assert [None] == [worker.run_id for worker in pool.workers]


def test_a_worker_that_died_while_it_waited_costs_no_run(stage: Stage) -> None:
    """The run goes to the next one."""
    pool = pool_of(stage)
    stage.ends[0].close()

    pool.launch("a")
    pool.fill()

    assert State.RUNNING is pool.state("a")
    assert "a" == stage.given(1)


@pytest.mark.parametrize(
    ("size", "memory", "replaced"),
    [
        ({"runs": 2, "memory": 10}, 10, False),
        ({"runs": 1, "memory": 10}, 10, True),
        ({"runs": 2, "memory": 10}, 11, True),
    ],
)
def test_a_worker_is_replaced_after_its_runs_or_above_its_memory(
    stage: Stage, size: dict[str, int], memory: int, replaced: bool
) -> None:
    """What leaks in a library stays small."""
    pool = pool_of(stage, **size)
    first = pool.workers[0]
    pool.launch("a")
    pool.fill()

    ended(pool, stage, 0, memory)

    assert replaced is (first not in pool.workers)


def test_a_run_that_waits_can_be_ended(stage: Stage) -> None:
    """It is never given to a worker then."""
    pool = pool_of(stage, most=1)
    pool.launch("a")
    pool.launch("b")
    pool.fill()

    assert pool.terminate("b")
    assert not pool.terminate("unheard-of")
    ended(pool, stage, 0)

    assert "a" == stage.given(0)


def test_a_process_with_threads_is_never_forked() -> None:
    """This one has them: the test runner's. A lock that a thread holds stays held in a copy."""
    import threading  # noqa: PLC0415

    release = threading.Event()
    thread = threading.Thread(target=release.wait)
    thread.start()
    try:
        with pytest.raises(RuntimeError, match="threads must not be forked"):
            fork(print, [])
    finally:
        release.set()
        thread.join()


def _waits(pool: Pool, lane: Lane | None) -> list[str]:
    """What waits when three large runs have come before a small one and there are three workers."""
    for run in ("large-1", "large-2", "large-3"):
        pool.launch(run, lane)
    pool.launch("small")
    pool.fill()
    runs = ("large-1", "large-2", "large-3", "small")
    return [run for run in runs if pool.state(run) is State.WAITING]


def test_a_lane_takes_no_more_workers_than_it_may(stage: Stage) -> None:
    """What comes after it in other lanes passes; its own next run follows as soon as one ends."""
    pool = pool_of(stage, most=3)
    assert ["large-3"] == _waits(pool, Lane(name="large", most=2))

    ended(pool, stage, 2)  # the small one
    assert State.WAITING is pool.state("large-3")
    ended(pool, stage, 0)

    assert State.RUNNING is pool.state("large-3")


def test_without_lanes_the_small_run_waits(stage: Stage) -> None:
    """The negative control."""
    assert ["small"] == _waits(pool_of(stage, most=3), None)


def test_a_run_whose_worker_died_before_it_took_it_keeps_its_lane(stage: Stage) -> None:
    """Else a crash would let one more of the lane in."""
    lane, pool = Lane(name="large", most=1), pool_of(stage, most=3)
    pool.launch("a", lane)
    pool.workers[0].channel.close()
    pool.launch("b", lane)
    pool.fill()

    assert [State.RUNNING, State.WAITING] == [pool.state(run) for run in "ab"]


def test_a_worker_that_stood_back_for_a_run_is_not_given_another(stage: Stage) -> None:
    """A process may not come forward again, and a small run would be as slow as the large one."""
    pool = pool_of(stage, most=3)
    standing_back = pool.workers[0]
    pool.launch("large", Lane(name="large", most=1, niceness=10))
    pool.launch("small", Lane(name="small", most=1))
    pool.fill()
    keen = pool.workers[1]

    for number in (1, 0):
        ended(pool, stage, number)

    assert [("large", "10")] == stage.told(0)
    assert [("small", "0")] == stage.told(1)
    assert standing_back not in pool.workers
    assert keen in pool.workers

"""Which worker gets which run, and when a worker is replaced."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from export_platform.run_workers.worker import Worker

# A worker that has run this often is replaced, so that what leaks in a library stays small.
MOST_RUNS = 200
# An export holds 100 to 150 MB at most; a worker that keeps more than that does not give it back.
MOST_BYTES = 400 * 1024 * 1024
# Dagster asks every 10 s whether a run's worker lives; a run that has just ended is remembered.
_REMEMBERED = 10_000


class State(StrEnum):
    """How a run is, as far as the workers know."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"
    DIED = "died"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many workers there are.

    Attributes:
        spare: Workers that wait for the next run, as long as `most` allows.
        most: Workers at the same time; further runs wait for one.
        runs: Runs of one worker before it is replaced.
        memory: Bytes of its own that a worker may keep after a run.
    """

    spare: int = 2
    most: int = 8
    runs: int = MOST_RUNS
    memory: int = MOST_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Runs of which only so many are executed at the same time; the next ones let others pass.

    Attributes:
        name: Tells lanes apart.
        most: How many.
        niceness: How far they stand back for other processes (nice(2), 0 to 19).
    """

    name: str
    most: int
    niceness: int = 0


class Pool:
    """Workers and the runs that wait for one; used by one thread.

    Args:
        fork: Starts a worker.
        size: How many.
    """

    def __init__(self, fork: Callable[[], Worker], size: Size) -> None:
        self._fork = fork
        self._size = size
        self._waiting: OrderedDict[str, Lane | None] = OrderedDict()
        self._over: OrderedDict[str, State] = OrderedDict()
        self.workers: list[Worker] = []

    def fill(self) -> None:
        """Hand out what waits and have spare workers again."""
        while (run_id := self._next()) and (worker := self._free()):
            self._give(worker, run_id, self._waiting.pop(run_id))
        while self._idle() < self._size.spare and len(self.workers) < self._size.most:
            self.workers.append(self._fork())

    def launch(self, run_id: str, lane: Lane | None = None) -> None:
        """Put a run in line, for the next `fill`; once, however often it is asked for."""
        if self.state(run_id) is State.UNKNOWN:
            self._waiting[run_id] = lane

    def terminate(self, run_id: str) -> bool:
        """End a run.

        Returns:
            Whether there was something to end.
        """
        if run_id in self._waiting:
            del self._waiting[run_id]
            self._remember(run_id, State.ENDED)
            return True
        holder = self._holder(run_id)
        if holder is not None:
            holder.interrupt()
        return holder is not None

    def state(self, run_id: str) -> State:
        """How a run is."""
        if self._holder(run_id) is not None:
            return State.RUNNING
        if run_id in self._waiting:
            return State.WAITING
        return self._over.get(run_id, State.UNKNOWN)

    def heard(self, worker: Worker) -> None:
        """A worker has said something: its run is over, or it is gone."""
        memory = worker.heard()
        if worker.run_id is not None:
            self._remember(worker.run_id, State.DIED if memory is None else State.ENDED)
            worker.run_id = worker.lane = None
        if memory is None or self._is_spent(worker, memory):
            self.workers.remove(worker)
            worker.dismiss()

    def close(self) -> None:
        """Let the idle ones end and interrupt the others; nothing is started after this."""
        self._waiting.clear()
        for worker in self.workers:
            if worker.run_id is None:
                worker.dismiss()
            else:
                worker.interrupt()

    def _next(self) -> str | None:
        """The run that has waited longest among those whose lane has room."""
        waiting = self._waiting.items()
        return next((run_id for run_id, lane in waiting if lane is None or self._has(lane)), None)

    def _has(self, lane: Lane) -> bool:
        return sum(worker.lane == lane.name for worker in self.workers) < lane.most

    def _give(self, worker: Worker, run_id: str, lane: Lane | None) -> None:
        try:
            if lane is None:
                worker.take(run_id)
            else:
                worker.take(run_id, lane.name, lane.niceness)
        except OSError:  # it died while it waited; `heard` is told too, and replaces it
            worker.stopping = True
            self._waiting[run_id] = lane
            self._waiting.move_to_end(run_id, last=False)

    def _is_spent(self, worker: Worker, memory: int) -> bool:
        # A process may stand back, and may not come forward again (setpriority(2)).
        used_up = worker.stopping or bool(worker.niceness)
        return used_up or worker.runs >= self._size.runs or memory > self._size.memory

    def _free(self) -> Worker | None:
        idle = (each for each in self.workers if each.run_id is None and not each.stopping)
        if (found := next(idle, None)) is None and len(self.workers) < self._size.most:
            found = self._fork()
            self.workers.append(found)
        return found

    def _idle(self) -> int:
        return sum(each.run_id is None for each in self.workers)

    def _holder(self, run_id: str) -> Worker | None:
        return next((each for each in self.workers if each.run_id == run_id), None)

    def _remember(self, run_id: str, state: State) -> None:
        self._over[run_id] = state
        if len(self._over) > _REMEMBERED:
            self._over.popitem(last=False)

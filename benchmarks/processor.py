"""What the processes of a local deployment take of the processor."""

import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from export_platform.local.deployment import Deployment

# A worker that ends takes along what it has used since the last look.
LOOK_SECONDS: Final = 0.5
# What the whole machine did beside the deployment.
NOT_OURS: Final = ("idle", "others")
# In /proc/<pid>/stat, counted after the command name (proc(5)).
PARENT, SESSION, USER, SYSTEM, NICENESS, STARTED = 1, 3, 11, 12, 16, 19
# What the whole machine did, in /proc/stat: idle, waiting for a disk.
IDLE, WAITING = 3, 4
GUESTS = 8  # those of virtual machines stand among the others already


@dataclass(slots=True)
class Meter:
    """Seconds of the processor, by process.

    Attributes:
        leaders: What each service is called, by the process that leads its session.
    """

    leaders: Mapping[int, str]
    _seen: dict[tuple[int, int], tuple[str, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def taken(self) -> Counter[str]:
        """What each has taken since it began, with what it started and what of that has ended.

        Processes that stand back for others are told apart, and those that a benchmark has started
        are its replay. `idle` is what nobody took, `others` what is not of the deployment.
        """
        with self._lock:
            self._look()
            found = Counter[str]()
            for name, seconds in self._seen.values():
                found[name] += seconds
        idle, all_of_it = _machine()
        found["idle"], found["others"] = idle, all_of_it - idle - found.total()
        return found

    def _look(self) -> None:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                text = (process / "stat").read_text(encoding="utf-8", errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            fields, pid = text.rpartition(")")[2].split(), int(process.name)
            if (name := self._name(pid, fields)) is not None:
                used = (int(fields[USER]) + int(fields[SYSTEM])) / os.sysconf("SC_CLK_TCK")
                self._seen[pid, int(fields[STARTED])] = name, used

    def _name(self, pid: int, fields: list[str]) -> str | None:
        service = self.leaders.get(int(fields[SESSION]))
        if service is not None:
            return service if fields[NICENESS] == "0" else f"{service}, standing back"
        if pid == os.getpid():
            return "benchmark"
        return "replay" if int(fields[PARENT]) == os.getpid() else None


@contextmanager
def metered(deployment: Deployment) -> Iterator[Meter]:
    """Look at the processes of a running deployment while the block lasts."""
    pids = {one.pid: one.name for one in deployment.status()}
    meter = Meter({pid: name for pid, name in pids.items() if pid is not None})
    end = threading.Event()

    def look() -> None:
        while not end.wait(LOOK_SECONDS):
            meter.taken()

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield meter
    finally:
        end.set()
        thread.join()


def difference(later: Mapping[str, float], earlier: Mapping[str, float]) -> Counter[str]:
    """How much more it is, which may be less than nothing."""
    return Counter({name: seconds - earlier.get(name, 0.0) for name, seconds in later.items()})


def _machine() -> tuple[float, float]:
    """Seconds that the processors of the machine had nothing to do; and all that there were."""
    first = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0].split()[1:]
    ticks = [int(one) for one in first[:GUESTS]]
    second = os.sysconf("SC_CLK_TCK")
    return (ticks[IDLE] + ticks[WAITING]) / second, sum(ticks) / second

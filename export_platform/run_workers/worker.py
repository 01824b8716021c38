"""A forked process that executes one run after another."""

import gc
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from export_platform.local import kernel
from resources import tracing

# What an answer fits into: a number of bytes.
_LINE_BYTES = 64
# What a worker may hold more than it was forked with before it looks for garbage: a small export
# leaves a few, and to look takes a twentieth of its time.
_COLLECTED_FROM = 64 * 1024 * 1024

Execute = Callable[[str], None]


@dataclass(slots=True, kw_only=True)
class Worker:
    """The parent's end of a worker.

    Attributes:
        process: Names the process, and no later one with the same id.
        channel: Run ids go in, with a niceness; after each run its memory comes out, in bytes.
        run_id: What it executes, None while it waits.
        lane: Which lane that run is in; None for none.
        niceness: How far it stands back for other processes; what it once is it stays.
        runs: How many it has taken.
        stopping: Whether it was told to end; it is given no more runs.
    """

    process: kernel.Identity
    channel: socket.socket
    run_id: str | None = None
    lane: str | None = None
    niceness: int = 0
    runs: int = 0
    stopping: bool = False

    def take(self, run_id: str, lane: str | None = None, niceness: int = 0) -> None:
        """Hand it a run; it must be waiting.

        Args:
            run_id: Which run.
            lane: Which lane it is in.
            niceness: How far it is to stand back for other processes (nice(2), 0 to 19).

        Raises:
            OSError: It is gone.
        """
        self.channel.sendall(f"{run_id} {niceness}\n".encode())
        self.run_id, self.lane, self.niceness = run_id, lane, niceness
        self.runs += 1

    def heard(self) -> int | None:
        """What it says: its memory in bytes once a run is over, None when it is gone."""
        try:
            line = self.channel.recv(_LINE_BYTES)
        except OSError:
            return None
        return int(line) if line else None

    def interrupt(self) -> None:
        """End it the way Dagster ends a run: by SIGTERM, which the run can answer."""
        self.stopping = True
        kernel.send(self.process, signal.SIGTERM)

    def dismiss(self) -> None:
        """Let it end; it does as soon as it reads the end of its channel."""
        self.stopping = True
        self.channel.close()


def fork(execute: Execute, inherited: Iterable[socket.socket]) -> Worker:
    """Start a worker, which is a copy of this process as it is now.

    Args:
        execute: Executes the run of an id; what it raises is said and ends the worker.
        inherited: What the parent has open and the copy must not keep open.

    Raises:
        RuntimeError: This process has threads; a lock that one of them holds would be held for
            ever in the copy (fork(2)).
    """
    if (threads := len(os.listdir("/proc/self/task"))) > 1:  # noqa: PTH208 - names are enough
        raise RuntimeError(f"a process with {threads} threads must not be forked")
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        _become_worker(execute, theirs, [ours, *inherited])
    theirs.close()
    process = kernel.identity(pid) or kernel.Identity(pid=pid, started=0)
    return Worker(process=process, channel=ours)


def _become_worker(
    execute: Execute, channel: socket.socket, inherited: list[socket.socket]
) -> None:
    """What the copy does instead of what its parent was doing; it never returns."""
    status = 1
    try:
        for opened in inherited:
            opened.close()
        for number in (signal.SIGTERM, signal.SIGCHLD):  # the parent has its own answers to these
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # it had them wait
        _work(execute, channel)
        status = 0
        tracing.close()
    except BaseException:  # noqa: BLE001 - nothing of the parent's stack may run here
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _work(execute: Execute, channel: socket.socket) -> None:
    forked_with = _resident_bytes()
    with channel.makefile("r", encoding="utf-8") as said:
        for line in said:
            run_id, niceness = line.split()
            os.nice(int(niceness))
            execute(run_id)
            with suppress(OSError):  # the parent is gone; the end of the channel says so next
                channel.sendall(f"{_kept_bytes(forked_with)}\n".encode())


def _kept_bytes(forked_with: int) -> int:
    """What is in memory after a run; garbage, once it is much, is neither counted nor kept."""
    if _resident_bytes() > forked_with + _COLLECTED_FROM:
        gc.collect()
    return _resident_bytes()


def _resident_bytes() -> int:
    """Memory of this process that is its own (proc(5), statm: resident less shared pages)."""
    _, resident, shared, *_ = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")

"""A server whose workers write down what they were given: `python -m ... <port> <folder>`.

With `--stopped-while-giving` it gets SIGTERM as soon as a worker has a run, and before it knows.
"""

import os
import signal
import sys
import time
from pathlib import Path

from export_platform.run_workers.pool import Size
from export_platform.run_workers.server import Server
from export_platform.run_workers.worker import Worker
from tests.waiting import eventually


def execute(run_id: str) -> None:
    """`sleep-...` takes a minute, `die-...` takes the worker along, all others are over at once."""
    folder = Path(sys.argv[2])
    (folder / run_id).write_text(str(os.getpid()), encoding="utf-8")
    if run_id.startswith("sleep"):
        time.sleep(60)
    if run_id.startswith("die"):
        os._exit(7)


def take_and_be_stopped(worker: Worker, run_id: str) -> None:
    """`Worker.take`, with the signal in its middle."""
    worker.channel.sendall(f"{run_id} 0\n".encode())
    # A worker that is ended before it has written down who it is could not be looked for.
    written = Path(sys.argv[2]) / run_id
    eventually(lambda: written.exists() and written.read_text(encoding="utf-8"), 20)
    os.kill(os.getpid(), signal.SIGTERM)
    worker.run_id = run_id


if __name__ == "__main__":
    if "--stopped-while-giving" in sys.argv:
        Worker.take = take_and_be_stopped  # type: ignore[assignment,method-assign]
    Server(int(sys.argv[1]), Size(spare=1, most=2, runs=3), execute).run()

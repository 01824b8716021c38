"""A server whose workers write down what they were given: `python -m ... <port> <folder>`."""

import os
import sys
import time
from pathlib import Path

from export_platform.run_workers.pool import Size
from export_platform.run_workers.server import Server


def execute(run_id: str) -> None:
    """`sleep-...` takes a minute, `die-...` takes the worker along, all others are over at once."""
    folder = Path(sys.argv[2])
    (folder / run_id).write_text(str(os.getpid()), encoding="utf-8")
    if run_id.startswith("sleep"):
        time.sleep(60)
    if run_id.startswith("die"):
        os._exit(7)


if __name__ == "__main__":
    Server(int(sys.argv[1]), Size(spare=1, most=2, runs=3), execute).run()

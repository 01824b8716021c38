"""`python -m export_platform.run_workers`: load the code, listen, fork."""

import argparse
import os
from collections.abc import Sequence

from export_platform.run_workers.execution import RunExecution, preload
from export_platform.run_workers.pool import Size
from export_platform.run_workers.server import Server


def main(argv: Sequence[str] | None = None) -> None:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m export_platform.run_workers")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--spare", type=int, default=Size().spare, help="workers that wait")
    parser.add_argument("--most", type=int, default=max(8, 2 * (os.cpu_count() or 1)))
    said = parser.parse_args(argv)
    execution = RunExecution(preload())
    Server(said.port, Size(spare=said.spare, most=said.most), execution).run()


if __name__ == "__main__":
    main()

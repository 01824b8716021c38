"""`python -m export_platform.local.services.entries --port N --data DIR`: serves until SIGTERM."""

import argparse
import logging
import os
from pathlib import Path

from export_platform.local.services.api import tokens_of
from export_platform.local.services.entries.app import PAGE, Entries
from export_platform.local.services.entries.register import Register
from export_platform.local.services.faults import Faults
from export_platform.local.web import serve
from resources.clock import SystemClock

TOKENS = "LOCAL_ENTRIES_TOKENS"
_THREADS = 8


def main() -> None:
    """Reads the command line and serves."""
    parser = argparse.ArgumentParser(
        prog="export_platform.local.services.entries", description=__doc__
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--page", type=int, default=PAGE, help="ids of one page of erased entries")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    register = Register(os.environ["MONGODB_URI"], os.environ["MONGODB_DATABASE"], arguments.data)
    service = Entries(register, SystemClock().now, arguments.page)
    serve(Faults(service.api(tokens_of(TOKENS))), port=arguments.port, threads=_THREADS)


if __name__ == "__main__":
    main()

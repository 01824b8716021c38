"""`python -m export_platform.local.services.codes --port N --data DIR`: serves until SIGTERM."""

import argparse
import logging
from pathlib import Path

from export_platform.local.services.api import tokens_of
from export_platform.local.services.codes.app import Codes
from export_platform.local.services.codes.shelf import Shelf
from export_platform.local.services.faults import Faults
from export_platform.local.web import serve
from resources.clock import SystemClock

TOKENS = "LOCAL_CODES_TOKENS"
_THREADS = 8


def main() -> None:
    """Reads the command line and serves."""
    parser = argparse.ArgumentParser(
        prog="export_platform.local.services.codes", description=__doc__
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    service = Codes(Shelf(arguments.data), SystemClock().now)
    serve(Faults(service.api(tokens_of(TOKENS))), port=arguments.port, threads=_THREADS)


if __name__ == "__main__":
    main()

"""`python -m export_platform.local.athena --port N --data DIR`: serves Athena until SIGTERM."""

import argparse
import logging
import os
import shutil
from pathlib import Path

from export_platform.local.athena.api import Api
from export_platform.local.athena.app import AthenaEndpoint
from export_platform.local.athena.executions import Executions
from export_platform.local.athena.lake import Lake
from export_platform.local.web import serve
from resources.clock import SystemClock

_THREADS = 16


def main() -> None:
    """Reads the command line and serves."""
    parser = argparse.ArgumentParser(prog="export_platform.local.athena", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--s3", default=os.environ.get("AWS_ENDPOINT_URL_S3"), help="endpoint URL of the S3 server"
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    # Copies of partition files belong to the state of the bucket at a time; they are quick to make.
    for left_over in ("cache", "spill", "scratch"):
        shutil.rmtree(arguments.data / left_over, ignore_errors=True)
    lake = Lake(arguments.s3, arguments.data / "cache")
    executions = Executions(arguments.data, lake, SystemClock().now)
    serve(AthenaEndpoint(Api(executions)), port=arguments.port, threads=_THREADS)


if __name__ == "__main__":
    main()

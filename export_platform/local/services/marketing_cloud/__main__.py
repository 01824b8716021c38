"""`python -m export_platform.local.services.marketing_cloud --port N --data DIR`: serves SFMC."""

import argparse
import logging
import os
from datetime import timedelta
from pathlib import Path

from export_platform.local.services.faults import Faults
from export_platform.local.services.marketing_cloud.app import MarketingCloudEndpoint
from export_platform.local.services.marketing_cloud.tables import Tables
from export_platform.local.web import serve
from resources.clock import SystemClock

CLIENT = "LOCAL_SFMC_CLIENT"  # id and secret, with a colon between them
_THREADS = 8


def main() -> None:
    """Reads the command line and serves."""
    parser = argparse.ArgumentParser(
        prog="export_platform.local.services.marketing_cloud", description=__doc__
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--latency", type=float, default=0.2, help="seconds a request is pending")
    parser.add_argument("--deletion", type=float, default=2.0, help="seconds a deletion takes")
    parser.add_argument("--token", type=int, default=1079, help="seconds a token lives")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    now = SystemClock().now
    tables = Tables(
        arguments.data / "marketing-cloud.sqlite",
        now,
        latency=timedelta(seconds=arguments.latency),
        deletion=timedelta(seconds=arguments.deletion),
    )
    identity, _, secret = os.environ[CLIENT].partition(":")
    endpoint = MarketingCloudEndpoint(
        tables, now, client=(identity, secret), token_seconds=arguments.token
    )
    serve(Faults(endpoint), port=arguments.port, threads=_THREADS)


if __name__ == "__main__":
    main()

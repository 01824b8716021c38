"""`python -m api_bridge`: serve the bridge on loopback; a proxy with TLS stands before it.

Everything but the address comes from the environment (settings.py and resources/wiring).
"""

import argparse
import gc
import logging
import os
import sys
from collections.abc import Sequence
from types import FrameType

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from api_bridge.app import app_from
from api_bridge.middleware.connections import BoundedProtocol
from api_bridge.waiting.changes import Changes

# Longer than the load balancer keeps a silent connection (65 s, terraform/modules/entrance), or it
# would send a request into one that we have just closed.
KEEP_ALIVE_SECONDS = 70
GRACE_SECONDS = 20
# Of the youngest objects, and how many collections of one generation before one of the next.
COLLECTED = (10_000, 20, 20)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop; return the exit code."""
    options = _options(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    _log_words_only()
    try:
        app = app_from(os.environ)
    except ValueError as wrong:
        logging.getLogger("api_bridge").error("%s", wrong)
        return 2
    _keep_what_is_there()
    server = _Server(server_config(app, host=options.host, port=options.port), app)
    server.run()
    return 0 if server.started else 3


def _log_words_only() -> None:
    """Spare what a line does not show: half of its cost (Python's logging HOWTO, Optimization)."""
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    vars(logging)["_srcfile"] = None


def _keep_what_is_there() -> None:
    """Let no collection of garbage look at what was loaded: each took 60 ms, and nobody was served.

    100,000 objects, all of which stay until the process ends. What requests leave is looked at less
    often than every 700 objects: nearly all of it goes without a collector, and at 1,500 looks a
    second p99 fell from 22 to 9 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED)


class _Server(uvicorn.Server):
    """Tells those who wait that the process ends; the grace is for requests at work."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._changes: Changes = app.state.bridge.changes

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end."""
        self._changes.close()
        super().handle_exit(sig, frame)


def server_config(app: ASGIApp, *, host: str, port: int) -> uvicorn.Config:
    """How the bridge is served: bounded, silent about itself, trusting no header of a proxy."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=BoundedProtocol,
        ws="none",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m api_bridge", description="Serve the bridge.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, required=True, help="port to listen on")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

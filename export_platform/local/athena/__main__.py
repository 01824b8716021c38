"""`python -m export_platform.local.athena`: serves the Athena endpoint until SIGTERM."""

import argparse
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from export_platform.local.web import serve


def _not_yet(_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("501 Not Implemented", [("Content-Length", "0")])
    return [b""]


def main() -> None:
    """Reads the command line and serves."""
    parser = argparse.ArgumentParser(prog="export_platform.local.athena", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--s3", default=os.environ.get("AWS_ENDPOINT_URL_S3"))
    arguments = parser.parse_args()
    serve(_not_yet, port=arguments.port, threads=16)


if __name__ == "__main__":
    main()

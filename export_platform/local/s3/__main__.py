"""`python -m export_platform.local.s3 --port N --data DIR`: serves S3 until SIGTERM."""

import argparse
import logging
import os
import tempfile
from pathlib import Path

from export_platform.local.s3.app import StrictS3
from export_platform.local.s3.signature import Credentials
from export_platform.local.s3.vault import Vault
from export_platform.local.web import serve
from resources.clock import SystemClock

# moto keeps parts of running uploads in memory up to this size each; the default of 5 MiB per part
# would hold a whole upload of small parts in memory.
_IN_MEMORY_BYTES = 64 * 1024
_THREADS = 16


def main() -> None:
    """Reads the command line and serves."""
    parser = argparse.ArgumentParser(prog="export_platform.local.s3", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bucket", action="append", default=[], help="created when missing")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    os.environ["MOTO_S3_DEFAULT_KEY_BUFFER_SIZE"] = str(_IN_MEMORY_BYTES)
    temporary = arguments.data / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(temporary)  # on the disk of the data, not on a small /tmp
    application = StrictS3(
        Vault(arguments.data),
        Credentials(
            key_id=os.environ["AWS_ACCESS_KEY_ID"], secret=os.environ["AWS_SECRET_ACCESS_KEY"]
        ),
        SystemClock().now,
    )
    application.create_missing_buckets(arguments.bucket)
    serve(application, port=arguments.port, threads=_THREADS)


if __name__ == "__main__":
    main()

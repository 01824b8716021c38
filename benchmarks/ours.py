"""Our pipeline in a process of its own: from the database to confirmed files.

    python -m benchmarks.ours FOLDER [gzip|zstd|python]

The second word packs the files, or does without the native part as an install without a compiler.
The environment names the database. What runs is `assets/pipeline.produce`, as an attempt calls it
(`assets/attempt.py`), with the real door to MongoDB; only the object store is a folder. Not part of
it are the life of the export document, its lease and its manifest: a few round trips, whatever the
number of rows. The last line is JSON: rows, bytes, seconds, cpu_seconds, peak_mb.
"""

import gc
import json
import os
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from assets.exports.catalog import CATALOG
from assets.loading import load
from assets.model.parameters import parse
from assets.pipeline import Produced, produce
from assets.reading import Doors
from assets.steps.address import address
from assets.steps.native import kernel
from assets.steps.plan import plan
from benchmarks.folder_store import FolderStore
from benchmarks.usage import peak_mb
from benchmarks.work import PARAMS, SCOPES, SNAPSHOT
from export_platform.doors import opened
from resources.memory import bound_large_blocks

PYTHON: Final = "python"
EXTENSIONS: Final = ("assets.steps.native._rows", "resources.mongo._places")
# Doors that this export does not go through; discard's port answers nobody.
_NOWHERE: Final = "http://127.0.0.1:9"
UNUSED: Final = {
    "AWS_ENDPOINT_URL": _NOWHERE,
    "AWS_REGION": "us-east-1",
    "EXPORTS_BUCKET": "unused",
    "ATHENA_STAGING": "s3://unused/",
    "SCORING_BUCKET": "unused",
    "VF_SCORING_BUCKET": "unused",
    "CODES_SERVICE_URL": _NOWHERE,
    "CODES_SERVICE_TOKEN": "unused",
    "ENTRIES_SERVICE_URL": _NOWHERE,
    "ENTRIES_SERVICE_TOKEN": "unused",
    "SFMC_AUTH_URL": _NOWHERE,
    "SFMC_REST_URL": _NOWHERE,
    "SFMC_CLIENT_ID": "unused",
    "SFMC_CLIENT_SECRET": "unused",
    "SFMC_ACCOUNT_ID": "1",
}


class Unwatched:
    """Nobody asks how far it is."""

    def advance(self, **progress: int) -> None:
        """Go on."""


def export(doors: Doors, compression: str = "none") -> Produced:
    """Make the files."""
    export_type = CATALOG["entries"]
    request = parse(export_type, {**PARAMS, "compression": compression}, scopes=SCOPES)
    facts = load(export_type, request, SNAPSHOT, doors.mongo, export_id="benchmark")
    place = address(request, export_type.scope, export_id="benchmark", attempt=1, token="0" * 8)
    planned, attempt = plan(export_type, facts), "benchmark:1"
    return produce(planned, doors, address=place, token=attempt, watch=Unwatched())


def prepared() -> None:
    """What a run worker has done before its first export (`run_workers/execution.py`)."""
    kernel.preload()
    parse(CATALOG["entries"], PARAMS, scopes=SCOPES)  # imports the validator of parameters
    bound_large_blocks()
    gc.collect()
    gc.freeze()


def main(folder: str, way: str = "none") -> None:
    """Export, and say what it took."""
    if way == PYTHON:
        sys.modules.update(dict.fromkeys(EXTENSIONS))  # type: ignore[arg-type]
    with (
        opened({**UNUSED, **os.environ}, secret=b"benchmark") as all_doors,
        closing(FolderStore(Path(folder))) as objects,
    ):
        doors = replace(all_doors, objects=objects)
        prepared()
        began, cpu_began = time.perf_counter(), time.process_time()
        produced = export(doors, "none" if way == PYTHON else way)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu_began
    found = {
        "rows": produced.accounting.written,
        "bytes": sum(entry.bytes for entry in produced.files),
        "seconds": seconds,
        "cpu_seconds": cpu,
        "peak_mb": peak_mb(),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])

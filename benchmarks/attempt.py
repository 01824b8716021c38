"""The whole of an export in a process of its own: from the document in the queue to the commit.

    python -m benchmarks.attempt

What a run worker does (`assets/attempt.py`): claim, heartbeat, pipeline, upload in parts, read
back, manifest, commit. The environment names the database of the entries, an S3 endpoint, and in
`LIFE_MONGODB_URI` a database that can be written to, for the document: the replay server only
reads. The last line is JSON: rows, bytes, seconds, cpu_seconds, peak_mb.
"""

import json
import os
import random
import time
from collections.abc import Mapping
from contextlib import closing
from typing import Final

from assets.attempt import Attempt, Build, Done
from assets.exports.catalog import CATALOG
from assets.life import ExportLife
from assets.model.lifecycle import Status
from assets.model.parameters import parse
from assets.model.request import ExportRequest
from assets.reading import Doors
from benchmarks.ours import UNUSED, prepared
from benchmarks.usage import peak_mb
from benchmarks.work import PARAMS, SCOPES
from export_platform.doors import opened
from resources import aws
from resources.clock import SystemClock
from resources.mongo.stores import MongoStores
from resources.wiring import environment

LIFE_URI: Final = "LIFE_MONGODB_URI"


def export(request: ExportRequest, doors: Doors, lives: MongoStores) -> Done:
    """Ask for an export and make it; its document lies in `lives`."""
    life = ExportLife(lives.exports)
    document = life.create(request, origin="dagster", subject="me", status=Status.DISPATCHED)
    build = Build(version="benchmark", git_sha="unknown")
    jitter = random.SystemRandom().random
    worker = Attempt(life, doors, CATALOG, build=build, clock=SystemClock(), jitter=jitter)
    return worker.run(document["_id"], 1, run_id="benchmark")


def main(env: Mapping[str, str]) -> None:
    """Export, and say what it took."""
    life = {**env, environment.MONGODB_URI: env[LIFE_URI]}
    with (
        opened({**UNUSED, "EXPORTS_BUCKET": "exports", **env}, secret=b"benchmark") as doors,
        closing(environment.mongo_stores(life)) as lives,
    ):
        aws.preload()  # as a run worker has, too
        prepared()
        began, cpu_began = time.perf_counter(), time.process_time()
        done = export(parse(CATALOG["entries"], PARAMS, scopes=SCOPES), doors, lives)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu_began
    found = {
        "rows": done.manifest.rows,
        "bytes": done.manifest.size,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "peak_mb": peak_mb(),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(os.environ)

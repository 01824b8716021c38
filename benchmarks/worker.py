"""Run one export as a run worker would, in a process of its own, and print what it cost.

    python -m benchmarks.worker TYPE CAMPAIGN [PROFILE]

The environment names the stack. With a third word the profile of the attempt goes to that file. The
last line is JSON: rows, read, bytes, seconds, cpu_seconds, peak_mb.
"""

import cProfile
import json
import os
import random
import sys
import time
from contextlib import nullcontext
from typing import Final

from assets.attempt import Attempt, Build, Done
from assets.exports.catalog import CATALOG
from assets.life import ExportLife
from assets.model.lifecycle import Status
from assets.model.parameters import parse
from assets.model.policy import PII_SCOPES
from assets.reading import Doors
from benchmarks.usage import peak_mb
from export_platform.doors import opened
from export_platform.local.seed.asking import sample_params
from resources.clock import SystemClock

SCOPES: Final = (*PII_SCOPES, "scores:read", "answers:sensitive", "codes:reveal")


def main(name: str, campaign: str, profile: str = "") -> None:
    """Export, and say what it took."""
    with opened(os.environ, secret=b"benchmark") as doors:
        seconds, cpu = time.perf_counter(), time.process_time()
        with cProfile.Profile() if profile else nullcontext() as profiled:
            done = _export(name, campaign, doors)
        seconds, cpu = time.perf_counter() - seconds, time.process_time() - cpu
    if profiled is not None:
        profiled.dump_stats(profile)
    found = {
        "rows": done.manifest.rows,
        "read": done.manifest.accounting.read,
        "bytes": done.manifest.size,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "peak_mb": peak_mb(),
    }
    print(json.dumps(found))


def _export(name: str, campaign: str, doors: Doors) -> Done:
    life = ExportLife(doors.mongo.exports)
    kind = CATALOG[name]
    params = {**sample_params(kind, campaign), "pii": "full"}
    # Made and not delivered: the file is what is measured.
    undelivered = {"deliver": []} if kind.deliveries else {}
    request = parse(kind, {**params, **undelivered}, scopes=SCOPES)
    document = life.create(request, origin="dagster", subject="me", status=Status.DISPATCHED)
    worker = Attempt(
        life,
        doors,
        CATALOG,
        build=Build(version="benchmark", git_sha="unknown"),
        clock=SystemClock(),
        jitter=random.SystemRandom().random,
    )
    return worker.run(document["_id"], 1, run_id="benchmark")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Run one export as a run worker would, in a process of its own, and print what it cost.

    python -m benchmarks.worker TYPE CAMPAIGN

The environment names the stack. The last line is JSON: rows, bytes, seconds, peak_mb.
"""

import json
import os
import random
import sys

from assets.attempt import Attempt, Build
from assets.exports.catalog import CATALOG
from assets.life import ExportLife
from assets.model.lifecycle import Status
from assets.model.parameters import parse
from assets.reading import Doors
from benchmarks.usage import peak_mb
from export_platform.doors import opened
from resources.clock import Clock, SystemClock


def main(name: str, campaign: str) -> None:
    """Export, and say what it took."""
    clock = SystemClock()
    with opened(os.environ, secret=b"benchmark") as doors:
        _export(name, campaign, doors, clock)


def _export(name: str, campaign: str, doors: Doors, clock: Clock) -> None:
    life = ExportLife(doors.mongo.exports)
    params = {"campaign_id": campaign, "pii": "full", "reason": "benchmark"}
    request = parse(CATALOG[name], params, scopes=("pii:full", "pii:masked", "scores:read"))
    document = life.create(request, origin="dagster", subject="me", status=Status.DISPATCHED)
    worker = Attempt(
        life,
        doors,
        CATALOG,
        build=Build(version="benchmark", git_sha="unknown"),
        clock=clock,
        jitter=random.SystemRandom().random,
    )
    began = clock.monotonic()
    done = worker.run(document["_id"], 1, run_id="benchmark")
    seconds = clock.monotonic() - began
    found = {"rows": done.manifest.rows, "bytes": done.manifest.size, "seconds": seconds}
    print(json.dumps({**found, "peak_mb": peak_mb()}))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Run one export as a run worker would, in a process of its own, and print what it cost.

    python -m benchmarks.worker TYPE CAMPAIGN [PROFILE]

The environment names the stack. With a third word the profile of the attempt goes to that file. The
last line is JSON: rows, read, bytes, seconds, cpu_seconds, peak_mb.
"""

import cProfile
import json
import os
import sys
import time
from contextlib import nullcontext
from typing import Final

from assets.exports.catalog import CATALOG
from assets.model.parameters import parse
from assets.model.policy import PII_SCOPES
from assets.model.request import ExportRequest
from benchmarks.attempt import export
from benchmarks.usage import peak_mb
from export_platform.doors import opened
from export_platform.local.seed.asking import sample_params

SCOPES: Final = (*PII_SCOPES, "scores:read", "answers:sensitive", "codes:reveal")


def main(name: str, campaign: str, profile: str = "") -> None:
    """Export, and say what it took."""
    with opened(os.environ, secret=b"benchmark") as doors:
        seconds, cpu = time.perf_counter(), time.process_time()
        with cProfile.Profile() if profile else nullcontext() as profiled:
            done = export(_asked(name, campaign), doors, doors.mongo)
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


def _asked(name: str, campaign: str) -> ExportRequest:
    """A request for the file alone: made and not delivered, since the file is what is measured."""
    kind = CATALOG[name]
    undelivered = {"deliver": []} if kind.deliveries else {}
    params = {**sample_params(kind, campaign), "pii": "full", **undelivered}
    return parse(kind, params, scopes=SCOPES)


if __name__ == "__main__":
    main(*sys.argv[1:])

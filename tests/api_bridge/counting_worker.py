"""A process that holds an export and counts rows until it is killed."""

import os
import sys
import time
from dataclasses import replace

from assets.heartbeat import Heartbeat
from assets.life import ExportLife
from assets.model.lifecycle import Timing
from resources.clock import SystemClock
from resources.wiring.environment import mongo_stores

# Quick beats, and the lease of a minute: a shorter one runs out on a busy machine while it counts.
TIMING = replace(Timing(), heartbeat=0.2)


def main(export_id: str, attempt: int, total: int) -> None:
    """Count a tenth of the rows each time, then hang."""
    life = ExportLife(mongo_stores(os.environ).exports, timing=TIMING)
    document = life.start(export_id, attempt, owner="counting", run_id="run-1")
    assert document is not None
    with Heartbeat(life, document, clock=SystemClock()) as heartbeat:
        for done in range(0, total, max(1, total // 10)):
            heartbeat.advance(rowsRead=done, rowsWritten=done, rowsTotal=1_000)
            time.sleep(TIMING.heartbeat)
        while True:
            heartbeat.advance()
            time.sleep(TIMING.heartbeat)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

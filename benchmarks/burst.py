"""Many small exports at once, beside Dagster's own launcher in the same run.

    python -m benchmarks.burst --count 200 --beside 40

A local deployment of its own is started with the hand-written pack, `--count` exports are asked for
over HTTP at once, each with files of its own, and looked at until the last has succeeded. Dagster's
own launcher, which starts a process for each, is given fewer: its time for each does not depend on
how many wait. Memory is what all processes of Dagster hold together, shared pages counted once.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.latency import CAMPAIGN, CLOCK, KIND, deployed
from export_platform.commands.client import BridgeClient
from export_platform.local.deployment import Deployment
from resources.mongo.exports import ExportStore
from resources.wiring import environment

CALLERS: Final = 8
LOOK_SECONDS: Final = 0.5
PATIENCE_SECONDS: Final = 1_200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """What a burst took.

    Attributes:
        count: Exports.
        seconds: From before the first request to the end of the last export.
        peak_mb: The most memory that Dagster's processes held together.
    """

    count: int
    seconds: float
    peak_mb: float

    @property
    def each(self) -> float:
        """Seconds for each export."""
        return self.seconds / self.count


def burst(launcher: Mapping[str, Any] | None, count: int) -> Burst:
    """One deployment, one burst; an export before it warms caches."""
    with deployed(launcher) as deployment:
        stores = environment.mongo_stores(deployment.places().environment)
        try:
            _finished(stores.exports, _asked(deployment, 1), deployment)
            began = CLOCK.monotonic()
            peak = _finished(stores.exports, _asked(deployment, count), deployment)
            return Burst(count=count, seconds=CLOCK.monotonic() - began, peak_mb=peak)
        finally:
            stores.close()


def _asked(deployment: Deployment, count: int) -> list[str]:
    """Ids of so many exports, asked for by several callers at a time."""
    url, token = deployment.places().bridge_url, deployment.issuer.token()

    def ask(share: int) -> list[str]:
        with BridgeClient(url, token) as client:
            params = {"campaign_id": CAMPAIGN}
            return [client.create(KIND, params, fresh=True).id for _ in range(share)]

    shares = [count // CALLERS + (caller < count % CALLERS) for caller in range(CALLERS)]
    with ThreadPoolExecutor(CALLERS) as callers:
        return [one for ids in callers.map(ask, shares) for one in ids]


def _finished(exports: ExportStore, ids: Iterable[str], deployment: Deployment) -> float:
    """Wait for the end of all; the peak of memory meanwhile, in MB."""
    peak, until = 0.0, CLOCK.monotonic() + PATIENCE_SECONDS
    for export_id in ids:
        while (found := exports.find(export_id) or {}).get("status") != "succeeded":
            if found.get("status") in ("failed", "cancelled") or CLOCK.monotonic() > until:
                why = (found.get("error") or {}).get("code")
                raise SystemExit(f"{export_id} is {found.get('status')}: {why}")
            peak = max(peak, sum(_memory(deployment)))
            CLOCK.sleep(LOOK_SECONDS)
    return peak


def _memory(deployment: Deployment) -> Iterator[float]:
    """Proportional memory of each process of Dagster's, MB (proc(5), smaps_rollup)."""
    home = f"DAGSTER_HOME={deployment.places().logs.parent}/".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile, or is somebody else's
            if home in (process / "environ").read_bytes():
                lines = (process / "smaps_rollup").read_text(encoding="ascii").splitlines()
                yield next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def shown(name: str, found: Burst) -> str:
    """A line for people."""
    return (
        f"{name}: {found.count} exports in {found.seconds:.1f} s, {found.each:.2f} s each,"
        f" {found.peak_mb:.0f} MB"
    )


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--beside", type=int, default=40, help="exports by Dagster's own launcher")
    given = parser.parse_args(arguments)
    usual = burst({"module": "dagster._core.launcher", "class": "DefaultRunLauncher"}, given.beside)
    print(shown("Dagster's own launcher", usual), flush=True)
    ours = burst(None, given.count)
    print(shown("warm workers", ours))
    print(
        f"burst: {usual.each / ours.each:.1f} times as fast as a process for each, n={ours.count}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""From the request to a file that can be downloaded: one small export after another, each alone.

    python -m benchmarks.latency --count 50
    python -m benchmarks.latency --count 50 --defaults 0     # ours alone

First a few with Dagster's default settings: its launcher, its coordinator and its storage, a
process for the step, a sensor that is asked every 30 s. A local deployment of its own is started
for each of the two, with the hand-written pack. Each export is asked for over
HTTP after an idle second and looked at every 20 ms until the bridge shows it as succeeded. Where
the time goes is told by the export's own document, on the clock of the database.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import yaml

from export_platform.commands.client import BridgeClient
from export_platform.commands.platform import start
from export_platform.local.deployment import Deployment
from resources.clock import SystemClock
from resources.wiring import environment

KIND, CAMPAIGN = "waitlist", "aurora-lights-2026"
IDLE_SECONDS = 1.0
LOOK_SECONDS = 0.02
PATIENCE_SECONDS = 120.0
# The moments in an export's document, in their order, and what lies before each.
MOMENTS = (("dispatchedAt", "noticed"), ("startedAt", "launched"), ("finishedAt", "made"))
PROJECT = Path(__file__).resolve().parent.parent
CLOCK = SystemClock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """How long one export took.

    Attributes:
        total: Seconds on the caller's clock, from before the request to the answer that shows it.
        parts: Seconds between the moments of `MOMENTS`, on the database's clock.
    """

    total: float
    parts: Mapping[str, float]


@contextmanager
def deployed_by_default() -> Iterator[Deployment]:
    """A running deployment with the hand-written pack, as Dagster is when nothing is set."""
    with tempfile.TemporaryDirectory() as folder:
        instance = Path(folder) / "dagster.yaml"
        instance.write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
        made = Deployment(
            Path(folder) / "platform",
            CLOCK,
            instance=instance,
            module="benchmarks.defaults",
            # Its storage lies elsewhere; that the daemon lives is seen by the first tick.
            heartbeat=lambda _: CLOCK.now().replace(tzinfo=None),
        )
        try:
            start(made, "tiny")
            yield made
        finally:
            made.down()


@contextmanager
def deployed(launcher: Mapping[str, Any] | None) -> Iterator[Deployment]:
    """A running deployment with the hand-written pack; `launcher` stands in for the project's."""
    settings = yaml.safe_load((PROJECT / "dagster.yaml").read_text(encoding="utf-8"))
    if launcher is not None:
        settings["run_launcher"] = launcher
    with tempfile.TemporaryDirectory() as folder:
        instance = Path(folder) / "dagster.yaml"
        instance.write_text(yaml.safe_dump(settings), encoding="utf-8")
        made = Deployment(Path(folder) / "platform", CLOCK, instance=instance)
        try:
            start(made, "tiny")
            yield made
        finally:
            made.down()


def measured(deployment: Deployment, count: int) -> list[Taken]:
    """So many exports, one after another; the first, which warms caches, is not among them."""
    places = deployment.places()
    stores = environment.mongo_stores(places.environment)
    with BridgeClient(places.bridge_url, deployment.issuer.token()) as client:
        ids = [_succeeded(client) for _ in range(count + 1)]
    taken = [
        Taken(total=total, parts=_parts(stores.exports.find(export_id) or {}))
        for export_id, total in ids[1:]
    ]
    stores.close()
    return taken


def _succeeded(client: BridgeClient) -> tuple[str, float]:
    """Ask for one export and wait for it: its id, and how long that took."""
    CLOCK.sleep(IDLE_SECONDS)
    began = CLOCK.monotonic()
    export = client.create(KIND, {"campaign_id": CAMPAIGN}, fresh=True)
    while not export.done:
        if CLOCK.monotonic() > began + PATIENCE_SECONDS:
            raise SystemExit(f"{export.id} is {export.status} after {PATIENCE_SECONDS:g} s")
        # The bridge answers 600 looks at once and no more; of what takes long 2 % are exact enough.
        CLOCK.sleep(max(LOOK_SECONDS, 0.02 * (CLOCK.monotonic() - began)))
        export = client.export(export.id)
    if export.status != "succeeded":
        raise SystemExit(f"{export.id} is {export.status}: {export.error}")
    return export.id, CLOCK.monotonic() - began


def _parts(document: Mapping[str, Any]) -> dict[str, float]:
    moments: list[datetime] = [document["createdAt"], *(document[name] for name, _ in MOMENTS)]
    spans = [(after - before).total_seconds() for before, after in pairwise(moments)]
    return {what: span for (_, what), span in zip(MOMENTS, spans, strict=True)}


def shown(taken: Sequence[Taken]) -> str:
    """Half of them took no longer than p50, nineteen of twenty no longer than p95."""
    totals = [each.total for each in taken]
    p95 = quantiles(totals, n=20, method="inclusive")[-1]
    return f"p50={median(totals):.2f} p95={p95:.2f} n={len(taken)}"


def parts_shown(taken: Sequence[Taken]) -> str:
    """The median of each part, in milliseconds."""
    names = [what for _, what in MOMENTS]
    return ", ".join(f"{n} {1000 * median(each.parts[n] for each in taken):.0f} ms" for n in names)


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--defaults", type=int, default=4, help="exports with default settings")
    given = parser.parse_args(arguments)
    if given.defaults:
        with deployed_by_default() as deployment:
            taken = measured(deployment, given.defaults)
        print(f"default settings: {shown(taken)} ({parts_shown(taken)})", flush=True)
    with deployed(None) as deployment:
        taken = measured(deployment, given.count)
    print(f"warm workers: {parts_shown(taken)}")
    print(f"request-to-downloadable {shown(taken)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

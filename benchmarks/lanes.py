"""Small exports beside large ones: how long the small take, and what the large lose by them.

    python -m benchmarks.lanes --small 100 --every 0.5
    python -m benchmarks.lanes --entries 200000 --small 10 --every 1     # a short round

A local deployment of its own is started with the hand-written pack and a made-up campaign of
`--entries`, which are replayed (replay/switch.py; two million take 5 GB of TMPDIR). Three exports
of them run alone first; then three others, and once all of them run, `--small` waitlists of the
pack are asked for, one every `--every` seconds (0: all at once), and each is timed from its request
to its end by the database's clock. The large are timed from the first request to the last end,
beside the same without the small ones: how much longer that takes, and what part of their pace, in
rows a second, they lose so. Each round begins when the runs of the one before are over, which read
their files back after their exports have ended; the processor's seconds count that, too.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from benchmarks.contest import TAPES, replaying
from benchmarks.house import housed
from benchmarks.latency import CLOCK
from benchmarks.memory import CAMPAIGN as LARGE_CAMPAIGN
from benchmarks.processor import difference, metered
from export_platform.commands.platform import start
from export_platform.local.deployment import Deployment
from export_platform.local.seed import loader
from export_platform.local.seed.catalog import pack_named
from export_platform.local.stack import Stack
from resources.wiring import environment

LARGE_KIND: Final = "entries"
LARGE: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What a round came to.

    Attributes:
        alone: Seconds of the three large ones without others.
        together: The same beside the small ones.
        small: Seconds of each small one.
        lanes: The lane of each large one, as the sensor found it.
        taken: Seconds of the processor by process: of the large ones alone, and of all.
    """

    alone: float
    together: float
    small: Sequence[float]
    lanes: frozenset[str]
    taken: tuple[Mapping[str, float], Mapping[str, float]]

    @property
    def longer(self) -> float:
        """The part of their time that the large ones take more."""
        return self.together / self.alone - 1.0

    @property
    def lost(self) -> float:
        """The part of their pace that the large ones lose."""
        return 1.0 - self.alone / self.together

    @property
    def p95(self) -> float:
        """Nineteen of twenty small ones take no longer."""
        return quantiles(self.small, n=20, method="inclusive")[-1]


@contextmanager
def platform(entries: int) -> Iterator[Deployment]:
    """A running deployment with the hand-written pack and a campaign whose entries are replayed."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name) / "platform"
        stack = Stack(place)
        try:
            variables = stack.up()
            seed(variables, 0)
            behind = variables[environment.MONGODB_URI]
            with replaying(entries, Path(name) / TAPES, behind=behind) as uri:
                made = Deployment(place, CLOCK, variables={environment.MONGODB_URI: uri})
                try:
                    start(made, "tiny")
                    yield made
                finally:
                    made.down()
        finally:
            stack.down()


def measured(deployment: Deployment, small: int, every: float) -> Beside:
    """One round in a deployment that has both campaigns."""
    with housed(deployment) as house, metered(deployment) as meter:
        # Caches are warm then, and the replay has written its tape.
        house.ended([house.asked(), house.asked(LARGE_KIND, LARGE_CAMPAIGN)])
        house.rested()
        begun = meter.taken()
        alone = house.ended([house.asked(LARGE_KIND, LARGE_CAMPAIGN) for _ in range(LARGE)])
        house.rested()
        between = meter.taken()
        large = [house.asked(LARGE_KIND, LARGE_CAMPAIGN) for _ in range(LARGE)]
        house.until(large, lambda found: found["status"] not in ("queued", "dispatched"))
        quick, slow = house.ended(house.paced(small, every)), house.ended(large)
        house.rested()
        taken = (difference(between, begun), difference(meter.taken(), between))
    return Beside(
        alone=_span(alone),
        together=_span(slow),
        small=[_span([one]) for one in quick],
        lanes=frozenset(one["line"]["lane"] for one in slow),
        taken=taken,
    )


def seed(variables: Any, entries: int) -> None:
    """The campaign of the large exports."""
    os.environ.update(variables)  # boto3 reads the stand-in's credentials there
    loader.load(
        pack_named("small", entries=entries),
        mongo_uri=variables[environment.MONGODB_URI],
        database=variables[environment.MONGODB_DATABASE],
        s3=loader.lake_client(variables[environment.AWS_ENDPOINT_URL_S3]),
    )


def _span(documents: Sequence[dict[str, Any]]) -> float:
    """Seconds from the first request to the last end, by the database's clock."""
    begun: list[datetime] = [one["createdAt"] for one in documents]
    ended: list[datetime] = [one["finishedAt"] for one in documents]
    return (max(ended) - min(begun)).total_seconds()


def shown(found: Beside, entries: int) -> str:
    """The line for people and scripts."""
    alone, together = found.taken
    names = sorted(together, key=lambda name: -together[name])
    spent = ", ".join(f"{name} {alone[name]:.1f} -> {together[name]:.1f}" for name in names)
    return (
        f"processor: {spent} s\n"
        f"lanes: small p50={median(found.small):.2f} p95={found.p95:.2f} n={len(found.small)},"
        f" large take {found.longer:.1%} longer than {found.alone:.0f} s and lose {found.lost:.1%}"
        f" ({LARGE} x {entries:,} entries, {'/'.join(sorted(found.lanes))})"
    )


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=2_000_000, help="read by each large export")
    parser.add_argument("--small", type=int, default=100)
    parser.add_argument("--every", type=float, default=0.5, help="seconds between two small ones")
    given = parser.parse_args(arguments)
    with platform(given.entries) as deployment:
        found = measured(deployment, given.small, given.every)
    print(shown(found, given.entries))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

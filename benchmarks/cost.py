"""What a small export takes of the processor, by process of a local deployment.

    python -m benchmarks.cost --count 50 --every 0.5

A local deployment of its own is started with the hand-written pack. What its processes take while
nothing is asked for is measured first, over as long a span as the exports then take, and taken off.
Processor time is what the kernel has counted.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence

from benchmarks.lanes import House
from benchmarks.latency import CAMPAIGN, CLOCK, KIND, deployed
from benchmarks.processor import NOT_OURS, difference, metered
from export_platform.commands.client import BridgeClient
from export_platform.local.deployment import Deployment
from resources.wiring import environment

# The first of a worker each open connections, and there are several workers.
WARM = 10


def measured(deployment: Deployment, count: int, every: float) -> tuple[Counter[str], float]:
    """Seconds of the processor that each process took for all exports; and idle ones a second."""
    places = deployment.places()
    stores = environment.mongo_stores(places.environment)
    try:
        with (
            BridgeClient(places.bridge_url, deployment.issuer.token()) as client,
            metered(deployment) as meter,
        ):
            house = House(client=client, exports=stores.exports)
            house.ended([_paced(house, 0.0) for _ in range(WARM)])
            CLOCK.sleep(5.0)  # the last of their ticks are over
            begun, before = CLOCK.monotonic(), meter.taken()
            ids = [_paced(house, every) for _ in range(count)]
            house.ended(ids)
            span, busy = CLOCK.monotonic() - begun, meter.taken()
            CLOCK.sleep(5.0)
            rested = meter.taken()
            CLOCK.sleep(span)
            idle = difference(meter.taken(), rested)
    finally:
        stores.close()
    for machine in NOT_OURS:
        del idle[machine], busy[machine], before[machine]
    return difference(difference(busy, before), idle), sum(idle.values()) / span


def _paced(house: House, every: float) -> str:
    CLOCK.sleep(every)
    return house.asked(KIND, CAMPAIGN)


def shown(taken: Mapping[str, float], count: int, idle: float) -> str:
    """The lines for people and scripts."""
    ordered = sorted(taken.items(), key=lambda one: -one[1])
    parts = (f"{name} {1000 * seconds / count:.0f} ms" for name, seconds in ordered)
    total = 1000 * sum(taken.values()) / count
    return f"{', '.join(parts)}\ncost: {total:.0f} ms of CPU n={count}, idle {idle:.2f} s a second"


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--every", type=float, default=0.5, help="seconds between two exports")
    given = parser.parse_args(arguments)
    with deployed(None) as deployment:
        taken, idle = measured(deployment, given.count, given.every)
    print(shown(taken, given.count, idle))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

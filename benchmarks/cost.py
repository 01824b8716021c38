"""What a small export takes of the processor, by process of a local deployment.

    python -m benchmarks.cost --count 50 --every 0.5

A local deployment of its own is started with the hand-written pack. What its processes take while
nothing is asked for is measured afterwards, over as long a span as the exports took, and taken off.
Processor time is what the kernel has counted.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence

from benchmarks.house import housed
from benchmarks.latency import CLOCK, deployed
from benchmarks.processor import NOT_OURS, difference, metered
from export_platform.local.deployment import Deployment

# The first of a worker each open connections, and there are several workers.
WARM = 10
# After the last export its ticks are over by then.
SETTLED_SECONDS = 5.0


def measured(deployment: Deployment, count: int, every: float) -> tuple[Counter[str], float]:
    """Seconds of the processor that each process took for all exports; and idle ones a second."""
    with housed(deployment) as house, metered(deployment) as meter:
        house.ended(house.paced(WARM, 0.0))
        CLOCK.sleep(SETTLED_SECONDS)
        begun, before = CLOCK.monotonic(), meter.taken()
        house.ended(house.paced(count, every))
        span, busy = CLOCK.monotonic() - begun, meter.taken()
        CLOCK.sleep(SETTLED_SECONDS)
        rested = meter.taken()
        CLOCK.sleep(span)
        idle = difference(meter.taken(), rested)
    for machine in NOT_OURS:
        del idle[machine], busy[machine], before[machine]
    return difference(difference(busy, before), idle), sum(idle.values()) / span


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

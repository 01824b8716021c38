"""What a small export takes of the processor, by process of a local deployment.

    python -m benchmarks.cost --count 50 --every 0.5

A local deployment of its own is started with the hand-written pack. What its processes take while
nothing is asked for is measured first, over as long a span as the exports then take, and taken off.
Processor time is what the kernel has counted (proc(5), stat: utime and stime); a worker that ends
within the span, after 200 runs, would take its share along.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.lanes import House
from benchmarks.latency import CAMPAIGN, CLOCK, KIND, deployed
from export_platform.commands.client import BridgeClient
from export_platform.local import kernel
from export_platform.local.deployment import Deployment
from resources.wiring import environment

# The first of a worker each open connections, and there are several workers.
WARM = 10
# In /proc/<pid>/stat, counted after the command name.
USER, SYSTEM = 11, 12


def measured(deployment: Deployment, count: int, every: float) -> tuple[Counter[str], float]:
    """Seconds of the processor that each process took for all exports; and idle ones a second."""
    places = deployment.places()
    stores = environment.mongo_stores(places.environment)
    try:
        with BridgeClient(places.bridge_url, deployment.issuer.token()) as client:
            house = House(client=client, exports=stores.exports)
            house.ended([_paced(house, 0.0) for _ in range(WARM)])
            CLOCK.sleep(5.0)  # the last of their ticks are over
            begun, before = CLOCK.monotonic(), used(deployment)
            ids = [_paced(house, every) for _ in range(count)]
            house.ended(ids)
            span, busy = CLOCK.monotonic() - begun, used(deployment)
            CLOCK.sleep(5.0)
            rested = used(deployment)
            CLOCK.sleep(span)
            idle = difference(used(deployment), rested)
    finally:
        stores.close()
    return difference(difference(busy, before), idle), sum(idle.values()) / span


def used(deployment: Deployment) -> Counter[str]:
    """Seconds of the processor that each process has taken, with those that it started."""
    found = Counter[str]()
    for service in deployment.status():
        if service.pid is None or (leader := kernel.identity(service.pid)) is None:
            continue
        found[service.name] = sum(_seconds(one.pid) for one in (leader, *kernel.session_of(leader)))
    return found


def difference(later: Mapping[str, float], earlier: Mapping[str, float]) -> Counter[str]:
    """How much more it is, which may be less than nothing."""
    return Counter({name: seconds - earlier.get(name, 0.0) for name, seconds in later.items()})


def _seconds(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    fields = text.rpartition(")")[2].split()
    return (int(fields[USER]) + int(fields[SYSTEM])) / os.sysconf("SC_CLK_TCK")


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

"""From the kill of a worker to the next attempt at its export, with the leases of production.

    python -m benchmarks.recovery --rounds 3

A local deployment of its own is started with the hand-written pack and a made-up campaign of
`--entries`, of which as many exports are asked for as there are run workers. Each worker gets a
SIGKILL as soon as it has begun, when its lease of 60 s is longest. Nobody does anything after it:
the lease runs out, housekeeping takes the export back, and what is told are the seconds until the
next attempt has begun, by the database's clock. Exits with 1 if p99 is above `--within`.
"""

import argparse
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median, quantiles
from typing import Any, Final

from benchmarks.house import House, housed
from benchmarks.lanes import LARGE_KIND, seed
from benchmarks.latency import CLOCK, deployed
from benchmarks.memory import CAMPAIGN
from export_platform.local import kernel
from export_platform.local.deployment import WORKERS, Deployment

AT_ONCE: Final = 8
# As JSON Lines, which are made in Python, they take a worker half a second; and they are counted
# within the time that the sensor has for it, so that they are small and leave the queue together.
ENTRIES: Final = 2_000
SLOWLY: Final = {"campaign_id": CAMPAIGN, "format": "jsonl", "compression": "none"}
LOOK_SECONDS: Final = 0.02
# A lease of 60 s, the 15 s of housekeeping and 10 s for the back-off and the launch.
MOST_SECONDS: Final = 85.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What a kill cost.

    Attributes:
        taken_back: Seconds from the kill until housekeeping took the export back.
        total: Seconds from the kill to the next attempt, which is the one that succeeds.
    """

    taken_back: float
    total: float

    @classmethod
    def of(cls, ended: Mapping[str, Any], killed: datetime) -> "Recovery":
        """As the document of an export tells it, by the database's clock."""
        (rescued,) = [one["at"] for one in ended["audit"] if one["action"] == "rescued"]
        return cls(
            taken_back=(rescued - killed).total_seconds(),
            total=(ended["startedAt"] - killed).total_seconds(),
        )


class Rounds:
    """Rounds of kills in a deployment.

    Args:
        deployment: Is up and has the campaign.
        house: Its bridge and its database.
    """

    def __init__(self, deployment: Deployment, house: House) -> None:
        self._house = house
        pids = {each.name: each.pid for each in deployment.status()}
        self._parent = kernel.identity(pids[WORKERS] or 0)

    def one(self) -> list[Recovery]:
        """A round of kills; each of the exports succeeds in the end."""
        client = self._house.client
        ids = [client.create(LARGE_KIND, SLOWLY, fresh=True).id for _ in range(AT_ONCE)]
        killed = self._killed(ids)
        ended = {one["_id"]: one for one in self._house.ended(ids)}
        return [Recovery.of(ended[one], at) for one, at in killed.items() if ended[one]["rescues"]]

    def _killed(self, ids: Sequence[str]) -> dict[str, datetime]:
        """When the worker of each was killed; of one that was too quick, nothing."""
        waiting, killed = list(ids), dict[str, datetime]()
        while waiting:
            CLOCK.sleep(LOOK_SECONDS)
            for export_id in [one for one in waiting if self._has_begun(one)]:
                waiting.remove(export_id)
                worker = self._worker(export_id)
                if worker is not None and kernel.send(worker, signal.SIGKILL):
                    killed[export_id] = CLOCK.now()
        return killed

    def _has_begun(self, export_id: str) -> bool:
        return self._found(export_id)["status"] not in ("queued", "dispatched")

    def _worker(self, export_id: str) -> kernel.Identity | None:
        """The worker that holds an export: it signs its lease with its host and process id."""
        owner = str((self._found(export_id).get("lease") or {}).get("owner"))
        workers = kernel.session_of(self._parent) if self._parent is not None else []
        return next((one for one in workers if owner.endswith(f":{one.pid}")), None)

    def _found(self, export_id: str) -> dict[str, Any]:
        return dict(self._house.exports.find(export_id) or {})


def measured(entries: int, rounds: int) -> Iterator[Recovery]:
    """What each kill of so many rounds cost, in a deployment of its own."""
    with deployed(None) as deployment:
        seed(deployment.places().environment, entries)
        with housed(deployment) as house:
            made = Rounds(deployment, house)
            for number in range(rounds):
                found = made.one()
                totals = sorted(each.total for each in found)
                print(f"round {number + 1}: {', '.join(f'{each:.1f}' for each in totals)}")
                yield from found


def p99(taken: Sequence[float]) -> float:
    """Ninety-nine of a hundred take no longer."""
    return quantiles(taken, n=100, method="inclusive")[-1]


def shown(taken: Sequence[float]) -> str:
    """For people and scripts, in seconds."""
    return f"p50={median(taken):.1f} p99={p99(taken):.1f} n={len(taken)}"


def main(arguments: Sequence[str]) -> int:
    """Measure and print; 1 when it takes too long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help=f"of {AT_ONCE} kills each")
    parser.add_argument("--entries", type=int, default=ENTRIES, help="read by each export")
    parser.add_argument("--within", type=float, default=MOST_SECONDS, help="the most that p99 is")
    given = parser.parse_args(arguments)
    found = list(measured(given.entries, given.rounds))
    totals = [each.total for each in found]
    print(f"taken back {shown([each.taken_back for each in found])}")
    print(f"recovery {shown(totals)}")
    return int(p99(totals) > given.within)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

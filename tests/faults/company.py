"""Many rounds on a few slots: each slot does one after another, and notes what came of it."""

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from export_platform.local.services.extensions import put_data_extensions
from resources.wiring import environment
from tests.faults.network import SERVERS, Break, break_round
from tests.faults.rounds import FREEZES, POINTS, kill_round, seeded, zombie_round
from tests.faults.slot import Slot, Tally, seed_shared
from tests.faults.webhooks import RECEIVER, webhook_round


class Place(Protocol):
    """Where one round happens after another."""

    @property
    def orders(self) -> Path:
        """The folder of the orders that reach no other place."""


P = TypeVar("P", bound=Place)
# A round: what it is called in the log, and what it does with the place that takes it.
Round = tuple[str, Callable[[P], Tally]]


@contextmanager
def slots(number: int, stack: Mapping[str, str], folder: Path) -> Iterator[list[Slot]]:
    """Places to work in; one works while others wait for a lease to end."""
    seed_shared(stack)
    put_data_extensions(stack[environment.SFMC_REST_URL])
    made = [Slot(n, stack, folder / f"slot-{n}") for n in range(number)]
    try:
        yield made
    finally:
        for slot in made:
            slot.close()


def kills(seed: int, each: int, points: Sequence[str] = POINTS) -> Iterator[Round[Slot]]:
    """So many kills at each point."""
    for number in range(each):
        for point in points:
            draw = seeded(seed, point, number)
            yield f"kill {point} {number}", partial(kill_round, point=point, draw=draw)


def zombies(seed: int, number: int) -> Iterator[Round[Slot]]:
    """So many frozen workers, at one point after another."""
    for n in range(number):
        point, draw = FREEZES[n % len(FREEZES)], seeded(seed, "zombie", n)
        yield f"zombie {point} {n}", partial(zombie_round, point=point, draw=draw)


def breaks(seed: int, number: int) -> Iterator[Round[Slot]]:
    """So many connections that break, in one way after another, to one server after another."""
    ends = (*SERVERS, RECEIVER)
    for n in range(number):
        way, end = list(Break)[n % len(Break)], ends[n // len(Break) % len(ends)]
        draw = seeded(seed, "break", n)
        act = (
            partial(webhook_round, way=way, draw=draw)
            if end is RECEIVER
            else partial(break_round, way=way, server=end, draw=draw)
        )
        yield f"break {way} {end} {n}", act


def worked(
    places: Sequence[P], rounds: Iterator[Round[P]], note: Callable[[str], None] = lambda _: None
) -> Tally:
    """Work through rounds; what came of all of them. A round that breaks counts as lost."""
    waiting: queue.SimpleQueue[Round[P]] = queue.SimpleQueue()
    for one in rounds:
        waiting.put(one)
    results: list[Tally] = []

    def work(place: P) -> None:
        while True:
            try:
                name, act = waiting.get_nowait()
            except queue.Empty:
                return
            tally = _one(place, name, act)
            results.append(tally)
            note(f"{name}: {dict(+tally.counts)} {'; '.join(tally.notes)}")

    threads = [threading.Thread(target=work, args=(place,), daemon=True) for place in places]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(results, Tally())


def _one(place: P, name: str, act: Callable[[P], Tally]) -> Tally:
    try:
        return act(place)
    except Exception as error:  # noqa: BLE001 - the other rounds go on
        broken = Tally()
        broken.add("lost", 1, f"{name}: {type(error).__name__} {error}")
        return broken
    finally:
        for order in place.orders.iterdir():  # nothing of a round may reach the next
            order.unlink(missing_ok=True)

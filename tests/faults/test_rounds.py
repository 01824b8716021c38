"""A short round of kills, zombies and broken connections, and what they show without a guard.

`make faults-quick` and `make faults` do the same for longer.
"""

from collections.abc import Callable, Mapping
from contextlib import closing

from resources.mongo.connection import MongoConnection
from resources.wiring import environment
from tests.faults.company import breaks, kills, worked, zombies
from tests.faults.network import SERVERS, Break, break_round
from tests.faults.rounds import kill_round, seeded, zombie_round
from tests.faults.slot import SMALL, Slot, Tally
from tests.faults.webhooks import RECEIVER, webhook_round

SEED = 7
# Upload and commit; `make faults-quick` has all 24.
SHORT = ("K13", "K17")
# What draws a byte from the middle of a connection, while entries are read.
HALF_WAY = 5
ATHENA = environment.AWS_ENDPOINT_URL_ATHENA
# Those of the control below; `make faults-quick` has all four ways to each of eight servers.
SERVICES = (f"break cut {ATHENA} 8", f"break cut {RECEIVER} 28")


def test_a_kill_at_any_point_leaves_one_right_file(places: list[Slot]) -> None:
    """Nothing is lost, doubled, partial, other than without the kill, or left in the bucket."""
    total = worked(places, kills(SEED, 1, SHORT))

    assert total.notes == []
    assert total.counts["kills"] == len(SHORT)


def test_a_worker_that_wakes_after_its_lease_writes_nothing(places: list[Slot]) -> None:
    """Whether its successor is at work or has finished."""
    total = worked(places, zombies(SEED, 2))

    assert total.notes == []
    assert (total.counts["zombies"], total.counts["stale"]) == (2, 0)


def test_a_connection_that_breaks_leaves_one_right_file(places: list[Slot]) -> None:
    """Cut and reset at any byte to MongoDB; `make faults-quick` has the two that stall."""
    total = worked(places, breaks(SEED, 2))

    assert total.notes == []
    assert total.counts["breaks"] == 2


def test_a_connection_that_breaks_loses_the_export_that_is_not_tried_again(
    places: list[Slot],
) -> None:
    """The control of the test above: cut half-way, and what has failed once has failed for good."""
    draw = seeded(HALF_WAY, "cut", 0)

    tally = break_round(places[0], Break.CUT, SERVERS[0], draw, without=("another try",))

    assert tally.counts["lost"] == 1
    assert "MONGO_UNREACHABLE" in tally.notes[0]


def test_a_connection_to_a_service_that_breaks_leaves_one_right_file(places: list[Slot]) -> None:
    """Athena's, and that to a receiver of webhooks, who is told all the same."""
    total = worked(places, (one for one in breaks(SEED, 32) if one[0] in SERVICES))

    assert total.notes == []
    assert total.counts["breaks"] == len(SERVICES)


def test_a_connection_to_a_service_that_breaks_is_seen_where_nobody_tries_again(
    places: list[Slot],
) -> None:
    """The control of the test above: half-way, and what has failed once has failed for good."""
    once = ("another try",)
    controls: dict[str, Callable[[Slot], Tally]] = {
        "athena": lambda slot: break_round(
            slot, Break.CUT, ATHENA, seeded(HALF_WAY, "cut", 0), without=once
        ),
        "webhook": lambda slot: webhook_round(
            slot, Break.CUT, seeded(HALF_WAY, "cut", 0), without=once
        ),
    }

    for seen, tally in _beside(places, controls).items():
        assert tally.counts["lost"] == 1, seen


def test_without_its_guard_each_count_is_seen_to_rise(places: list[Slot]) -> None:
    """Else the rounds would prove nothing."""
    held = next(seed for seed in range(20) if _holds(seed))
    controls: dict[str, Callable[[Slot], Tally]] = {
        "pending": lambda slot: _guardless(slot, "K13", "look for uploads"),
        "lost": lambda slot: kill_round(
            slot, "K10", seeded(SEED, "K10", 0), reaper=False, seconds=4.0
        ),
        "stale": lambda slot: zombie_round(
            slot, "K17", seeded(held, "held", 0), without=("fence",)
        ),
        "doubled": lambda slot: kill_round(
            slot, "K02", seeded(SEED, "K02", 0), without=("keys",), seconds=4.0
        ),
        "partial": lambda slot: _guardless(slot, "K18", "manifest"),
    }

    for seen, tally in _beside(places, controls).items():
        assert tally.counts[seen] > 0, seen


def _guardless(slot: Slot, point: str, guard: str) -> Tally:
    return kill_round(slot, point, seeded(SEED, point, 0), without=(guard,))


def _beside(places: list[Slot], acts: Mapping[str, Callable[[Slot], Tally]]) -> dict[str, Tally]:
    """What each gives, done by all slots at a time."""
    came: dict[str, Tally] = {}

    def kept(name: str, act: Callable[[Slot], Tally]) -> Callable[[Slot], Tally]:
        def done(slot: Slot) -> Tally:
            came[name] = act(slot)
            return came[name]

        return done

    worked(places, ((name, kept(name, act)) for name, act in acts.items()))
    assert came.keys() == acts.keys()
    return came


def _holds(seed: int) -> bool:
    draw = seeded(seed, "held", 0)
    draw.choice(SMALL)
    return draw.random() < 0.5


def test_other_bytes_than_without_a_kill_are_seen(places: list[Slot]) -> None:
    """The digest is of the content: one changed entry is enough."""
    slot, draw = places[1], seeded(SEED, "K16", 0)
    load = draw.choice(SMALL)
    slot.faultless(load)
    env = slot.env(load)
    connection = MongoConnection(
        uri=env[environment.MONGODB_URI], database=env[environment.MONGODB_DATABASE]
    )
    with closing(connection):
        entries = connection.collection("entries")
        entries.update_many({}, {"$set": {"contact.countryCode": "SE"}})
        tally = kill_round(slot, "K16", seeded(SEED, "K16", 0))
    slot.reference.clear()

    assert tally.counts["unlike"] == 1
